"""Operators that look for the greatest or smallest elements of an axis."""

from __future__ import annotations

from collections.abc import Sequence

from edgert.importer.call import Call
from edgert.importer.handlers.reduce import normal_axis, reverse
from edgert.importer.registry import onnx_op
from edgert.importer.values import Tensor, UnsupportedNodeError


@onnx_op("TopK", attrs="axis k largest", unused="sorted")
def top_k(call: Call) -> Sequence[Tensor]:
    """k is an attribute up to operator set 9. What need not be sorted is sorted, too."""
    k = call.attrs["k"] if "k" in call.attrs else int(call.constant(1, "K").reshape(-1)[0])
    largest = call.choice("largest", 1, (0, 1))
    return _top_k(call, call.input(0), call.attr("axis", -1), k, smallest=not largest)


@onnx_op("ArgMax", "ArgMin", attrs="axis keepdims select_last_index")
def arg_max(call: Call) -> Tensor:
    """The place of the first of the k = 1 greatest, from the end if the last one is wanted."""
    x = call.input(0)
    axis = normal_axis(call.attr("axis", 0), len(x.shape))
    if x.shape[axis] == 0:
        raise ValueError(f"axis {axis} has no elements")
    last, smallest = call.choice("select_last_index", 0, (0, 1)), call.op == "ArgMin"
    if smallest and x.dtype.kind == "f":  # a NaN comes first in both, as in numpy
        x, smallest = call.call("Neg", [x]), False
    x = reverse(call, x, axis) if last else x
    places = _top_k(call, x, axis, 1, smallest=smallest)[1]
    if last:
        places = call.call("Sub", [call.const(x.shape[axis] - 1, "int64"), places])
    if call.attr("keepdims", 1):
        return places
    return call.call("Squeeze", [places, call.const([axis], "int64")])


def _top_k(call: Call, x: Tensor, axis: int, k: int, *, smallest: bool) -> list[Tensor]:
    """Values and places along an axis: the operator looks at the last one."""
    rank = len(x.shape)
    axis = normal_axis(axis, rank)
    if not 0 <= k <= x.shape[axis]:
        raise ValueError(f"k is {k}, axis {axis} has {x.shape[axis]} elements")
    if x.dtype.kind not in "fiu":
        raise UnsupportedNodeError(f"it looks for the greatest of {x.dtype} elements")
    perm = list(range(rank))
    perm[axis], perm[-1] = perm[-1], perm[axis]
    if axis < rank - 1:
        x = call.call("Transpose", [x], perm=perm)
    outputs = call.emit_all("top_k", [x], {"k": k, "smallest": int(smallest)})
    if axis == rank - 1:
        return outputs
    return [call.call("Transpose", [output], perm=perm) for output in outputs]
