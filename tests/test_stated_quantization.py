"""Which nodes of a quantised model run on bytes, and what the parts of that decision find."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from quantized_models import (
    F32,
    I8,
    U8,
    Model,
    feeds_of,
    lowered,
    rng,
    run_lowered,
    run_unfused,
    same_numbers,  # noqa: F401 (a fixture for all tests)
)

import edgert
from edgert.cli import main
from edgert.compress.quantize.rounding.grid import MAX_LEVEL, grid_steps
from edgert.compress.quantize.scales import scales_of
from edgert.errors import InputError


def same(m: Model, *outputs: str, tolerance: int = 0) -> tuple[Counter, dict[str, str]]:
    """The operators on bytes, and why others are not; the results are ONNX Runtime's."""
    proto = m.proto(*outputs)
    graph, done = lowered(proto)
    feeds = feeds_of(proto)
    for found, other in zip(run_lowered(graph, feeds), run_unfused(proto, feeds)):
        assert found.dtype == other.dtype
        if found.dtype == F32:
            np.testing.assert_allclose(found, other, rtol=1e-5, atol=1e-5)
        else:
            assert np.abs(found.astype(int) - other.astype(int)).max() <= tolerance
    return Counter(node.op for node in graph.nodes), done.floats


# --- graphs


def test_a_product_with_a_rounded_result() -> None:
    m = Model()
    x = m.rounded(m.x(4, 8), 1 / 32, 119)
    ops, floats = same(m, m.rounded(m.op("Gemm", x, m.weight(3, 8), transB=1), 1 / 4, 100))
    assert ops == {"quantize": 1, "qgemm": 1, "dequantize": 1}
    assert not floats


def test_a_product_whose_result_is_not_rounded_writes_floats() -> None:
    m = Model()
    x = m.rounded(m.x(4, 8), 1 / 32, 119)
    ops, floats = same(m, m.op("Gemm", x, m.weight(3, 8), transB=1))
    assert ops == {"quantize": 1, "qgemm": 1}
    assert not floats


def test_a_result_that_floats_read_too_is_rounded_for_bytes_alone() -> None:
    m = Model()
    x = m.rounded(m.x(4, 8), 1 / 32, 119)
    y = m.op("Gemm", x, m.weight(3, 8), transB=1)
    ops, _ = same(m, m.q(y, 1 / 4, 100), m.op("Exp", m.op("Mul", y, m.c(0.1))))
    assert ops == {"quantize": 2, "qgemm": 1, "binary": 1}


def test_a_result_that_is_rounded_in_two_ways() -> None:
    m = Model()
    x = m.rounded(m.x(4, 8), 1 / 32, 119)
    y = m.op("Gemm", x, m.weight(3, 8), transB=1)
    ops, _ = same(m, m.q(y, 1 / 4, 100), m.q(y, 1 / 8, 90))
    assert ops == {"quantize": 3, "qgemm": 1}


def test_bytes_that_are_rounded_again_go_through_a_table() -> None:
    m = Model()
    x = m.rounded(m.x(4, 300), 1 / 32, 119)
    ops, _ = same(m, m.rounded(m.op("Relu", x), 1 / 16, 30), m.rounded(x, 1 / 8, 90))
    assert ops == {"quantize": 1, "lookup": 2, "dequantize": 2}


def test_islands_of_floats() -> None:
    m = Model()
    x = m.rounded(m.x(1, 3, 6, 6), 1 / 32, 119)
    y = m.rounded(m.op("Conv", x, m.weight(4, 3, 1, 1)), 1 / 4, 100)
    y = m.rounded(m.op("LogSoftmax", y, axis=1), 1 / 16, 255)
    ops, floats = same(m, m.op("Conv", y, m.weight(4, 4, 1, 1)))
    assert ops["qconv"] == 2
    assert ops["softmax"] == 1
    assert list(floats.values()) == ["there is no softmax of this kind on bytes"]


