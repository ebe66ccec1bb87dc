"""Functions of single elements, of one tensor and of several that are broadcast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgert.importer.call import Call
from edgert.importer.handlers.reduce import normal_axis
from edgert.importer.registry import onnx_op
from edgert.importer.values import Constant, Tensor
from edgert.schema import BinaryFn, UnaryFn

# {operator: (function, attributes and their defaults, for alpha and beta)}
_UNARY: dict[str, tuple[UnaryFn, Sequence[tuple[str, float]]]] = {
    "Abs": (UnaryFn.abs, ()),
    "Ceil": (UnaryFn.ceil, ()),
    "Cos": (UnaryFn.cos, ()),
    "Elu": (UnaryFn.elu, [("alpha", 1.0)]),
    "Erf": (UnaryFn.erf, ()),
    "Exp": (UnaryFn.exp, ()),
    "Floor": (UnaryFn.floor, ()),
    "HardSigmoid": (UnaryFn.hard_sigmoid, [("alpha", 0.2), ("beta", 0.5)]),
    "HardSwish": (UnaryFn.hard_swish, ()),
    "LeakyRelu": (UnaryFn.leaky_relu, [("alpha", 0.01)]),
    "Log": (UnaryFn.log, ()),
    "Neg": (UnaryFn.neg, ()),
    "Reciprocal": (UnaryFn.reciprocal, ()),
    "Relu": (UnaryFn.relu, ()),
    "Round": (UnaryFn.round, ()),
    "Sigmoid": (UnaryFn.sigmoid, ()),
    "Sign": (UnaryFn.sign, ()),
    "Sin": (UnaryFn.sin, ()),
    "Softplus": (UnaryFn.softplus, ()),
    "Sqrt": (UnaryFn.sqrt, ()),
    "Tanh": (UnaryFn.tanh, ()),
}

_BINARY = {
    "Add": BinaryFn.add,
    "Sub": BinaryFn.sub,
    "Mul": BinaryFn.mul,
    "Div": BinaryFn.div,
    "Pow": BinaryFn.pow,
}


def unary(call: Call) -> Tensor:
    """The function of the table, with its parameters from the attributes."""
    fn, parameters = _UNARY[call.op]
    values = [call.attr(name, default) for name, default in parameters]
    return _unary(call, call.input(0), fn, *values)


for _op, (_, _parameters) in _UNARY.items():
    onnx_op(_op, attrs=" ".join(name for name, _ in _parameters))(unary)


@onnx_op("Gelu", attrs="approximate")
def gelu(call: Call) -> Tensor:
    """Exact, or with the approximation by tanh."""
    functions = {"none": UnaryFn.gelu, "tanh": UnaryFn.gelu_tanh}
    return _unary(call, call.input(0), functions[call.choice("approximate", "none", functions)])


@onnx_op("Swish", attrs="alpha")
def swish(call: Call) -> Tensor:
    """x * sigmoid(alpha * x)."""
    x, alpha = call.input(0), call.attr("alpha", 1.0)
    if alpha == 1.0:
        return _unary(call, x, UnaryFn.silu)
    scaled = call.call("Mul", [x, call.const(alpha, "float32")])
    return call.call("Mul", [x, call.call("Sigmoid", [scaled])])


@onnx_op("Clip", attrs="min max")
def clip(call: Call) -> Tensor:
    """Bounds are attributes up to operator set 6, optional inputs from 11 on."""
    x = call.input(0)
    bounds = [bound for bound in call.inputs[1:] if bound is not None]
    if x.dtype.kind != "f" or not all(isinstance(bound, Constant) for bound in bounds):
        return _clip_by_tensors(call, x)
    low = call.attr("min", _scalar(call, 1, "min", -math.inf))
    high = call.attr("max", _scalar(call, 2, "max", math.inf))
    limit = float(np.finfo(np.float32).max)  # what ONNX states as the default bound of old clips
    if low <= -limit and high >= limit:
        return x
    # Where the bounds cross, ONNX gives the upper one, and so does min(max(x, low), high).
    return _unary(call, x, UnaryFn.clip, low, high)


def _clip_by_tensors(call: Call, x: Tensor) -> Tensor:
    for i, op in ((1, "Max"), (2, "Min")):
        if call.input(i) is not None:
            bound = call.call("Reshape", [call.input(i), call.const([], np.int64)])
            x = call.call(op, [x, bound])
    return x


@onnx_op("Selu", attrs="alpha gamma")
def selu(call: Call) -> Tensor:
    """A scaled Elu; the specification's default factors got more digits in operator set 6."""
    alpha, gamma = (1.6732, 1.0507) if call.opset < 6 else (1.6732632, 1.050701)
    y = _unary(call, call.input(0), UnaryFn.elu, call.attr("alpha", alpha))
    return call.call("Mul", [y, call.const(call.attr("gamma", gamma), "float32")])


