"""Operators on bytes give the bytes that their definitions state, ties included.

The expected values are computed here, in the order of operations of ONNX Runtime: sums of products
exactly, one multiplication by float32(float32(x_scale * w_scale) / y_scale), half to even.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from quantized_models import (
    F32,
    I8,
    MICROSOFT,
    U8,
    Model,
    feeds_of,
    lowered,
    rng,
    run_lowered,
    run_unfused,
    same_numbers,  # noqa: F401 (a fixture for all tests)
)

from edgert.compress.quantize.lowering.nine_bits import are_int8
from edgert.compress.quantize.rounding.grid import grid_steps, stated_steps

# Round numbers, whose ratios make many ties, and others.
SCALES = [0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 2.0**-7, 0.0173, 0.00311]
FAR = {U8: [0, 1, 66, 128, 254, 255], I8: [-128, -90, 0, 3, 127]}


def pick(values: Sequence) -> Any:
    return values[rng.integers(len(values))]


def random_bytes(dtype: type, *shape: int) -> np.ndarray:
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


def requantized(sums: np.ndarray, scale: np.ndarray, zero: int, dtype: type) -> np.ndarray:
    """What becomes of sums that are multiplied by float32 numbers."""
    assert scale.dtype == F32
    limits = np.iinfo(dtype)
    levels = np.rint(sums.astype(np.int32).astype(F32) * scale).astype(np.int64) + zero
    return np.clip(levels, limits.min, limits.max).astype(dtype)


def exactly(m: Model, y: str, expected: np.ndarray, feeds: dict[str, np.ndarray]) -> list[str]:
    """Runs the model, whose output must be ``expected``; returns the operators."""
    m.result = expected.dtype.type
    graph, done = lowered(m.proto(y))
    assert done.rounded == {}
    (found,) = run_lowered(graph, feeds)
    np.testing.assert_array_equal(found, expected, strict=True)
    return [node.op for node in graph.nodes]


def weights_of(m: Model, outputs: int, dtype: type, per_output: bool) -> tuple[np.ndarray, list]:
    """Scales of weights, and the zero points, far out."""
    if per_output:
        scale = np.array([pick(SCALES) for _ in range(outputs)], F32)
        return scale, np.array([pick(FAR[dtype]) for _ in range(outputs)], dtype)
    return F32(pick(SCALES)), np.array(pick(FAR[dtype]), dtype)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("dtype", [U8, I8])
def test_products_of_matrices(dtype: type, seed: int) -> None:
    """QLinearMatMul, with weights that take nine bits beside their zero point."""
    m, depth, outputs = Model(), int(pick([1, 2, 7, 64, 300])), int(pick([1, 5, 16, 33]))
    x = random_bytes(dtype, 9, depth)
    kind = pick([U8, I8]) if dtype is U8 else I8
    w = random_bytes(kind, depth, outputs)
    w_scale, w_zero = weights_of(m, outputs, kind, per_output=bool(seed % 2))
    x_scale, x_zero, zero = F32(pick(SCALES)), pick(FAR[dtype]), pick(FAR[dtype])
    sums = (x.astype(int) - x_zero) @ (w.astype(int) - w_zero.astype(int))
    y_scale = F32(pick(SCALES)) * F32(2.0 ** np.round(np.log2(np.abs(sums).mean() / 3e4 + 1e-9)))
    a, b = [m.x(9, depth, dtype=dtype), *m.point(x_scale, x_zero, dtype)], m.c(w, kind)
    y = m.op(
        "QLinearMatMul", *a, b, m.c(w_scale), m.c(w_zero, kind), *m.point(y_scale, zero, dtype)
    )
    expected = requantized(sums, x_scale * w_scale / y_scale, zero, dtype)
    exactly(m, y, expected, {"x0": x})


def convolved(x: np.ndarray, w: np.ndarray, groups: int, stride: int, pad: int) -> np.ndarray:
    """The exact convolution of integers [B,C,H,W] by [O,C/groups,k,k]."""
    size = w.shape[2]
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    views = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))
    views = views[:, :, ::stride, ::stride]
    views = views.reshape(len(x), groups, -1, *views.shape[2:])
    w = w.reshape(groups, -1, *w.shape[1:])
    return np.einsum("bgchwij,gocij->bgohw", views, w).reshape(len(x), -1, *views.shape[3:5])


@pytest.mark.parametrize("seed", range(18))
@pytest.mark.parametrize("groups", [1, 2, 8])
def test_convolutions(groups: int, seed: int) -> None:
    """QLinearConv, with a bias; also of one channel per group, and of unsigned weights."""
    m, outputs, size = Model(), int(pick([8, 16])), int(pick([1, 2, 3]))
    outputs = 8 if groups == 8 and seed % 2 else outputs
    dtype = pick([U8, I8])
    kind = pick([U8, I8]) if dtype is U8 else I8
    stride, pad = int(pick([1, 2])), int(pick([0, 1]))
    x, w = random_bytes(dtype, 2, 8, 7, 6), random_bytes(kind, outputs, 8 // groups, size, size)
    w_scale, w_zero = weights_of(m, outputs, kind, per_output=bool(seed % 2))
    x_scale, x_zero, zero = F32(pick(SCALES)), pick(FAR[dtype]), pick(FAR[dtype])
    bias = rng.integers(-(10 ** pick([3, 5, 7])), 10**5, outputs).astype(np.int32)
    column = [-1, 1, 1, 1] if w_zero.ndim else []
    centred = w.astype(int) - w_zero.astype(int).reshape(column)
    sums = convolved(x.astype(int) - x_zero, centred, groups, stride, pad) + bias[:, None, None]
    y_scale = F32(pick(SCALES)) * F32(2.0 ** np.round(np.log2(np.abs(sums).mean() / 3e4 + 1e-9)))
    a, b = [m.x(*x.shape, dtype=dtype), *m.point(x_scale, x_zero, dtype)], m.c(w, kind)
    y = m.op(
        "QLinearConv", *a, b, m.c(w_scale), m.c(w_zero, kind), *m.point(y_scale, zero, dtype),
        m.c(bias, np.int32), group=groups, strides=[stride] * 2, pads=[pad] * 4,
    )  # fmt: skip
    scale = x_scale * w_scale / y_scale
    scale = scale.reshape(-1, 1, 1) if scale.ndim else scale
    ops = exactly(m, y, requantized(sums, scale, zero, dtype), {"x0": x})
    assert "qconv" in ops


@pytest.mark.parametrize("zero", [0, 66, 255])
def test_weights_of_nine_bits_dilated(zero: int) -> None:
    """Between QuantizeLinear and DequantizeLinear, depthwise with holes; and transposed."""
    m, x = Model(), random_bytes(U8, 1, 4, 9, 8)
    a = m.dq(m.x(*x.shape, dtype=U8), 1.0, 100)
    depthwise, dense = random_bytes(U8, 4, 1, 3, 2), random_bytes(U8, 4, 3, 3, 3)
    first = m.op("Conv", a, m.dq(m.c(depthwise, U8), 1.0, zero), group=4, dilations=[2, 3],
                 pads=[1, 0, 2, 1])  # fmt: skip
    second = m.op("ConvTranspose", a, m.dq(m.c(dense, U8), 1.0, zero), strides=[2, 2])
    proto = m.proto(first, second)
    graph, done = lowered(proto)
    assert not done.floats
    assert {"qconv", "qconv_transpose"} <= {node.op for node in graph.nodes}
    for found, other in zip(run_lowered(graph, {"x0": x}), run_unfused(proto, {"x0": x})):
        np.testing.assert_array_equal(found, other)


def test_few_weights_of_nine_bits_repeat_few_channels() -> None:
    """One weight of one output, of 64 channels: the input gets one more."""
    m, w = Model(), rng.integers(10, 250, (64, 16))
    w[5, 3] = 255
    a = [m.x(3, 64, dtype=U8), *m.point(0.02, 7)]
    y = m.op("QLinearMatMul", *a, m.c(w, U8), *m.point(0.01, 123), *m.point(1.0, 128))
    graph, _ = lowered(m.proto(y))
    (product,) = (node for node in graph.nodes if node.op == "qgemm")
    assert graph.values[product.inputs[1]].shape == (16, 65)
    assert are_int8(graph.values[product.inputs[1]].data)


def pairs(dtype: type) -> tuple[np.ndarray, np.ndarray]:
    values = np.arange(256, dtype=U8).view(dtype)
    return np.repeat(values, 256).reshape(256, 256), np.tile(values, 256).reshape(256, 256)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("dtype", [U8, I8])
@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul"])
def test_all_pairs_of_bytes(op: str, dtype: type, seed: int) -> None:
    """ONNX Runtime adds the zero point before it rounds; it fuses the additions of QLinearAdd."""
    (a, b), m = pairs(dtype), Model()
    a_scale, b_scale, y_scale = (F32(pick(SCALES)) for _ in range(3))
    a_zero, b_zero, zero = (pick([*FAR[dtype], 5, 77]) for _ in range(3))
    if op == "QLinearMul":
        products = (a.astype(int) - a_zero) * (b.astype(int) - b_zero)
        t = products.astype(F32) * (a_scale * b_scale / y_scale) + F32(zero)
    else:
        a_scaled, b_scaled = a_scale / y_scale, b_scale / y_scale
        start = F32(zero) - (a_scaled * F32(a_zero) + b_scaled * F32(b_zero))
        # A double holds each of these sums but for its last bits, which do not matter here.
        t = (b.astype(np.float64) * b_scaled + start).astype(F32)
        t = (a.astype(np.float64) * a_scaled + t).astype(F32)
    limits = np.iinfo(dtype)
    expected = np.clip(np.rint(t), limits.min, limits.max).astype(dtype)
    operands = [*[m.x(*a.shape, dtype=dtype), *m.point(a_scale, a_zero, dtype)],
                *[m.x(*b.shape, dtype=dtype), *m.point(b_scale, b_zero, dtype)]]  # fmt: skip
    y = m.op(op, *operands, *m.point(y_scale, zero, dtype), domain=MICROSOFT)
    assert "qbinary" in exactly(m, y, expected, {"x0": a, "x1": b})


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dtype", [U8, I8])
def test_averages(dtype: type, seed: int) -> None:
    """Those of windows add floats, row by row; that of the image is exact. Both have many ties."""
    x, m = random_bytes(dtype, 2, 6, 9, 8), Model()
    x_scale, y_scale = (F32(pick(SCALES)) for _ in range(2))
    y_scale = x_scale if seed % 2 else y_scale
    x_zero, zero = (pick([*FAR[dtype], 5, 77]) for _ in range(2))
    a, limits = [m.x(*x.shape, dtype=dtype), *m.point(x_scale, x_zero, dtype)], np.iinfo(dtype)
    end = m.point(y_scale, zero, dtype)
    y = m.op("QLinearAveragePool", *a, *end, domain=MICROSOFT, kernel_shape=[2, 2], strides=[2, 2])
    floats, total = (x.astype(int) - x_zero).astype(F32) * x_scale, F32(0)
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        total = total + floats[:, :, i:8:2, j:8:2]
    levels = np.rint(total / F32(4) / y_scale + F32(zero))
    exactly(m, y, np.clip(levels, limits.min, limits.max).astype(dtype), {"x0": x})

    m = Model()
    a, end = (
        [m.x(*x.shape, dtype=dtype), *m.point(x_scale, x_zero, dtype)],
        m.point(y_scale, zero, dtype),
    )
    y = m.op("QLinearGlobalAveragePool", *a, *end, domain=MICROSOFT)
    sums = (x.astype(int) - x_zero).sum((2, 3), keepdims=True)
    expected = requantized(sums, x_scale / (y_scale * F32(72)), zero, dtype)
    assert "qaverage_pool" in exactly(m, y, expected, {"x0": x})


def test_products_of_two_inputs() -> None:
    m = Model()
    a, b = random_bytes(U8, 2, 3, 40), random_bytes(U8, 2, 40, 5)
    operands = [*[m.x(*a.shape, dtype=U8), *m.point(0.03, 128)],
                *[m.x(*b.shape, dtype=U8), *m.point(0.01, 255)]]  # fmt: skip
    y = m.op("QLinearMatMul", *operands, *m.point(0.1, 128))
    sums = (a.astype(int) - 128) @ (b.astype(int) - 255)
    scale = F32(0.03) * F32(0.01) / F32(0.1)
    exactly(m, y, requantized(sums, scale, 128, U8), {"x0": a, "x1": b})


def test_large_biases_are_exact() -> None:
    """A bias that the sums bring back into the range of bytes."""
    m = Model()
    x, w = np.full((1, 64), 255, U8), np.full((64, 3), 127, I8)
    bias = np.array([-2_000_000, -2_073_000, 700], np.int32)
    a = [m.x(1, 64, dtype=U8), *m.point(0.5, 0)]
    y = m.op("QGemm", *a, m.c(w, I8), *m.point(0.25, 0, I8), m.c(bias, np.int32),
             *m.point(0.01, 10), domain=MICROSOFT)  # fmt: skip
    sums = x.astype(int) @ w.astype(int) + bias
    scale = F32(0.5) * F32(0.25) / F32(0.01)
    exactly(m, y, requantized(sums, scale, 10, U8), {"x0": x})


# --- dead channels


def test_channels_of_scale_zero() -> None:
    """Their results are their bias, or the zero point."""
    m, x = Model(), random_bytes(U8, 1, 4, 5, 5)
    w, scale = random_bytes(I8, 3, 4, 3, 3), np.array([0.02, 0.0, 0.01], F32)
    a = m.dq(m.x(*x.shape, dtype=U8), 0.05, 119)
    b = m.dq(m.c(w, I8), scale, np.zeros(3), I8, axis=0)
    bias = m.dq(m.c([300, 9000, 5], np.int32), scale * F32(0.05), [0, 0, 0], np.int32, axis=0)
    y = m.q(m.op("Conv", a, b, bias), 0.5, 90)
    shifted = m.q(m.op("Conv", a, b, m.c([0.0, 7.0, 0.0])), 0.5, 90)
    proto = m.proto(y, shifted)
    graph, done = lowered(proto)
    assert done.integer["conv"] == 2
    assert not done.floats
    found, moved = run_lowered(graph, {"x0": x})
    assert (found[:, 1] == 90).all()
    assert (moved[:, 1] == 104).all()
    for array, other in zip((found, moved), run_unfused(proto, {"x0": x})):
        np.testing.assert_array_equal(array, other)


@pytest.mark.parametrize("scale", [0.0, 1e-45, 1e-39, 1e-30])
def test_operators_with_scales_next_to_zero(scale: float) -> None:
    """The channel is dead; the others are on bytes, and exact."""
    m, x = Model(), random_bytes(U8, 4, 8)
    w_scale = np.array([0.02, scale, 0.01], F32)
    w, bias = random_bytes(I8, 8, 3), np.array([3, 500, -7], np.int32)
    a = [m.x(4, 8, dtype=U8), *m.point(0.05, 119)]
    y = m.op("QGemm", *a, m.c(w, I8), m.c(w_scale), m.c(np.zeros(3), I8), m.c(bias, np.int32),
             *m.point(0.1, 77), domain=MICROSOFT)  # fmt: skip
    sums = (x.astype(int) - 119) @ w.astype(int) + bias
    expected = requantized(sums, F32(0.05) * w_scale / F32(0.1), 77, U8)
    assert (expected[:, 1] == 77).all()
    assert "qgemm" in exactly(m, y, expected, {"x0": x})


def test_an_input_of_scale_zero_is_zero() -> None:
    m = Model()
    x = m.dq(m.x(2, 3, dtype=U8), 0.0, 7)
    proto = m.proto(m.op("Add", x, m.c([1.0, 2.0, 3.0])))
    (found,) = run_lowered(lowered(proto)[0], feeds_of(proto))
    np.testing.assert_array_equal(found, [[1, 2, 3]] * 2)


# --- the steps of weights


def test_stated_steps() -> None:
    """The very float32, also where all integers have a divisor; none where none was stated."""
    scales = np.array([0.013, 0.7, 3e-5], F32)
    levels = np.array([[6, -9, 30], [64, 0, 0], [1, 2, 255]])
    rows = (levels.astype(F32) * scales[:, None]).astype(np.float64)
    steps = grid_steps(rows)
    np.testing.assert_array_equal(stated_steps(rows, steps, set(map(float, scales))), scales)
    np.testing.assert_array_equal(stated_steps(rows, steps, {0.5}), steps)
    np.testing.assert_array_equal(stated_steps(rows * 0, steps * 0, {0.5}), [0, 0, 0])
