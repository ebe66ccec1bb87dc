"""Passes over quantised graphs: where they fire, and that the bits stay."""

from __future__ import annotations

import numpy as np
import pytest
from pass_nets import POOL, Net

from edgert import interp, ir
from edgert.passes.align_channels import align_channels
from edgert.passes.lookups import fold_lookups
from edgert.passes.unsigned import make_unsigned
from edgert.schema import BinaryFn, DType


def image_graph(
    channels: int, kernel: int, groups: int = 1, perm: tuple = (0, 2, 3, 1)
) -> ir.Graph:
    """quantize -> transpose -> qconv, as the first layer of a network."""
    rng = np.random.default_rng(channels + kernel)
    graph = ir.Graph()
    shape = [2, 0, 0, 0]
    shape[perm[1]], shape[perm[2]], shape[perm[3]] = 9, 8, channels
    x = graph.add_input("x", np.float32, shape)
    attrs = {"dtype": DType.uint8, "scale": 0.02, "zero": 119}
    nhwc = graph.add("transpose", [graph.add("quantize", [x], attrs)], {"perm": perm})
    outputs = 6
    operands = [
        rng.integers(-90, 91, (outputs, kernel, kernel, channels // groups)).astype(np.int8),
        rng.integers(-900, 901, outputs).astype(np.int32),
        rng.random(outputs).astype(np.float32) / 300,
    ]
    window = {"strides": [2, 2], "dilations": [1, 1], "pads": [1, 1, 1, 1], "groups": groups}
    zeros = {"x_zero": 119, "residual_zero": 0, "residual_scale": 0}
    output = {"dtype": DType.uint8, "scale": 1, "zero": 128, "low": 0, "high": 255}
    constants = [graph.add_constant("c", operand) for operand in operands]
    attrs = {**window, **zeros, "output": output}
    graph.outputs = [graph.add("qconv", [nhwc, *constants], attrs)]
    return graph


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("perm", [(0, 2, 3, 1), (0, 1, 3, 2)])
def test_align_channels_fills_up_the_image(channels: int, perm: tuple) -> None:
    """The filter becomes a multiple of four deep, and the result keeps its bits."""
    graph = image_graph(channels, kernel=3, perm=perm)
    x = np.random.default_rng(0).normal(size=graph.values["x"].shape).astype(np.float32)
    (before,) = interp.run(graph, {"x": x}).values()
    assert align_channels(graph).changed == 1
    ir.verify(graph)
    assert graph.values[graph.nodes[-1].inputs[1]].shape[3] % 4 == 0
    (after,) = interp.run(graph, {"x": x}).values()
    np.testing.assert_array_equal(after, before)
    assert align_channels(graph).changed == 0


@pytest.mark.parametrize(
    ("channels", "kernel", "groups"),
    [(4, 3, 1), (8, 3, 1), (3, 1, 1), (6, 3, 3)],
    ids=["aligned", "two blocks", "one tap", "groups"],
)
def test_align_channels_leaves_alone(channels: int, kernel: int, groups: int) -> None:
    """What needs no filling up, or cannot have it, stays."""
    assert align_channels(image_graph(channels, kernel, groups)).changed == 0


# make_unsigned


def signed_graph() -> Net:
    """Two images in i8, moved in every way, and read as floats."""
    net = Net()
    signed = {"dtype": DType.int8, "scale": 0.02, "zero": -3}
    floats = {"dtype": DType.float32, "scale": 0.02, "zero": -3}
    x = net.op("quantize", net.x(1, 6, 6, 3), **signed)
    x = net.op("max_pool", x, **{**POOL, "pads": [1, 0, 0, 1]})
    x = net.pad(net.transpose(x, 0, 3, 1, 2), [0, 0, 1, 0], [0, 0, 0, 2], value=-3.0)
    x = net.op("concat", x, net.add_constant("c", np.full((1, 3, 7, 1), -128, np.int8)), axis=3)
    net.outputs = [net.op("dequantize", net.slice(x, 3, 1, 6), **floats)]
    return net


def test_make_unsigned_turns_all_that_belongs_together() -> None:
    net = signed_graph()
    x = {"x": np.random.default_rng(0).normal(size=(1, 6, 6, 3)).astype(np.float32)}
    before = interp.run(net, x)
    assert make_unsigned(net).changed > 0
    ir.verify(net)
    assert all(value.dtype != np.int8 for value in net.values.values())
    for name, array in interp.run(net, x).items():
        np.testing.assert_array_equal(array, before[name])
    assert make_unsigned(net).changed == 0


def test_make_unsigned_leaves_what_meets_inputs_and_outputs() -> None:
    net = signed_graph()
    net.outputs.append(net.nodes[1].output)
    assert make_unsigned(net).changed == 0
    net = Net()
    moved = net.transpose(net.x(2, 3, dtype=np.int8), 1, 0)
    net.outputs = [net.op("dequantize", moved, dtype=DType.float32, scale=0.5, zero=-3)]
    assert make_unsigned(net).changed == 0


# fold_lookups


def table(net: Net, x: str) -> str:
    data = np.random.default_rng(len(net.nodes)).permutation(256).astype(np.uint8)
    return net.op("lookup", x, net.add_constant("table", data))


def product(net: Net, a: str, b: str, dtype: DType = DType.uint8) -> str:
    high = 255 if dtype == DType.uint8 else 0
    output = {"dtype": dtype, "scale": 0.02, "zero": high // 9, "low": 0, "high": high}
    return net.op("qbinary", a, b, fn=BinaryFn.mul, a_zero=100, a_scale=0.5, b_zero=9,
                  b_scale=0.3, output=output)  # fmt: skip


def folded(net: Net, y: str) -> list[str]:
    net.outputs = [y]
    x = {n: np.random.default_rng(1).integers(0, 256, net.values[n].shape).astype(np.uint8)
         for n in net.inputs}  # fmt: skip
    x = {n: a.astype(net.values[n].dtype) for n, a in x.items()}
    (before,) = interp.run(net, x).values()
    fold_lookups(net)
    ir.verify(net)
    (after,) = interp.run(net, x).values()
    np.testing.assert_array_equal(after, before)
    assert fold_lookups(net).changed == 0
    return [node.op for node in net.nodes]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_fold_lookups_chains(dtype: type) -> None:
    net = Net()
    assert folded(net, table(net, table(net, net.x(3, 99, dtype=dtype)))) == ["lookup"]


def test_fold_lookups_pairs() -> None:
    """Whichever operand is a lookup, or both are."""
    for a, b in ((1, 0), (0, 1), (1, 1), (2, 1), (0, 0)):
        net = Net()
        x = net.x(3, 99, dtype=np.uint8)
        operands = []
        for count in (a, b):
            value = x
            for _ in range(count):
                value = table(net, value)
            operands.append(value)
        assert folded(net, product(net, *operands)) == ["lookup"]


def test_fold_lookups_leaves_alone() -> None:
    """Different tensors, results in floats, and lookups of i8."""
    net = Net()
    x, y = net.x(3, 99, dtype=np.uint8), net.x(3, 99, name="y", dtype=np.uint8)
    assert folded(net, product(net, table(net, x), y)) == ["lookup", "qbinary"]
    net = Net()
    x = net.x(3, 99, dtype=np.uint8)
    y = product(net, table(net, x), x, DType.float32)
    assert folded(net, y) == ["lookup", "qbinary"]
    net = Net()
    x = net.x(3, 99, dtype=np.int8)
    y = product(net, table(net, x), table(net, x))
    assert folded(net, y) == ["lookup", "lookup", "qbinary"]
