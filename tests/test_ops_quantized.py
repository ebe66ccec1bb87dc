"""Quantised operators, one at a time: what infer() refuses; bytes through other operators."""

from __future__ import annotations

import numpy as np
import pytest
from one_op import expected, one_op_graph, run_op
from quantized_cases import exponentials

from edgert import FormatError
from edgert.schema import BinaryFn, DType, UnaryFn

U8, F = np.uint8, np.float32
IMAGE = (1, 6, 5, 4)
BYTES = {"dtype": DType.uint8, "scale": 1.0, "zero": 3, "low": 0, "high": 255}
QUANTIZE = {"dtype": DType.uint8, "scale": 0.1, "zero": 128}
DEQUANTIZE = {"dtype": DType.float32, "scale": 0.1, "zero": 128}
POOL = {"kernel": [2, 2], "strides": [1, 1], "dilations": [1, 1]}
AVERAGE = {"pool": POOL, "x_zero": 1, "x_scale": 0.1, "output": BYTES}
BINARY = {"fn": BinaryFn.add, "a_zero": 1, "a_scale": 0.1, "b_zero": 2, "b_scale": -0.2,
          "output": BYTES}  # fmt: skip
SOFTMAX = {"dtype": DType.uint8, "scale": 1 / 255, "zero": 0}
NORM = {"epsilon": 0.01, "zero": 128}
TABLE = exponentials(0.05)
BAD_SCALES = [-0.1, np.nan, np.inf, -np.inf, 2.0**41]
OUTSIDE_U8 = [-1, 256]

