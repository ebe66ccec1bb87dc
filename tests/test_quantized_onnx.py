"""Quantised ONNX models: every operator, whole networks, and what must be refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx_models import LATEST
from quantized_models import (
    F32,
    FORMATS,
    I8,
    MICROSOFT,
    U8,
    Model,
    feeds_of,
    lowered,
    quantize_with_onnxruntime,
    rng,
    run_lowered,
    run_unfused,
    same_numbers,  # noqa: F401 (a fixture for all tests)
)

from edgert import interp
from edgert.compress.judge import sqnr
from edgert.errors import FormatError, UnsupportedError
from edgert.importer import import_model
from edgert.passes import optimize

# --- operators on bytes

OPERATORS: dict[str, tuple[Callable[[Model], str], set[str]]] = {}


def operator(*expected: str) -> Callable:
    """Adds a model of one operator, which must run as these ones of edgert."""

    def register(build: Callable[[Model], str]) -> Callable[[Model], str]:
        OPERATORS[build.__name__] = build, set(expected)
        return build

    return register


def weights(m: Model, *shape: int, low: int = -60, high: int = 60, dtype: type = I8) -> str:
    return m.c(rng.integers(low, high + 1, shape), dtype)


@operator("qconv")
def qlinear_conv(m: Model) -> str:
    x, w = [m.x(2, 5, 9, 7, dtype=U8), *m.point(0.02, 119)], weights(m, 6, 5, 3, 3)
    scales = [m.c(rng.uniform(0.001, 0.01, 6)), m.c(np.zeros(6), I8)]
    bias = m.c(rng.integers(-4000, 4000, 6), np.int32)
    y = m.point(0.04, 100)
    return m.op("QLinearConv", *x, w, *scales, *y, bias, pads=[1, 0, 2, 1], strides=[2, 1])


@operator("qconv")
def qlinear_conv_of_signed_bytes(m: Model) -> str:
    x, w = [m.x(1, 6, 8, 8, dtype=I8), *m.point(0.02, -9, I8)], weights(m, 6, 1, 3, 3)
    y = m.point(0.03, 5, I8)
    return m.op("QLinearConv", *x, w, *m.point(0.01, 0, I8), *y, group=6, auto_pad="SAME_UPPER")


@operator("qgemm")
def qlinear_matmul(m: Model) -> str:
    a = [m.x(2, 3, 16, dtype=U8), *m.point(0.02, 119)]
    b = [weights(m, 16, 5), m.c(rng.uniform(0.001, 0.01, 5)), m.c(np.zeros(5), I8)]
    return m.op("QLinearMatMul", *a, *b, *m.point(0.03, 128))


@operator("qgemm")
def qlinear_matmul_of_unsigned_weights(m: Model) -> str:
    a = [m.x(4, 16, dtype=U8), *m.point(0.02, 3)]
    b = [weights(m, 16, 5, low=60, high=187, dtype=U8), *m.point(0.01, 121)]
    return m.op("QLinearMatMul", *a, *b, *m.point(0.03, 128))


@operator("matmul")
def qlinear_matmul_of_two_inputs(m: Model) -> str:
    a = [m.x(2, 3, 16, dtype=U8), *m.point(0.02, 119)]
    b = [m.x(2, 16, 5, dtype=U8), *m.point(0.01, 128)]
    return m.op("QLinearMatMul", *a, *b, *m.point(0.08, 128))


@operator("qbinary")
def qlinear_add(m: Model) -> str:
    a = [m.x(2, 3, 5, 5, dtype=U8), *m.point(0.02, 119)]
    b = [m.x(3, 1, 1, dtype=U8), *m.point(0.03, 7)]
    return m.op("QLinearAdd", *a, *b, *m.point(0.05, 128), domain=MICROSOFT)


@operator("qbinary")
def qlinear_mul_with_a_constant(m: Model) -> str:
    m.result, a = I8, [m.x(2, 3, 5, 5, dtype=I8), *m.point(0.02, 19, I8)]
    b = [weights(m, 3, 5, 5, low=-100, high=100), *m.point(0.03, 7, I8)]
    return m.op("QLinearMul", *a, *b, *m.point(0.05, 1, I8), domain=MICROSOFT)


@operator("average_pool", "quantize")
def qlinear_average_pool(m: Model) -> str:
    x, y = [m.x(1, 3, 7, 7, dtype=U8), *m.point(0.02, 119)], m.point(0.015, 110)
    window = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}
    return m.op("QLinearAveragePool", *x, *y, domain=MICROSOFT, count_include_pad=1, **window)


@operator("qaverage_pool")
def qlinear_global_average_pool(m: Model) -> str:
    largest = m.op("MaxPool", m.x(2, 3, 9, 9, dtype=U8), kernel_shape=[3, 3])
    x, y = [largest, *m.point(0.02, 119)], m.point(0.003, 120)
    return m.op("QLinearGlobalAveragePool", *x, *y, domain=MICROSOFT)


@operator("lookup", "concat")
def qlinear_concat(m: Model) -> str:
    parts = []
    for scale, zero in ((0.02, 119), (0.03, 100), (0.01, 128)):
        parts += [m.x(2, 3, 4, dtype=U8), *m.point(scale, zero)]
    return m.op("QLinearConcat", *m.point(0.02, 119), *parts, domain=MICROSOFT, axis=2)


@operator("lookup")
def qlinear_sigmoid(m: Model) -> str:
    x = [m.x(3, 40, dtype=U8), *m.point(0.05, 130)]
    return m.op("QLinearSigmoid", *x, *m.point(1 / 256, 0), domain=MICROSOFT)


@operator("lookup")
def qlinear_leaky_relu(m: Model) -> str:
    m.result, x = I8, [m.x(3, 40, dtype=I8), *m.point(0.05, 3, I8)]
    return m.op("QLinearLeakyRelu", *x, *m.point(0.04, -80, I8), domain=MICROSOFT, alpha=0.2)


@operator("qsoftmax")
def qlinear_softmax(m: Model) -> str:
    x = [m.x(3, 10, dtype=U8), *m.point(0.05, 130)]
    return m.op("QLinearSoftmax", *x, *m.point(1 / 256, 0), domain=MICROSOFT, axis=-1, opset=13)


@operator("qsoftmax")
def qlinear_softmax_of_signed_bytes(m: Model) -> str:
    m.result, x = I8, [m.x(3, 400, dtype=I8), *m.point(0.05, -7, I8)]
    return m.op("QLinearSoftmax", *x, *m.point(1 / 256, -128, I8), domain=MICROSOFT, axis=-1,
                opset=13)  # fmt: skip


@operator("qgemm")
def q_gemm(m: Model) -> str:
    a = [m.x(4, 16, dtype=U8), *m.point(0.02, 119)]
    b = [weights(m, 5, 16), m.c(rng.uniform(0.001, 0.01, 5)), m.c(np.zeros(5), I8)]
    c, y = m.c(rng.integers(-4000, 4000, 5), np.int32), m.point(0.04, 100)
    return m.op("QGemm", *a, *b, c, *y, domain=MICROSOFT, transB=1, alpha=0.5)


@operator("qgemm")
def q_gemm_with_a_float_result(m: Model) -> str:
    a, b = [m.x(4, 16, dtype=U8), *m.point(0.02, 119)], [weights(m, 16, 5), *m.point(0.01, 0, I8)]
    m.result = F32
    return m.op("QGemm", *a, *b, domain=MICROSOFT)


def _moved(name: str, op: str, *extra: Any, dtype: type = U8, **attrs: Any) -> None:
    def build(m: Model) -> str:
        x = m.q(m.x(1, 4, 6, 8), 0.03, 119 if dtype == U8 else -9, dtype)
        more = ["" if e is None else m.c(e, np.int64 if np.ndim(e) else dtype) for e in extra]
        return m.dq(m.op(op, x, *more, **attrs), 0.03, 119 if dtype == U8 else -9, dtype)

    OPERATORS[f"{name} {dtype.__name__}"] = build, set()


for _dtype in (U8, I8):
    _moved("MaxPool", "MaxPool", dtype=_dtype, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    _moved("Transpose", "Transpose", dtype=_dtype, perm=[3, 0, 2, 1])
    _moved("Reshape", "Reshape", [6, -1], dtype=_dtype)
    _moved("Flatten", "Flatten", dtype=_dtype, axis=2)
    _moved("Squeeze", "Squeeze", [0], dtype=_dtype)
    _moved("Unsqueeze", "Unsqueeze", [1], dtype=_dtype)
    _moved("Slice", "Slice", [1, 7], [3, 0], [2, 3], [1, -2], dtype=_dtype)
    _moved("Pad", "Pad", [0, 0, 1, 2, 0, 0, 2, 0], 7, dtype=_dtype)
    _moved("Gather", "Gather", [3, 0, 0], dtype=_dtype, axis=1)
    _moved("Tile", "Tile", [1, 2, 1, 3], dtype=_dtype)
    _moved("Expand", "Expand", [3, 4, 6, 8], dtype=_dtype)
    _moved("Identity", "Identity", dtype=_dtype)
    _moved("DepthToSpace", "DepthToSpace", dtype=_dtype, blocksize=2)
    _moved("Resize", "Resize", None, None, [1, 4, 12, 16], dtype=_dtype, mode="nearest",
           coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name: str) -> None:
    """Within one step of ONNX Runtime, and on bytes."""
    build, expected = OPERATORS[name]
    model = Model(opset=13 if name.startswith(("Resize", "Pad", "Squeeze", "Unsq")) else 17)
    proto = model.proto(build(model))
    if name.startswith("Resize"):
        for node in proto.graph.node:
            if node.op_type == "Resize":
                node.input.insert(1, "")
                del node.input[2]
    graph, _ = lowered(proto)
    ops = {node.op for node in graph.nodes}
    assert expected <= ops
    feeds = feeds_of(proto)
    (found,), (other,) = run_lowered(graph, feeds), run_unfused(proto, feeds)
    assert found.shape == other.shape
    if not expected:  # bytes were moved only: nothing is rounded twice
        assert not {"unary", "binary", "max_pool f32"} & ops
        np.testing.assert_array_equal(found, other)
        assert all(
            graph.values[node.output].dtype == U8
            for node in graph.nodes
            if node.op not in ("dequantize", "reshape", "transpose")
        )
    elif other.dtype.kind == "f":
        assert sqnr(other, found) > 100
    else:
        assert found.dtype == other.dtype
        steps = np.abs(found.astype(int) - other.astype(int))
        assert steps.max() <= 1
        assert (steps > 0).sum() <= max(2, 0.02 * steps.size)  # ties


# --- QuantizeLinear and DequantizeLinear

OPSETS = [10, 13, 19, 21, 23, 24, 25]


@pytest.mark.parametrize("opset", [v for v in OPSETS if v <= LATEST])
@pytest.mark.parametrize("dtype", [U8, I8])
def test_conversions_in_every_opset(opset: int, dtype: type) -> None:
    """As ONNX Runtime computes them."""
    m = Model(opset)
    zero = 119 if dtype == U8 else -9
    q = m.q(m.x(3, 40), 0.03, zero, dtype)
    proto = m.proto(q, m.dq(q, 0.05, zero, dtype))
    feeds = {"x0": np.linspace(-6, 6, 120, dtype=F32).reshape(3, 40)}
    graph, _ = lowered(proto)
    for found, expected in zip(run_lowered(graph, feeds), run_unfused(proto, feeds)):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_zero_points_may_be_left_out() -> None:
    """They are zero then, of u8 or of the type that output_dtype states."""
    m = Model(21)
    q = m.op("QuantizeLinear", m.x(3, 40), m.c(0.03))
    signed = m.op("QuantizeLinear", "x0", m.c(0.05), output_dtype=TensorProto.INT8)
    proto = m.proto(q, signed, m.op("DequantizeLinear", q, m.c(0.02)))
    feeds = feeds_of(proto)
    graph, _ = lowered(proto)
    for found, expected in zip(run_lowered(graph, feeds), run_unfused(proto, feeds)):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", [I8, U8, np.int16, np.uint16, np.int32])
def test_constants_may_have_a_scale_per_slice(axis: int, dtype: type) -> None:
    """Weights are dequantised, and quantised, when the model is converted."""
    m, limits = Model(21), np.iinfo(dtype)
    count = (4, 6)[axis]
    zero = np.zeros(count) if dtype == np.int32 else rng.integers(0, limits.max, count)
    low, high = max(limits.min, -30000), min(limits.max, 30000)
    data = m.c(rng.integers(low, high, (4, 6)), dtype)
    w = m.dq(data, rng.uniform(0.01, 0.1, count), zero, dtype, axis=axis)
    outputs = [m.op("Add", m.x(4, 6), w)]
    if dtype in (I8, U8):
        q = m.op("QuantizeLinear", m.c(rng.normal(size=(4, 6))), m.c(rng.uniform(0.01, 0.1, count)),
                 m.c(zero, dtype), axis=axis)  # fmt: skip
        outputs.append(m.op("Add", "x0", m.dq(q, 0.5, 3, dtype)))
    proto = m.proto(*outputs)
    feeds = feeds_of(proto)
    found = interp.run(import_model(proto), feeds)
    for name, expected in zip(outputs, ReferenceEvaluator(proto).run(None, feeds)):
        np.testing.assert_allclose(found[name], expected, rtol=1e-6)


def test_constants_may_have_a_scale_per_block() -> None:
    """Blocks of three along an axis of eight: the last one is short."""
    m = Model(21)
    scale, data = rng.uniform(0.01, 0.1, (3, 5)), rng.integers(-128, 128, (8, 5))
    w = m.dq(m.c(data, I8), scale, np.zeros((3, 5)), I8, axis=0, block_size=3)
    proto = m.proto(m.op("Add", m.x(8, 5), w))
    (found,) = interp.run(import_model(proto), {"x0": np.zeros((8, 5), F32)}).values()
    np.testing.assert_allclose(found, data * scale.repeat(3, 0)[:8], rtol=1e-6)


# --- networks


def network() -> onnx.ModelProto:
    """Inverted residuals, hard-swish, squeeze-excite, pools, a concat, and a classifier."""
    m = Model()

    def conv(x: str, inputs: int, outputs: int, kernel: int = 1, **attrs: Any) -> str:
        group = attrs.get("group", 1)
        w = rng.normal(size=(outputs, inputs // group, kernel, kernel))
        w *= (2 / (inputs // group * kernel * kernel)) ** 0.5
        pads = [kernel // 2] * 4
        return m.op("Conv", x, m.c(w), m.c(rng.normal(size=outputs) / 9), pads=pads, **attrs)

    def relu6(x: str) -> str:
        return m.op("Clip", x, m.c(0), m.c(6))

    stem = m.op("HardSwish", conv(m.x(1, 3, 24, 20), 3, 8, 3, strides=[2, 2]))
    x = relu6(conv(relu6(conv(stem, 8, 24)), 24, 24, 3, group=24))
    squeezed = m.op("Relu", conv(m.op("GlobalAveragePool", x), 24, 8))
    x = m.op("Mul", x, m.op("HardSigmoid", conv(squeezed, 8, 24), alpha=1 / 6, beta=0.5))
    x = m.op("Add", conv(x, 24, 8), stem)
    pooled = m.op("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])
    largest = m.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = m.op("Concat", m.op("Sigmoid", pooled), m.op("LeakyRelu", largest, alpha=0.1), axis=1)
    x = m.op("Relu", conv(x, 16, 12, 3))
    x = m.op("Flatten", m.op("GlobalAveragePool", x))
    return m.proto(m.op("Gemm", x, m.c(rng.normal(size=(10, 12))), m.c(np.ones(10)), transB=1))


@pytest.mark.parametrize("form", FORMATS)
def test_network(form: str) -> None:
    """Nothing but the softest functions stays in float, and the result is ONNX Runtime's."""
    original = network()
    samples = [feeds_of(original) for _ in range(4)]
    model = quantize_with_onnxruntime(original, samples, **FORMATS[form])
    graph, done = lowered(model)
    # As in ONNX Runtime, whose operator on bytes adds floats.
    assert len(done.floats) == form.startswith("operators")
    assert done.rounded == {}
    assert done.integer["conv"] == 7
    assert done.integer["gemm"] == 1
    expected = {"quantize", "qconv", "qgemm", "qbinary", "qaverage_pool", "lookup", "concat",
                "max_pool", "reshape", "transpose", "pad", "dequantize"}  # fmt: skip
    expected |= {"average_pool"} if done.floats else set()
    assert {node.op for node in graph.nodes} <= expected
    for feeds in (feeds_of(original) for _ in range(3)):
        (found,), (other,) = run_lowered(graph, feeds), run_unfused(model, feeds)
        assert sqnr(other, found) > 33
        (exact,) = run_unfused(original, feeds)
        assert abs(sqnr(exact, found) - sqnr(exact, other)) < 3


