"""The operators on floats, and those that only move elements, in numpy.

Float operators are evaluated in float64 and rounded once, to float32, at their end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Optional, Union

import numpy as np

from edgert.errors import InputError
from edgert.schema import (
    BinaryFn,
    CompareFn,
    DType,
    PadMode,
    ReduceFn,
    ResizeMode,
    UnaryFn,
)

Inputs = Sequence[Optional[np.ndarray]]
# One array, or as many as the operator has outputs.
Operator = Callable[[np.void, Inputs], Union[np.ndarray, tuple[np.ndarray, ...]]]


def _f32(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float32)


def _f64(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float64)


def _exact(x: np.ndarray) -> np.ndarray:
    """Floats as float64, integers as they are."""
    return _f64(x) if x.dtype == np.float32 else x


def _narrow(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.asarray(x).astype(dtype)


_erf = np.vectorize(math.erf, otypes=[np.float64])


def _clip(x: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.minimum(np.maximum(x, low), high)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


UNARY: dict[UnaryFn, Callable[[np.ndarray, float, float], np.ndarray]] = {
    UnaryFn.identity: lambda x, a, b: x,
    UnaryFn.relu: lambda x, a, b: np.maximum(x, 0),
    UnaryFn.clip: _clip,
    UnaryFn.leaky_relu: lambda x, a, b: np.where(x < 0, a * x, x),
    UnaryFn.hard_sigmoid: lambda x, a, b: _clip(a * x + b, 0, 1),
    UnaryFn.hard_swish: lambda x, a, b: x * _clip(x / 6 + 0.5, 0, 1),
    UnaryFn.sigmoid: lambda x, a, b: _sigmoid(x),
    UnaryFn.silu: lambda x, a, b: x * _sigmoid(x),
    UnaryFn.tanh: lambda x, a, b: np.tanh(x),
    UnaryFn.gelu: lambda x, a, b: x * (1 + _erf(x / math.sqrt(2))) / 2,
    UnaryFn.gelu_tanh: lambda x, a, b: (
        x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2
    ),
    UnaryFn.erf: lambda x, a, b: _erf(x),
    UnaryFn.exp: lambda x, a, b: np.exp(x),
    UnaryFn.log: lambda x, a, b: np.log(x),
    UnaryFn.sqrt: lambda x, a, b: np.sqrt(x),
    UnaryFn.reciprocal: lambda x, a, b: 1 / x,
    UnaryFn.neg: lambda x, a, b: -x,
    UnaryFn.abs: lambda x, a, b: np.abs(x),
    UnaryFn.floor: lambda x, a, b: np.floor(x),
    UnaryFn.ceil: lambda x, a, b: np.ceil(x),
    UnaryFn.round: lambda x, a, b: np.rint(x),
    UnaryFn.elu: lambda x, a, b: np.where(x < 0, a * np.expm1(np.minimum(x, 0)), x),
    UnaryFn.softplus: lambda x, a, b: np.logaddexp(x, 0),
    UnaryFn.sign: lambda x, a, b: np.sign(x),
    UnaryFn.sin: lambda x, a, b: np.sin(x),
    UnaryFn.cos: lambda x, a, b: np.cos(x),
    UnaryFn.softsign: lambda x, a, b: x / (1 + np.abs(x)),
    UnaryFn.thresholded_relu: lambda x, a, b: np.where(x <= a, 0, x),
    UnaryFn.scaled_tanh: lambda x, a, b: a * np.tanh(b * x),
    UnaryFn.affine: lambda x, a, b: a * x + b,
}


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype.kind == "f":
        return a / b
    floor = a // b  # integers round towards zero, and to 0 of a divisor of 0
    up = ((a < 0) != (b < 0)) & (floor * b != a)
    return np.where(b == 0, 0, floor + up.astype(a.dtype))


_BINARY: dict[BinaryFn, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    BinaryFn.add: np.add,
    BinaryFn.sub: np.subtract,
    BinaryFn.mul: np.multiply,
    BinaryFn.div: _divide,
    BinaryFn.pow: np.power,
    BinaryFn.max: np.maximum,
    BinaryFn.min: np.minimum,
    BinaryFn.prelu: lambda x, slope: np.where(x < 0, slope * x, x),
    BinaryFn.remainder: np.fmod,
    BinaryFn.modulo: np.mod,
    BinaryFn.bit_and: np.bitwise_and,
    BinaryFn.bit_or: np.bitwise_or,
    BinaryFn.bit_xor: np.bitwise_xor,
}

_COMPARE: dict[CompareFn, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    CompareFn.equal: np.equal,
    CompareFn.not_equal: np.not_equal,
    CompareFn.less: np.less,
    CompareFn.less_or_equal: np.less_equal,
}

_REDUCE: dict[ReduceFn, Callable[..., np.ndarray]] = {
    ReduceFn.mean: np.mean,
    ReduceFn.sum: np.sum,
    ReduceFn.max: np.max,
    ReduceFn.min: np.min,
    ReduceFn.prod: np.prod,
}


def activate(x: np.ndarray, activation: np.void) -> np.ndarray:
    alpha, beta = float(activation["alpha"]), float(activation["beta"])
    return UNARY[UnaryFn(activation["fn"])](x, alpha, beta)


def _epilogue(y: np.ndarray, attrs: np.void, inputs: Inputs) -> np.ndarray:
    """Adds the optional inputs 2 (bias) and 3 (residual), applies the activation and rounds."""
    for extra in inputs[2:]:
        if extra is not None:
            y = y + _f64(extra)
    return _f32(activate(y, attrs["activation"]))


def _taps(x: np.ndarray, kernel: Sequence[int], attrs: np.void, out: Sequence[int]):
    """For every tap (i, j) of a window over the padded image x, what it sees: [B, *out, C]."""
    (sh, sw), (dh, dw) = attrs["strides"], attrs["dilations"]
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            rows = slice(i * dh, i * dh + (out[0] - 1) * sh + 1, sh)
            columns = slice(j * dw, j * dw + (out[1] - 1) * sw + 1, sw)
            yield i, j, x[:, rows, columns]


def _window_counts(image: Sequence[int], kernel: Sequence[int], attrs: np.void, ceil: bool):
    """Rows and columns of the output of a window; ceil: a last window may hang over the pads."""
    pads, out = attrs["pads"], []
    for axis in range(2):
        stride, extent = attrs["strides"][axis], (kernel[axis] - 1) * attrs["dilations"][axis] + 1
        room = image[axis] + pads[axis] + pads[axis + 2] - extent
        count = (-(-room // stride) if ceil else room // stride) + 1
        if ceil and (count - 1) * stride >= image[axis] + pads[axis]:
            count -= 1  # a window must begin inside of the image or its first pads
        out.append(int(count))
    return out


def convolve(attrs: np.void, x: np.ndarray, w: np.ndarray, fill: float = 0) -> np.ndarray:
    """The convolution of x [B,H,W,I] in float64, surrounded by ``fill``, with w [O,kh,kw,I/g]."""
    x, w = _f64(x), _f64(w)
    groups, kernel = int(attrs["groups"]), w.shape[1:3]
    top, left, bottom, right = attrs["pads"]
    out = _window_counts(x.shape[1:3], kernel, attrs, ceil=False)
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    w = w.reshape(groups, -1, *w.shape[1:])  # [g, O/g, kh, kw, I/g]
    y = np.zeros((groups, x.shape[0] * out[0] * out[1], w.shape[1]))
    for i, j, seen in _taps(x, kernel, attrs, out):
        seen = np.moveaxis(seen.reshape(y.shape[1], groups, -1), 1, 0)
        y += seen @ np.swapaxes(w[:, :, i, j], 1, 2)
    return np.moveaxis(y, 0, 1).reshape(x.shape[0], *out, -1)


def _conv(attrs: np.void, inputs: Inputs) -> np.ndarray:
    return _epilogue(convolve(attrs, inputs[0], inputs[1]), attrs, inputs)


def convolve_transposed(attrs: np.void, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The transposed convolution of x [B,H,W,I] with w [g,kh,kw,O/g,I/g], in float64."""
    x, w = _f64(x), _f64(w)
    groups, kh, kw = w.shape[:3]
    (sh, sw), (dh, dw) = attrs["strides"], attrs["dilations"]
    top, left, bottom, right = attrs["pads"]
    batch, rows, columns, _ = x.shape
    height = (rows - 1) * sh + (kh - 1) * dh + 1 + attrs["output_padding"][0]
    width = (columns - 1) * sw + (kw - 1) * dw + 1 + attrs["output_padding"][1]
    y = np.zeros((batch, height, width, groups, w.shape[3]))
    x = x.reshape(batch, rows, columns, groups, -1)
    for i in range(kh):
        for j in range(kw):
            spread = np.einsum("bhwgi,goi->bhwgo", x, w[:, i, j])
            y[:, i * dh :: sh, j * dw :: sw][:, :rows, :columns] += spread
    y = y[:, top : height - bottom, left : width - right]
    return y.reshape(*y.shape[:3], -1)


