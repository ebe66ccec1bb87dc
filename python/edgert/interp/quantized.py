"""The quantised operators in numpy: the same bits as the kernels, but for smooth activations.

Sums are exact; what follows them is done in float32, one rounding per operation, as
``Requantize`` in ``csrc/schema/attrs.h`` states it.
"""

from __future__ import annotations

import numpy as np

from edgert.interp.plain import (
    UNARY,
    Inputs,
    Operator,
    convolve,
    convolve_transposed,
    sum_windows,
)
from edgert.schema import BinaryFn, DType, UnaryFn

_f32 = np.float32


def _hard_sigmoid(x: np.ndarray, slope: np.float32, shift: np.float32) -> np.ndarray:
    return np.minimum(np.maximum(x * slope + shift, _f32(0)), _f32(1))


def activate(t: np.ndarray, activation: np.void) -> np.ndarray:
    """The function of an activation record of ``t``, in float32."""
    fn, alpha, beta = UnaryFn(activation["fn"]), activation["alpha"], activation["beta"]
    if fn is UnaryFn.hard_sigmoid:
        return _hard_sigmoid(t, alpha, beta)
    if fn is UnaryFn.hard_swish:
        return t * _hard_sigmoid(t, _f32(1 / 6), _f32(0.5))
    return UNARY[fn](t, alpha, beta).astype(np.float32)


def requantize(t: np.ndarray, output: np.void) -> np.ndarray:
    """The output of a quantised operator whose exact result, in float32, is ``t``."""
    scaled = activate(t, output["activation"]) * output["scale"]
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


def _qconv_transpose(attrs: np.void, inputs: Inputs) -> np.ndarray:
    centred = inputs[0].astype(np.float64) - attrs["x_zero"]
    w = np.moveaxis(inputs[1], 0, 2)[None]  # [1,kh,kw,O,I]
    return _finish(convolve_transposed(attrs, centred, w), attrs, inputs)


def _round(t: np.ndarray, zero: int, dtype: str) -> np.ndarray:
    """clamp(round(t) + zero) as integers of a type; NaN becomes the least."""
    limits = np.iinfo(dtype)
    clamped = np.minimum(np.fmax(t, _f32(limits.min - zero)), _f32(limits.max - zero))
    return (np.rint(clamped).astype(np.int32) + zero).astype(limits.dtype)


def _quantize(attrs: np.void, inputs: Inputs) -> np.ndarray:
    t = inputs[0] / attrs["scale"] + _f32(attrs["shift"])
    return _round(t, int(attrs["zero"]), DType(attrs["dtype"]).name)


def _dequantize(attrs: np.void, inputs: Inputs) -> np.ndarray:
    return (inputs[0].astype(np.int32) - attrs["zero"]).astype(np.float32) * attrs["scale"]


def _lookup(attrs: np.void, inputs: Inputs) -> np.ndarray:
    return inputs[1][inputs[0].view(np.uint8)]


def _fused(x: np.ndarray, scale: np.float32, addend: np.ndarray) -> np.ndarray:
    """x * scale + addend for integers x, rounded once to float32.

    In float64 the product is exact; where the sum is not, its last bit is made odd, so that the
    second rounding goes where that of the exact sum would.
    """
    product, addend = x * np.float64(scale), np.float64(addend)
    total = product + addend
    added = total - product
    error = (product - (total - added)) + (addend - added)
    away = np.where(error > 0, np.inf, -np.inf)
    odd = total.view(np.int64) % 2 == 1
    return np.where((error == 0) | odd, total, np.nextafter(total, away)).astype(np.float32)


def _qbinary(attrs: np.void, inputs: Inputs) -> np.ndarray:
    a, b = (x.astype(np.int32) - attrs[f"{n}_zero"] for x, n in zip(inputs, "ab"))
    if BinaryFn(attrs["fn"]) is BinaryFn.mul:
        t = (a * b).astype(np.float32) * (attrs["a_scale"] * attrs["b_scale"])
        t = t + attrs["shift"] if attrs["shifted"] else t
    elif attrs["shifted"]:
        t = _fused(a, attrs["a_scale"], _fused(b, attrs["b_scale"], attrs["shift"]))
    else:
        t = a.astype(np.float32) * attrs["a_scale"] + b.astype(np.float32) * attrs["b_scale"]
    return requantize(t, attrs["output"])


def _qaverage_pool(attrs: np.void, inputs: Inputs) -> np.ndarray:
    total, counts = sum_windows(attrs["pool"], inputs[0].astype(np.float64) - attrs["x_zero"])
    t = total.astype(np.int64).astype(np.int32).astype(np.float32) * (
        attrs["x_scale"] / counts.astype(np.float32)
    )
    return requantize(t, attrs["output"])