def test_unsigned_weights_of_nine_bits() -> None:
    """Their distance from the zero point can exceed what i8 holds: they become sums."""
    m = Model()
    x = m.rounded(m.x(8, 64), 0.02, 128)
    data = rng.integers(0, 256, (5, 64))
    data[:3] = rng.integers(3, 258, (3, 64)) // 2 + 65  # within 127 of the zero point
    w = m.dq(m.c(data, U8), 0.01, 66, U8)
    proto = m.proto(m.rounded(m.op("Gemm", x, w, transB=1), 0.1, 128))
    graph, done = lowered(proto)
    assert done.rounded == {}
    assert [node.op for node in graph.nodes].count("qgemm") == 1
    feeds = feeds_of(proto)
    (found,), (other,) = run_lowered(graph, feeds), run_unfused(proto, feeds)
    np.testing.assert_array_equal(found, other)


# --- what is refused


def refused(error: type, rule: str, proto: onnx.ModelProto) -> str:
    with pytest.raises(error) as info:
        import_model(proto)
    assert info.value.rule == rule
    return str(info.value)


@pytest.mark.parametrize("scale", [-0.1, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("of_weight", [False, True])
def test_scales_that_are_none(scale: float, of_weight: bool) -> None:
    m = Model()
    x = m.c(np.ones((2, 2)), I8) if of_weight else m.q(m.x(2, 2), 0.1, 0, I8)
    message = refused(FormatError, "QUANT", m.proto(m.dq(x, scale, 0, I8)))
    assert "DequantizeLinear" in message
    assert "expected numbers from 0 on" in message


@pytest.mark.parametrize("scale", [0.0, -0.1, np.nan, np.inf])
def test_scales_by_which_nothing_can_be_divided(scale: float) -> None:
    m = Model()
    message = refused(FormatError, "QUANT", m.proto(m.q(m.x(2, 2), scale, 0, I8)))
    assert "QuantizeLinear" in message
    assert "expected positive numbers" in message


def test_a_zero_point_of_another_type() -> None:
    m = Model()
    q = m.q(m.x(2, 2), 0.1, 0, U8)
    node = m.op("DequantizeLinear", q, m.c(0.1), m.c(0, I8))
    assert "is int8, expected uint8" in refused(FormatError, "QUANT", m.proto(node))


def test_a_zero_point_of_another_size() -> None:
    m = Model()
    w = m.op("DequantizeLinear", m.c(np.ones((3, 2)), I8), m.c(np.ones(3)), m.c([0, 0], I8))
    message = refused(FormatError, "QUANT", m.proto(m.op("Add", m.x(3, 2), w)))
    assert "has 2 elements, the scale 3" in message


@pytest.mark.parametrize("count", [2, 5])
def test_scales_that_do_not_fit_the_axis(count: int) -> None:
    m = Model()
    w = m.dq(m.c(np.ones((3, 4)), I8), np.ones(count), np.zeros(count), I8, axis=1)
    assert f"has shape [{count}], expected [4]" in refused(FormatError, "QUANT", m.proto(w))


@pytest.mark.parametrize("axis", [2, -3, 99])
def test_an_axis_that_there_is_not(axis: int) -> None:
    m = Model()
    w = m.dq(m.c(np.ones((3, 4)), I8), np.ones(3), np.zeros(3), I8, axis=axis)
    assert "DequantizeLinear" in refused(FormatError, "NODE", m.proto(w))


def test_activations_per_channel() -> None:
    """All of them are named before the import gives up."""
    m = Model()
    x = m.x(2, 3)
    first = m.op("QuantizeLinear", x, m.c(np.ones(3)), m.c(np.zeros(3), U8), axis=1)
    second = m.op("QuantizeLinear", x, m.c(np.ones(2)), m.c(np.zeros(2), U8), axis=0)
    message = refused(UnsupportedError, "OP", m.proto(first, second))
    assert first in message
    assert second in message
    assert "quantise activations per tensor" in message


def test_activations_of_sixteen_bits() -> None:
    m = Model(21)
    message = refused(UnsupportedError, "OP", m.proto(m.q(m.x(2, 3), 0.1, 0, np.uint16)))
    assert "quantise activations to 8 bits" in message


@pytest.mark.parametrize("element", [TensorProto.INT4, TensorProto.FLOAT8E4M3FN])
def test_weights_of_other_widths(element: int) -> None:
    m = Model(21)
    m.weights.append(helper.make_tensor("w", element, [2, 2], np.zeros(4)))
    w = m.op("DequantizeLinear", "w", m.c(0.1))
    message = refused(UnsupportedError, "DTYPE", m.proto(m.op("Add", m.x(2, 2), w)))
    assert "'w'" in message


def test_a_scale_that_is_computed() -> None:
    m = Model()
    x, scale = m.x(2, 3), m.x()
    message = refused(UnsupportedError, "OP", m.proto(m.op("QuantizeLinear", x, scale)))
    assert "computed while the model runs" in message


def test_an_operator_of_a_domain_that_edgert_lacks() -> None:
    m = Model()
    y = m.op("QLinearWhere", m.x(2, 3), domain=MICROSOFT)
    assert "edgert has no such operator" in refused(UnsupportedError, "OP", m.proto(y))


def test_concat_with_operands_that_are_incomplete() -> None:
    m = Model()
    inputs = [*m.point(0.1, 0), m.x(2, 3, dtype=U8), m.c(0.1)]
    y = m.op("QLinearConcat", *inputs, domain=MICROSOFT, axis=1)
    assert "4 inputs, expected 2 and 3 for each operand" in refused(FormatError, "NODE", m.proto(y))


def test_a_scale_beyond_any_honest_one() -> None:
    m = Model()
    message = refused(FormatError, "ATTR", m.proto(m.q(m.x(4, 8), 1e30, 0)))
    assert "expected 0 to 2^40" in message


def test_scales_too_small_for_the_kernels_stay_in_float() -> None:
    """They are honest, if odd: what they say is computed in floats."""
    m, scale = Model(), 1e-30
    x = m.rounded(m.x(4, 8), scale, 128)
    proto = m.proto(m.op("Gemm", x, m.weight(3, 8), transB=1))
    graph, done = lowered(proto)
    assert not done.integer
    feeds = {"x0": (scale * rng.normal(size=(4, 8))).astype(F32)}
    (found,), (other,) = run_lowered(graph, feeds), run_unfused(proto, feeds)
    np.testing.assert_allclose(found, other, rtol=1e-4)


def test_optimising_states_the_same_numbers() -> None:
    """The passes see through conversions: the graph in floats is ONNX Runtime's to the bit."""
    original = network()
    samples = [feeds_of(original) for _ in range(2)]
    model = quantize_with_onnxruntime(original, samples, per_channel=True)
    graph = import_model(model)
    optimize(graph)
    assert sum(node.op == "transpose" for node in graph.nodes) <= 2
    (found,), (other,) = interp.run(graph, samples[0]).values(), run_unfused(model, samples[0])
    assert sqnr(other, found) > 33
