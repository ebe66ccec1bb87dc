"""Small graphs quantised, and what the tests look at in them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from pass_nets import Net

from edgert import interp, ir
from edgert.compress import Compression, Layer, Recipe, Target, compress, preset
from edgert.compress.judge import sqnr
from edgert.compress.ladder import Form
from edgert.compress.probe import Probe
from edgert.schema import UnaryFn

INT8 = preset(slack=0)
PLAIN = preset(ranges="minmax", steps=(), slack=0)
INT16 = preset("int16", weights="int16")
INT16_INT8_WEIGHTS = preset("int16")


def stating(recipe: Recipe, form: Form, *layers: str) -> Recipe:
    """A recipe that gives layers a form."""
    return replace(recipe, layers={**recipe.layers, **dict.fromkeys(layers, Layer(form))})


def with_target(recipe: Recipe, **target: float) -> Recipe:
    """A recipe whose network must reach something."""
    return replace(recipe, target=Target(**target))


def with_form(done: Compression, *forms: Form) -> list[str]:
    """The layers that have one of the forms."""
    return [name for name, layer in done.layers.items() if layer.form in forms]


def in_float(done: Compression) -> dict[str, str]:
    """The layers in float, and why."""
    return {name: done.layers[name].why for name in with_form(done, Form.f32)}


def activation(fn: UnaryFn, alpha: float = 0, beta: float = 0) -> dict:
    return {"activation": {"fn": fn, "alpha": alpha, "beta": beta}}


def samples_of(net: Net, count: int = 4) -> list[dict]:
    rng = np.random.default_rng(11)
    return [
        {n: rng.normal(size=net.values[n].shape).astype(np.float32) for n in net.inputs}
        for _ in range(count)
    ]


def quantized(net: Net, *outputs: str, recipe: Recipe = INT8, **target):
    """The quantised graph and the report; the runtime gives the interpreter's results on it."""
    net.outputs = list(outputs)
    samples = samples_of(net)
    expected = interp.run(net, samples[0])
    graph, done = compress(net, samples, with_target(recipe, **target))
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
