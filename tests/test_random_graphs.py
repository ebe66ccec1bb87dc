"""Passes and runtime against the interpreter, on random graphs."""

from __future__ import annotations

from collections import Counter
from functools import partial

import numpy as np
import pytest
from random_graphs import random_graph, random_inputs

from edgert import interp, ir, passes
from edgert.ir import Graph
from edgert.passes.axis_order import transposed_bytes

SEEDS_PER_PASS = 20
SEEDS_FOR_ALL = 80


def assert_same(expected: dict[str, np.ndarray], found: dict[str, np.ndarray], seed: int) -> None:
    """Names, types and, up to rounding, values are equal."""
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        largest = np.abs(array).max(initial=1.0)
        np.testing.assert_allclose(
            found[name], array, rtol=0, atol=1e-4 * largest, err_msg=f"seed {seed}, output {name}"
        )


def check_passes(graph: Graph, run, seed: int) -> None:
    """``run(graph)`` keeps what the graph computes."""
    inputs = random_inputs(graph, np.random.default_rng(seed))
    expected = interp.run(graph, inputs)
    input_names = list(graph.inputs)
    # A transposed convolution may become a product and a transpose.
    upsampled = (n.output for n in graph.nodes if n.op == "conv_transpose")
    bytes_before = transposed_bytes(graph) + sum(graph.values[name].nbytes for name in upsampled)
    run(graph)
    ir.verify(graph)
    assert graph.inputs == input_names
    assert transposed_bytes(graph) <= bytes_before
    assert_same(expected, interp.run(graph, inputs), seed)


def run_in_order(order: list[passes.Pass], graph: Graph) -> None:
    """Runs the passes once each."""
    for graph_pass in order:
        graph_pass(graph)


@pytest.mark.parametrize("graph_pass", passes.PASSES, ids=lambda p: p.__name__)
def test_each_pass_alone(graph_pass) -> None:
    for seed in range(SEEDS_PER_PASS):
        graph = random_graph(np.random.default_rng(seed), nodes=5 + seed % 30)
        check_passes(graph, graph_pass, seed)


def test_passes_in_any_order() -> None:
    for seed in range(1000, 1000 + SEEDS_FOR_ALL):
        rng = np.random.default_rng(seed)
        graph = random_graph(rng, nodes=5 + seed % 30)
        order = [passes.PASSES[i] for i in rng.permutation(len(passes.PASSES))]
        check_passes(graph, partial(run_in_order, order), seed)


def test_optimize_reaches_a_fixed_point() -> None:
    fired: Counter[str] = Counter()
    for seed in range(2000, 2000 + SEEDS_FOR_ALL):
        graph = random_graph(np.random.default_rng(seed), nodes=5 + seed % 30)

        def run(graph: Graph) -> None:
            for report in passes.optimize(graph):
                fired[report.name] += report.changed

        check_passes(graph, run, seed)
        again = {report.name: report.changed for report in passes.optimize(graph)}
        assert not any(again.values()), f"seed {seed}: {again}"
    idle = {p.__name__ for p in passes.PASSES} - {*+fired}
    assert not idle, f"the graphs leave passes without work: {idle}"
