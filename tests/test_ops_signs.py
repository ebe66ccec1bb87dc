"""signs, bconv and bgemm: what infer() and bind() refuse, batches in parts, and where y may lie."""

from __future__ import annotations

import numpy as np
import pytest
from mutate import ModelFile
from one_op import expected, one_op_graph, run_op
from sign_cases import random_bits
from test_ops_dynamic import changed

import edgert
from edgert import FormatError, LimitError, ir
from edgert.errors import EdgertError
from edgert.pack import pack
from edgert.schema import Form, Section, UnaryFn

F, I16, U8 = np.float32, np.int16, np.uint8
CONV = {"strides": [1, 1], "dilations": [1, 1], "pads": [1] * 4, "groups": 1, "channels": 20,
        "pad": 0}  # fmt: skip
GEMM = {"channels": 20}
IMAGE, FILTER = (2, 6, 5, 3), (7, 3, 3, 3)
BITS = [(U8, (4, 3)), (U8, (7, 3)), (I16, (7,))]
FLOATS = [*BITS[:2], (F, (7,))]
CONV_BITS = [(U8, IMAGE), (U8, FILTER), (I16, (7,))]

REFUSED = [
    *(("signs", [(F, (3,))], attrs) for attrs in [
        {"zero": 0, "nan": 1}, {"zero": 1, "nan": 0}, {"zero": 2, "nan": 1}, {"zero": 1, "nan": -2},
    ]),
    *(("signs", [x], {"zero": 1, "nan": 1}) for x in [(F, ()), (U8, (3,)), (np.float64, (3,))]),
    *(("bgemm", changed(BITS, *change), GEMM) for change in [
        (0, F, (4, 3)), (0, np.int8, (4, 3)), (0, U8, (4, 2)), (0, U8, ()), (1, np.int8, (7, 3)),
        (1, U8, (7, 3, 1)), (1, U8, (7, 4)), (2, I16, (6,)), (2, I16, (7, 1)), (2, np.int32, (7,)),
        (2, F, (1,)), (3, F, (7,)),
    ]),
    ("bgemm", [*BITS, (F, (7,)), (F, (4, 7))], GEMM),
    *(("bgemm", changed(FLOATS, *change), GEMM) for change in [
        (3, F, (1,)), (3, I16, (7,)), (3, F, (4, 7)),
    ]),
    *(("bgemm", [*FLOATS, (F, (7,)), residual], GEMM) for residual in [
        (U8, (4, 7)), (F, (7,)), (F, (4, 3)), (F, (4, 1)),
    ]),
    *(("bgemm", BITS, {"channels": channels}) for channels in (0, -1, 16, 25, 2**31 - 1, -(2**31))),
    ("bgemm", BITS, {**GEMM, "activation": {"fn": UnaryFn.relu}}),
    ("bgemm", FLOATS, {**GEMM, "activation": {"fn": 99}}),
    *(("bconv", changed(CONV_BITS, *change), CONV) for change in [
        (0, U8, IMAGE[1:]), (0, U8, (2, 6, 5, 4)), (0, U8, (2, 6, 5, 0)), (1, U8, (7, 9, 9, 3)),
        (1, np.int8, FILTER), (2, I16, (3,)), (2, F, (8,)),
    ]),
    *(("bconv", CONV_BITS, {**CONV, **change}) for change in [
        {"strides": [0, 1]}, {"dilations": [1, -1]}, {"pads": [0, 0, -1, 0]}, {"groups": 0},
        {"groups": 7}, {"pad": 2}, {"pad": -1}, {"channels": 16}, {"activation": {"fn": 1}},
    ]),
    ("bconv", [(U8, (1, 5, 5, 2)), (U8, (32, 3, 3, 1)), (F, (32,))],  # a byte for half of a group
     {**CONV, "groups": 2, "channels": 12}),
    ("bconv", [(U8, (1, 5, 5, 2)), (U8, (24, 3, 3, 1)), (F, (24,))],  # no whole panels
     {**CONV, "groups": 2, "channels": 16}),
]  # fmt: skip


@pytest.mark.parametrize(("op", "inputs", "attrs"), REFUSED)
def test_refused(op: str, inputs: list, attrs: dict) -> None:
    arrays = [np.zeros(shape, dtype) for dtype, shape in inputs]
    with pytest.raises(FormatError, match=rf"{op} 'node': ") as error:
        one_op_graph(op, arrays, attrs)
    assert error.value.rule in ("ATTR", "DTYPE", "SHAPE")


@pytest.mark.parametrize("op", ["bgemm", "bconv"])
def test_sums_that_are_too_long(op: str) -> None:
    """One more than the longest sum that a threshold can be above."""
    for channels in (32766, 32767):
        x, w = random_bits(np.random.default_rng(0), 1, channels), np.zeros((2, 4096), U8)
        attrs = {"channels": channels}
        if op == "bconv":
            x, w = x.reshape(1, 1, 1, -1), w.reshape(2, 1, 1, -1)
            attrs = {**CONV, "pads": [0] * 4, **attrs}
        arrays = [x, w, np.array([32767, -32766], I16)]
        if channels == 32766:
            assert run_op(op, arrays, attrs, [1]).ravel().tolist() == [1]
            continue
        with pytest.raises(EdgertError, match="sums of 32767 products, expected at most 32766"):
            one_op_graph(op, arrays, attrs)


