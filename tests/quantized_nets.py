"""Small graphs quantised, and what the tests look at in them."""

from __future__ import annotations

from collections import Counter

import numpy as np
from pass_nets import Net

from edgert import interp, ir
from edgert.quantize import Options, Recipe, Target, quantize
from edgert.quantize.probe import Probe
from edgert.quantize.quality import sqnr
from edgert.schema import UnaryFn

PLAIN = Recipe(Options("minmax", ()))
INT16 = Recipe(Options(activations="int16", weights="int16"))
INT16_INT8_WEIGHTS = Recipe(Options(activations="int16", weights="int8"))


def activation(fn: UnaryFn, alpha: float = 0, beta: float = 0) -> dict:
    return {"activation": {"fn": fn, "alpha": alpha, "beta": beta}}


def samples_of(net: Net, count: int = 4) -> list[dict]:
    rng = np.random.default_rng(11)
    return [
        {n: rng.normal(size=net.values[n].shape).astype(np.float32) for n in net.inputs}
        for _ in range(count)
    ]


def quantized(net: Net, *outputs: str, recipe: Recipe = Recipe(), **target):  # noqa: B008
    """The quantised graph and the report; the runtime gives the interpreter's results on it."""
    net.outputs = list(outputs)
    samples = samples_of(net)
    expected = interp.run(net, samples[0])
    graph, done = quantize(net, samples, recipe, Target(**target))
    ir.verify(graph)
    assert graph.outputs == net.outputs
    found = interp.run(graph, samples[0])
    with Probe(graph, graph.outputs) as probe:
        for name, array in probe.run(samples[0]).items():
            np.testing.assert_allclose(array, found[name], rtol=1e-4, atol=1e-5)
    for name in outputs:
        assert found[name].dtype == expected[name].dtype
    return graph, done, min(sqnr(expected[name], found[name]) for name in outputs)


def ops(graph: ir.Graph) -> Counter:
    return Counter(node.op for node in graph.nodes)


def node_of(graph: ir.Graph, op: str) -> ir.Node:
    (node,) = (n for n in graph.nodes if n.op == op)
    return node
