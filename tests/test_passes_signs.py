"""Networks of signs as PyTorch and Larq export them: what becomes bits, and what stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_models import make_model, run_elsewhere, value_info

import edgert
from edgert import interp
from edgert.importer import import_model
from edgert.interp.signs import pack_bits
from edgert.ir import Graph
from edgert.pack import pack
from edgert.passes import optimize
from edgert.passes.thresholds import keep_bits
from edgert.schema import UnaryFn

F = np.float32
NUMBERS = {"zero": 0.0, "one": 1.0, "minus": -1.0, "two": 2.0, "tenth": 0.1, "scale": 0.5}
OFF_ZERO = 0.02  # keeps results away from zero: no rounding decides


def node(op: str, inputs: str, output: str, **attrs: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), [output], output, **attrs)


SPELLINGS: dict[str, tuple[list[onnx.NodeProto], int]] = {  # of the sign s of x; that of NaN
    "where(x >= 0, 1, -1)": (
        [node("GreaterOrEqual", "x zero", "c"), node("Where", "c one minus", "s")], -1),
    "where(x < 0, -1, 1)": ([node("Less", "x zero", "c"), node("Where", "c minus one", "s")], 1),
    "where(0 > x, -1, 1)": ([node("Greater", "zero x", "c"), node("Where", "c minus one", "s")], 1),
    "where(x > 0, 1, -1)": (
        [node("Greater", "x zero", "c"), node("Where", "c one minus", "s")], -1),
    "where(not x < 0, 1, -1)": (
        [node("Less", "x zero", "b"), node("Not", "b", "c"), node("Where", "c one minus", "s")], 1),
    "where(x > 0 or x == 0, 1, -1)": (
        [node("Greater", "x zero", "a"), node("Equal", "x zero", "b"), node("Or", "a b", "c"),
         node("Where", "c one minus", "s")], -1),
    "sign(sign(x) + 0.1)": (  # Larq
        [node("Sign", "x", "a"), node("Add", "a tenth", "b"), node("Sign", "b", "s")], -1),
    "where(sign(x) == 0, 1, sign(x))": (
        [node("Sign", "x", "a"), node("Equal", "a zero", "c"), node("Where", "c one a", "s")], -1),
    "sign(x) + (sign(x) == 0)": (
        [node("Sign", "x", "a"), node("Equal", "a zero", "b"), node("Cast", "b", "c", to=1),
         node("Add", "a c", "s")], -1),
    "2 * (x >= 0) - 1": (
        [node("GreaterOrEqual", "x zero", "a"), node("Cast", "a", "b", to=1),
         node("Mul", "b two", "c"), node("Sub", "c one", "s")], -1),
    "where(x >= 0, 1, -1) * 0.5": (
        [node("GreaterOrEqual", "x zero", "a"), node("Where", "a one minus", "b"),
         node("Mul", "b scale", "s")], -1),
}  # fmt: skip


def plus_minus(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Weights as XNOR-Net has them: signs times a positive number for each output."""
    size = rng.uniform(0.5, 1.5, (shape[0], *[1] * (len(shape) - 1)))
    return (rng.choice([-1, 1], shape) * size).astype(F)


def model(
    nodes: Sequence[onnx.NodeProto], x: np.ndarray, weights: dict[str, np.ndarray]
) -> onnx.ModelProto:
    """A model of the input x and the output y."""
    constants = {**{name: np.array(n, F) for name, n in NUMBERS.items()}, **weights}
    used = {name for n in nodes for name in n.input}
    tensors = [numpy_helper.from_array(a, n) for n, a in constants.items() if n in used]
    return make_model(nodes, [value_info("x", x)], ["y"], tensors, 18)


def optimized(proto: onnx.ModelProto) -> Graph:
    graph = import_model(proto)
    optimize(graph)
    return graph


def ops(graph: Graph) -> list[str]:
    return [n.op for n in graph.nodes if n.op not in ("transpose", "reshape")]


def check(proto: onnx.ModelProto, x: np.ndarray, expected: list[str]) -> Graph:
    """The graph has these operators, and interpreter and runtime compute what ONNX Runtime does."""
    graph = optimized(proto)
    assert ops(graph) == expected
    (wanted,) = run_elsewhere(proto, {"x": x})
    np.testing.assert_allclose(interp.run(graph, {"x": x})["y"], wanted, 1e-4, 1e-4)
    found = edgert.load(pack(graph)).run({"x": x})["y"]
    np.testing.assert_allclose(found, wanted, 1e-4, 1e-4)
    return graph


