"""Reductions."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from edgert.importer.call import Call
from edgert.importer.registry import onnx_op
from edgert.importer.values import Tensor
from edgert.schema import ReduceFn

_FUNCTIONS = {
    "ReduceMean": ReduceFn.mean,
    "ReduceSum": ReduceFn.sum,
    "ReduceMax": ReduceFn.max,
    "ReduceMin": ReduceFn.min,
    "ReduceProd": ReduceFn.prod,
}
# {operator: (function, what the first element is if exclusive)}
_CUMULATIONS = {"CumSum": (ReduceFn.sum, 0.0), "CumProd": (ReduceFn.prod, 1.0)}
_ATTRS = "axes keepdims noop_with_empty_axes"


@onnx_op(*_FUNCTIONS, attrs=_ATTRS)
def reduce(call: Call) -> Tensor:
    """No axes mean all of them, or none if noop_with_empty_axes is set; false is less than true."""
    x = call.input(0)
    if x.dtype == np.bool_ and call.op in ("ReduceMax", "ReduceMin"):
        inputs = [call.call("Cast", [x], to=TensorProto.INT32), *call.inputs[1:]]
        return call.call("Cast", [call.call(call.op, inputs, **call.attrs)], to=TensorProto.BOOL)
    rank = len(x.shape)
    axes = call.ints(1, "axes")
    if not axes and call.attr("noop_with_empty_axes", 0):
        return x
    mask = 0
    for axis in axes or range(rank):
        mask |= 1 << normal_axis(axis, rank)
    return call.emit(
        "reduce",
        [x],
        {"fn": _FUNCTIONS[call.op], "axes": mask, "keep_dims": call.attr("keepdims", 1)},
    )


@onnx_op("ReduceL1", attrs=_ATTRS)
def reduce_l1(call: Call) -> Tensor:
    """The sum of the magnitudes."""
    return _sum_of(call, call.call("Abs", [call.input(0)]))


@onnx_op("ReduceL2", attrs=_ATTRS)
def reduce_l2(call: Call) -> Tensor:
    """The root of the sum of the squares."""
    return call.call("Sqrt", [reduce_sum_square(call)])


@onnx_op("ReduceSumSquare", attrs=_ATTRS)
def reduce_sum_square(call: Call) -> Tensor:
    """The sum of the squares."""
    x = call.input(0)
    return _sum_of(call, call.call("Mul", [x, x]))


@onnx_op("ReduceLogSum", attrs=_ATTRS)
def reduce_log_sum(call: Call) -> Tensor:
    """The logarithm of the sum."""
    return call.call("Log", [_sum_of(call, call.input(0))])


@onnx_op("ReduceLogSumExp", attrs=_ATTRS)
def reduce_log_sum_exp(call: Call) -> Tensor:
    """log(sum(exp(x - m))) + m, where m is the largest element: exp cannot overflow."""
    x, axes = call.input(0), call.ints(1, "axes")
    inputs = [x] if axes is None else [x, call.const(axes, "int64")]
    noop = call.attr("noop_with_empty_axes", 0)
    largest = call.call("ReduceMax", inputs, keepdims=1, noop_with_empty_axes=noop)
    total = _sum_of(call, call.call("Exp", [call.call("Sub", [x, largest])]))
    shape = call.const(total.shape, "int64")
    return call.call("Add", [call.call("Log", [total]), call.call("Reshape", [largest, shape])])


@onnx_op(*_CUMULATIONS, attrs="exclusive reverse")
def cumulate(call: Call) -> Tensor:
    """From the end if ``reverse``; an element does not count for itself if ``exclusive``."""
    x, (fn, neutral) = call.input(0), _CUMULATIONS[call.op]
    axis = normal_axis(int(call.constant(1, "axis").reshape(())), len(x.shape))
    if call.attr("reverse", 0):
        x = reverse(call, x, axis)
    if call.attr("exclusive", 0) and x.shape[axis] > 0:
        ends, at = call.const([-1], np.int64), call.const([axis], np.int64)
        x = call.call("Slice", [x, call.const([0], np.int64), ends, at])
        before = call.const([1, 0], np.int64)
        x = call.call("Pad", [x, before, call.const(neutral, np.float32), at])
    y = call.emit("cumulate", [x], {"fn": fn, "axis": axis})
    return reverse(call, y, axis) if call.attr("reverse", 0) else y


def reverse(call: Call, x: Tensor, axis: int) -> Tensor:
    """``x`` with an axis the other way round."""
    steps = [-1], [-(x.shape[axis] + 1)], [axis], [-1]
    return call.call("Slice", [x, *(call.const(step, np.int64) for step in steps)])


def _sum_of(call: Call, x: Tensor) -> Tensor:
    axes = call.ints(1, "axes")
    inputs = [x, call.const(axes, "int64")] if axes is not None else [x]
    attrs = {k: v for k, v in call.attrs.items() if k in ("keepdims", "noop_with_empty_axes")}
    return call.call("ReduceSum", inputs, **attrs)


def normal_axis(axis: int, rank: int) -> int:
    """``axis`` counted from the front. Raises ValueError outside of [-rank, rank)."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} of a tensor of rank {rank}")
    return axis % rank
