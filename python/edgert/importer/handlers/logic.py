"""Comparisons, logic, and what takes one of two values where a condition holds."""

from __future__ import annotations

import math

import numpy as np

from edgert.importer.call import Call
from edgert.importer.handlers.elementwise import emit_binary, operands
from edgert.importer.handlers.images import reshape
from edgert.importer.handlers.reduce import normal_axis
from edgert.importer.registry import onnx_op
from edgert.importer.values import Constant, Tensor
from edgert.schema import BinaryFn, CompareFn

# {operator: (function, whether its operands change places)}
_COMPARISONS = {
    "Equal": (CompareFn.equal, False),
    "Less": (CompareFn.less, False),
    "LessOrEqual": (CompareFn.less_or_equal, False),
    "Greater": (CompareFn.less, True),
    "GreaterOrEqual": (CompareFn.less_or_equal, True),
}
_BITWISE = {
    "And": BinaryFn.bit_and,
    "Or": BinaryFn.bit_or,
    "Xor": BinaryFn.bit_xor,
    "BitwiseAnd": BinaryFn.bit_and,
    "BitwiseOr": BinaryFn.bit_or,
    "BitwiseXor": BinaryFn.bit_xor,
}


@onnx_op("Equal", "Less", "Greater", attrs="axis broadcast")
@onnx_op("LessOrEqual", "GreaterOrEqual")
def comparison(call: Call) -> Tensor:
    """Greater is less with its operands the other way round."""
    fn, swaps = _COMPARISONS[call.op]
    a, b = operands(call)
    return compare(call, fn, *((b, a) if swaps else (a, b)))


@onnx_op("And", "Or", "Xor", attrs="axis broadcast")
@onnx_op("BitwiseAnd", "BitwiseOr", "BitwiseXor")
def bitwise(call: Call) -> Tensor:
    """Booleans are integers of one bit."""
    return emit_binary(call, _BITWISE[call.op], *operands(call))


@onnx_op("Not", "BitwiseNot")
def invert(call: Call) -> Tensor:
    """All bits are the other way round."""
    x = call.input(0)
    ones = call.const(np.invert(np.zeros((), x.dtype)))
    return emit_binary(call, BinaryFn.bit_xor, x, ones)


@onnx_op("IsNaN")
def is_nan(call: Call) -> Tensor:
    """What is not equal to itself."""
    x = call.input(0)
    return compare(call, CompareFn.not_equal, x, x)


@onnx_op("IsInf", attrs="detect_negative detect_positive")
def is_inf(call: Call) -> Tensor:
    """One of the infinities, or both."""
    x = call.input(0)
    negative, positive = call.attr("detect_negative", 1), call.attr("detect_positive", 1)
    if not negative and not positive:
        return call.const(np.broadcast_to(np.False_, x.shape))
    if negative and positive:
        x = call.call("Abs", [x])
    infinity = call.const(math.inf if positive else -math.inf, np.float32)
    return compare(call, CompareFn.equal, x, infinity)


@onnx_op("Where")
def where(call: Call) -> Tensor:
    """X where the condition holds, else Y."""
    return select(call, *call.inputs)


@onnx_op("Trilu", attrs="upper")
def trilu(call: Call) -> Tensor:
    """Zeros below a diagonal of the last two axes, or above it."""
    x, k = call.input(0), call.constant(1, "k")
    k = 0 if k is None else int(k.reshape(()))
    rows, columns = x.shape[-2:]
    call.reserve((rows, columns), np.dtype(np.bool_))
    distance = np.arange(columns) - np.arange(rows)[:, np.newaxis]
    kept = distance >= k if call.attr("upper", 1) else distance <= k
    return select(call, call.const(kept), x, call.const(0, x.dtype))


@onnx_op("OneHot", attrs="axis")
def one_hot(call: Call) -> Tensor:
    """An axis of ``depth`` more, at whose places all is off but at the index, if it is in range."""
    indices, values = call.input(0), call.input(2)
    depth = int(call.constant(1, "depth").reshape(()))
    if depth < 1:
        raise ValueError(f"depth is {depth}")
    indices = call.call("Cast", [indices], to=7)  # int64
    axis = normal_axis(call.attr("axis", -1), len(indices.shape) + 1)
    zero, size = call.const(0, np.int64), call.const(depth, np.int64)
    behind = call.call("Add", [indices, size])
    indices = call.call("Where", [call.call("Less", [indices, zero]), behind, indices])
    return select(
        call,
        _hot(call, indices, axis, depth),
        *(call.call("Gather", [values, call.const(i, np.int64)]) for i in (1, 0)),
    )


@onnx_op("Hardmax", attrs="axis")
def hardmax(call: Call) -> Tensor:
    """One at the first of the greatest; up to operator set 12 of all axes from one on."""
    x, shape = call.input(0), call.input(0).shape
    axis = normal_axis(call.attr("axis", 1 if call.opset < 13 else -1), len(shape))
    if call.opset < 13:
        x = reshape(call, x, (math.prod(shape[:axis]), math.prod(shape[axis:])))
        axis = 1
    greatest = call.call("ArgMax", [x], axis=axis, keepdims=0)
    hot = _hot(call, greatest, axis, x.shape[axis])
    one, zero = call.const(1, x.dtype), call.const(0, x.dtype)
    return reshape(call, select(call, hot, one, zero), shape)


def _hot(call: Call, indices: Tensor, axis: int, depth: int) -> Tensor:
    """True where the place along a new axis is the index."""
    indices = call.call("Unsqueeze", [indices, call.const([axis], np.int64)])
    places = np.arange(depth, dtype=np.int64)
    places = places.reshape([depth if i == axis else 1 for i in range(len(indices.shape))])
    return compare(call, CompareFn.equal, indices, call.const(places))


@onnx_op("EyeLike", attrs="dtype k")
def eye_like(call: Call) -> Tensor:
    """Ones on a diagonal of the input's shape, of its type unless another is stated."""
    x = call.input(0)
    rows, columns = x.shape
    call.reserve(x.shape, x.dtype)
    eye = Constant(call.name, np.eye(rows, columns, call.attr("k", 0), dtype=np.float32))
    to = call.attr("dtype", None)
    return call.call("CastLike", [eye, x]) if to is None else call.call("Cast", [eye], to=to)


def compare(call: Call, fn: CompareFn, a: Tensor, b: Tensor) -> Tensor:
    """Whether ``fn`` holds, element by element."""
    np.broadcast_shapes(a.shape, b.shape)
    return call.emit("compare", [a, b], {"fn": fn})


def select(call: Call, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """``a`` where the condition holds, else ``b``."""
    np.broadcast_shapes(condition.shape, a.shape, b.shape)
    return call.emit("select", [condition, a, b])
