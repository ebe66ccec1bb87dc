"""What the quantiser chooses: scales and mixes of channels, layers in float, recipes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pass_nets import CONV, Net
from quantized_nets import (
    INT8,
    INT16,
    activation,
    in_float,
    ops,
    samples_of,
    stating,
    with_form,
    with_target,
)

from edgert import interp, ir
from edgert.compress import Recipe, Target, compress, preset
from edgert.compress.ladder import Form
from edgert.compress.layers import compare_layers
from edgert.compress.probe import Probe
from edgert.compress.quantize.prepare.rotate import rotate
from edgert.compress.quantize.scales import MIXED, scales_of
from edgert.compress.statistics import Statistics
from edgert.errors import InputError
from edgert.schema import UnaryFn


def test_equalisation_restores_channels_of_different_size() -> None:
    """Channels of a thousandth are lost without it."""
    net = Net()
    sizes = np.logspace(0, -3, 16)
    x = net.x(1, 8, 8, 8)
    first = net.c(net.rng.normal(size=(16, 1, 1, 8)) * sizes[:, None, None, None])
    y = net.op("conv", x, first, net.random(16), **CONV, **activation(UnaryFn.relu))
    second = net.c(net.rng.normal(size=(16, 3, 3, 1)) / sizes[:, None, None, None])
    y = net.op("conv", y, second, **{**CONV, "groups": 16})
    net.outputs = [net.gemm(y, 4)]
    steps = {}
    for name in ((), ("equalize",)):
        copy = Net()
        copy.values, copy.inputs, copy.outputs = dict(net.values), net.inputs, net.outputs
        copy.nodes = [ir.Node(n.op, list(n.inputs), n.outputs, n.attrs, n.name) for n in net.nodes]
        _, done = compress(copy, samples_of(net), preset(ranges="minmax", steps=name, slack=0))
        steps[name] = done.quality.sqnr
    assert steps["equalize",] > steps[()] + 5


def bottleneck_net() -> tuple[Net, str]:
    """Channels of one size that are nearly the same, the next layers reading their differences."""
    net = Net()
    x = net.x(1, 16, 16, 32)
    shared, own = net.rng.normal(size=(2, 16, 1, 1, 32))
    weight = net.c(shared.mean(0) * 8 + 0.2 * own)
    y = net.op("conv", x, weight, net.random(16), **CONV)
    differences = net.rng.normal(size=(24, 1, 1, 16))
    differences -= differences.mean(-1, keepdims=True)
    relu = activation(UnaryFn.relu)
    z = net.op("conv", y, net.c(differences), net.random(24), **CONV, **relu)
    narrow = net.op("conv", z, net.random(16, 1, 1, 24), net.random(16), y, **CONV)
    net.outputs = [net.conv(z, 4), net.conv(narrow, 4)]
    return net, y


def test_mixed_channels_compute_the_same() -> None:
    """All values of a residual stream are mixed, unless one is fixed."""
    net, y = bottleneck_net()
    samples = samples_of(net)
    expected = interp.run(net, samples[0])
    assert rotate(net, Statistics(samples), [y]) == []
    before = net.constant(net.nodes[0].inputs[1])
    mixed = rotate(net, Statistics(samples))
    assert y in mixed
    assert len(mixed) == 2
    assert np.abs(net.constant(net.nodes[0].inputs[1]) - before).max() > 0.1
    for name, array in interp.run(net, samples[0]).items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=1e-3)


def test_mixing_saves_what_correlated_channels_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table by layer undoes the mix."""
    recipe = preset(ranges="minmax", steps=("equalize",))
    net, y = bottleneck_net()
    original, _ = bottleneck_net()
    samples = samples_of(net)
    graph, done = compress(net, samples, recipe)
    assert scales_of(graph)[y][0] == MIXED
    told = []
    layers = compare_layers(original, graph, samples, told.append)
    assert told == [
        *(f"sample {i}" for i in range(1, len(samples) + 1)),
        *(f"layer {i} of {len(layers)}" for i in range(1, len(layers) + 1)),
    ]
    (layer,) = (layer for layer in layers if layer.name == y)
    assert layer.sqnr > 35
    monkeypatch.setattr("edgert.compress.quantize.rotate", lambda *_: [])
    _, plain = compress(bottleneck_net()[0], samples, recipe)
    assert done.quality.sqnr > plain.quality.sqnr + 3