REFUSED_ATTRS = [
    *(("quantize", {**QUANTIZE, "scale": scale}) for scale in [0.0, *BAD_SCALES]),
    *(("quantize", {**QUANTIZE, "zero": zero}) for zero in OUTSIDE_U8),
    *(("quantize", {**QUANTIZE, "dtype": DType.int8, "zero": zero}) for zero in (-129, 128)),
    *(("quantize", {**QUANTIZE, "dtype": dtype}) for dtype in (0, DType.int32, DType.bool, 261)),
    *(("quantize", {**QUANTIZE, "shift": shift}) for shift in (-256, 256, -QUANTIZE["zero"] - 1)),
    ("dequantize", {**DEQUANTIZE, "shift": 1}),
    *(("dequantize", {**DEQUANTIZE, "scale": scale}) for scale in BAD_SCALES),
    *(("dequantize", {**DEQUANTIZE, "zero": zero}) for zero in OUTSIDE_U8),
    *(("dequantize", {**DEQUANTIZE, "dtype": dtype}) for dtype in (0, DType.uint8, 257)),
    *(("qbinary", {**BINARY, "a_scale": scale}) for scale in (np.nan, np.inf, -(2.0**41))),
    *(("qbinary", {**BINARY, "b_scale": scale}) for scale in (np.nan, -np.inf, 2.0**41)),
    *(("qbinary", {**BINARY, "a_zero": zero}) for zero in OUTSIDE_U8),
    *(("qbinary", {**BINARY, "b_zero": zero}) for zero in OUTSIDE_U8),
    *(("qbinary", {**BINARY, "fn": fn}) for fn in (BinaryFn.sub, BinaryFn.div, 99, -1)),
    *(("qbinary", {**BINARY, "shifted": 1, "shift": s}) for s in (np.nan, -np.inf, 2.0**41)),
    *(("qbinary", {**BINARY, "shifted": shifted}) for shifted in (-1, 2)),
    ("qbinary", {**BINARY, "shift": 1.0}),
    *(("qaverage_pool", {**AVERAGE, "x_scale": scale}) for scale in BAD_SCALES),
    *(("qaverage_pool", {**AVERAGE, "x_zero": zero}) for zero in OUTSIDE_U8),
    ("qaverage_pool", {**AVERAGE, "pool": {**POOL, "kernel": [7, 2]}}),
    *(("qsoftmax", {**SOFTMAX, "scale": scale}) for scale in [0.0, *BAD_SCALES]),
    ("qsoftmax", {**SOFTMAX, "shift": 1}),
    *(("qsoftmax", {**SOFTMAX, "zero": zero}) for zero in OUTSIDE_U8),
    *(("qsoftmax", {**SOFTMAX, "dtype": dtype}) for dtype in (0, DType.int8, DType.float32)),
    *(("qlayer_norm", {**NORM, "zero": zero}) for zero in OUTSIDE_U8),
    *(("qlayer_norm", {**NORM, "epsilon": epsilon}) for epsilon in (-1e-9, np.nan, np.inf)),
]
REFUSED_OUTPUTS = [
    *({**BYTES, "scale": scale} for scale in BAD_SCALES),
    *({**BYTES, "zero": zero} for zero in OUTSIDE_U8),
    *({**BYTES, "dtype": dtype} for dtype in (0, DType.int8, DType.int32, 261)),
    {**BYTES, "low": -1},
    {**BYTES, "high": 256},
    {**BYTES, "low": 9, "high": 8},
    {**BYTES, "activation": {"fn": 99}},
    {**BYTES, "activation": {"fn": UnaryFn.clip, "alpha": np.nan}},
    {"dtype": DType.float32, "scale": 1.0, "zero": 1},
    {"dtype": DType.float32, "scale": 1.0, "high": 255},
]
REFUSED_INPUTS = [
    ("quantize", [(U8, IMAGE)], QUANTIZE),
    ("dequantize", [(F, IMAGE)], DEQUANTIZE),
    ("dequantize", [(np.int64, IMAGE)], DEQUANTIZE),
    ("dequantize", [(np.int32, IMAGE)], DEQUANTIZE),  # has no zero point
    ("lookup", [(F, IMAGE), (U8, (256,))], {}),
    ("lookup", [(U8, IMAGE), (np.int8, (256,))], {}),
    ("lookup", [(U8, IMAGE), (U8, (255,))], {}),
    ("lookup", [(U8, IMAGE), (U8, (1, 256))], {}),
    ("qbinary", [(F, IMAGE), (U8, IMAGE)], BINARY),
    ("qbinary", [(U8, IMAGE), (np.int8, IMAGE)], BINARY),
    ("qbinary", [(U8, IMAGE), (U8, (6, 4, 4))], BINARY),
    ("qaverage_pool", [(F, IMAGE)], AVERAGE),
    ("qaverage_pool", [(np.int8, IMAGE)], AVERAGE),
    ("qaverage_pool", [(U8, IMAGE[1:])], AVERAGE),
    ("qsoftmax", [(np.int8, IMAGE), (np.int32, (256,))], SOFTMAX),
    ("qsoftmax", [(U8, ()), (np.int32, (256,))], SOFTMAX),
    ("qsoftmax", [(U8, IMAGE), (F, (256,))], SOFTMAX),
    ("qsoftmax", [(U8, IMAGE), (np.int32, (255,))], SOFTMAX),
    ("qlayer_norm", [(F, IMAGE), (F, (4,)), (F, (4,))], NORM),
    ("qlayer_norm", [(U8, ()), (F, (1,)), (F, (1,))], NORM),
    ("qlayer_norm", [(U8, IMAGE), (F, (5,)), (F, (4,))], NORM),
    ("qlayer_norm", [(U8, IMAGE), (F, (4,)), (F, (1, 4))], NORM),
    ("qlayer_norm", [(U8, IMAGE), (F, (4,)), (np.int32, (4,))], NORM),
]
WORDS = {"dtype": DType.int16, "scale": 1.0, "zero": 0, "low": -9, "high": 9}
GEMM = {"residual_zero": 0, "residual_scale": 0.0, "output": WORDS}
INT16_BINARY = {**BINARY, "a_zero": 0, "b_zero": 0, "output": WORDS}
REFUSED_INT16 = [
    ("quantize", [(F, IMAGE)], {"dtype": DType.int16, "scale": 0.1, "zero": 1}),
    ("dequantize", [(np.int16, IMAGE)], {"dtype": DType.float32, "scale": 0.1, "zero": -1}),
    ("qbinary", [(np.int16, IMAGE), (U8, IMAGE)], INT16_BINARY),
    ("qbinary", [(U8, IMAGE), (np.int16, IMAGE)], INT16_BINARY),
    ("qbinary", [(U8, IMAGE), (U8, IMAGE)], INT16_BINARY),
    ("qbinary", [(np.int16, IMAGE), (np.int16, IMAGE)], {**INT16_BINARY, "b_zero": 1}),
    ("qbinary", [(np.int16, IMAGE), (np.int16, IMAGE)], {**INT16_BINARY, "shifted": 1}),
    *(
        ("qbinary", [(np.int16, IMAGE), (np.int16, IMAGE)], {**INT16_BINARY, "output": output})
        for output in (
            {**WORDS, "zero": 1},
            {**WORDS, "low": -32769},
            {**WORDS, "high": 32768},
            {**WORDS, "low": 10},
        )
    ),
    ("qaverage_pool", [(np.int16, IMAGE)], AVERAGE),  # a zero point
    ("qaverage_pool", [(U8, IMAGE)], {**AVERAGE, "output": WORDS}),
    ("lookup", [(np.int16, IMAGE), (U8, (256,))], {}),
    ("qgemm", [(U8, (2, 4)), (np.int16, (3, 4)), (np.int32, (3,)), (F, (3,))], GEMM),
    ("qgemm", [(np.int16, (2, 4)), (U8, (3, 4)), (np.int32, (3,)), (F, (3,))], GEMM),
    ("qgemm", [(np.int8, (2, 4)), (np.int8, (3, 4)), (np.int32, (3,)), (F, (3,))], GEMM),
    (
        "qgemm",
        [(np.int16, (2, 4)), (np.int8, (3, 4)), (np.int32, (3,)), (F, (3,)), (np.int16, (2, 3))],
        {**GEMM, "residual_zero": 1},
    ),
]
TRANSPOSED = {"strides": [2, 2], "dilations": [1, 1], "pads": [0] * 4, "output_padding": [0, 0],
              "x_zero": 1, "output": BYTES}  # fmt: skip
