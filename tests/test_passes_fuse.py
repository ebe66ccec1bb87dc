"""Passes that fuse neighbours: every rule, and the cases that the rules leave alone."""

from __future__ import annotations

import numpy as np
import pytest
from pass_nets import POOL, Net, activation, ops_after

from edgert import passes
from edgert.schema import BinaryFn, PadMode, UnaryFn

# Pads --------------------------------------------------------------------------------------------


def test_zeros_go_into_a_conv_and_an_average() -> None:
    net = Net()
    x = net.pad(net.x(1, 5, 5, 4), [0, 1, 0, 0], [0, 1, 1, 0])
    y = [net.conv(x, 3, kernel=3, pads=[1, 0, 0, 1]), net.op("average_pool", x, **POOL)]
    assert ops_after(net, y, passes.fuse_pads) == ["conv", "average_pool"]
    assert net.nodes[0].attrs["pads"] == [2, 0, 1, 2]
    assert net.nodes[1].attrs["count_include_pad"] == 1


def test_minus_infinity_goes_into_a_maximum_and_zero_does_not() -> None:
    net = Net()
    x = net.x(1, 5, 5, 4)
    low, zero = (net.pad(x, [0, 1, 1, 0], [0, 0, 0, 0], value=v) for v in (-np.inf, 0.0))
    y = [net.op("max_pool", low, **POOL), net.op("max_pool", zero, **POOL)]
    assert sorted(ops_after(net, y, passes.fuse_pads)) == ["max_pool", "max_pool", "pad"]


@pytest.mark.parametrize(
    "pad",
    [
        {"before": [0, 1, 0, 0], "after": [0, 0, 0, 1]},
        {"before": [0, 1, 0, 0], "after": [0, 0, 0, 0], "value": 1.0},
        {"before": [0, 1, 0, 0], "after": [0, 0, 0, 0], "mode": PadMode.reflect},
    ],
)
def test_other_pads_stay(pad: dict) -> None:
    net = Net()
    y = net.conv(net.pad(net.x(1, 5, 5, 4), **pad), 3, kernel=2)
    assert ops_after(net, y, passes.fuse_pads) == ["pad", "conv"]


def test_a_pool_takes_no_pads_as_large_as_its_window() -> None:
    net = Net()
    x = net.pad(net.x(1, 5, 5, 4), [0, 2, 0, 0], [0, 0, 0, 0])
    y = net.op("average_pool", x, **POOL)
    assert ops_after(net, y, passes.fuse_pads) == ["pad", "average_pool"]


def test_a_pool_that_does_not_count_its_pads_takes_no_others() -> None:
    net = Net()
    x = net.pad(net.x(1, 5, 5, 4), [0, 1, 0, 0], [0, 0, 0, 0])
    y = net.op("average_pool", x, **{**POOL, "pads": [0, 1, 0, 0]})
    assert ops_after(net, y, passes.fuse_pads) == ["pad", "average_pool"]


# Scales and shifts -------------------------------------------------------------------------------


def test_batch_norm_goes_into_the_weights() -> None:
    net = Net()
    x = net.x(1, 5, 5, 4)
    y = net.op("batch_norm", net.conv(x, 6, 3, groups=2), net.random(6), net.random(6))
    t = net.op("conv_transpose", x, net.random(2 * 4 * 3, 2), kernel=[2, 2], strides=[2, 2],
               dilations=[1, 1], pads=[0, 0, 0, 0], output_padding=[0, 0], groups=2)  # fmt: skip
    t = net.op("batch_norm", t, net.random(6), net.random(6), activation={"fn": UnaryFn.relu})
    g = net.b(BinaryFn.add, net.b(BinaryFn.mul, net.gemm(x, 6), net.random(6)), 0.5)
    assert ops_after(net, [y, t, g], *[passes.fold_affine] * 2) == [
        "conv",
        "conv_transpose",
        "gemm",
    ]
    assert activation(net, 1) is UnaryFn.relu


def test_a_shared_conv_keeps_its_batch_norm() -> None:
    net = Net()
    x = net.conv(net.x(1, 5, 5, 4), 6)
    y = net.op("batch_norm", x, net.random(6), net.random(6))
    assert ops_after(net, [y, x], passes.fold_affine) == ["conv", "batch_norm"]


def test_an_activation_lies_between() -> None:
    net = Net()
    x = net.conv(net.x(1, 5, 5, 4), 6, activation={"fn": UnaryFn.relu})
    y = net.op("batch_norm", x, net.random(6), net.random(6))
    assert ops_after(net, y, passes.fold_affine) == ["conv", "batch_norm"]


def test_behind_a_residual_a_shift_is_folded_and_a_scale_is_not() -> None:
    net = Net()
    x = net.x(2, 6)
    y = net.op("gemm", x, net.random(6, 6), "", x)
    shifted = net.b(BinaryFn.add, y, net.random(6))
    assert ops_after(net, shifted, passes.fold_affine) == ["gemm"]
    net = Net()
    x = net.x(2, 6)
    scaled = net.b(BinaryFn.mul, net.op("gemm", x, net.random(6, 6), "", x), net.random(6))
    assert ops_after(net, scaled, passes.fold_affine) == ["gemm", "binary"]


def test_a_product_and_a_sum_are_a_batch_norm() -> None:
    net = Net()
    x = net.f(UnaryFn.relu, net.x(2, 3, 6))
    x = net.b(BinaryFn.add, net.b(BinaryFn.mul, x, net.random(6)), net.random(1, 1, 6))
    y = net.op("batch_norm", x, net.random(6), net.random(6))
    assert ops_after(net, y, *[passes.fold_affine] * 2) == ["unary", "batch_norm"]