def batch_norm(rng: np.random.Generator, name: str, channels: int) -> dict[str, np.ndarray]:
    """Scales of both signs; shifts that keep what follows sums of whole numbers off zero."""
    scale = rng.choice([-1, 1], channels) * rng.uniform(0.3, 1, channels)
    shift = scale * rng.uniform(-3, 3, channels).round() + OFF_ZERO
    mean = rng.integers(-4, 5, channels)
    values = {"scale": scale, "shift": shift, "mean": mean, "variance": np.ones(channels)}
    return {f"{name}.{key}": value.astype(F) for key, value in values.items()}


def batch_norm_node(x: str, name: str, y: str) -> onnx.NodeProto:
    inputs = f"{x} {name}.scale {name}.shift {name}.mean {name}.variance"
    return node("BatchNormalization", inputs, y)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_of_signs(spelling: str) -> None:
    """Zeros of both signs, among others, around a convolution whose pads are zeros; and NaN."""
    rng = np.random.default_rng(0)
    nodes, nan = SPELLINGS[spelling]
    x = rng.choice(np.array([-2, -1e-30, -0.0, 0, 1e-30, 3], F), (2, 19, 7, 6))
    w = plus_minus(rng, 24, 19, 3, 3)
    conv = node("Conv", "s w", "y", pads=[1, 1, 1, 1], strides=[2, 1])
    proto = model([*nodes, conv], x, {"w": w})
    graph = check(proto, x, ["signs", "bconv"])
    signs = next(n for n in graph.nodes if n.op == "signs")
    assert signs.attrs == {"zero": -1 if "x > 0, 1" in spelling else 1, "nan": nan}


@pytest.mark.parametrize("zero", ["where(x > 0, 1, sign(x))", "sign(x)", "relu(sign(x))", "x >= 1"])
def test_what_is_no_sign_stays(zero: str) -> None:
    """Zeros that stay zero, values of which one is zero, and other thresholds."""
    rng = np.random.default_rng(0)
    nodes = {
        "where(x > 0, 1, sign(x))": [node("Sign", "x", "a"), node("Greater", "x zero", "c"),
                                     node("Where", "c one a", "s")],
        "sign(x)": [node("Sign", "x", "s")],
        "relu(sign(x))": [node("Sign", "x", "a"), node("Add", "a tenth", "b"),
                          node("Sign", "b", "c"), node("Relu", "c", "s")],
        "x >= 1": [node("GreaterOrEqual", "x one", "c"), node("Where", "c one minus", "s")],
    }  # fmt: skip
    x = rng.choice(np.array([-2, 0, 0.5, 3], F), (1, 8, 5, 5))
    proto = model([*nodes[zero], node("Conv", "s w", "y")], x, {"w": plus_minus(rng, 8, 8, 3, 3)})
    found = ops(optimized(proto))
    assert "conv" in found
    assert not {"signs", "bconv"} & {*found}
    (wanted,) = run_elsewhere(proto, {"x": x})
    np.testing.assert_allclose(interp.run(optimized(proto), {"x": x})["y"], wanted, 1e-5, 1e-5)


SIGN = SPELLINGS["where(x >= 0, 1, -1)"][0]


@pytest.mark.parametrize(
    "change",
    ["weight", "size", "infinite", "groups", "outputs", "deep"],
)
def test_other_products_of_signs_stay(change: str) -> None:
    rng = np.random.default_rng(0)
    channels, outputs, groups = 16, 32, 1
    w = plus_minus(rng, outputs, channels, 3, 3)
    x = rng.normal(size=(1, channels, 5, 5)).astype(F)
    weights = {"w": w}
    if change == "weight":
        w[3, 2, 1, 1] = 0
    elif change == "size":
        w[3, 2, 1, 1] *= F(1.5)
    elif change == "infinite":
        w[3] = np.inf
    elif change == "groups":
        groups, weights["w"] = 4, w[:, :4]
    elif change == "outputs":
        groups, weights["w"] = 2, w[:24, :8]
    elif change == "deep":
        x = rng.normal(size=(1, 32767, 1, 1)).astype(F)
        weights["w"] = plus_minus(rng, 2, 32767, 1, 1)
    nodes = [*SIGN, node("Conv", "s w", "y", group=groups)]
    assert "conv" in ops(optimized(model(nodes, x, weights)))


