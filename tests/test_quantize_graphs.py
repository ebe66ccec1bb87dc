"""Which nodes become integer ones, and what they compute: small graphs with known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pass_nets import CONV, POOL, TO_IMAGE, Net
from quantized_nets import (
    INT8,
    INT16,
    INT16_INT8_WEIGHTS,
    PLAIN,
    activation,
    in_float,
    node_of,
    ops,
    quantized,
    samples_of,
    stating,
    with_form,
)
from resizes import resize_attrs

from edgert import interp, ir
from edgert.compress import Recipe, compress, preset
from edgert.compress.ladder import Form
from edgert.compress.quantize.assign import why_float
from edgert.schema import BinaryFn, PadMode, ResizeMode, UnaryFn

# --- numbers worked out by hand


def test_a_product_by_hand() -> None:
    """All numbers of relu(1.27 x1 - 0.64 x2 + 3), x from -1 to 1.55."""
    net = Net()
    x = net.x(1, 2)
    w, b = net.c([[1.27, -0.64]]), net.c([3.0])
    net.outputs = [net.op("gemm", x, w, b, **activation(UnaryFn.relu))]
    again = net.op("gemm", net.outputs[0], net.c([[1.0]]))
    net.outputs = [again]
    samples = [{x: np.array([[1.55, -1.0]], np.float32)}, {x: np.array([[-1, 1]], np.float32)}]
    graph, done = compress(net, samples, PLAIN)
    quantize_node = node_of(graph, "quantize")
    assert quantize_node.attrs["zero"] == 100
    assert quantize_node.attrs["scale"] == pytest.approx(0.01)
    first, second = (n for n in graph.nodes if n.op == "qgemm")
    weight, bias, multiplier = (graph.constant(name) for name in first.inputs[1:4])
    step = 0.01 * 0.01
    assert weight.tolist() == [[127, -64]]
    assert bias.tolist() == [30000 - 100 * (127 - 64)]
    y_scale = (1.27 * 1.55 + 0.64 + 3) / 255  # the largest result seen
    assert multiplier == pytest.approx([step / y_scale], rel=1e-5)
    output = first.attrs["output"]
    assert (output["zero"], output["low"], output["high"]) == (0, 0, 255)
    assert (output["scale"], output["activation"]["fn"]) == (1, UnaryFn.identity)
    assert second.attrs["output"]["dtype"] == 1  # the last one writes floats
    assert graph.constant(second.inputs[3]) == pytest.approx([y_scale / 127], rel=1e-5)
    assert (len(done.layers), in_float(done), done.samples) == (2, {}, 2)


def test_clip_and_other_activations() -> None:
    """A clamp goes into the bounds of the bytes, anything else is evaluated."""
    for fn, alpha, beta in ((UnaryFn.clip, -1, 2), (UnaryFn.hard_swish, 0, 0)):
        net = Net()
        y = net.conv(net.x(1, 5, 5, 3), 4, **activation(fn, alpha, beta))
        graph, _, _ = quantized(net, net.conv(y, 4), recipe=PLAIN)
        output = next(n for n in graph.nodes if n.op == "qconv").attrs["output"]
        if fn is UnaryFn.clip:
            assert output["activation"]["fn"] == UnaryFn.identity
            assert (output["zero"], output["low"], output["high"]) == (85, 0, 255)
        else:
            assert output["activation"]["fn"] == UnaryFn.hard_swish
            assert output["scale"] > 1


# --- accuracy of each operator


def chain(net: Net, x: str) -> str:
    """Something on bytes that follows, so that what is before it is worth quantising."""
    return net.gemm(x, 6)


def linear(net: Net, x: str) -> str:
    """Twice the height and three times the width."""
    _, height, width, _ = net.values[x].shape
    attrs = resize_attrs(ResizeMode.linear, (height, width), (2 * height, 3 * width))
    return net.op("resize", x, **attrs)


CASES = {
    "conv 3x3": lambda n: n.conv(n.x(1, 8, 8, 8), 16, 3, pads=[1, 1, 1, 1]),
    "conv odd channels": lambda n: n.conv(n.x(1, 8, 8, 5), 7, 3, strides=[2, 2]),
    "grouped conv": lambda n: n.conv(n.x(1, 8, 8, 8), 8, 3, groups=2, pads=[1, 0, 0, 1]),
    "depthwise": lambda n: n.conv(n.x(1, 8, 8, 8), 8, 3, groups=8, pads=[1, 1, 1, 1]),
    "depthwise x2": lambda n: n.conv(n.x(1, 8, 8, 8), 16, 3, groups=8, dilations=[2, 2]),
    "silu": lambda n: n.f(UnaryFn.silu, n.conv(n.x(1, 4, 4, 8), 8)),
    "scalar": lambda n: n.b(BinaryFn.div, n.conv(n.x(1, 4, 4, 8), 8), 3.0),
    "per channel": lambda n: n.b(BinaryFn.mul, n.conv(n.x(1, 4, 4, 8), 8), n.random(8)),
    "sub": lambda n: n.b(BinaryFn.sub, n.conv(n.x(1, 4, 4, 8), 8), n.conv("x", 8)),
    "batch norm": lambda n: n.op(
        "batch_norm", n.conv(n.x(1, 4, 4, 8), 8), n.random(8), n.random(8),
        **activation(UnaryFn.relu),
    ),
    "average pool": lambda n: n.op("average_pool", n.conv(n.x(1, 6, 6, 8), 8), **POOL),
    "mean": lambda n: n.mean(n.conv(n.x(1, 6, 6, 8), 8), 1, 2, keep=0),
    "max pool": lambda n: n.op("max_pool", n.conv(n.x(1, 6, 6, 8), 8), **POOL),
    "pad": lambda n: n.pad(n.conv(n.x(1, 4, 4, 8), 8), [0, 1, 0, 0], [0, 0, 2, 0]),
    "reflect": lambda n: n.pad(
        n.conv(n.x(1, 4, 4, 8), 8), [0, 1, 0, 0], [0, 0, 2, 0], mode=PadMode.reflect
    ),
    "movers": lambda n: n.slice(
        n.transpose(n.reshape(n.conv(n.x(1, 4, 4, 8), 8), 1, 16, 8), 0, 2, 1), 2, 3, 8
    ),
    "concat": lambda n: n.op(
        "concat", n.conv(n.x(1, 4, 4, 8), 8), n.f(UnaryFn.relu, n.conv("x", 8)), axis=3
    ),
    "linear resize": lambda n: linear(n, n.conv(n.x(1, 4, 4, 8), 8)),
    "gate": lambda n: n.b(
        BinaryFn.mul, n.conv(n.x(1, 4, 4, 8), 8), n.mean(n.conv("x", 8), 1, 2)
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("recipe", [PLAIN, INT8], ids=["plain", "all steps"])
def test_operators_on_bytes(case: str, recipe: Recipe) -> None:
    """No float between quantize and the last product, and little is lost."""
    net = Net()
    graph, done, found = quantized(net, chain(net, CASES[case](net)), recipe=recipe)
    assert ops(graph)["quantize"] == 1
    assert ops(graph)["dequantize"] == 0
    assert not {"conv", "gemm", "unary", "binary", "batch_norm", "reduce"} & set(ops(graph))
    assert in_float(done) == {}
    assert found > 28


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("recipe", "least"), [(INT16, 60), (INT16_INT8_WEIGHTS, 32)], ids=["int16", "int8 weights"]
)
def test_operators_on_int16(case: str, recipe: Recipe, least: float) -> None:
    """No byte anywhere; what would need a table is computed in float."""
    net = Net()
    graph, done, found = quantized(net, chain(net, CASES[case](net)), recipe=recipe)
    assert {np.dtype(v.dtype).name for v in graph.values.values() if v.data is None} <= {
        "float32", "int16",
    }  # fmt: skip
    weights = {graph.values[n.inputs[1]].dtype.name for n in graph.nodes if n.op == "qgemm"}
    assert weights == {recipe.forms[0].weights.name}
    assert not {"conv", "gemm", "lookup"} & set(ops(graph))
    assert not with_form(done, Form.i8, Form.f32)
    assert found > least


def transposed(net: Net, x: str, outputs: int, **more) -> str:
    """A transposed convolution, of 2 x 2 blocks unless told otherwise."""
    attrs = {**CONV, "kernel": [2, 2], "strides": [2, 2], "output_padding": [0, 0], **more}
    rows = outputs * int(np.prod(attrs["kernel"]))
    weight = net.random(rows, net.values[x].shape[-1] // attrs["groups"])
    return net.op("conv_transpose", x, weight, net.random(outputs), **attrs)


TRANSPOSED = {
    "blocks": {},
    "cut blocks": {"pads": [1, 1, 1, 1]},
    "overlaps": {"kernel": [4, 4], "pads": [1, 1, 1, 1]},
    "added": {"kernel": [3, 3], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
    "uneven": {"kernel": [5, 3], "strides": [3, 1], "dilations": [2, 3], "pads": [0, 2, 3, 1]},
    "clip": {"kernel": [3, 2], **activation(UnaryFn.clip, -1, 2)},
    "hard_swish": activation(UnaryFn.hard_swish),
}


@pytest.mark.parametrize("case", TRANSPOSED)
@pytest.mark.parametrize("recipe", [PLAIN, INT8], ids=["plain", "all steps"])
def test_transposed_convolutions_on_bytes(case: str, recipe: Recipe) -> None:
    """Where fewer taps meet, at the borders, too, as nothing else would give the accuracy."""
    net = Net()
    y = transposed(net, net.conv(net.x(1, 5, 6, 8), 12), 7, **TRANSPOSED[case])
    graph, done, found = quantized(net, chain(net, y), recipe=recipe)
    assert ops(graph) == {"quantize": 1, "qconv": 1, "qconv_transpose": 1, "qgemm": 1}
    assert in_float(done) == {}
    assert found > 28


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"groups": 4}, "it has groups"),
        ({"strides": [3, 2]}, "some pixels of its output have no taps"),
        ({"dilations": [1, 2]}, "some pixels of its output have no taps"),
    ],
)
def test_other_transposed_convolutions_stay_in_float(more: dict, reason: str) -> None:
    net = Net()
    y = transposed(net, net.conv(net.x(1, 5, 6, 8), 12), 8, **more)
    graph, done, found = quantized(net, chain(net, y))
    assert ops(graph)["conv_transpose"] == 1
    assert in_float(done) == {y: reason}
    assert found > 28


def test_strides_that_are_too_large() -> None:
    net = Net()
    transposed(net, net.x(1, 2, 2, 4), 3, kernel=[33, 32], strides=[33, 32])
    assert why_float(net, net.nodes[0]) == "its strides are too large"


def test_transposed_convolutions_beside_int16() -> None:
    """They read bytes, whatever else does, or they are in float."""

    def build() -> tuple[Net, list[str]]:
        net = Net()
        first = net.conv(net.x(1, 5, 6, 8), 12)
        y = transposed(net, first, 8)
        return net, [first, y, chain(net, y)]

    net, (first, y, last) = build()
    graph, done, found = quantized(net, last, recipe=INT16)
    assert ops(graph)["conv_transpose"] == 1
    assert in_float(done) == {y: "it cannot read int16"}
    assert with_form(done, Form.i16) == [first, last]
    assert found > 60
    for int16 in ([first], [last], [first, last]):
        graph, done, found = quantized(build()[0], last, recipe=stating(INT8, Form.i16, *int16))
        assert ops(graph)["qconv_transpose"] == 1
        assert with_form(done, Form.i16) == list(int16)
        assert found > 28


def test_residual_and_squeeze_excite() -> None:
    """The sum is part of the convolution, the gate a product on bytes: no islands of floats."""
    net = residual_net()
    graph, _, found = quantized(net, *net.outputs)
    assert set(ops(graph)) == {
        "quantize", "qconv", "qaverage_pool", "qbinary", "reshape", "qgemm"
    }  # fmt: skip
    assert sum(len(n.inputs) == 5 for n in graph.nodes if n.op == "qconv") == 1
    assert found > 28
    on_int16, _, found = quantized(residual_net(), *net.outputs, recipe=INT16)
    assert ops(on_int16) == ops(graph)
    assert found > 60


@pytest.mark.parametrize("weights", ["int8", "int16"])
def test_some_layers_on_int16(weights: str) -> None:
    """Any layer alone, and any alone on bytes: values are converted where they must be."""
    form = Form.i16 if weights == "int16" else Form.i16_w8
    net = residual_net()
    _, free, _ = quantized(net, *net.outputs)
    layers = [node.output for node in residual_net().nodes if node.op in ("conv", "gemm")]
    best = 0.0
    for layer in layers:
        for int16 in ([layer], [other for other in layers if other != layer]):
            recipe = stating(preset(weights=weights, slack=0), form, *int16)
            graph, done, found = quantized(residual_net(), *net.outputs, recipe=recipe)
            assert set(with_form(done, form)) == set(int16)
            assert {"uint8", "int16"} <= {v.dtype.name for v in graph.values.values()}
            assert found > 28
            best = max(best, done.quality.sqnr)
    assert best > free.quality.sqnr


def residual_net() -> Net:
    net = Net()
    x = net.conv(net.x(1, 8, 8, 3), 8, 3, pads=[1] * 4, **activation(UnaryFn.hard_swish))
    y = net.conv(x, 8, 3, groups=8, pads=[1] * 4, **activation(UnaryFn.hard_swish))
    gate = net.conv(net.mean(y, 1, 2), 4, **activation(UnaryFn.relu))
    gate = net.conv(gate, 8, **activation(UnaryFn.hard_sigmoid, 1 / 6, 0.5))
    y = net.b(BinaryFn.mul, y, gate)
    weight, bias = net.random(8, 1, 1, 8), net.random(8)
    y = net.op("conv", y, weight, bias, x, **CONV)
    net.outputs = [net.gemm(net.mean(y, 1, 2, keep=0), 5)]
    return net


def test_bytes_are_transposed() -> None:
    """The input is quantised before it is moved."""
    net = Net()
    y = net.conv(net.transpose(net.x(1, 3, 8, 8), *TO_IMAGE), 4)
    graph, _, _ = quantized(net, net.gemm(y, 3))
    assert [n.op for n in graph.nodes] == ["quantize", "transpose", "qconv", "qgemm"]


# --- what stays in float


def test_heads_keep_their_own_ranges() -> None:
    """What leads to outputs only is float: a head of thousands beside one of ones."""
    net = Net()
    x = net.conv(net.x(1, 8, 8, 3), 8, 3)
    boxes = net.b(BinaryFn.mul, net.reshape(net.conv(x, 4), 1, -1 % 37, 4), 1000.0)
    scores = net.f(UnaryFn.sigmoid, net.reshape(net.conv(x, 4), 1, 36, 4))
    graph, _, _ = quantized(net, net.op("concat", boxes, scores, axis=2))
    assert ops(graph)["dequantize"] == 0
    last = [n for n in graph.nodes if n.op == "qconv"][1:]
    assert [n.attrs["output"]["dtype"] for n in last] == [1, 1]


def test_islands_of_floats() -> None:
    """A log-softmax needs floats; a cheap node between two float ones is not worth converting."""
    net = Net()
    y = net.op("softmax", net.gemm(net.x(4, 8), 8), axis=1, log=1)
    y = net.op("softmax", net.b(BinaryFn.mul, y, 3.0), axis=1, log=1)
    graph, _, found = quantized(net, net.gemm(y, 4))
    assert [n.op for n in graph.nodes] == [
        "quantize", "qgemm", "softmax", "binary", "softmax", "quantize", "qgemm"
    ]  # fmt: skip
    assert found > 30


def test_a_residual_that_is_constant() -> None:
    net = Net()
    y = net.op("gemm", net.x(2, 9, 24), net.random(40, 24), net.random(40), net.random(2, 9, 40))
    graph, _, found = quantized(net, net.gemm(y, 5))
    assert ops(graph) == {"quantize": 1, "qgemm": 2}
    assert found > 28


def test_nothing_to_quantise() -> None:
    """A graph without products stays as it is."""
    net = Net()
    graph, done, found = quantized(net, net.f(UnaryFn.relu, net.x(2, 3)))
    assert [n.op for n in graph.nodes] == ["unary"]
    assert done.layers == {}
    assert found == np.inf


def test_weights_that_are_computed_or_not_finite() -> None:
    """Both are reported."""
    net = Net()
    x = net.x(2, 8)
    bad = net.op("gemm", x, net.c(np.full((8, 8), np.inf)))
    y = net.op("gemm", net.f(UnaryFn.sigmoid, bad), net.random(8, 8))
    graph, done, _ = quantized(net, net.gemm(y, 3), recipe=PLAIN)
    assert ops(graph)["gemm"] >= 1
    assert in_float(done)[bad].startswith("its weights are no constants, not finite")


def test_values_that_are_not_finite() -> None:
    """A logarithm of negative numbers: its neighbours stay in float."""
    net = Net()
    y = net.f(UnaryFn.log, net.gemm(net.x(2, 8), 8))
    net.outputs = [net.gemm(y, 3)]
    graph, done = compress(net, samples_of(net), PLAIN)
    ir.verify(graph)
    assert "not all finite" in in_float(done)[net.outputs[0]]


# --- strange weights and activations


STRANGE = {
    "zero channels": lambda w: np.where(np.arange(8)[:, None] % 2, w, 0),
    "denormals": lambda w: w * np.float32(1e-42),
    "one denormal channel": lambda w: np.where(np.arange(8)[:, None] == 3, w * 1e-41, w),
    "huge": lambda w: w * np.float32(1e30),
    "one huge channel": lambda w: np.where(np.arange(8)[:, None] == 3, w * 1e20, w),
    "tiny": lambda w: w * np.float32(1e-20),
}


@pytest.mark.parametrize("case", STRANGE)
@pytest.mark.parametrize("recipe", [PLAIN, INT8], ids=["plain", "all steps"])
def test_strange_weights(case: str, recipe: Recipe) -> None:
    """No scale is zero or infinite, and the result is a number."""
    net = Net()
    x = net.x(4, 8)
    w = net.c(STRANGE[case](np.random.default_rng(0).normal(size=(8, 8))))
    y = net.op("gemm", x, w, net.random(8), **activation(UnaryFn.relu))
    net.outputs = [net.gemm(y, 3)]
    graph, done = compress(net, samples_of(net, 16), recipe)
    ir.verify(graph)
    found = interp.run(graph, samples_of(net)[0])[net.outputs[0]]
    assert np.isfinite(found).all()
    assert done.quality.sqnr > 25


def test_constant_activations() -> None:
    """A tensor that is always zero, and one that is always the same."""
    net = Net()
    zero = net.op("gemm", net.x(4, 8), net.c(np.zeros((8, 8))), **activation(UnaryFn.relu))
    same = net.op("gemm", zero, net.random(8, 8), net.c(np.full(8, -3.7)))
    _, _, found = quantized(net, net.gemm(same, 3))
    assert found > 35


# --- tensors that only differ in what their bytes stand for


def rescaled(factor, shift, **attrs) -> tuple[Net, str]:
    """A padded convolution behind a batch_norm behind a convolution."""
    net = Net()
    y = net.conv(net.x(1, 8, 8, 8), 8, **activation(UnaryFn.hard_swish))
    y = net.op("batch_norm", y, net.c(factor), net.c(shift), **attrs)
    return net, net.conv(y, 8, 3, pads=[1] * 4)


@pytest.mark.parametrize("recipe", [PLAIN, INT8], ids=["plain", "all steps"])
@pytest.mark.parametrize(("factor", "shift"), [(0.4, -0.3), (3.0, 0.7), (1.0, 0.0)])
def test_the_same_scale_for_all_channels_costs_no_node(factor, shift, recipe: Recipe) -> None:
    """The convolution writes the bytes that stand for the scaled tensor."""
    net, y = rescaled([factor] * 8, [shift] * 8)
    graph, done, found = quantized(net, y, recipe=recipe)
    assert ops(graph) == {"quantize": 1, "qconv": 2}
    assert in_float(done) == {}
    assert found > 28


@pytest.mark.parametrize(
    ("factor", "shift", "attrs"),
    [
        ([-0.4] * 8, [0.3] * 8, {}),  # would turn the order of the bytes around
        ([0.4] * 7 + [0.5], [0.3] * 8, {}),
        ([0.4] * 8, [0.3] * 7 + [0.2], {}),
        ([0.0] * 8, [0.3] * 8, {}),
        ([0.4] * 8, [0.3] * 8, activation(UnaryFn.relu)),
    ],
)
def test_other_scales_cost_a_node(factor, shift, attrs: dict) -> None:
    net, y = rescaled(factor, shift, **attrs)
    graph, _, _ = quantized(net, y, recipe=PLAIN)
    assert ops(graph) == {"quantize": 1, "qconv": 3}


def test_a_rescaled_tensor_that_is_read_elsewhere() -> None:
    """Its other readers know what its bytes stand for."""
    net = Net()
    y = net.conv(net.x(1, 8, 8, 8), 8, **activation(UnaryFn.hard_swish))
    z = net.op("batch_norm", y, net.c([0.4] * 8), net.c([0.3] * 8))
    graph, _, found = quantized(net, net.conv(net.b(BinaryFn.mul, y, z), 8))
    assert ops(graph) == {"quantize": 1, "qconv": 2, "qbinary": 1}
    assert found > 28


@pytest.mark.parametrize(("int16", "least"), [((0, 1), 60), ((0,), 28), ((1,), 28)])
def test_a_rescaled_tensor_on_int16(int16: tuple[int, ...], least: float) -> None:
    """Bytes share nothing with int16: where what follows is on it, the scale costs a node."""
    net, y = rescaled([0.4] * 8, [-0.3] * 8)
    layers = [node.output for node in net.nodes if node.op == "conv"]
    recipe = stating(PLAIN, Form.i16, *(layers[i] for i in int16))
    graph, done, found = quantized(net, y, recipe=recipe)
    assert len(with_form(done, Form.i16)) == len(int16)
    assert ops(graph)["qconv"] == (3 if 1 in int16 else 2)
    assert found > least


def test_a_recipe_keeps_its_range_before_a_scale() -> None:
    """What a recipe states is not replaced."""
    net, y = rescaled([0.4] * 8, [-0.3] * 8)
    inner = net.nodes[0].output
    graph, _, _ = quantized(net, y, recipe=replace(PLAIN, tensors={inner: (-1.0, 9.0)}))
    assert ops(graph) == {"quantize": 1, "qconv": 3}


def test_a_node_with_two_outputs() -> None:
    """Both keep their names, whichever the graph has, and what leads to them is quantised."""
    net = Net()
    x = net.x(1, 6, 6, 8)
    y = net.op("conv", x, net.random(16, 3, 3, 8), net.random(16), **CONV)
    y = net.op("conv", y, net.random(16, 3, 3, 16), net.random(16), **CONV)
    net.add("top_k", [y], {"k": 3, "smallest": 0}, output="values", others=["places"])
    net.outputs = ["places", "values"]
    quantized, done = compress(net, samples_of(net, 16), preset(ranges="minmax"))
    assert quantized.outputs == net.outputs
    assert quantized.nodes[-1].outputs == ["values", "places"]
    assert done.quality.sqnr > 20