@pytest.mark.parametrize(
    ("op", "inputs", "attrs"), [("bgemm", BITS, GEMM), ("bconv", CONV_BITS, CONV)]
)
def test_weights_are_constant_bits(op: str, inputs: list, attrs: dict) -> None:
    """And have none beyond the channels, in whichever tap."""
    arrays = [np.zeros(shape, dtype) for dtype, shape in inputs]
    with pytest.raises(EdgertError, match="constant"):
        run_op(op, arrays, attrs)
    for at in {(0, *[0] * (arrays[1].ndim - 2), 2), tuple(n - 1 for n in arrays[1].shape)}:
        for bit in (4, 7):
            arrays[1][...] = 0
            arrays[1][at] = 1 << bit
            with pytest.raises(FormatError, match="beyond 20 channels are set") as error:
                run_op(op, arrays, attrs, [1])
            assert error.value.rule == "WEIGHTS"
    arrays[1][...] = 0
    arrays[1][..., 2] = 15
    run_op(op, arrays, attrs, [1])


def test_thresholds_may_be_computed() -> None:
    """They are an input like others."""
    rng = np.random.default_rng(0)
    inputs = [
        random_bits(rng, 9, 100),
        random_bits(rng, 33, 100),
        rng.integers(-9, 9, 33).astype(I16),
    ]
    attrs = {"channels": 100}
    found = run_op("bgemm", inputs, attrs, [1])
    np.testing.assert_array_equal(found, expected("bgemm", inputs, attrs), strict=True)


@pytest.mark.parametrize("pad", [0, 1])
def test_the_bits_do_not_depend_on_the_batch(pad: int) -> None:
    rng = np.random.default_rng(0)
    x, w = random_bits(rng, 5, 9, 8, 24), random_bits(rng, 40, 3, 3, 24)
    attrs = {**CONV, "channels": 24, "pad": pad}
    for end in (rng.integers(-5, 6, 40).astype(I16), rng.normal(size=40).astype(F)):
        whole = run_op("bconv", [x, w, end], attrs, [1, 2])
        for part in (slice(0, 1), slice(1, 3), slice(3, 5)):
            found = run_op("bconv", [x[part], w, end], attrs, [1, 2])
            np.testing.assert_array_equal(found, whole[part], strict=True)


def test_the_output_may_lie_over_the_residual() -> None:
    """A chain of products, each with the result before it, and of the signs of that."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 7, 9, 48)).astype(F)
    graph = ir.Graph()
    value, wanted = graph.add_input("x", x.dtype, x.shape), x
    for op, shape, attrs in (
        ("bgemm", (48, 48), {}),
        ("bconv", (48, 3, 3, 48), CONV),
        ("bconv", (48, 3, 3, 48), {**CONV, "pad": 1}),
    ):
        attrs = {**attrs, "channels": 48}
        w, scale = random_bits(rng, *shape), rng.normal(size=48).astype(F)
        constants = [graph.add_constant("w", w), graph.add_constant("s", scale)]
        signs = graph.add("signs", [value], {"zero": 1, "nan": 1})
        value = graph.add(op, [signs, *constants, "", value], attrs)
        bits = expected("signs", [wanted], {"zero": 1, "nan": 1})
        wanted = expected(op, [bits, w, scale, None, wanted], attrs)
    graph.outputs = [value]
    for threads in (1, 2):
        (found,) = edgert.load(pack(graph), threads=threads).run({"x": x}).values()
        np.testing.assert_array_equal(found, wanted, strict=True)


def test_starts_count_against_the_limit() -> None:
    """A small filter on a small image with many pads: its pixels are of many kinds."""
    x, w = np.zeros((1, 1, 1, 1), U8), np.zeros((8, 180, 180, 1), U8)
    attrs = {**CONV, "channels": 1, "pads": [179] * 4}
    data = pack(one_op_graph("bconv", [x, w, np.zeros(8, I16)], attrs, [1]))
    with pytest.raises(LimitError) as caught:
        edgert.load(data, memory_limit=len(data) + 2**20)
    assert caught.value.rule == "MEMORY"


def test_form_of_the_weights() -> None:
    """They are in panels; rows are refused."""
    rng = np.random.default_rng(0)
    inputs = [
        random_bits(rng, 9, 64),
        random_bits(rng, 32, 64),
        rng.integers(-9, 9, 32).astype(I16),
    ]
    file = ModelFile(pack(one_op_graph("bgemm", inputs, {"channels": 64}, [1])))
    file[Section.tensors]["form"][file.tensor("y", 1)] = Form.row
    with pytest.raises(FormatError, match=r"\[F56\]"):
        edgert.load(file.bytes())
