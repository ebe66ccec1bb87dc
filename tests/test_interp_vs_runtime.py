"""The runtime against the interpreter: every operator, random graphs, every instruction set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from one_op import one_op_graph
from operator_cases import cases
from random_graphs import random_graph, random_inputs

import edgert
from edgert import interp, pack, passes
from edgert.interp import quantized, signs
from edgert.ir import Graph
from edgert.schema import OPS

RANDOM_GRAPHS = 40
LEVELS = edgert.isa().detected
RUN_PACKED = Path(__file__).with_name("run_packed.py")

Arrays = dict[str, np.ndarray]


def run_everywhere(graphs: dict[str, tuple[Graph, Arrays]], folder: Path) -> dict[str, Arrays]:
    """Packs the graphs and runs them once per level; {level: {graph/output: array}}."""
    for name, (graph, inputs) in graphs.items():
        (folder / f"{name}.edgert").write_bytes(pack.pack(graph))
        np.savez(folder / f"{name}.npz", **inputs)
    found = {}
    for level in LEVELS:
        results = folder / f"{level}.results"
        done = subprocess.run(
            [sys.executable, str(RUN_PACKED), str(folder), str(results)],
            env={**os.environ, "EDGERT_ISA": level}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{level}: {done.stderr[-2000:]}"
        with np.load(f"{results}.npz") as arrays:
            found[level] = dict(arrays)
    return found


def check(graphs: dict[str, tuple[Graph, Arrays]], folder: Path) -> None:
    """Every level agrees with the interpreter, and those with fused sums with each other."""
    expected = {
        f"{name}/{output}": array
        for name, (graph, inputs) in graphs.items()
        for output, array in interp.run(graph, inputs).items()
    }
    found = run_everywhere(graphs, folder)
    for level, arrays in found.items():
        assert arrays.keys() == expected.keys()
        for name, array in arrays.items():
            message = f"{level}: {name}"
            assert (array.dtype, array.shape) == (expected[name].dtype, expected[name].shape), (
                message
            )
            if array.dtype == np.float32:
                finite = np.abs(expected[name][np.isfinite(expected[name])])
                tolerance = 1e-5 * finite.max(initial=1)
                np.testing.assert_allclose(array, expected[name], 1e-5, tolerance, err_msg=message)
            else:
                np.testing.assert_array_equal(array, expected[name], err_msg=message)
    fused = [arrays for level, arrays in found.items() if level != "portable"]
    for arrays in fused[1:]:
        for name, array in arrays.items():
            assert array.tobytes() == fused[0][name].tobytes(), f"{name}: other bits"


def op_graphs(op: str) -> dict[str, tuple[Graph, Arrays]]:
    """The cases of an operator as graphs, with their inputs."""
    graphs = {}
    for i, case in enumerate(cases(op, np.random.default_rng(0))):
        graph = one_op_graph(op, case.inputs, case.attrs, case.constants)
        inputs = {name: case.inputs[int(name[1:])] for name in graph.inputs}
        graphs[f"{op}-{i:03}"] = graph, inputs
    assert graphs
    return graphs


@pytest.mark.parametrize("op", OPS)
def test_operator(op: str, tmp_path: Path) -> None:
    check(op_graphs(op), tmp_path)


@pytest.mark.parametrize("op", [*quantized.OPERATORS, *signs.OPERATORS])
def test_quantised_operator_has_the_bits_of_its_definition(op: str, tmp_path: Path) -> None:
    graphs = op_graphs(op)
    for level, arrays in run_everywhere(graphs, tmp_path).items():
        for name, (graph, inputs) in graphs.items():
            for output, array in interp.run(graph, inputs).items():
                found = arrays[f"{name}/{output}"]
                nan = np.isnan(array)  # one has a sign and a payload, which nobody defines
                assert (np.isnan(found) == nan).all(), f"{level}: {name}"
                assert found[~nan].tobytes() == array[~nan].tobytes(), f"{level}: {name}"


def test_random_graphs(tmp_path: Path) -> None:
    graphs = {}
    for seed in range(RANDOM_GRAPHS):
        rng = np.random.default_rng(seed)
        graph = random_graph(rng, nodes=5 + seed)
        if seed % 4:
            passes.optimize(graph)
        graphs[f"seed-{seed:03}"] = graph, random_inputs(graph, rng)
    check(graphs, tmp_path)
