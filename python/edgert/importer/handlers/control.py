"""Control flow that can be decided now."""

from __future__ import annotations

from collections.abc import Sequence

from edgert.importer.call import Call
from edgert.importer.registry import onnx_op
from edgert.importer.values import Tensor


@onnx_op("If", attrs="then_branch else_branch")
def if_(call: Call) -> Sequence[Tensor]:
    """The branch that a known condition selects."""
    condition = bool(call.constant(0, "cond").reshape(()))
    return call.branch(call.attrs["then_branch" if condition else "else_branch"])