def _conv_transpose(attrs: np.void, inputs: Inputs) -> np.ndarray:
    w = inputs[1].reshape(attrs["groups"], *attrs["kernel"], -1, inputs[1].shape[1])
    return _epilogue(convolve_transposed(attrs, inputs[0], w), attrs, inputs)


def _gemm(attrs: np.void, inputs: Inputs) -> np.ndarray:
    return _epilogue(_f64(inputs[0]) @ _f64(inputs[1]).T, attrs, inputs)


def _pool(attrs: np.void, x: np.ndarray, fill: float, combine: Callable) -> np.ndarray:
    """Combines the taps over x [B,H,W,C], which is surrounded by `fill`."""
    kernel = attrs["kernel"]
    out = _window_counts(x.shape[1:3], kernel, attrs, bool(attrs["ceil_mode"]))
    top, left, bottom, right = attrs["pads"]
    overhang = [
        int(k * d + o * s) for k, d, o, s in zip(kernel, attrs["dilations"], out, attrs["strides"])
    ]
    around = ((0, 0), (top, bottom + overhang[0]), (left, right + overhang[1]), (0, 0))
    x = np.pad(x, around, constant_values=fill)
    y = np.full((x.shape[0], *out, x.shape[3]), fill)
    for _, _, seen in _taps(x, kernel, attrs, out):
        y = combine(y, seen)
    return y