FILTER = (3, 2, 2, 4)
BIG_INT = 2**31 - 1
REFUSED_TRANSPOSED = [
    *(
        ([(U8, IMAGE), (np.int8, FILTER), (np.int32, (3,)), (F, (3,))], {**TRANSPOSED, **change})
        for change in (
            {"x_zero": 256},
            {"x_zero": -1},
            {"strides": [3, 2]},
            {"strides": [2, 0]},
            {"strides": [BIG_INT, BIG_INT]},
            {"dilations": [1, 2]},
            {"dilations": [-1, 1]},
            {"dilations": [BIG_INT, BIG_INT]},
            {"dilations": [BIG_INT, BIG_INT], "pads": [2**30, 2**30, 2**30, 2**30]},
            {"pads": [0, -1, 0, 0]},
            {"pads": [6, 0, 6, 0]},
            {"output_padding": [2, 0]},
            {"output": {**BYTES, "high": 256}},
            {"output": {**BYTES, "scale": np.nan}},
        )
    ),
    *(
        ([(U8, IMAGE), (np.int8, FILTER), (np.int32, (3,)), (F, (3,)), *more], TRANSPOSED)
        for more in ([(U8, (1, 12, 10, 3))],)
    ),
    *(
        (inputs, TRANSPOSED)
        for inputs in (
            [(np.int8, IMAGE), (np.int8, FILTER), (np.int32, (3,)), (F, (3,))],
            [(np.int16, IMAGE), (np.int8, FILTER), (np.int32, (3,)), (F, (3,))],
            [(U8, IMAGE), (U8, FILTER), (np.int32, (3,)), (F, (3,))],
            [(U8, IMAGE), (np.int16, FILTER), (np.int32, (3,)), (F, (3,))],
            [(U8, IMAGE), (np.int8, FILTER), (F, (3,)), (F, (3,))],
            [(U8, IMAGE), (np.int8, FILTER), (np.int32, (4,)), (F, (3,))],
            [(U8, IMAGE), (np.int8, FILTER), (np.int32, (3,)), (F, (4,))],
            [(U8, IMAGE[1:]), (np.int8, FILTER), (np.int32, (3,)), (F, (3,))],
            [(U8, IMAGE), (np.int8, (12, 4)), (np.int32, (3,)), (F, (3,))],
            [(U8, IMAGE), (np.int8, (3, 2, 2, 5)), (np.int32, (3,)), (F, (3,))],
            [(U8, (1, 6, 5, 0)), (np.int8, (3, 2, 2, 0)), (np.int32, (3,)), (F, (3,))],
            [(U8, (1, 0, 5, 4)), (np.int8, FILTER), (np.int32, (3,)), (F, (3,))],
            [(U8, IMAGE), (np.int8, (3, 0, 2, 4)), (np.int32, (3,)), (F, (3,))],
            [(U8, IMAGE), (np.int8, (0, 2, 2, 4)), (np.int32, (0,)), (F, (0,))],
        )
    ),
]
INPUTS = {
    "quantize": [(F, IMAGE)],
    "dequantize": [(U8, IMAGE)],
    "qbinary": [(U8, IMAGE), (U8, IMAGE)],
    "qaverage_pool": [(U8, IMAGE)],
    "qsoftmax": [(U8, IMAGE), (np.int32, (256,))],
    "qlayer_norm": [(U8, IMAGE), (F, (4,)), (F, (4,))],
}