def test_constants_of_other_axes_stay() -> None:
    net = Net()
    x = net.b(BinaryFn.mul, net.gemm(net.x(3, 4), 3), net.random(3, 1))
    assert ops_after(net, net.b(BinaryFn.add, x, net.random(3, 3)), passes.fold_affine) == [
        "gemm",
        "binary",
        "binary",
    ]


def test_a_scale_in_front_goes_into_the_weights() -> None:
    net = Net()
    x = net.x(1, 5, 5, 4)
    scaled = net.b(BinaryFn.mul, x, net.random(4))
    y = [net.conv(scaled, 6, 3, groups=2, pads=[1, 1, 1, 1])]
    z = net.b(BinaryFn.add, net.f(UnaryFn.abs, x), net.random(4))
    y.append(net.conv(z, 6, 3))
    assert ops_after(net, y, *[passes.fold_affine] * 2) == ["conv", "unary", "conv"]


def test_a_shift_in_front_of_pads_stays() -> None:
    net = Net()
    x = net.b(BinaryFn.add, net.x(1, 5, 5, 4), net.random(4))
    y = net.conv(x, 6, 3, pads=[0, 1, 0, 0])
    assert ops_after(net, y, passes.fold_affine) == ["binary", "conv"]


# Epilogues ---------------------------------------------------------------------------------------


def test_residual_and_activation_are_fused() -> None:
    net = Net()
    x = net.x(1, 5, 5, 6)
    y = net.f(UnaryFn.relu, net.b(BinaryFn.add, x, net.conv(x, 6, 3, pads=[1, 1, 1, 1])))
    assert ops_after(net, y, passes.fuse_residual, passes.fuse_activation) == ["conv"]
    assert activation(net) is UnaryFn.relu
    assert net.nodes[0].inputs[3] == "x"


def test_the_later_of_two_convs_takes_the_other() -> None:
    net = Net()
    x = net.x(1, 5, 5, 6)
    first, second = net.conv(x, 6), net.conv(net.conv(x, 6), 6)
    assert ops_after(net, net.b(BinaryFn.add, first, second), passes.fuse_residual) == ["conv"] * 3
    assert net.nodes[-1].inputs[3] == first


def test_a_broadcast_or_shared_or_activated_sum_stays() -> None:
    net = Net()
    x = net.x(1, 5, 5, 6)
    small = net.x(1, 1, 1, 6, name="s")
    shared, active = net.conv(x, 6), net.conv(x, 6, activation={"fn": UnaryFn.relu})
    ys = [net.b(BinaryFn.add, net.conv(x, 6), small), net.b(BinaryFn.add, x, active)]
    ys += [net.b(BinaryFn.add, shared, x), shared]
    assert ops_after(net, ys, passes.fuse_residual).count("binary") == 3


def test_activations_of_shared_values_and_outputs_stay() -> None:
    net = Net()
    x = net.x(2, 6)
    output, shared = net.gemm(x, 6), net.b(BinaryFn.add, x, net.random(6))
    ys = [
        output,
        net.f(UnaryFn.relu, output),
        net.f(UnaryFn.relu, shared),
        net.f(UnaryFn.abs, shared),
    ]
    assert ops_after(net, ys, passes.fuse_activation).count("unary") == 3


def test_activations_fuse_into_every_node_that_has_one() -> None:
    net = Net()
    x = net.x(1, 5, 5, 6)
    y = net.f(UnaryFn.tanh, net.op("batch_norm", x, net.random(6), net.random(6)))
    z = net.f(UnaryFn.sigmoid, net.b(BinaryFn.mul, x, x))
    assert ops_after(net, [y, z], passes.fuse_activation) == ["batch_norm", "binary"]


# Movers ------------------------------------------------------------------------------------------


def test_elementwise_nodes_meet_the_product_across_movers() -> None:
    net = Net()
    y = net.reshape(net.gemm(net.x(2, 7, 5), 12), 2, 7, 3, 4)
    y = net.b(BinaryFn.mul, net.transpose(y, 0, 2, 1, 3), 0.25)
    y = net.b(BinaryFn.add, y, net.random(3, 1, 4))
    assert ops_after(net, net.f(UnaryFn.relu, y)) == ["gemm", "reshape", "transpose"]
    assert activation(net, 0) is UnaryFn.relu


def test_a_sum_of_reshapes_is_a_reshape_of_a_sum() -> None:
    net = Net()
    x = net.x(1, 4, 6)
    y = net.reshape(net.gemm(x, 6), 1, 2, 2, 6)
    assert ops_after(net, net.b(BinaryFn.add, y, net.reshape(x, 1, 2, 2, 6))) == ["gemm", "reshape"]


def test_a_constant_that_would_grow_stays_behind_the_reshape() -> None:
    net = Net()
    y = net.b(
        BinaryFn.add, net.reshape(net.f(UnaryFn.relu, net.x(4, 6)), 2, 2, 6), net.random(2, 1)
    )
    assert ops_after(net, y, passes.sink_movers) == ["unary", "reshape", "binary"]


def test_a_shared_transpose_is_not_moved() -> None:
    net = Net()
    y = net.transpose(net.gemm(net.x(4, 6), 5), 1, 0)
    assert ops_after(net, [y, net.f(UnaryFn.relu, y)], passes.sink_movers) == [
        "gemm",
        "transpose",
        "unary",
    ]