def chain(rng: np.random.Generator, channels: int, pad: int) -> tuple[list[onnx.NodeProto], dict]:
    """Two layers of signs with a batch normalisation between, and one behind them."""
    more = [node("GreaterOrEqual", "b1 zero", "c2"), node("Where", "c2 one minus", "s2")]
    pads = {"pads": [pad] * 4}
    nodes = [*SIGN, node("Conv", "s w1", "a1", **pads), batch_norm_node("a1", "n1", "b1"), *more,
             node("Conv", "s2 w2", "a2", **pads), batch_norm_node("a2", "n2", "y")]  # fmt: skip
    weights = {"w1": np.sign(plus_minus(rng, channels, 24, 3, 3)),
               "w2": np.sign(plus_minus(rng, 10, channels, 3, 3))}  # fmt: skip
    return nodes, {**weights, **batch_norm(rng, "n1", channels), **batch_norm(rng, "n2", 10)}


def test_slopes_and_shifts_of_channels_are_part_of_thresholds() -> None:
    """ReActNet's activation: shifts, PReLU, which may fall and rise for some slopes, and shifts."""
    rng = np.random.default_rng(5)
    nodes, weights = chain(rng, 20, 1)
    at = [n.name for n in nodes].index("b1")
    nodes[at : at + 1] = [batch_norm_node("a1", "n1", "t"), node("Add", "t before", "u"),
                          node("PRelu", "u slope", "v"), node("Add", "v after", "b1")]  # fmt: skip
    for name in ("before", "slope", "after"):
        weights[name] = rng.uniform(0.1, 0.9, (20, 1, 1)).astype(F)
    x = rng.normal(size=(1, 24, 6, 6)).astype(F)
    check(model(nodes, x, weights), x, ["signs", "bconv", "bconv"])
    weights["slope"][3:6] = -0.5
    weights["after"] -= 1
    check(model(nodes, x, weights), x, ["signs", "bconv", "binary", "binary", "signs", "bconv"])


@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize("channels", [5, 32, 70])
def test_activations_stay_bits_between_layers(channels: int, pad: int) -> None:
    """The first of two layers has thresholds, rising and falling ones, for the batch norm."""
    rng = np.random.default_rng(channels)
    nodes, weights = chain(rng, channels, pad)
    x = rng.normal(size=(2, 24, 9, 8)).astype(F)
    graph = check(model(nodes, x, weights), x, ["signs", "bconv", "bconv"])
    first = next(n for n in graph.nodes if n.op == "bconv")
    assert graph.values[first.output].dtype == np.uint8


@pytest.mark.parametrize("case", ["scale", "shift", "nan"])
def test_constant_channels(case: str) -> None:
    """Scales of 0, and shifts that no sum reaches, either way; what is NaN is -1."""
    rng = np.random.default_rng(3)
    nodes, weights = chain(rng, 12, 1)
    if case == "scale":
        weights["n1.scale"][:6] = 0
    elif case == "shift":
        weights["n1.shift"][:6] = [1e6, -1e6, 1e30, -1e30, 217, -217]
    else:
        weights["n1.shift"][:6] = np.nan
    x = rng.normal(size=(1, 24, 6, 6)).astype(F)
    check(model(nodes, x, weights), x, ["signs", "bconv", "bconv"])