def refuse(op: str, inputs: list[np.ndarray], attrs: dict) -> None:
    """The node is refused, with a message that names it."""
    with pytest.raises(FormatError, match=rf"{op} 'node': ") as error:
        one_op_graph(op, inputs, attrs)
    assert error.value.rule in ("ATTR", "DTYPE", "SHAPE")


@pytest.mark.parametrize(("op", "attrs"), REFUSED_ATTRS)
def test_refused_attributes(op: str, attrs: dict) -> None:
    refuse(op, [np.zeros(shape, dtype) for dtype, shape in INPUTS[op]], attrs)


@pytest.mark.parametrize("output", REFUSED_OUTPUTS)
def test_refused_outputs(output: dict) -> None:
    x = np.zeros(IMAGE, U8)
    refuse("qbinary", [x, x], {**BINARY, "output": output})
    refuse("qaverage_pool", [x], {**AVERAGE, "output": output})


@pytest.mark.parametrize(("op", "inputs", "attrs"), REFUSED_INPUTS)
def test_refused_inputs(op: str, inputs: list, attrs: dict) -> None:
    refuse(op, [np.zeros(shape, dtype) for dtype, shape in inputs], attrs)


@pytest.mark.parametrize(("op", "inputs", "attrs"), REFUSED_INT16)
def test_refused_words(op: str, inputs: list, attrs: dict) -> None:
    refuse(op, [np.zeros(shape, dtype) for dtype, shape in inputs], attrs)


@pytest.mark.parametrize(("inputs", "attrs"), REFUSED_TRANSPOSED)
def test_refused_transposed_convolutions(inputs: list, attrs: dict) -> None:
    with pytest.raises(FormatError) as error:
        one_op_graph("qconv_transpose", [np.zeros(shape, dtype) for dtype, shape in inputs], attrs)
    assert error.value.rule in ("ATTR", "DTYPE", "SHAPE", "LIMIT", "ARITY")


@pytest.mark.parametrize("changing", [1, 2, 3])
def test_what_a_transposed_convolution_multiplies_is_constant(changing: int) -> None:
    inputs = [np.zeros(IMAGE, U8), np.zeros(FILTER, np.int8), np.zeros(3, np.int32), np.zeros(3, F)]
    with pytest.raises(FormatError, match=f"input {changing} must be a constant"):
        run_op("qconv_transpose", inputs, TRANSPOSED, {1, 2, 3} - {changing})


def test_refused_strides() -> None:
    """Each needs a convolution of its own."""
    inputs = [np.zeros(IMAGE, U8), np.zeros((3, 33, 32, 4), np.int8)]
    inputs += [np.zeros(3, np.int32), np.zeros(3, F)]
    with pytest.raises(FormatError, match="strides of 33 x 32, expected a product of at most 1024"):
        one_op_graph("qconv_transpose", inputs, {**TRANSPOSED, "strides": [33, 32]}, [1, 2, 3])
    run_op("qconv_transpose", inputs, {**TRANSPOSED, "strides": [32, 32]}, [1, 2, 3])


def test_refused_depth() -> None:
    """Sums that a double could not hold."""
    inputs = [np.zeros((1, 2**22 + 1), np.int16), np.zeros((1, 2**22 + 1), np.int8)]
    inputs += [np.zeros(1, np.int32), np.zeros(1, F)]
    with pytest.raises(FormatError, match="4194305 products, expected at most 4194304") as error:
        one_op_graph("qgemm", inputs, GEMM, [1, 2, 3])
    assert error.value.rule == "LIMIT"


