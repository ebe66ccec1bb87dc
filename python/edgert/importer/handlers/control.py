"""Control flow: what is known now is decided now."""

from __future__ import annotations

from collections.abc import Sequence

from edgert.importer.call import Call
from edgert.importer.handlers.images import reshape
from edgert.importer.handlers.logic import select
from edgert.importer.registry import onnx_op
from edgert.importer.values import Constant, Tensor, UnsupportedNodeError


@onnx_op("If", attrs="then_branch else_branch")
def if_(call: Call) -> Sequence[Tensor]:
    """The branch that a known condition selects; of a computed one both, and then one of each two
    results, which is the same as long as they have one shape and nothing in them can fail.
    """
    condition, graphs = call.input(0), [call.attrs[f"{kind}_branch"] for kind in ("then", "else")]
    if isinstance(condition, Constant):
        return call.branches(graphs[not condition.data.reshape(())])[0]
    condition = reshape(call, condition, ())
    return [_either(call, condition, *pair) for pair in zip(*call.branches(*graphs))]


def _either(call: Call, condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    if (yes.shape, yes.dtype) != (no.shape, no.dtype):
        raise UnsupportedNodeError(
            "its condition is computed while the model runs, and its branches give "
            f"{yes.dtype} {list(yes.shape)} and {no.dtype} {list(no.shape)}"
        )
    return select(call, condition, yes, no)