def _qsoftmax(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x = inputs[0].astype(np.int32)
    e = inputs[1][255 - x.max(-1, keepdims=True, initial=0) + x]
    total = e.sum(-1, keepdims=True, dtype=np.int64).astype(np.float32)
    factor = _f32(1) / attrs["scale"] / total
    return _round(e.astype(np.float32) * factor, attrs["zero"], "uint8")


def _qlayer_norm(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x, count = inputs[0].astype(np.int64), inputs[0].shape[-1]
    total = x.sum(-1, keepdims=True)
    spread = count * np.square(x).sum(-1, keepdims=True) - total * total
    variance = spread.astype(np.float64) / (float(count) * count)
    mean = (total / count).astype(np.float32)
    factor = (1 / np.sqrt(variance + float(attrs["epsilon"]))).astype(np.float32)
    t = (x.astype(np.float32) - mean) * factor * inputs[1] + inputs[2]
    return _round(t, attrs["zero"], "uint8")


def dynamic_bytes(sets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The bytes of each row of ``sets``, its scale and its zero point.

    The scale is NaN where an element, or the range, is not finite.
    """
    low, high = (fn(sets, axis=1, initial=_f32(0)) for fn in (np.min, np.max))
    span = high - low
    scale = np.fmax(span / _f32(255), _f32(2**-126))
    scale = np.where(np.isfinite(span), scale, _f32(np.nan))
    zero = np.where(np.isfinite(span), np.clip(np.rint(-low / scale), 0, 255), 0)
    levels = np.rint(sets / scale[:, None]) + zero[:, None]
    data = np.where(np.isnan(scale)[:, None], 0, np.clip(levels, 0, 255))
    return data.astype(np.uint8), scale.astype(np.float32), zero.astype(np.uint8)


def _dynamic_end(
    total: np.ndarray, scale: np.ndarray, attrs: np.void, inputs: Inputs
) -> np.ndarray:
    bias, residual = (*inputs[3:], None, None)[:2]
    t = _rounded(total, np.dtype(np.uint8)) * inputs[2] * scale
    t = t + (_f32(0) if bias is None else bias)
    t = t if residual is None else t + residual
    return activate(t, attrs["activation"])


def _dynamic_conv(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x = inputs[0]
    data, scale, zero = dynamic_bytes(x.reshape(len(x), -1))
    centred = data.astype(np.float64) - zero[:, None]
    total = convolve(attrs, centred.reshape(x.shape), inputs[1], 0)
    return _dynamic_end(total, scale[:, None, None, None], attrs, inputs)


def _dynamic_gemm(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x = inputs[0]
    data, scale, zero = dynamic_bytes(x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1]))
    total = (data.astype(np.float64) - zero[:, None]) @ inputs[1].astype(np.float64).T
    shape = x.shape[:-1]
    return _dynamic_end(
        total.reshape(*shape, total.shape[1]), scale.reshape(*shape, 1), attrs, inputs
    )


def _block_gemm(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x, w, scales = inputs[:3]
    zeros, bias = (*inputs[3:], None, None)[:2]
    rows, block = x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1]), int(attrs["block"])
    t = np.zeros((len(rows), len(w)), np.float32)
    for b, scale in enumerate(scales):
        part = slice(b * block, (b + 1) * block)
        greatest = np.abs(rows[:, part]).max(1, initial=_f32(0))
        x_scale = np.fmax(greatest / _f32(127), _f32(2**-126))[:, None]
        x_scale = np.where(np.isfinite(greatest)[:, None], x_scale, _f32(np.nan))
        q = np.nan_to_num(np.rint(rows[:, part] / x_scale))
        zero = int(attrs["zero"]) if zeros is None else zeros[b, :, None].astype(np.int64)
        total = q.astype(np.int64) @ (w[:, part].astype(np.int64) - zero).T
        t = t + total.astype(np.float32) * (x_scale * scale)
    t = t if bias is None else t + bias
    return activate(t.reshape(*x.shape[:-1], len(w)), attrs["activation"])


OPERATORS: dict[str, Operator] = {
    "quantize": _quantize,
    "dequantize": _dequantize,
    "lookup": _lookup,
    "qconv": _qconv,
    "qgemm": _qgemm,
    "qconv_transpose": _qconv_transpose,
    "qbinary": _qbinary,
    "qaverage_pool": _qaverage_pool,
    "qsoftmax": _qsoftmax,
    "qlayer_norm": _qlayer_norm,
    "dynamic_conv": _dynamic_conv,
    "dynamic_gemm": _dynamic_gemm,
    "block_gemm": _block_gemm,
}