@onnx_op("Celu", attrs="alpha")
def celu(call: Call) -> Tensor:
    """alpha * elu(x / alpha)."""
    alpha = call.const(call.attr("alpha", 1.0), "float32")
    y = _unary(call, call.call("Div", [call.input(0), alpha]), UnaryFn.elu, 1.0)
    return call.call("Mul", [y, alpha])


@onnx_op("PRelu")
def p_relu(call: Call) -> Tensor:
    """Up to operator set 6 slopes of one axis are those of the channels."""
    x, slope = call.input(0), call.input(1)
    if call.opset < 7 and len(slope.shape) == 1 and len(x.shape) > 2:
        slope = _unsqueezed(call, slope, (*slope.shape, *[1] * (len(x.shape) - 2)))
    return emit_binary(call, BinaryFn.prelu, x, slope)


@onnx_op(*_BINARY, attrs="axis broadcast")
def binary(call: Call) -> Tensor:
    """A function of two tensors."""
    a, b = operands(call)
    if call.op == "Pow" and a.dtype != b.dtype:
        b = call.call("CastLike", [b, a])
    return emit_binary(call, _BINARY[call.op], a, b)


@onnx_op("Mod", attrs="fmod")
def mod(call: Call) -> Tensor:
    """The rest has the sign of the divisor, with fmod that of the dividend."""
    a, b, fmod = call.input(0), call.input(1), call.choice("fmod", 0, (0, 1))
    if fmod or a.dtype.kind != "f":
        return emit_binary(call, BinaryFn.remainder if fmod else BinaryFn.modulo, a, b)
    rest, zero = emit_binary(call, BinaryFn.remainder, a, b), call.const(0, b.dtype)
    signs_differ = call.call("Xor", [call.call("Less", [t, zero]) for t in (rest, b)])
    is_whole = call.call("Equal", [rest, zero])
    rest = call.call("Where", [signs_differ, call.call("Add", [rest, b]), rest])
    # A zero has the sign of the divisor, too.
    return call.call("Where", [is_whole, call.call("Mul", [b, zero]), rest])


def operands(call: Call) -> tuple[Tensor, Tensor]:
    """The two inputs, broadcast as in NumPy. Up to operator set 6 the attribute axis aligns the
    second one with axes of the first: it gets axes of size one behind its own.
    """
    a, b = call.input(0), call.input(1)
    if call.opset >= 7:
        return a, b
    if not call.attr("broadcast", 0):
        if a.shape != b.shape:
            raise ValueError(f"shapes {a.shape} and {b.shape} without broadcast")
        return a, b
    rank = len(a.shape)
    axis = normal_axis(call.attr("axis", rank - len(b.shape)), rank + (not b.shape))
    return a, _unsqueezed(call, b, (*b.shape, *[1] * (rank - axis - len(b.shape))))


def _unsqueezed(call: Call, x: Tensor, shape: Sequence[int]) -> Tensor:
    return call.call("Reshape", [x, call.const(shape, "int64")])


@onnx_op("Sum", "Max", "Min", "Mean")
def variadic(call: Call) -> Tensor:
    """A chain over the inputs, from the left."""
    total = call.input(0)
    fn = {"Max": BinaryFn.max, "Min": BinaryFn.min}.get(call.op, BinaryFn.add)
    for tensor in call.inputs[1:]:
        total = emit_binary(call, fn, total, tensor)
    if call.op == "Mean" and len(call.inputs) > 1:
        count = call.const(len(call.inputs), total.dtype)
        total = emit_binary(call, BinaryFn.div, total, count)
    return total


def emit_binary(call: Call, fn: BinaryFn, a: Tensor, b: Tensor) -> Tensor:
    """What a function makes of two tensors that are broadcast."""
    np.broadcast_shapes(a.shape, b.shape)
    if a.dtype != b.dtype and a.dtype.kind == b.dtype.kind == "f":
        # A float64 constant beside a value that is computed in float32.
        a, b = (_as_float32(t) for t in (a, b))
    return call.emit("binary", [a, b], {"fn": fn})


def _as_float32(tensor: Tensor) -> Tensor:
    if isinstance(tensor, Constant):
        return Constant(tensor.name, tensor.data.astype(np.float32))
    return tensor


def _unary(call: Call, x: Tensor, fn: UnaryFn, alpha: float = 0.0, beta: float = 0.0) -> Tensor:
    return call.emit("unary", [x], {"function": {"fn": fn, "alpha": alpha, "beta": beta}})


def _scalar(call: Call, i: int, what: str, default: Any) -> Any:
    data = call.constant(i, what)
    return default if data is None else float(data.reshape(()))