def test_refused_rows() -> None:
    """Squares whose sum 32 bits could not hold."""
    inputs = [np.zeros((1, 32769), U8), np.zeros(32769, F), np.zeros(32769, F)]
    with pytest.raises(
        FormatError, match="rows of 32769 elements, expected at most 32768"
    ) as error:
        one_op_graph("qlayer_norm", inputs, NORM)
    assert error.value.rule == "LIMIT"


@pytest.mark.parametrize(
    ("place", "entry", "least"), [(0, -1, 0), (0, 2**23 + 1, 0), (255, 0, 1), (255, -(2**31), 1)]
)
def test_refused_tables(place: int, entry: int, least: int) -> None:
    """Whose sums could be zero, negative or beyond 64 bits."""
    table = TABLE.copy()
    table[place] = entry
    with pytest.raises(FormatError, match=f"is {entry}, expected {least} to 8388608") as error:
        run_op("qsoftmax", [np.zeros((2, 3), U8), table], SOFTMAX, [1])
    assert error.value.rule == "TABLE"


def test_refused_table_that_is_computed() -> None:
    with pytest.raises(FormatError, match="input 1 must be a constant"):
        run_op("qsoftmax", [np.zeros((2, 3), U8), TABLE], SOFTMAX)


@pytest.mark.parametrize("channels", [1, 5])
def test_refused_weights(channels: int) -> None:
    weights = np.zeros((channels, 3, 3, 1), np.int16)
    weights[-1, 1, 2] = -32768
    inputs = [np.zeros((1, 6, 5, channels), np.int16), weights]
    inputs += [np.zeros(channels, np.int32), np.zeros(channels, F)]
    window = {
        "strides": [1, 1],
        "dilations": [1, 1],
        "pads": [0] * 4,
        "groups": channels,
        "x_zero": 0,
    }
    with pytest.raises(FormatError, match="the weights contain -32768") as error:
        run_op("qconv", inputs, {**window, **GEMM}, [1, 2, 3])
    assert error.value.rule == "WEIGHTS"


@pytest.mark.parametrize("planes", [1, 2, 3, 4, 5])
def test_planes_to_pixels_and_back(planes: int) -> None:
    """Sizes around the sixteen pixels of a step, and beyond what one block holds."""
    rng = np.random.default_rng(planes)
    for pixels in (*range(1, 36), 12289, 40000):
        x = rng.integers(0, 256, (planes, pixels)).astype(U8)
        np.testing.assert_array_equal(run_op("transpose", [x], {"perm": [1, 0]}), x.T)
        np.testing.assert_array_equal(run_op("transpose", [x.T.copy()], {"perm": [1, 0]}), x)


def an_operation(op: str, *shape: int) -> tuple[list[np.ndarray], dict, list[int]]:
    """Inputs of this shape, attributes and constants."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, shape).astype(U8)
    channels = rng.normal(0, 60, (2, shape[-1])).astype(F)
    return {
        "quantize": ([rng.normal(0, 9, shape).astype(F)], QUANTIZE, []),
        "dequantize": ([x], DEQUANTIZE, []),
        "lookup": ([x, rng.permutation(256).astype(U8)], {}, []),
        "qbinary": ([x, x[:, :1, :1]], BINARY, []),
        "qaverage_pool": ([x], AVERAGE, []),
        "qsoftmax": ([x, TABLE], SOFTMAX, [1]),
        "qlayer_norm": ([x, *channels], NORM, [1, 2]),
    }[op]


OPERATIONS = [*INPUTS, "lookup"]


@pytest.mark.parametrize("op", OPERATIONS)
def test_more_elements_than_one_thread_takes(op: str) -> None:
    inputs, attrs, constants = an_operation(op, 2, 190, 180, 7)
    found = run_op(op, inputs, attrs, constants)
    np.testing.assert_array_equal(found, expected(op, inputs, attrs), strict=True)


@pytest.mark.parametrize("op", OPERATIONS)
def test_no_elements(op: str) -> None:
    inputs, attrs, constants = an_operation(op, 0, 6, 5, 4)
    assert run_op(op, inputs, attrs, constants).size == 0
