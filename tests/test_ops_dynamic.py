"""dynamic_conv and dynamic_gemm: what infer() refuses, batches in parts, and where y may lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from one_op import expected, one_op_graph, run_op

import edgert
from edgert import FormatError, ir, pack
from edgert.errors import EdgertError
from edgert.schema import UnaryFn

F, I8 = np.float32, np.int8
CONV = {"strides": [1, 1], "dilations": [1, 1], "pads": [1] * 4, "groups": 1}
IMAGE, FILTER = (2, 6, 5, 4), (7, 3, 3, 4)
GEMM = [(F, (3, 4)), (I8, (7, 4)), (F, (7,))]
BLOCKS = [(F, (3, 48)), (np.uint8, (7, 48)), (F, (2, 7))]
BLOCK = {"block": 32, "zero": 8}
CONV_INPUTS = [(F, IMAGE), (I8, FILTER), (F, (7,))]


def changed(inputs: list, i: int, dtype: type, shape: tuple[int, ...]) -> list:
    """``inputs`` with another type of input ``i``, which may be the next one."""
    return [*inputs[:i], (dtype, shape), *inputs[i + 1 :]]


REFUSED = [
    *(("dynamic_gemm", changed(GEMM, *change), {}) for change in [
        (0, np.uint8, (3, 4)), (0, F, (3, 5)), (0, F, ()), (1, np.uint8, (7, 4)), (1, F, (7, 4)),
        (1, I8, (7, 4, 1)), (2, F, (6,)), (2, F, (7, 1)), (2, np.int32, (7,)), (3, np.int32, (7,)),
        (3, F, (1,)),
    ]),
    *(("dynamic_gemm", [*GEMM, (F, (7,)), residual], {}) for residual in [
        (np.uint8, (3, 7)), (F, (7,)), (F, (3, 4)),
    ]),
    *(("dynamic_gemm", GEMM, {"activation": activation}) for activation in [
        {"fn": 99}, {"fn": UnaryFn.clip, "alpha": np.nan},
    ]),
    *(("block_gemm", changed(BLOCKS, *change), BLOCK) for change in [
        (0, np.uint8, (3, 48)), (0, F, (3, 32)), (0, F, ()), (1, I8, (7, 48)),
        (1, np.uint8, (7, 40)), (1, np.uint8, (7, 0)), (1, np.uint8, (7, 48, 1)), (2, F, (7, 2)),
        (2, F, (3, 7)), (2, np.float64, (2, 7)), (3, I8, (2, 7)), (3, np.uint8, (7, 2)),
    ]),
    ("block_gemm", [*BLOCKS, (np.uint8, (2, 7)), (F, (8,))], BLOCK),
    *(("block_gemm", BLOCKS, {**BLOCK, **change}) for change in [
        {"block": 0}, {"block": -16}, {"block": 24}, {"block": 272}, {"zero": -1}, {"zero": 256},
        {"activation": {"fn": 99}},
    ]),
    *(("dynamic_conv", changed(CONV_INPUTS, *change), CONV) for change in [
        (0, np.uint8, IMAGE), (0, F, IMAGE[1:]), (0, F, (2, 6, 5, 3)), (1, F, FILTER),
        (1, I8, (7, 9, 9, 4)), (2, F, (4,)), (3, F, (4,)),
    ]),
    *(("dynamic_conv", CONV_INPUTS, {**CONV, **change}) for change in [
        {"strides": [0, 1]}, {"dilations": [1, -1]}, {"pads": [0, 0, -1, 0]}, {"groups": 3},
        {"groups": 0}, {"activation": {"fn": -1}},
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("op", "inputs", "attrs"), REFUSED)
def test_refused(op: str, inputs: list, attrs: dict) -> None:
    arrays = [np.zeros(shape, dtype) for dtype, shape in inputs]
    with pytest.raises(FormatError, match=rf"{op} 'node': ") as error:
        one_op_graph(op, arrays, attrs)
    assert error.value.rule in ("ATTR", "DTYPE", "SHAPE")


@pytest.mark.parametrize(
    ("op", "inputs", "attrs"),
    [("dynamic_gemm", GEMM, {}), ("dynamic_conv", CONV_INPUTS, CONV)],
)
def test_weights_are_constant(op: str, inputs: list, attrs: dict) -> None:
    with pytest.raises(EdgertError, match="constant"):
        run_op(op, [np.zeros(shape, dtype) for dtype, shape in inputs], attrs)


@pytest.mark.parametrize(("op", "x", "w", "attrs"), [
    ("dynamic_gemm", (5, 3, 96), (40, 96), {}),
    ("dynamic_conv", (5, 9, 8, 24), (40, 3, 3, 24), CONV),
    ("dynamic_conv", (5, 30, 31, 64), (40, 1, 1, 64), {**CONV, "pads": [0] * 4}),
])  # fmt: skip
def test_the_bits_do_not_depend_on_the_batch(op: str, x: tuple, w: tuple, attrs: dict) -> None:
    rng = np.random.default_rng(0)
    images = (rng.normal(size=x) * rng.uniform(0.1, 9, (5, 1, *[1] * (len(x) - 2)))).astype(F)
    weights = rng.integers(-64, 65, w).astype(I8)
    constants = [weights, rng.uniform(0, 1e-2, w[0]).astype(F), rng.normal(size=w[0]).astype(F)]
    whole = run_op(op, [images, *constants], attrs, [1, 2, 3])
    for part in (slice(0, 1), slice(1, 3), slice(3, 5)):
        found = run_op(op, [images[part], *constants], attrs, [1, 2, 3])
        np.testing.assert_array_equal(found, whole[part], strict=True)


def test_the_output_may_lie_over_its_input(tmp_path: Path) -> None:
    """A chain of products of one size, each with the result before it as input and residual."""
    rng = np.random.default_rng(1)
    w = rng.integers(-64, 65, (48, 48)).astype(I8)
    kernel = rng.integers(-64, 65, (48, 3, 3, 48)).astype(I8)
    scale = np.full(48, 1e-3, F)
    x = rng.normal(size=(2, 7, 9, 48)).astype(F)
    graph = ir.Graph()
    value, wanted = graph.add_input("x", x.dtype, x.shape), x
    for op, weights, attrs in (
        ("dynamic_gemm", w, {}),
        ("dynamic_conv", kernel, CONV),
        ("dynamic_conv", kernel, CONV),
        ("dynamic_gemm", w, {}),
    ):
        constants = [graph.add_constant("w", weights), graph.add_constant("s", scale)]
        value = graph.add(op, [value, *constants, "", value], attrs)
        wanted = expected(op, [wanted, weights, scale, None, wanted], attrs)
    graph.outputs = [value]
    (tmp_path / "m.edgert").write_bytes(pack.pack(graph))
    for threads in (1, 2):
        (found,) = edgert.load(tmp_path / "m.edgert", threads=threads).run({"x": x}).values()
        np.testing.assert_array_equal(found, wanted, strict=True)
