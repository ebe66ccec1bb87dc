"""The ladder: what the forms of layers cost and lose, and which of them layers get."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pass_nets import CONV, Net
from quantized_nets import INT8, INT16, activation, samples_of
from random_graphs import random_graph, random_inputs

from edgert import interp
from edgert.compress import Layer, Recipe, Target, compress, preset
from edgert.compress.ladder import (
    KINDS,
    Costs,
    Form,
    Rung,
    choose,
    forms_of,
    known_levels,
    measure_noise,
)
from edgert.compress.probe import Probe
from edgert.errors import InputError
from edgert.ir import Graph
from edgert.ops import PRODUCTS
from edgert.pack import pack
from edgert.passes import optimize
from edgert.schema import BinaryFn, UnaryFn


def rungs(*points: tuple[float, float]) -> list[Rung]:
    """A ladder of (noise, cost)."""
    forms = Form.i8, Form.i8_dynamic, Form.i16, Form.f32
    return [Rung(form, noise, noise, cost) for form, (noise, cost) in zip(forms, points)]


def test_slack_goes_where_it_takes_away_most() -> None:
    """Not beyond what there is, nor to what is worth little however much there is."""
    ladders = {
        "loud": rungs((0.5, 0.1), (0.4, 0.101), (0.01, 0.12), (0, 0.3)),
        "large": rungs((0.5, 0.8), (0.4, 0.9), (0.01, 1.6), (0, 2.0)),
        "calm": rungs((0.001, 0.1), (0.001, 0.1), (0.0001, 0.15), (0, 0.3)),
    }
    forms, within = choose(ladders, 0.1)
    assert forms == within == {"loud": Form.i16, "large": Form.i8, "calm": Form.i8}
    assert choose(ladders, 0.01)[0]["loud"] is Form.i8_dynamic
    assert set(choose(ladders, 0.0)[0].values()) == {Form.i8}
    assert choose(ladders, 10.0)[0] == forms


def test_a_target_takes_as_many_steps_as_it_needs() -> None:
    """In the order of their worth; all of them if nothing is enough."""
    ladders = {name: rungs((n, 0.1), (n, 0.2), (n / 10, 0.2), (0, 0.5)) for name, n in
               (("a", 0.1), ("b", 0.4), ("c", 0.2))}  # fmt: skip
    asked = []

    def is_met(forms: dict[str, Form]) -> bool:
        asked.append(forms)
        return forms["b"] is not Form.i8 and forms["c"] is not Form.i8

    forms, within = choose(ladders, 0.0, is_met)
    assert forms == {"a": Form.i8, "b": Form.i16, "c": Form.i16}
    assert set(within.values()) == {Form.i8}
    assert set(choose(ladders, 0.0, lambda forms: False)[0].values()) == {Form.f32}
    assert choose(ladders, 0.0, lambda forms: True)[0] == within


def loud_net() -> Net:
    """A small layer whose input has a channel that leaves the others few levels; larger ones."""
    net = Net()
    x = net.x(1, 12, 12, 4)
    weight = net.rng.normal(size=(32, 1, 1, 4)) / [200, 1, 1, 1]
    y = net.op("conv", x, net.c(weight), net.random(32), **CONV, **activation(UnaryFn.relu))
    for _ in range(2):
        y = net.conv(y, 64, 3, pads=[1] * 4, **activation(UnaryFn.relu))
    net.outputs = [net.gemm(net.mean(y, 1, 2, keep=0), 10)]
    return net


def loud_samples() -> list[dict]:
    samples = samples_of(loud_net(), 32)
    return [{name: x * np.float32([200, 1, 1, 1]) for name, x in s.items()} for s in samples]


def test_costs_are_parts_of_the_time_of_all() -> None:
    net = loud_net()
    layers = [node.output for node in net.nodes if node.op in PRODUCTS]
    for levels in (["avx2"], ["neon", "avx512_vnni"], known_levels()):
        costs = Costs(net, dict.fromkeys(layers, Form.i8), levels)
        assert sum(costs.of(name, Form.i8) for name in layers) == pytest.approx(1)
        assert all(costs.of(name, Form.i16) > costs.of(name, Form.i8) for name in layers)


def test_noise_is_that_of_a_layer_alone() -> None:
    """Of exact inputs; none in float; what is added to another value arrives in part."""
    net = Net()
    x = net.x(1, 8, 8, 16)
    a = net.conv(x, 16, 1)
    b = net.op("binary", net.conv(a, 16, 1), a, fn=BinaryFn.add)
    net.outputs = [b]
    first, second = (node.output for node in net.nodes if node.op == "conv")
    samples = samples_of(net)

    def halved(part: Graph, forms: dict[str, Form], seen: list[dict]) -> Graph:
        """What takes a hundredth off each weight."""
        copy = Graph()
        copy.values, copy.nodes = dict(part.values), part.nodes
        copy.inputs, copy.outputs = part.inputs, part.outputs
        for node in part.nodes:
            for name in node.inputs[1:]:
                value = part.values[name]
                copy.values[name] = replace(value, data=(value.data * np.float32(0.99)))
        return copy

    ladders = dict.fromkeys((first, second), (Form.i8, Form.f32))
    noise = measure_noise(net, ladders, halved, samples)
    for layer in (first, second):
        assert noise.alone[layer][Form.i8] == pytest.approx(1e-4, rel=0.02)
        assert noise.alone[layer][Form.f32] == 0
    with Probe(net, [second, b]) as probe:
        found = probe.run(samples[0])
    part = np.square(found[second]).sum() / np.square(found[b]).sum()
    assert noise.reach[second] == pytest.approx(min(part, 1), rel=0.2)
    assert noise.reach[first] >= noise.reach[second]
    few = measure_noise(net, {second: (Form.i8_w4, Form.i8)}, halved, samples)
    assert few.reach[second] == pytest.approx(part, rel=0.2), "found by running the rest"
    assert few.nbytes[second][Form.i8] == net.constant(net.nodes[1].inputs[1]).nbytes
    assert few.alone[second][Form.i8_w4] == pytest.approx(1e-4, rel=0.02)


def test_slack_makes_it_more_exact_and_the_recipe_repeats_it() -> None:
    _, plain = compress(loud_net(), loud_samples(), INT8)
    graph, done = compress(loud_net(), loud_samples(), preset())
    assert done.quality.sqnr > plain.quality.sqnr + 6
    first, *rest = done.layers.values()
    assert first.form is not Form.i8
    assert first.why == "it takes away much of the error for little"
    assert {layer.form for layer in rest[:2]} == {Form.i8}
    assert sum(layer.cost for layer in done.layers.values()) <= 1.1
    assert all(layer.alone is None or layer.alone > 20 for layer in done.layers.values())
    again, repeated = compress(loud_net(), loud_samples(), done.recipe)
    assert pack(again) == pack(graph)
    assert repeated.quality == done.quality


@pytest.mark.parametrize("seed", range(12))
def test_any_mix_of_forms_runs(seed: int) -> None:
    """Also layers that a recipe states, of forms that it does not offer to others."""

    def make() -> Graph:
        rng = np.random.default_rng(seed)
        graph = random_graph(rng, int(rng.integers(4, 14)))
        optimize(graph)
        return graph

    rng = np.random.default_rng(100 + seed)
    samples = [random_inputs(make(), rng) for _ in range(4)]
    can: dict[str, set[Form]] = {}
    for recipe in INT8, INT16, preset("dynamic"):
        for name, layer in compress(make(), samples, recipe)[1].layers.items():
            can.setdefault(name, {Form.f32}).add(layer.form)
    for offered in map(forms_of, KINDS):
        layers = {n: Layer(sorted(own, key=str)[rng.integers(len(own))]) for n, own in can.items()}
        graph, done = compress(make(), samples, Recipe(offered, INT8.steps, layers))
        assert {n: x.form for n, x in done.layers.items()} == {n: x.form for n, x in layers.items()}
        expected = interp.run(graph, samples[0])
        with Probe(graph, graph.outputs) as probe:
            for name, array in probe.run(samples[0]).items():
                np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [{"slack": -0.1}, {"slack": np.nan}, {"slack": "much"}, {"levels": []}, {"levels": ["sse9"]}],
)
def test_what_no_option_is(options: dict) -> None:
    with pytest.raises(InputError, match=r"slack|target"):
        preset(**options)


def test_a_target_with_slack_starts_from_it() -> None:
    _, free = compress(loud_net(), loud_samples(), preset())
    target = Target(sqnr=free.quality.sqnr + 4)
    _, done = compress(loud_net(), loud_samples(), replace(preset(), target=target))
    assert done.quality.sqnr >= target.sqnr
    reasons = [layer.why for layer in done.layers.values()]
    assert reasons[0] == "it takes away much of the error for little"
    assert "the accuracy needs it" in reasons