TRANSPOSED = {
    "blocks": ((2, 2), {}),
    "overlaps": ((4, 4), {"pads": [1, 1, 1, 1]}),
    "added": ((3, 3), {"pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
}


@pytest.mark.parametrize("case", TRANSPOSED)
@pytest.mark.parametrize("outputs", [5, 18])
def test_transposed_convolutions(case: str, outputs: int) -> None:
    """With weights of a scale per output, and a bias; few blocks are a product."""
    kernel, attrs = TRANSPOSED[case]
    m = Model()
    x = m.rounded(m.x(2, 3, 6, 5), 1 / 32, 119)
    scale = rng.integers(3, 12, outputs) / 256
    data = m.c(rng.integers(-127, 128, (3, outputs, *kernel)), I8)
    w = m.dq(data, scale, np.zeros(outputs), I8, axis=1)
    bias = m.c(rng.integers(-4000, 4000, outputs), np.int32)
    bias = m.op("DequantizeLinear", bias, m.c(scale / 32), axis=0)
    y = m.op("ConvTranspose", x, w, bias, strides=[2, 2], **attrs)
    ops, floats = same(m, m.q(m.op("Relu", y), 1 / 16, 3), tolerance=1)
    assert ops["qgemm" if case == "blocks" and outputs < 16 else "qconv_transpose"] == 1
    assert not floats


def resized(m: Model, x: str) -> str:
    return m.op("Resize", x, "", m.c([1, 1, 2, 4]), mode="linear")


def test_linear_resizing_between_equal_scales() -> None:
    """One rounding, as the model says, of what lies between the bytes; even zeros keep its ties."""
    m = Model()
    x = m.rounded(m.x(1, 18, 6, 5), 1 / 32, 118)
    ops, floats = same(m, m.rounded(resized(m, x), 1 / 32, 118))
    assert ops == {"quantize": 1, "transpose": 2, "resize": 1, "dequantize": 1}
    assert not floats


@pytest.mark.parametrize("after", [(1 / 32, 118), (1 / 16, 119), None])
def test_linear_resizing_that_is_rounded_otherwise_is_in_float(after) -> None:
    m = Model()
    x = m.rounded(m.x(1, 18, 6, 5), 1 / 32, 119)
    y = resized(m, x)
    ops, floats = same(m, m.rounded(y, *after) if after else m.op("Exp", y))
    assert ops["dequantize"] == 1 + bool(after)
    assert list(floats.values()) == ["its result is not quantised as its input is"]


def test_linear_resizing_of_what_is_not_rounded() -> None:
    """Rounding before it would be one more."""
    m = Model()
    ops, floats = same(m, m.rounded(resized(m, m.x(1, 18, 6, 5)), 1 / 32, 119))
    assert [op for op in ops if op != "transpose"] == ["resize", "quantize", "dequantize"]
    assert not floats


def test_rows_of_bytes() -> None:
    """Softmax and layer normalisation between conversions, of u8 and i8."""
    m = Model()
    x = m.rounded(m.x(4, 8), 1 / 32, 119)
    y = m.rounded(m.op("Gemm", x, m.weight(40, 8), transB=1), 1 / 4, 100)
    scale, shift = (m.c(rng.normal(size=40)) for _ in range(2))
    normal = m.op("LayerNormalization", y, scale, shift, epsilon=1e-3)
    signed = m.dq(m.q(normal, 1 / 32, -5, I8), 1 / 32, -5, I8)
    first = m.rounded(m.op("Softmax", y, axis=-1), 1 / 256, 0)
    second = m.op("Softmax", signed, axis=-1)
    ops, floats = same(m, first, m.dq(m.q(second, 1 / 256, -128, I8), 1 / 256, -128, I8), normal)
    assert not {*ops} & {"softmax"}
    assert ops["qsoftmax"] == 2
    assert ops["layer_norm"] == 1  # for the output in floats
    assert floats


def test_an_unrounded_softmax_of_bytes_is_computed_in_floats() -> None:
    m = Model()
    ops, floats = same(m, m.op("Softmax", m.rounded(m.x(4, 8), 1 / 32, 119), axis=1))
    assert ops == {"quantize": 1, "dequantize": 1, "softmax": 1}
    assert list(floats.values()) == ["its result is not quantised"]


@pytest.mark.parametrize(
    ("weight", "reason"),
    [
        (lambda m: m.c(rng.normal(size=(3, 8))), "its weights are not quantised per output"),
        (lambda m: m.x(3, 8), "there is no matmul of this kind"),
    ],
)
def test_products_with_weights_of_other_kinds(weight, reason: str) -> None:
    m = Model()
    x = m.rounded(m.x(4, 8), 1 / 32, 119)
    ops, floats = same(m, m.op("Gemm", x, weight(m), transB=1))
    assert not ops["qgemm"]
    (found,) = floats.values()
    assert reason in found


def test_quantised_weights_alone_are_no_product_of_bytes() -> None:
    m = Model()
    ops, floats = same(m, m.op("Gemm", m.x(4, 8), m.weight(3, 8), transB=1))
    assert ops == {"gemm": 1}
    assert not floats


def test_a_residual_is_added_in_the_product_if_it_is_not_rounded_before() -> None:
    m = Model()
    x = m.rounded(m.x(1, 4, 6, 6), 1 / 32, 119)
    y = m.op("Add", m.op("Conv", x, m.weight(4, 4, 1, 1)), x)
    ops, _ = same(m, m.rounded(m.op("Relu", y), 1 / 8, 0))
    assert not ops["qbinary"]
    assert ops["qconv"] == 1


def test_a_residual_is_added_by_itself_if_the_product_is_rounded_before() -> None:
    m = Model()
    x = m.rounded(m.x(1, 4, 6, 6), 1 / 32, 119)
    y = m.rounded(m.op("Conv", x, m.weight(4, 4, 1, 1)), 1 / 4, 100)
    ops, _ = same(m, m.rounded(m.op("Relu", m.op("Add", y, x)), 1 / 8, 0))
    assert ops["qbinary"] == 1


def test_a_residual_of_floats_is_added_to_a_result_in_floats() -> None:
    m = Model()
    x = m.rounded(m.x(4, 8), 1 / 32, 119)
    y = m.op("Add", m.op("Gemm", x, m.weight(3, 8), transB=1), m.x(4, 3))
    ops, floats = same(m, m.op("Relu", y))
    assert ops == {"quantize": 1, "qgemm": 1, "binary": 1}
    assert not floats


def test_a_concat_gives_its_scale_to_what_only_it_reads() -> None:
    m = Model()
    x = m.rounded(m.x(4, 8), 1 / 32, 119)
    y = m.op("Gemm", x, m.weight(3, 8), transB=1)
    ops, _ = same(m, m.q(m.op("Concat", x, y, axis=1), 1 / 4, 100))
    assert ops == {"quantize": 1, "qgemm": 1, "lookup": 1, "concat": 1}


def test_a_concat_of_unlike_bytes_that_is_not_rounded_is_one_of_floats() -> None:
    m = Model()
    parts = [m.rounded(m.x(4, 8), scale, 119) for scale in (1 / 32, 1 / 16)]
    ops, _ = same(m, m.op("Concat", *parts, axis=1))
    assert ops == {"quantize": 2, "dequantize": 2, "concat": 1}


def test_floats_are_moved_as_the_bytes_that_they_become() -> None:
    m = Model()
    x = m.op("Transpose", m.x(3, 4, 5), perm=[2, 0, 1])
    proto = m.proto(m.q(x, 1 / 32, 119))
    graph, _ = lowered(proto)
    assert [node.op for node in graph.nodes] == ["quantize", "transpose"]


def test_hard_swish_in_two_nodes_is_a_table() -> None:
    m = Model()
    x = m.rounded(m.x(4, 300), 1 / 32, 119)
    gate = m.rounded(m.op("HardSigmoid", x, alpha=1 / 6, beta=0.5), 1 / 256, 0)
    ops, _ = same(m, m.q(m.op("Mul", x, gate), 1 / 32, 12))
    assert ops == {"quantize": 1, "lookup": 1}


@pytest.mark.parametrize("dtype", [U8, I8])
def test_bytes_in_and_out(dtype: type) -> None:
    """The types of a model's inputs and outputs stay."""
    m, zero = Model(), 119 if dtype == U8 else -9
    x = m.dq(m.x(4, 8, dtype=dtype), 1 / 32, zero, dtype)
    y = m.q(m.op("Gemm", x, m.weight(3, 8), transB=1), 1 / 4, zero, dtype)
    ops, _ = same(m, y, m.op("Transpose", y), tolerance=1)
    assert ops["qgemm"] == 1


def test_the_least_weight() -> None:
    """ONNX's i8 go down to -128, also beside each other."""
    m = Model()
    x = m.rounded(m.x(4, 64), 1 / 32, 0)
    ops, _ = same(m, m.op("Gemm", x, m.weight(3, 64, high=-125, low=-128), transB=1))
    assert ops["qgemm"] == 1


def test_a_bias_that_is_too_large_for_the_sums() -> None:
    """Beside it the weights of the output are small: they get coarser."""
    m = Model()
    x, bias = m.rounded(m.x(4, 8), 1 / 32, 119), m.c([2.0**31 / 1600, 0, 1])
    proto = m.proto(m.op("Gemm", x, m.weight(3, 8), bias, transB=1))
    graph, done = lowered(proto)
    assert list(done.rounded.values()) == ["1 of 3 outputs have large biases"]
    feeds = feeds_of(proto)
    (found,), (other,) = run_lowered(graph, feeds), run_unfused(proto, feeds)
    np.testing.assert_allclose(found[:, 1:], other[:, 1:], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[:, 0], other[:, 0], rtol=1e-5)


def test_the_file_knows_the_scales() -> None:
    """Those of the results, in their order, for the comparison of layers."""
    m = Model()
    y = m.op("Gemm", m.rounded(m.x(4, 8), 0.5, 7), m.weight(3, 8), transB=1)
    q = m.q(y, 0.25, 100)
    graph, _ = lowered(m.proto(m.dq(q, 0.25, 100)))
    assert scales_of(graph)[q] == [0.25, 100]


# --- the steps of numbers


@pytest.mark.parametrize("most", [1, 2, 7, 100, 127, 128, MAX_LEVEL])
def test_steps_are_found(most: int) -> None:
    """Whatever the scale and the count, if the integers have no common divisor."""
    levels = rng.integers(-most, most + 1, (40, 90))
    levels[:, 0], levels[:, 1] = most, 1
    scale = np.exp(rng.uniform(-30, 30, 40)).astype(F32)
    rows = levels.astype(F32) * scale[:, None] * F32(1.7)  # rounded twice
    np.testing.assert_allclose(grid_steps(rows), scale * F32(1.7), rtol=1e-6)


def test_a_common_divisor_is_in_the_step() -> None:
    rows = np.array([[6, -9, 30], [0, 0, 0], [0, 5, 0]], F32)
    np.testing.assert_array_equal(grid_steps(rows), [3, 0, 5])


def test_what_has_no_step() -> None:
    """One odd number, also where no sample looks at first; and more levels than a byte has."""
    rows = rng.integers(-127, 128, (3, 500)).astype(F32)
    rows[1, 499] += F32(0.3)
    assert grid_steps(rows) is None
    assert grid_steps(np.array([[1, 2 * MAX_LEVEL + 1]], F32)) is None
    assert grid_steps(rng.normal(size=(2, 50))) is None


# --- the commands


@pytest.fixture
def quantised(tmp_path: Path) -> Path:
    m = Model()
    x = m.rounded(m.x(4, 8), 0.03, 119)
    x = m.rounded(m.op("Gemm", x, m.weight(9, 8), transB=1), 0.05, 100)
    x = m.rounded(m.op("LogSoftmax", x), 1 / 16, 255)
    y = m.rounded(m.op("Gemm", x, m.weight(3, 9), transB=1), 0.05, 100)
    path = tmp_path / "model.onnx"
    onnx.save(m.proto(y), path)
    return path


def test_convert_says_what_runs_on_bytes(quantised: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["convert", str(quantised)]) == 0
    text = capsys.readouterr().out
    assert "quantised in the original; on bytes: 2 gemm" in text
    assert "there is no softmax of this kind on bytes" in text
    assert main(["convert", str(quantised), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["stated"]["integer"] == {"gemm": 2}
    assert data["check"]["outputs"][0]["minimum_sqnr"] == 10
    assert data["check"]["outputs"][0]["sqnr"] is None or data["check"]["outputs"][0]["sqnr"] > 30


def test_compare_reads_the_bytes_of_both(quantised: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["convert", str(quantised), "--no-check"]) == 0
    capsys.readouterr()
    words = ["compare", str(quantised), str(quantised.with_suffix(".edgert")), "--json"]
    assert main(words) == 0
    layers = json.loads(capsys.readouterr().out)["layers"]
    on_bytes = [layer for layer in layers if layer["dtype"] == "uint8"]
    assert len(on_bytes) == 4
    assert all(layer["sqnr"] is None or layer["sqnr"] > 30 for layer in on_bytes)
    assert all(layer["cosine"] > 0.999 for layer in on_bytes)


def test_a_quantised_model_is_not_quantised_again(quantised: Path) -> None:
    with pytest.raises(InputError, match="is quantised already"):
        edgert.convert(quantised, quantize="int8")
