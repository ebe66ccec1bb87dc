"""Passes that recognise functions, normalisations and products: every rule and what it spares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from pass_nets import Net, activation, function, ops_after, spelled_layer_norm

from edgert import passes
from edgert.schema import BinaryFn, UnaryFn

# Functions ---------------------------------------------------------------------------------------


def spelled_gelu(net: Net, x: str, root: float = 2**0.5) -> str:
    y = net.b(BinaryFn.add, net.f(UnaryFn.erf, net.b(BinaryFn.div, x, root)), 1.0)
    return net.b(BinaryFn.mul, net.b(BinaryFn.mul, x, y), 0.5)


def spelled_gelu_halved(net: Net, x: str) -> str:
    y = net.b(BinaryFn.add, net.f(UnaryFn.erf, net.b(BinaryFn.mul, x, 0.5**0.5)), 1.0)
    return net.b(BinaryFn.mul, net.b(BinaryFn.mul, x, 0.5), y)


def spelled_gelu_tanh(net: Net, x: str) -> str:
    cube = net.b(BinaryFn.pow, x, 3.0)
    y = net.b(BinaryFn.add, x, net.b(BinaryFn.mul, cube, 0.044715))
    y = net.f(UnaryFn.tanh, net.b(BinaryFn.mul, y, (2 / np.pi) ** 0.5))
    return net.b(BinaryFn.mul, net.b(BinaryFn.mul, net.b(BinaryFn.add, y, 1.0), x), 0.5)


def spelled_gelu_tanh_square(net: Net, x: str) -> str:
    square = net.b(BinaryFn.add, net.b(BinaryFn.mul, net.b(BinaryFn.mul, x, x), 0.044715), 1.0)
    y = net.b(BinaryFn.mul, net.b(BinaryFn.mul, x, (2 / np.pi) ** 0.5), square)
    y = net.b(BinaryFn.add, net.f(UnaryFn.tanh, y), 1.0)
    return net.b(BinaryFn.mul, net.b(BinaryFn.mul, x, 0.5), y)


def spelled_hard_swish(net: Net, x: str) -> str:
    y = net.f(UnaryFn.clip, net.b(BinaryFn.add, x, 3.0), 0.0, 6.0)
    return net.b(BinaryFn.div, net.b(BinaryFn.mul, x, y), 6.0)


def spelled_hard_swish_inside(net: Net, x: str) -> str:
    y = net.f(UnaryFn.clip, net.b(BinaryFn.add, x, 3.0), 0.0, 6.0)
    return net.b(BinaryFn.mul, net.b(BinaryFn.div, y, 6.0), x)


def spelled_sigmoid(net: Net, x: str) -> str:
    return net.b(BinaryFn.div, net.c(np.ones((4, 9))),
                 net.b(BinaryFn.add, net.f(UnaryFn.exp, net.f(UnaryFn.neg, x)), 1.0))  # fmt: skip


def spelled_softplus(net: Net, x: str) -> str:
    return net.f(UnaryFn.log, net.b(BinaryFn.add, net.f(UnaryFn.exp, x), 1.0))


def spelled_leaky_relu(net: Net, x: str) -> str:
    return net.b(BinaryFn.max, net.b(BinaryFn.mul, x, 0.1), x)


@pytest.mark.parametrize(
    ("spelling", "fn"),
    [
        (spelled_gelu, UnaryFn.gelu),
        (spelled_gelu_halved, UnaryFn.gelu),
        (spelled_gelu_tanh, UnaryFn.gelu_tanh),
        (spelled_gelu_tanh_square, UnaryFn.gelu_tanh),
        (spelled_hard_swish, UnaryFn.hard_swish),
        (spelled_hard_swish_inside, UnaryFn.hard_swish),
        (lambda n, x: n.b(BinaryFn.mul, x, n.f(UnaryFn.sigmoid, x)), UnaryFn.silu),
        (
            lambda n, x: n.b(BinaryFn.mul, n.f(UnaryFn.hard_sigmoid, x, 1 / 6, 0.5), x),
            UnaryFn.hard_swish,
        ),
        (spelled_sigmoid, UnaryFn.sigmoid),
        (spelled_softplus, UnaryFn.softplus),
        (spelled_leaky_relu, UnaryFn.leaky_relu),
    ],
)
def test_spelled_functions_are_recognised(spelling: Callable, fn: UnaryFn) -> None:
    net = Net()
    assert ops_after(net, spelling(net, net.x(4, 9))) == ["unary"]
    assert function(net) is fn


@pytest.mark.parametrize(
    "spelling",
    [
        lambda n, x: spelled_gelu(n, x, root=1.4),
        lambda n, x: n.b(BinaryFn.mul, n.f(UnaryFn.hard_sigmoid, x, 0.2, 0.5), x),
        lambda n, x: n.b(BinaryFn.mul, n.f(UnaryFn.sigmoid, n.b(BinaryFn.mul, x, 1.702)), x),
        lambda n, x: n.b(BinaryFn.max, n.b(BinaryFn.mul, x, 1.5), x),
        lambda n, x: n.b(BinaryFn.mul, n.f(UnaryFn.sigmoid, n.f(UnaryFn.abs, x)), x),
    ],
)
def test_other_numbers_are_other_functions(spelling: Callable) -> None:
    net = Net()
    named = UnaryFn.gelu, UnaryFn.hard_swish, UnaryFn.silu, UnaryFn.leaky_relu
    ops_after(net, spelling(net, net.x(4, 9)))
    fns = [UnaryFn(n.attrs["function"]["fn"]) for n in net.nodes if n.op == "unary"]
    assert not set(fns) & set(named)
    assert len(net.nodes) > 1


# Layer normalisation -----------------------------------------------------------------------------


def test_layer_norm_is_recognised() -> None:
    net = Net()
    assert ops_after(net, spelled_layer_norm(net, net.x(2, 3, 8))) == ["layer_norm"]
    assert net.nodes[0].attrs["epsilon"] == pytest.approx(0.01)


def test_layer_norm_of_a_difference_computed_twice() -> None:
    net = Net()
    x = net.x(2, 3, 8)
    again = net.b(BinaryFn.sub, x, net.mean(x, 2))
    assert ops_after(net, spelled_layer_norm(net, x, square_of=again)) == ["layer_norm"]


def test_no_layer_norm_over_another_axis_or_of_another_square() -> None:
    net = Net()
    assert "layer_norm" not in ops_after(net, spelled_layer_norm(net, net.x(2, 3, 8), axis=1))
    net = Net()
    x = net.x(2, 3, 8)
    assert "layer_norm" not in ops_after(net, spelled_layer_norm(net, x, square_of=x))


def test_a_shift_before_a_scale_is_scaled() -> None:
    net = Net()
    y = spelled_layer_norm(net, net.x(2, 3, 8))
    assert ops_after(net, net.b(BinaryFn.mul, y, net.random(8))) == ["layer_norm"]


# Products ----------------------------------------------------------------------------------------


def test_matmul_with_a_matrix_is_gemm() -> None:
    net = Net()
    x = net.x(2, 3, 5)
    y = net.b(BinaryFn.add, net.op("matmul", x, net.random(1, 5, 4)), net.random(4))
    assert ops_after(net, y) == ["gemm"]
    assert net.constant(net.nodes[0].inputs[1]).shape == (4, 5)


def test_matmul_with_several_matrices_or_a_value_stays() -> None:
    net = Net()
    x = net.x(2, 3, 5)
    y = net.op("matmul", x, net.random(2, 5, 4))
    z = net.op("matmul", net.x(5, 5, name="a"), net.random(1, 5, 5))
    assert ops_after(net, [y, z, net.op("matmul", z, net.x(1, 5, 2, name="b"))]) == ["matmul"] * 3


def test_blocks_of_a_transposed_convolution_are_products() -> None:
    net = Net()
    attrs = {"kernel": [2, 3], "strides": [2, 3], "dilations": [1, 1], "pads": [0] * 4,
             "output_padding": [0, 0], "groups": 1}  # fmt: skip
    weight, bias = net.random(2 * 3 * 5, 4), net.random(5)
    y = net.op("conv_transpose", net.x(2, 6, 4, 4), weight, bias, **attrs)
    assert ops_after(net, net.f(UnaryFn.sigmoid, y)) == ["gemm", "reshape", "transpose", "reshape"]
    assert activation(net, 0) is UnaryFn.sigmoid


@pytest.mark.parametrize(
    "change",
    [{"strides": [2, 2]}, {"outputs": 16}, {"pads": [0, 1, 0, 0]}, {"groups": 2},
     {"dilations": [1, 2]},
     {"output_padding": [1, 0]}],
)  # fmt: skip
def test_other_transposed_convolutions_stay(change: dict) -> None:
    net = Net()
    attrs = {"kernel": [2, 3], "strides": [2, 3], "dilations": [1, 1], "pads": [0] * 4,
             "output_padding": [0, 0], "groups": 1, **change}  # fmt: skip
    weight = net.random(2 * 3 * attrs.pop("outputs", 4), 4 // attrs["groups"])
    y = net.op("conv_transpose", net.x(2, 6, 4, 4), weight, **attrs)
    assert ops_after(net, y) == ["conv_transpose"]


def test_parts_of_a_product_are_products() -> None:
    net = Net()
    y = net.gemm(net.x(2, 7, 5), 24)
    y = net.transpose(net.reshape(y, 2, 7, 3, 2, 4), 2, 0, 3, 1, 4)
    parts = [net.slice(y, 0, i, 1) for i in range(3)]
    ops = Counter(ops_after(net, parts, passes.divide_products))
    assert ops == {"gemm": 3, "reshape": 3, "transpose": 3}


def test_a_pointwise_conv_is_divided_and_others_are_not() -> None:
    net = Net()
    y = net.conv(net.x(1, 4, 4, 6), 8)
    ops = ops_after(net, [net.slice(y, 3, 0, 4), net.slice(y, 3, 4, 4)], passes.divide_products)
    assert ops == ["conv"] * 2
    net = Net()
    x = net.x(1, 4, 4, 6)
    whole, spatial, rows = net.conv(x, 8), net.conv(x, 8, kernel=3), net.conv(x, 8)
    ys = [net.slice(whole, 3, 0, 4), net.f(UnaryFn.relu, whole), net.slice(spatial, 3, 0, 4)]
    ys += [net.slice(rows, 1, 0, 2), net.slice(rows, 3, 0, 4), net.slice(rows, 3, 0, 6)]
    assert ops_after(net, ys, passes.divide_products).count("slice") == 5