def _max_pool(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x = inputs[0]
    lowest = -np.inf if x.dtype == np.float32 else np.iinfo(x.dtype).min
    return _narrow(_pool(attrs, x, lowest, np.fmax), x.dtype)  # NaNs are passed over


def sum_windows(attrs: np.void, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of every window over x [B,H,W,C]: the sum, and how many elements an average counts."""
    counted = np.ones((1, *x.shape[1:3], 1))
    total = _pool(attrs, x, 0.0, np.add)
    if attrs["count_include_pad"]:
        top, left, bottom, right = attrs["pads"]
        counted = np.pad(counted, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=1)
        unpadded = attrs.copy()
        # The windows are where they were: the pads became part of the image.
        unpadded["pads"] = 0
        counts = _pool(unpadded, counted, 0.0, np.add)[:, : total.shape[1], : total.shape[2]]
        return total, counts
    return total, _pool(attrs, counted, 0.0, np.add)


def _average_pool(attrs: np.void, inputs: Inputs) -> np.ndarray:
    total, counts = sum_windows(attrs, _f64(inputs[0]))
    return _f32(total / counts)


def _top_k(attrs: np.void, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    x = inputs[0]
    # Descending, and NaN first: of the reversed row the last of equal ones are the first.
    order = np.argsort(x, axis=-1, kind="stable")
    if not attrs["smallest"]:
        reverse = np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]
        order = x.shape[-1] - 1 - reverse
    places = order[..., : attrs["k"]]
    return np.take_along_axis(x, places, -1), places.astype(np.int64)


def _reduce(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x = inputs[0]
    axes = tuple(i for i in range(x.ndim) if attrs["axes"] >> i & 1)
    reduce = _REDUCE[ReduceFn(attrs["fn"])]
    return _narrow(reduce(_exact(x), axis=axes, keepdims=bool(attrs["keep_dims"])), x.dtype)


def _unary(attrs: np.void, inputs: Inputs) -> np.ndarray:
    return _narrow(activate(_exact(inputs[0]), attrs["function"]), inputs[0].dtype)


def _binary(attrs: np.void, inputs: Inputs) -> np.ndarray:
    a, b = inputs
    y = _BINARY[BinaryFn(attrs["fn"])](_exact(a), _exact(b))
    return _narrow(activate(y, attrs["activation"]), a.dtype)


def _cumulate(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x = _exact(inputs[0])
    cumulate = np.cumprod if attrs["fn"] == ReduceFn.prod else np.cumsum
    return _narrow(cumulate(x, int(attrs["axis"])), inputs[0].dtype)


def _batch_norm(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x, scale, shift = map(_f64, inputs)
    return _f32(activate(x * scale + shift, attrs["activation"]))


def _layer_norm(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x, scale, shift = map(_f64, inputs)
    centred = x - x.mean(-1, keepdims=True)
    variance = np.square(centred).mean(-1, keepdims=True)
    return _f32(centred / np.sqrt(variance + float(attrs["epsilon"])) * scale + shift)


def _softmax(attrs: np.void, inputs: Inputs) -> np.ndarray:
    axis = int(attrs["axis"])
    x = _f64(inputs[0])
    x = x - x.max(axis, keepdims=True, initial=-np.inf)
    total = np.exp(x).sum(axis, keepdims=True)
    return _f32(x - np.log(total) if attrs["log"] else np.exp(x) / total)


def _lrn(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x = _f64(inputs[0])
    size, channels = int(attrs["size"]), x.shape[-1]
    squares = np.zeros_like(x)
    for c in range(channels):
        first = max(c - (size - 1) // 2, 0)
        squares[..., c] = np.square(x[..., first : c + size // 2 + 1]).sum(-1)
    scale = float(attrs["bias"]) + float(attrs["alpha"]) / size * squares
    return _f32(x / scale ** float(attrs["beta"]))


def _matmul(attrs: np.void, inputs: Inputs) -> np.ndarray:
    return _f32(_f64(inputs[0]) @ _f64(inputs[1]))


def _shape(attrs: np.void) -> list[int]:
    return attrs["dims"][: attrs["rank"]].tolist()


def _transpose(attrs: np.void, inputs: Inputs) -> np.ndarray:
    return inputs[0].transpose(attrs["perm"][: inputs[0].ndim])


def _slice(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x = inputs[0]
    for axis in range(x.ndim):
        start, step, size = (int(attrs[key][axis]) for key in ("starts", "steps", "sizes"))
        x = x.take(start + step * np.arange(size), axis)
    return x


def _gather(attrs: np.void, inputs: Inputs) -> np.ndarray:
    data, indices = inputs
    axis = int(attrs["axis"])
    size = data.shape[axis]
    if np.any((indices < -size) | (indices >= size)):
        raise InputError(f"gather: an index is outside of [-{size}, {size})", "INDEX")
    return data.take(np.where(indices < 0, indices + size, indices), axis)


def _tile(attrs: np.void, inputs: Inputs) -> np.ndarray:
    return np.tile(inputs[0], attrs["repeats"][: inputs[0].ndim])


def _pad(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x = inputs[0]
    around = [(int(attrs["before"][i]), int(attrs["after"][i])) for i in range(x.ndim)]
    mode = PadMode(attrs["mode"])
    if mode is PadMode.constant:
        return np.pad(x, around, constant_values=_narrow(attrs["value"], x.dtype))
    return np.pad(x, around, mode=mode.name)


def _resize_taps(attrs: np.void, axis: int, size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The elements that a row or a column of the output reads, which may lie outside of the
    ``size`` elements of the input, and their weights.
    """
    first, step, unit = (int(attrs[key][axis]) for key in ("first", "step", "unit"))
    places = [divmod(first + i * step, unit) for i in range(int(attrs["size"][axis]))]
    at = np.array([element for element, _ in places])
    rest = np.array([units / unit for _, units in places])
    mode = ResizeMode(attrs["mode"])
    if mode is ResizeMode.nearest:
        return [(at, np.ones(len(at)))]
    if mode is ResizeMode.linear:
        rest = np.where((at < 0) | (at >= size - 1), 0, rest)
        at = _clip(at, 0, size - 1)
        return [(at, 1 - rest), (at + 1, rest)]
    a = float(attrs["cubic_coefficient"])
    taps = []
    for k in range(-1, 3):
        d = np.abs(rest - k)
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
        taps.append((at + k, np.where(d <= 1, near, np.where(d < 2, far, 0))))
    if attrs["exclude_outside"]:
        taps = [(at, np.where((at < 0) | (at >= size), 0, weight)) for at, weight in taps]
        total = sum(weight for _, weight in taps)
        taps = [(at, weight / total) for at, weight in taps]
    return taps


def _resize(attrs: np.void, inputs: Inputs) -> np.ndarray:
    """Linear of integers: in float32, rows first, one rounding per operation."""
    dtype = inputs[0].dtype
    blends = dtype != np.float32 and attrs["mode"] == ResizeMode.linear
    y = _f32(inputs[0]) if blends else _exact(inputs[0])
    for axis in (1, 2):
        size = y.shape[axis]
        taps = _resize_taps(attrs, axis - 1, size)
        if attrs["mode"] == ResizeMode.nearest:
            y = y.take(_clip(taps[0][0], 0, size - 1), axis)
            continue
        column = [-1 if i == axis else 1 for i in range(y.ndim)]
        y = sum(
            y.take(_clip(at, 0, size - 1), axis)
            * weight.reshape(column).astype(np.float32 if blends else np.float64)
            for at, weight in taps
        )
    return _narrow(np.rint(y) if blends else y, dtype)


def _cast(attrs: np.void, inputs: Inputs) -> np.ndarray:
    """A float out of an integer's range becomes the nearest one of the range, NaN 0."""
    x, dtype = inputs[0], np.dtype(DType(attrs["dtype"]).name)
    if x.dtype.kind != "f" or dtype.kind not in "iu":
        with np.errstate(over="ignore"):  # becomes infinite
            return x.astype(dtype)
    limits, x = np.iinfo(dtype), _f64(x)
    low, high = float(limits.min), float(limits.max)
    inside = np.where((x > low) & (x < high), x, 0).astype(dtype)
    ends = dtype.type(limits.max), dtype.type(limits.min)
    return np.select([x >= high, x <= low], ends, inside)


OPERATORS: dict[str, Operator] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "gemm": _gemm,
    "matmul": _matmul,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "reduce": _reduce,
    "top_k": _top_k,
    "unary": _unary,
    "binary": _binary,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "softmax": _softmax,
    "lrn": _lrn,
    "transpose": _transpose,
    "reshape": lambda attrs, inputs: inputs[0].reshape(_shape(attrs)),
    "concat": lambda attrs, inputs: np.concatenate(inputs, attrs["axis"]),
    "slice": _slice,
    "gather": _gather,
    "expand": lambda attrs, inputs: np.broadcast_to(inputs[0], _shape(attrs)),
    "tile": _tile,
    "pad": _pad,
    "resize": _resize,
    "cast": _cast,
    "compare": lambda attrs, inputs: _COMPARE[CompareFn(attrs["fn"])](*inputs),
    "select": lambda attrs, inputs: np.where(*inputs),
    "cumulate": _cumulate,
}
