"""The quantised operators in numpy: the same bits as the kernels, but for smooth activations.

Sums are exact; what follows them is done in float32, one rounding per operation, as
``Requantize`` in ``csrc/schema/attrs.h`` states it.
"""

from __future__ import annotations

import numpy as np

from edgert.interp.plain import UNARY, Inputs, Operator, convolve, sum_windows
from edgert.schema import BinaryFn, DType, UnaryFn

_f32 = np.float32


def _hard_sigmoid(x: np.ndarray, slope: np.float32, shift: np.float32) -> np.ndarray:
    return np.minimum(np.maximum(x * slope + shift, _f32(0)), _f32(1))


def _activate(t: np.ndarray, activation: np.void) -> np.ndarray:
    fn, alpha, beta = UnaryFn(activation["fn"]), activation["alpha"], activation["beta"]
    if fn is UnaryFn.hard_sigmoid:
        return _hard_sigmoid(t, alpha, beta)
    if fn is UnaryFn.hard_swish:
        return t * _hard_sigmoid(t, _f32(1 / 6), _f32(0.5))
    return UNARY[fn](t, alpha, beta).astype(np.float32)


def requantize(t: np.ndarray, output: np.void) -> np.ndarray:
    """The output of a quantised operator whose exact result, in float32, is ``t``."""
    scaled = _activate(t, output["activation"]) * output["scale"]
    if output["dtype"] == DType.float32:
        return scaled
    zero, low, high = (int(output[key]) for key in ("zero", "low", "high"))
    clamped = np.minimum(np.fmax(scaled, _f32(low - zero)), _f32(high - zero))
    return (np.rint(clamped).astype(np.int32) + zero).astype(DType(output["dtype"]).name)


def _rounded(total: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Sums of products of ``dtype`` in float32: exact ones of int16, else modulo 2^32."""
    exact = total.astype(np.int64)
    return (exact if dtype == np.int16 else exact.astype(np.int32)).astype(np.float32)


def _finish(total: np.ndarray, attrs: np.void, inputs: Inputs) -> np.ndarray:
    """Inputs 2 to 4 are bias, multiplier and residual; ``total`` has exact integers."""
    t = _rounded(total + inputs[2], inputs[0].dtype) * inputs[3]
    if len(inputs) > 4 and inputs[4] is not None:
        residual = inputs[4].astype(np.int32) - attrs["residual_zero"]
        t = t + residual.astype(np.float32) * attrs["residual_scale"]
    return requantize(t, attrs["output"])


def _qconv(attrs: np.void, inputs: Inputs) -> np.ndarray:
    return _finish(convolve(attrs, inputs[0], inputs[1], attrs["x_zero"]), attrs, inputs)


def _qgemm(attrs: np.void, inputs: Inputs) -> np.ndarray:
    total = inputs[0].astype(np.float64) @ inputs[1].astype(np.float64).T
    return _finish(total, attrs, inputs)


def _quantize(attrs: np.void, inputs: Inputs) -> np.ndarray:
    limits = np.iinfo(DType(attrs["dtype"]).name)
    zero = attrs["zero"]
    x = inputs[0] / attrs["scale"]
    clamped = np.minimum(np.fmax(x, _f32(limits.min - zero)), _f32(limits.max - zero))
    return (np.rint(clamped).astype(np.int32) + zero).astype(limits.dtype)


def _dequantize(attrs: np.void, inputs: Inputs) -> np.ndarray:
    return (inputs[0].astype(np.int32) - attrs["zero"]).astype(np.float32) * attrs["scale"]


def _lookup(attrs: np.void, inputs: Inputs) -> np.ndarray:
    return inputs[1][inputs[0].view(np.uint8)]


def _qbinary(attrs: np.void, inputs: Inputs) -> np.ndarray:
    a, b = (x.astype(np.int32) - attrs[f"{n}_zero"] for x, n in zip(inputs, "ab"))
    if BinaryFn(attrs["fn"]) is BinaryFn.mul:
        t = (a * b).astype(np.float32) * (attrs["a_scale"] * attrs["b_scale"])
    else:
        t = a.astype(np.float32) * attrs["a_scale"] + b.astype(np.float32) * attrs["b_scale"]
    return requantize(t, attrs["output"])


def _qaverage_pool(attrs: np.void, inputs: Inputs) -> np.ndarray:
    total, counts = sum_windows(attrs["pool"], inputs[0].astype(np.float64) - attrs["x_zero"])
    t = total.astype(np.int64).astype(np.int32).astype(np.float32) * (
        attrs["x_scale"] / counts.astype(np.float32)
    )
    return requantize(t, attrs["output"])


OPERATORS: dict[str, Operator] = {
    "quantize": _quantize,
    "dequantize": _dequantize,
    "lookup": _lookup,
    "qconv": _qconv,
    "qgemm": _qgemm,
    "qbinary": _qbinary,
    "qaverage_pool": _qaverage_pool,
}