def test_gains_keep_the_variance_of_noisy_values() -> None:
    """Least squares would make values smaller by a fifth that follow such coarse inputs."""
    net = Net()
    x = net.x(1, 32, 32, 16)
    y = net.op("conv", x, net.random(8, 1, 1, 16), **CONV, **activation(UnaryFn.hard_swish))
    net.outputs = [net.conv(y, 4)]
    samples = samples_of(net)
    with Probe(net, [y]) as probe:
        exact = probe.run(samples[0])[y]
    recipe = replace(preset(steps=("correct",)), tensors={x: (-312.0, 312.0)})
    graph, _ = compress(net, samples, recipe)
    scale, zero = scales_of(graph)[y]
    with Probe(graph, [y]) as probe:
        found = scale * (probe.run(samples[0])[y].astype(float) - zero)
    assert found.std() == pytest.approx(exact.std(), rel=0.07)


def deep_net() -> Net:
    net = Net()
    y = net.x(1, 8, 8, 8)
    for i in range(4):
        y = net.conv(y, 8, 3 if i % 2 else 1, pads=[i % 2] * 4, **activation(UnaryFn.hard_swish))
    net.outputs = [net.gemm(net.mean(y, 1, 2, keep=0), 6)]
    return net


def test_gate_keeps_layers_until_the_target_holds() -> None:
    """Some layers but not all; the recipe leads to the same graph without the search."""
    samples = samples_of(deep_net(), 16)
    _, free = compress(deep_net(), samples, INT8)
    target = Target(sqnr=free.quality.sqnr + 3)
    graph, done = compress(deep_net(), samples, replace(INT8, target=target))
    assert (done.calibrated, done.chose, done.quality.samples) == (5, 3, 8)
    assert done.quality.sqnr > free.quality.sqnr + 1  # other samples have chosen
    lifted = [layer for layer in done.layers.values() if layer.form is not INT8.forms[0]]
    assert 0 < len(lifted) < len(done.layers)
    assert {layer.why for layer in lifted} == {"the accuracy needs it"}
    again, repeated = compress(deep_net(), samples, done.recipe)
    assert repeated.quality == done.quality
    assert [n.op for n in again.nodes] == [n.op for n in graph.nodes]


def test_gate_beyond_int16() -> None:
    """Where int16 is not enough, the costliest layers are float."""
    samples = samples_of(deep_net(), 8)
    _, int16 = compress(deep_net(), samples, INT16)
    for recipe in (INT8, INT16):
        target = Target(sqnr=int16.quality.sqnr + 1)
        _, done = compress(deep_net(), samples, replace(recipe, target=target))
        assert done.quality.sqnr >= target.sqnr
        assert set(in_float(done).values()) == {"the accuracy needs it"}
        assert len(with_form(done, Form.i16)) == len(done.layers) - len(in_float(done))
        _, repeated = compress(deep_net(), samples, done.recipe)
        assert repeated.quality == done.quality


def test_gate_at_the_limit() -> None:
    """A target that only floats can meet leaves a network of floats."""
    graph, done = compress(deep_net(), samples_of(deep_net()), with_target(INT8, sqnr=150))
    assert len(in_float(done)) == len(done.layers) == 5
    assert "quantize" not in ops(graph)


def test_recipe_states_a_range() -> None:
    """The range of a tensor comes from the recipe, and the tensor is not equalised."""
    net = deep_net()
    name = net.nodes[0].output
    graph, _ = compress(net, samples_of(net), replace(INT8, tensors={name: (-1.0, 1.55)}))
    output = next(n for n in graph.nodes if n.op == "qconv").attrs["output"]
    assert output["zero"] == 100
    assert output["scale"] == pytest.approx(100)


@pytest.mark.parametrize(
    "recipe",
    [
        stating(INT8, Form.f32, "nobody"),
        stating(INT8, Form.i16, "nobody"),
        replace(INT8, tensors={"nobody": (-1, 1)}),
    ],
)
def test_recipe_of_another_model(recipe: Recipe) -> None:
    net = deep_net()
    with pytest.raises(InputError, match="nobody"):
        compress(net, samples_of(net), recipe)


def test_same_data_same_bytes() -> None:
    """Nothing is random."""
    graphs = [compress(deep_net(), samples_of(deep_net()), INT8)[0] for _ in range(2)]
    for a, b in zip(*(g.values.values() for g in graphs)):
        assert a.data is None or np.array_equal(a.data, b.data)
