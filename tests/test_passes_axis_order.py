"""Passes that place transposes: every rule, and the cases that the rules leave alone."""

from __future__ import annotations

import numpy as np
from pass_nets import FROM_IMAGE, TO_IMAGE, Net, ops_after, spelled_layer_norm

from edgert.passes.axis_order import transposed_bytes
from edgert.passes.mincut import FlowNetwork
from edgert.schema import BinaryFn, UnaryFn

# Transposes --------------------------------------------------------------------------------------


def test_transposes_merge_across_a_channel_shuffle() -> None:
    net = Net()
    x = net.transpose(net.conv(net.x(1, 5, 7, 3), 6), *FROM_IMAGE)
    x = net.transpose(net.reshape(x, 1, 2, 3, 5, 7), 0, 2, 1, 3, 4)
    y = net.conv(net.transpose(net.reshape(x, 1, 6, 5, 7), *TO_IMAGE), 4)
    assert ops_after(net, y) == ["conv", "reshape", "transpose", "reshape", "conv"]


def test_a_reshape_that_splits_and_merges_keeps_its_transposes() -> None:
    net = Net()
    x = net.transpose(net.x(4, 3, 5), 1, 0, 2)
    y = net.transpose(net.reshape(x, 6, 10), 1, 0)
    assert ops_after(net, y) == ["transpose", "reshape", "transpose"]


def test_a_net_of_images_has_one_transpose() -> None:
    net = Net()
    x = net.x(1, 3, 9, 9)

    def conv(x: str, channels: int, kernel: int = 1, **attrs) -> str:
        y = net.conv(net.transpose(x, *TO_IMAGE), channels, kernel, **attrs)
        return net.transpose(y, *FROM_IMAGE)

    x = net.f(UnaryFn.silu, conv(net.b(BinaryFn.mul, x, net.random(3, 1, 1)), 8, 3))
    y = net.op("concat", net.f(UnaryFn.relu, conv(x, 8)), x, axis=1)
    y = net.b(BinaryFn.add, y, net.op("concat", x, x, axis=1))
    s = net.f(UnaryFn.sigmoid, conv(net.mean(y, 2, 3), 16))
    y = net.slice(net.b(BinaryFn.mul, y, s), 1, 3, 6)
    y = net.pad(y, [0, 1, 0, 0], [0, 0, 2, 1], value=0.5)
    y = net.op("softmax", conv(y, 4), axis=1, log=0)
    y = net.mean(y, 2, 3, keep=0)
    ops = ops_after(net, y)
    assert ops.count("transpose") == 1
    assert "reshape" not in ops
    assert ops[-1] == "reduce"


def test_a_flattened_image_permutes_the_weight_of_a_gemm() -> None:
    net = Net()
    y = net.transpose(net.conv(net.x(2, 4, 5, 3), 6), *FROM_IMAGE)
    assert ops_after(net, net.gemm(net.reshape(y, 2, 120), 7)) == ["conv", "reshape", "gemm"]


def test_a_flattened_image_that_is_read_twice_keeps_its_transpose() -> None:
    net = Net()
    y = net.reshape(net.transpose(net.conv(net.x(2, 4, 5, 3), 6), *FROM_IMAGE), 2, 120)
    assert "transpose" in ops_after(net, [net.gemm(y, 7), net.f(UnaryFn.relu, y)])


def test_transposes_never_move_more_bytes() -> None:
    net = Net()
    x = net.x(1, 3, 8, 8)
    small = net.transpose(net.conv(net.transpose(x, *TO_IMAGE), 2), *FROM_IMAGE)
    y = net.b(BinaryFn.add, net.op("tile", small, repeats=[1, 32, 1, 1]), net.random(64, 8, 8))
    assert ops_after(net, y) == ["transpose", "conv", "transpose", "tile", "binary"]
    assert transposed_bytes(net) == (3 + 2) * 64 * 4


def test_layer_norm_and_softmax_follow_their_axes() -> None:
    net = Net()
    x = net.transpose(net.x(2, 3, 4, 5), 0, 2, 1, 3)
    y = net.op("softmax", spelled_layer_norm(net, x, axis=3), axis=1, log=0)
    ops = ops_after(net, net.transpose(y, 0, 2, 1, 3))
    assert ops == ["layer_norm", "softmax"]


def test_a_value_with_fewer_axes_is_broadcast_in_either_form() -> None:
    net = Net()
    x = net.transpose(net.conv(net.x(1, 4, 5, 3), 6), *FROM_IMAGE)
    y = net.b(BinaryFn.mul, x, net.x(6, 1, 1, name="gain"))
    y = net.b(BinaryFn.add, y, net.x(5, name="column"))
    assert "transpose" not in ops_after(net, net.conv(net.transpose(y, *TO_IMAGE), 2))


def test_a_reduction_to_an_image_reads_its_axes_as_they_are() -> None:
    net = Net()
    x = net.mean(net.x(2, 1, 6, 1, 5), 0, keep=0)
    y = net.transpose(net.conv(net.transpose(x, *TO_IMAGE), 4), *FROM_IMAGE)
    assert ops_after(net, y) == ["reduce", "transpose", "conv", "transpose"]


def test_minimum_cut() -> None:
    network = FlowNetwork()
    a, b, c = (network.vertex() for _ in range(3))
    for tail, head, capacity in [
        (network.SOURCE, a, 3), (network.SOURCE, b, 2), (a, b, 5), (a, c, 2), (b, c, 3),
        (c, network.SINK, 4), (b, network.SINK, 1),
    ]:  # fmt: skip
        network.edge(tail, head, capacity)
    assert network.source_side() == {network.SOURCE}
    assert network.flow == 5


def test_minimum_cut_against_all_cuts() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        network = FlowNetwork()
        count = int(rng.integers(1, 7))
        vertices = [0, 1] + [network.vertex() for _ in range(count)]
        edges = [(a, b, int(rng.integers(0, 6))) for a in vertices for b in vertices if a != b]
        edges = [edge for edge in edges if rng.random() < 0.5]
        for edge in edges:
            network.edge(*edge)
        costs = []
        for chosen in range(1 << count):
            side = {0} | {v for i, v in enumerate(vertices[2:]) if chosen >> i & 1}
            costs.append(sum(c for a, b, c in edges if a in side and b not in side))
        side = network.source_side()
        assert network.flow == min(costs)
        assert sum(c for a, b, c in edges if a in side and b not in side) == min(costs)
