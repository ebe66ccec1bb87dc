"""Weights of few bits that stay codes in memory: the same bits as when they are unpacked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mutate import PACKED, packed_graph

import edgert
from edgert import _core, interp, ir
from edgert.pack import pack
from edgert.schema import DType, Form
from edgert.unpack import unpack


def inputs(rows: int) -> dict[str, np.ndarray]:
    """For :func:`packed_graph`."""
    rng = np.random.default_rng(13)
    graph = packed_graph(rows)
    draw = {
        np.dtype(np.uint8): lambda shape: rng.integers(0, 256, shape).astype(np.uint8),
        np.dtype(np.float32): lambda shape: rng.normal(size=shape).astype(np.float32),
    }
    values = [graph.values[name] for name in graph.inputs]
    return {value.name: draw[value.dtype](value.shape) for value in values}


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 9])
def test_results_are_those_of_unpacked_weights(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, x = packed_graph(rows), inputs(rows)
    path = tmp_path / "m.edgert"
    path.write_bytes(pack(graph))
    monkeypatch.setattr("edgert.pack.MOST_PACKED", 0)
    plain = edgert.load(pack(graph)).run(x)
    expected = interp.run(graph, x)
    for mapped in (False, True):
        with edgert.load(path, map=mapped, threads=2) as model:
            for name, array in model.run(x).items():
                np.testing.assert_array_equal(array, plain[name])
                np.testing.assert_array_equal(array, expected[name])


@pytest.mark.parametrize("op", ["qgemm", "dynamic_gemm", "block_gemm"])
def test_a_large_matrix_is_shared_by_threads(op: str) -> None:
    """In tasks of some panels, the last of which is not whole."""
    rng = np.random.default_rng(14)
    rows, outputs, depth = 3, 1205, 1040
    w = rng.integers(0, 16, (outputs, depth))
    vector = rng.normal(size=outputs).astype(np.float32)
    graph = ir.Graph()
    x = rng.integers(0, 256, (rows, depth)).astype(np.uint8 if op == "qgemm" else np.float32)
    attrs, constants = {"activation": {"fn": 0}}, [(w - 7).astype(np.int8), vector, vector]
    if op == "qgemm":
        output = {"dtype": DType.float32, "scale": 1.0, "low": 0, "high": 0, "zero": 0}
        attrs = {"residual_zero": 0, "residual_scale": 0.0, "output": output}
        constants[1] = rng.integers(-999, 999, outputs).astype(np.int32)
    if op == "block_gemm":
        scales = rng.normal(size=(9, outputs)).astype(np.float32)
        zeros = rng.integers(0, 16, (9, outputs)).astype(np.uint8)
        attrs = {**attrs, "block": 128, "zero": 0}
        constants = [w.astype(np.uint8), scales, zeros, vector]
    operands = [graph.add_input("x", x.dtype, x.shape)]
    operands += [graph.add_constant("c", constant) for constant in constants]
    graph.outputs = [graph.add(op, operands, attrs, output="y")]
    expected = interp.run(graph, {"x": x})["y"]
    for threads in (1, 3):
        model = edgert.load(pack(graph), threads=threads)
        assert model.plan()[0].form == "k4n16b4"
        np.testing.assert_array_equal(model.run({"x": x})["y"], expected)


def test_it_is_unpacked_again() -> None:
    graph, again = packed_graph(), unpack(PACKED)
    for node, other in zip(again.nodes, graph.nodes):
        for name, wanted in zip(node.inputs, other.inputs):
            if (data := graph.values[wanted].data) is not None:
                np.testing.assert_array_equal(again.values[name].data, data)
    assert pack(again) == PACKED


NEEDS_VECTORS = pytest.mark.skipif(
    edgert.isa().active == ("portable",), reason="without vectors, unpacked weights are faster"
)


@NEEDS_VECTORS
def test_memory_has_no_second_copy_where_rows_are_few() -> None:
    """But of weights that do not fit, or of many rows: panels of bytes."""
    panels = 160 * 128
    few = edgert.load(pack(packed_graph(4))).memory()["weights_repacked"]
    many = edgert.load(pack(packed_graph(5))).memory()["weights_repacked"]
    assert panels <= few < 2 * panels  # y_any, and what is small
    assert 4 * panels <= many < 5 * panels


@NEEDS_VECTORS
def test_kernels() -> None:
    plan = edgert.load(PACKED).plan()
    kernels = {step.step: step.kernel for step in plan}
    assert all("codes4" in kernels[name] for name in ("y_4", "y_d"))
    assert "codes2" in kernels["y_2"]
    assert "codes" not in kernels["y_any"]
    assert [kernels[f"y_b{bits}"][-2:] for bits in (8, 4, 2)] == ["b8", "b4", "b2"]


def test_what_forms_hold() -> None:
    w = np.arange(16, dtype=np.int8).repeat(2).reshape(2, 16)
    assert _core.holds_weight(w, Form.k4n16b4)
    assert not _core.holds_weight(w, Form.k4n16b2)
    assert not _core.holds_weight(w, Form.k4n16)
    assert not _core.holds_weight(w * np.int8(8) + np.arange(16, dtype=np.int8), Form.k4n16b4)
    with pytest.raises(edgert.InputError, match="codes"):
        _core.pack_weight(w, Form.k4n16b2)