@pytest.mark.parametrize("seed", range(30))
def test_thresholds_are_those_of_the_floats(seed: int) -> None:
    """With multipliers, biases and activations as they come: the same bits as by way of floats."""
    rng = np.random.default_rng(seed)
    groups, channels = (2, 16) if seed % 2 else (1, 9)
    signs = {"zero": int(rng.choice([-1, 1])), "nan": 1}
    graph = Graph()
    x = graph.add("signs", [graph.add_input("x", F, (3, 4, 5, channels))], signs)
    negative = rng.integers(0, 2, (32 * groups, 3, 2, channels // groups)).astype(bool)
    constants = {
        "w": pack_bits(negative),
        "multiplier": rng.normal(size=len(negative)).astype(F),
        "bias": (3 * rng.normal(size=len(negative))).astype(F),
    }
    fn = UnaryFn(rng.choice([UnaryFn.identity, UnaryFn.leaky_relu, UnaryFn.tanh, UnaryFn.clip]))
    attrs = {"strides": [1, 1], "dilations": [1, 1], "pads": [1, 0, 1, 1], "groups": groups,
             "channels": channels, "pad": seed // 2 % 2,
             "activation": {"fn": fn, "alpha": -0.25, "beta": 1.0}}  # fmt: skip
    y = graph.add("bconv", [x, *(graph.add_constant(n, a) for n, a in constants.items())], attrs)
    scale = graph.add_constant("scale", rng.normal(size=len(negative)).astype(F))
    y = graph.add("batch_norm", [y, scale, scale])
    graph.outputs = [graph.add("signs", [y], signs, output="y")]
    data = {"x": rng.choice([-1, 0, 1], graph.values["x"].shape).astype(F)}
    wanted = interp.run(graph, data)["y"]
    assert keep_bits(graph).changed == 1
    assert [n.op for n in graph.nodes] == ["signs", "bconv"]
    for found in (interp.run(graph, data)["y"], edgert.load(pack(graph)).run(data)["y"]):
        assert found.tobytes() == wanted.tobytes()


def test_floats_that_are_read_elsewhere_stay_floats() -> None:
    rng = np.random.default_rng(0)
    nodes, weights = chain(rng, 10, 1)
    nodes[-1] = batch_norm_node("a2", "n2", "b2")
    x = rng.normal(size=(1, 24, 6, 6)).astype(F)
    proto = model([*nodes, node("Add", "b2 b1", "y")], x, weights)
    check(proto, x, ["signs", "bconv", "signs", "bconv"])


def test_signs_that_rise_and_fall_stay_floats() -> None:
    rng = np.random.default_rng(0)
    nodes, weights = chain(rng, 10, 1)
    at = [n.name for n in nodes].index("b1")
    nodes[at : at + 1] = [batch_norm_node("a1", "n1", "t"), node("Abs", "t", "u"),
                          node("Sub", "u two", "b1")]  # fmt: skip
    x = rng.normal(size=(1, 24, 6, 6)).astype(F)
    check(model(nodes, x, weights), x, ["signs", "bconv", "binary", "signs", "bconv"])


@pytest.mark.parametrize("value", [1.0, 0.0, -1.0])
def test_pads_of_larq(value: float) -> None:
    """Pads of ones are the layer's own; pads of zeros, too; of -1 the layer stays in floats."""
    rng = np.random.default_rng(1)
    pads = np.array([0, 0, 1, 1, 0, 0, 1, 0])
    nodes = [*SIGN, node("Pad", "s pads value", "p"), node("Conv", "p w", "y", strides=[1, 2])]
    x = rng.normal(size=(2, 17, 6, 9)).astype(F)
    weights = {"pads": pads, "value": np.array(value, F), "w": plus_minus(rng, 33, 17, 3, 3)}
    proto = model(nodes, x, weights)
    if value < 0:
        assert "conv" in ops(optimized(proto))
        return
    graph = check(proto, x, ["signs", "bconv"])
    assert next(n for n in graph.nodes if n.op == "bconv").attrs["pad"] == int(value)


def test_images_with_channels_last() -> None:
    """As tf2onnx writes Larq's layers: pads before, and transpositions around, the convolution."""
    rng = np.random.default_rng(6)
    nodes = [
        *SPELLINGS["sign(sign(x) + 0.1)"][0],
        node("Pad", "s pads one", "p"),
        node("Transpose", "p", "t", perm=[0, 3, 1, 2]),
        node("Conv", "t w", "c", strides=[2, 2]),
        batch_norm_node("c", "n", "e"),
        node("Transpose", "e", "y", perm=[0, 2, 3, 1]),
    ]
    x = rng.normal(size=(2, 9, 8, 21)).astype(F)
    weights = {"pads": np.array([0, 1, 1, 0, 0, 1, 0, 0]), "w": plus_minus(rng, 16, 21, 3, 3)}
    graph = check(model(nodes, x, {**weights, **batch_norm(rng, "n", 16)}), x, ["signs", "bconv"])
    assert "transpose" not in [n.op for n in graph.nodes]
    assert next(n for n in graph.nodes if n.op == "bconv").attrs["pad"] == 1


def test_matrix_products_share_their_signs() -> None:
    """Gemm and MatMul of the same signs, with biases, scales behind them and a residual."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(5, 50)).astype(F)
    nodes = [*SIGN, node("Gemm", "s w1 bias", "g", transB=1), node("MatMul", "s w2", "m"),
             node("Mul", "m alpha", "n"), node("Add", "n g", "y")]  # fmt: skip
    weights = {"w1": plus_minus(rng, 21, 50), "w2": np.sign(plus_minus(rng, 50, 21)),
               "bias": rng.normal(size=21).astype(F),
               "alpha": rng.uniform(0.1, 1, 21).astype(F)}  # fmt: skip
    graph = check(model(nodes, x, weights), x, ["signs", "bgemm", "bgemm"])
    assert any(len(n.inputs) == 5 for n in graph.nodes if n.op == "bgemm")


def test_groups_and_dilations() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(2, 48, 9, 9)).astype(F)
    conv = node("Conv", "s w", "y", group=3, dilations=[2, 1], pads=[2, 1, 1, 0])
    check(model([*SIGN, conv], x, {"w": plus_minus(rng, 96, 16, 3, 2)}), x, ["signs", "bconv"])
