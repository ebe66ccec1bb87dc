"""Quantised tensors: their conversions, and the operators that compute on them.

An operator on bytes is imported as what it means: dequantize, the operator on floats, quantize.
Which of these run as one on bytes is decided when the graph is optimised.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgert import ir
from edgert.errors import FormatError
from edgert.importer.call import Call
from edgert.importer.handlers.images import from_image, to_image
from edgert.importer.handlers.reduce import normal_axis
from edgert.importer.handlers.windows import WINDOW_ATTRS
from edgert.importer.registry import MICROSOFT, onnx_op
from edgert.importer.tensors import element_type
from edgert.importer.values import Constant, Tensor, UnsupportedNodeError
from edgert.schema import DType

_BYTES = np.dtype(np.uint8), np.dtype(np.int8)
# {operator: (what it is on floats, attributes of both)}
_ON_ONE_TENSOR = {
    "QLinearAveragePool": (
        "AveragePool",
        f"{WINDOW_ATTRS} kernel_shape ceil_mode count_include_pad",
    ),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", ""),
    "QLinearLeakyRelu": ("LeakyRelu", "alpha"),
    "QLinearSigmoid": ("Sigmoid", ""),
}


@onnx_op("DequantizeLinear", attrs="axis block_size output_dtype")
@onnx_op("DequantizeLinear", domain=MICROSOFT, attrs="axis block_size")
def dequantize_linear(call: Call) -> Tensor:
    """A constant may have a scale per slice along an axis, or per block of one."""
    stated = call.attr("output_dtype", 0)
    if stated and element_type(stated, "its output").kind != "f":
        raise UnsupportedNodeError(f"its output_dtype is {element_type(stated, 'its output')}")
    return _dequantized(call, 0, call.attr("axis", 1), call.attr("block_size", 0))


@onnx_op("QuantizeLinear", attrs="axis block_size output_dtype", unused="saturate")
@onnx_op("QuantizeLinear", domain=MICROSOFT, attrs="axis block_size")
def quantize_linear(call: Call) -> Tensor:
    """To the type of the zero point, else to that of the attribute, else to u8."""
    stated = call.attr("output_dtype", 0)
    dtype = element_type(stated, "its output") if stated else None
    axis, block = call.attr("axis", 1), call.attr("block_size", 0)
    return _quantized(call, call.input(0), 1, axis, block, dtype)


@onnx_op("QLinearConv", attrs=f"{WINDOW_ATTRS} group kernel_shape")
def qlinear_conv(call: Call) -> Tensor:
    """The bias is in steps of the sums."""
    x, w = _dequantized(call, 0), _dequantized(call, 3, axis=0)
    bias = _bias(call, 8, 1, 4)
    return _quantized(call, call.call("Conv", [x, w, bias], **call.attrs), 6)


@onnx_op("QLinearMatMul")
def qlinear_matmul(call: Call) -> Tensor:
    """The right operand may have a scale per column."""
    if all(isinstance(call.input(i), ir.Value) for i in (0, 3)):
        return _product_of_values(call)
    a, b = _dequantized(call, 0), _dequantized(call, 3, axis=-1)
    return _quantized(call, call.call("MatMul", [a, b]), 6)


def _product_of_values(call: Call) -> Tensor:
    """Integers are multiplied, and the sums scaled once: both are exact, but for long sums."""
    one = call.const(1, np.float32)
    factors = [
        call.call("DequantizeLinear", [call.input(i), one, call.input(i + 2)]) for i in (0, 3)
    ]
    scale = _scale(call, 1) * _scale(call, 4) / _scale(call, 6, positive=True)
    _check_run_time(call.input(0).dtype, scale, _BYTES)
    y = call.call("Mul", [call.call("MatMul", factors), call.const(scale.reshape(()))])
    return call.call("QuantizeLinear", [y, one, call.input(7)])


@onnx_op("QGemm", domain=MICROSOFT, attrs="alpha transA transB")
def qgemm(call: Call) -> Tensor:
    """The bias is in steps of the sums; without a scale for it, the result is in floats."""
    transposed = call.attr("transB", 0)
    a, b = _dequantized(call, 0), _dequantized(call, 3, axis=0 if transposed else 1)
    alpha = call.attr("alpha", 1.0)
    bias = _bias(call, 6, 1, 4, alpha)
    inputs = [a, b, *([] if bias is None else [bias])]
    y = call.call("Gemm", inputs, alpha=alpha, transA=call.attr("transA", 0), transB=transposed)
    return y if call.input(7) is None else _quantized(call, y, 7)


@onnx_op("QLinearAdd", "QLinearMul", domain=MICROSOFT)
def qlinear_binary(call: Call) -> Tensor:
    """Two operands that are broadcast. The zero point is added before rounding."""
    call.note_on_bytes()
    y = call.call(call.op[len("QLinear") :], [_dequantized(call, 0), _dequantized(call, 3)])
    return _quantized(call, y, 6, zero_first=True)


def qlinear_unary(call: Call) -> Tensor:
    """Operators of one tensor, with the attributes of their namesakes."""
    op, names = _ON_ONE_TENSOR[call.op]
    if call.attr("channels_last", 0):
        raise UnsupportedNodeError("its channels come last; export it with channels first")
    call.note_on_bytes()
    x = _dequantized(call, 0)
    if op == "GlobalAveragePool" and len(x.shape) in (3, 4):
        # Channels last, so that it is on bytes whatever stands beside it.
        axes = call.const([1, 2], np.int64)
        y = call.call("ReduceMean", [to_image(call, x), axes], keepdims=1)
        y = from_image(call, y, len(x.shape) - 2)
    else:
        attrs = {name: call.attrs[name] for name in names.split() if name in call.attrs}
        y = call.call(op, [x], **attrs)
    return _quantized(call, y, 3, zero_first=op == "AveragePool")


for _op, (_, _attrs) in _ON_ONE_TENSOR.items():
    onnx_op(_op, domain=MICROSOFT, attrs=f"{_attrs} channels_last")(qlinear_unary)


@onnx_op("QLinearSoftmax", domain=MICROSOFT, attrs="axis opset")
def qlinear_softmax(call: Call) -> Tensor:
    """Its attribute opset says what its axis means: up to 12 all axes from there on."""
    x = _dequantized(call, 0)
    axis = normal_axis(call.attr("axis", -1), len(x.shape))
    if call.attrs["opset"] < 13 and axis != len(x.shape) - 1:
        raise UnsupportedNodeError(f"it normalises all axes from {axis} on, expected the last one")
    return _quantized(call, call.call("Softmax", [x], axis=axis), 3)


@onnx_op("QLinearConcat", domain=MICROSOFT, attrs="axis")
def qlinear_concat(call: Call) -> Tensor:
    """Scale and zero point of the result, then three inputs for each operand."""
    if len(call.inputs) < 5 or len(call.inputs) % 3 != 2:
        raise ValueError(f"{len(call.inputs)} inputs, expected 2 and 3 for each operand")
    parts = [_dequantized(call, i) for i in range(2, len(call.inputs), 3)]
    return _quantized(call, call.call("Concat", parts, axis=call.attrs["axis"]), 0)


def _scale(call: Call, i: int, positive: bool = False) -> np.ndarray:
    """The scale that is input ``i``: finite, and not negative. Dead channels have scale 0."""
    data = call.constant(i, "scale")
    if data is None:
        raise FormatError("a quantised operand has no scale", "QUANT")
    data = data.astype(np.float32)
    fine = np.isfinite(data) & (data > 0 if positive else data >= 0)
    if not fine.all() or not data.size:
        expected = "positive numbers" if positive else "numbers from 0 on"
        raise FormatError(
            f"the scale {call.input(i).name!r} is {_some(data)}, expected {expected}", "QUANT"
        )
    return data


def _some(data: np.ndarray) -> str:
    return np.array2string(data.reshape(-1), threshold=8, edgeitems=4)


def _zero(call: Call, i: int, dtype: np.dtype, scale: np.ndarray) -> np.ndarray:
    """The zero point that is input ``i``; zero if it is left out."""
    data = call.constant(i, "zero point")
    if data is None:
        return np.zeros(scale.shape, np.int64)
    name = call.input(i).name
    if data.dtype != dtype:
        raise FormatError(f"the zero point {name!r} is {data.dtype}, expected {dtype}", "QUANT")
    if data.size != scale.size:
        raise FormatError(
            f"the zero point {name!r} has {data.size} elements, the scale {scale.size}", "QUANT"
        )
    if dtype == np.int32 and data.any():
        raise FormatError(f"the zero point {name!r} of int32 is {_some(data)}, expected 0", "QUANT")
    return data.astype(np.int64)


def _dequantized(call: Call, i: int, axis: int = 0, block: int = 0) -> Tensor:
    """Input ``i``, with the scale and the zero point behind it, in floats."""
    x = call.input(i)
    scale = _scale(call, i + 1)
    zero = _zero(call, i + 2, x.dtype, scale)
    if isinstance(x, Constant):
        if x.dtype.kind not in "iu":
            raise FormatError(f"{x.name!r} is {x.dtype}, expected integers", "QUANT")
        call.reserve(x.shape, np.dtype(np.float32))
        scale, zero = (_along(x.shape, data, axis, block) for data in (scale, zero))
        call.note_scales(scale)
        # float64 holds the difference of int32 exactly; ONNX rounds it, then the product.
        return Constant(x.name, (x.data - zero.astype(np.float64)).astype(np.float32) * scale)
    _check_run_time(x.dtype, scale, (*_BYTES, np.dtype(np.int32)))
    attrs = {"dtype": DType.float32, "scale": scale.item(), "zero": zero.item()}
    return call.emit("dequantize", [x], attrs)


def _quantized(
    call: Call,
    x: Tensor,
    i: int,
    axis: int = 0,
    block: int = 0,
    stated: np.dtype | None = None,
    zero_first: bool = False,
) -> Tensor:
    """``x`` as integers of the scale and the zero point that are the inputs ``i`` and ``i + 1``.

    ``zero_first``: the zero point is added before rounding, as some operators of ONNX Runtime do.
    """
    scale, point = _scale(call, i, positive=True), call.input(i + 1)
    dtype = point.dtype if point is not None else stated or np.dtype(np.uint8)
    if dtype != (stated or dtype):
        raise FormatError(f"the zero point is {dtype}, output_dtype is {stated}", "QUANT")
    zero = _zero(call, i + 1, dtype, scale)
    if isinstance(x, Constant):
        call.reserve(x.shape, dtype)
        scale, zero = (_along(x.shape, data, axis, block) for data in (scale, zero))
        limits = np.iinfo(dtype)
        shift = zero if zero_first else 0 * zero
        levels = np.rint(x.data.astype(np.float32) / scale + shift.astype(np.float32))
        levels = levels.astype(np.float64) + (zero - shift)
        levels = np.fmin(np.fmax(levels, limits.min), limits.max)
        return Constant(x.name, levels.astype(dtype))
    _check_run_time(dtype, scale, _BYTES)
    if x.dtype != np.float32:
        x = call.emit("cast", [x], {"dtype": DType.float32})
    attrs = {"dtype": DType[dtype.name], "scale": scale.item(), "zero": zero.item()}
    if zero_first:
        attrs.update(zero=0, shift=zero.item())
    return call.emit("quantize", [x], attrs)


def _along(shape: Sequence[int], data: np.ndarray, axis: int, block: int) -> np.ndarray:
    """Scales or zero points in a form that is broadcast to ``shape``."""
    if data.size == 1:
        return data.reshape(())
    axis = normal_axis(axis, len(shape))
    expected = [shape[axis]]
    if block:
        expected = [*shape[:axis], -(-shape[axis] // block), *shape[axis + 1 :]]
    if list(data.shape) != expected:
        raise FormatError(
            f"the scale or zero point has shape {list(data.shape)}, expected {expected} for a "
            f"tensor of shape {list(shape)} along axis {axis}",
            "QUANT",
        )
    if block:
        return data.take(np.arange(shape[axis]) // block, axis)
    return data.reshape(-1, *[1] * (len(shape) - axis - 1))


def _check_run_time(dtype: np.dtype, scale: np.ndarray, supported: Sequence[np.dtype]) -> None:
    if dtype not in supported:
        raise UnsupportedNodeError(
            f"its quantised tensor is {dtype}, which is computed at run time; supported are "
            f"{', '.join(map(str, supported))}: quantise activations to 8 bits"
        )
    if scale.size != 1:
        raise UnsupportedNodeError(
            f"its tensor is computed at run time and has {scale.size} scales; "
            "quantise activations per tensor"
        )


def _bias(call: Call, i: int, x: int, w: int, alpha: float = 1.0) -> Constant | None:
    """The bias that is input ``i``, in floats: ``alpha`` times the scales that are ``x`` and ``w``
    is a step of the sums.
    """
    data = call.constant(i, "bias")
    if data is None:
        return None
    if data.dtype != np.int32:
        raise FormatError(f"the bias is {data.dtype}, expected int32", "QUANT")
    x_scale, w_scale = _scale(call, x).reshape(-1), _scale(call, w).reshape(-1)
    if x_scale.size != 1 or w_scale.size not in (1, *data.shape[-1:]):
        raise FormatError(
            f"the bias has shape {list(data.shape)}, the scales have {x_scale.size} and "
            f"{w_scale.size} elements",
            "QUANT",
        )
    step = x_scale * w_scale * np.float32(alpha)
    return Constant(call.input(i).name, (data * step.astype(np.float64)).astype(np.float32))
