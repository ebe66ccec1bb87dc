"""Every rule of every pass, and the cases that the rules leave alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from edgert import interp, ir, passes
from edgert.errors import EdgertError
from edgert.ir import Graph
from edgert.passes.base import Sweep, run_pipeline, sweep
from edgert.passes.layout import transposed_bytes
from edgert.passes.mincut import FlowNetwork
from edgert.schema import BinaryFn, PadMode, ReduceFn, UnaryFn

TO_IMAGE, FROM_IMAGE = (0, 2, 3, 1), (0, 3, 1, 2)
CONV = {"strides": [1, 1], "dilations": [1, 1], "pads": [0, 0, 0, 0], "groups": 1}
POOL = {**CONV, "kernel": [2, 2], "ceil_mode": 0, "count_include_pad": 0}
POOL.pop("groups")


class Net(Graph):
    """A graph with short ways to say what these tests need."""

    def __init__(self) -> None:
        super().__init__()
        self.rng = np.random.default_rng(7)

    def x(self, *shape: int, name: str = "x", dtype: type = np.float32) -> str:
        return self.add_input(name, dtype, shape)

    def c(self, data) -> str:
        return self.add_constant("c", np.asarray(data, np.float32))

    def random(self, *shape: int) -> str:
        return self.c(self.rng.normal(size=shape))

    def op(self, op: str, *inputs: str, **attrs) -> str:
        return self.add(op, inputs, attrs)

    def f(self, fn: UnaryFn, x: str, alpha: float = 0, beta: float = 0) -> str:
        return self.op("unary", x, function={"fn": fn, "alpha": alpha, "beta": beta})

    def b(self, fn: BinaryFn, x: str, y: str | float) -> str:
        return self.op("binary", x, y if isinstance(y, str) else self.c(y), fn=fn)

    def conv(self, x: str, outputs: int, kernel: int = 1, groups: int = 1, **attrs) -> str:
        inputs = self.values[x].shape[-1] // groups
        weight = self.random(outputs, kernel, kernel, inputs)
        return self.op(
            "conv", x, weight, self.random(outputs), **{**CONV, "groups": groups, **attrs}
        )

    def gemm(self, x: str, outputs: int) -> str:
        return self.op("gemm", x, self.random(outputs, self.values[x].shape[-1]))

    def reshape(self, x: str, *dims: int) -> str:
        return self.op("reshape", x, rank=len(dims), dims=dims)

    def transpose(self, x: str, *perm: int) -> str:
        return self.op("transpose", x, perm=perm)

    def mean(self, x: str, *axes: int, keep: int = 1) -> str:
        return self.op(
            "reduce", x, fn=ReduceFn.mean, axes=sum(1 << a for a in axes), keep_dims=keep
        )

    def slice(self, x: str, axis: int, start: int, size: int, step: int = 1) -> str:
        shape = list(self.values[x].shape)
        starts, steps, sizes = [0] * len(shape), [1] * len(shape), shape
        starts[axis], steps[axis], sizes[axis] = start, step, size
        return self.op("slice", x, starts=starts, steps=steps, sizes=sizes)

    def pad(self, x: str, before: Sequence[int], after: Sequence[int], value: float = 0.0,
            mode: PadMode = PadMode.constant) -> str:  # fmt: skip
        return self.op("pad", x, mode=mode, before=before, after=after, value=value)


def ops_after(net: Net, outputs: str | Sequence[str], *run: Callable, same_bits: bool = False):
    """The operators that the passes ``run`` (all by default) leave; checks what they compute."""
    net.outputs = [outputs] if isinstance(outputs, str) else list(outputs)
    inputs = {}
    for name in net.inputs:
        value = net.values[name]
        inputs[name] = (3 * net.rng.normal(size=value.shape)).astype(value.dtype)
    expected = interp.run(net, inputs)
    types = {name: (net.values[name].dtype, net.values[name].shape) for name in net.outputs}
    for graph_pass in run or [lambda graph: passes.optimize(graph)]:
        graph_pass(net)
        ir.verify(net)
    assert {n: (net.values[n].dtype, net.values[n].shape) for n in net.outputs} == types
    for name, array in interp.run(net, inputs).items():
        finite = expected[name][np.isfinite(expected[name])]
        tolerance = 0 if same_bits else 1e-5 * max(np.abs(finite).max(initial=0), 1)
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=tolerance)
    return [node.op for node in net.nodes]


def activation(net: Net, i: int = -1) -> UnaryFn:
    return UnaryFn(net.nodes[i].attrs["activation"]["fn"])


def function(net: Net, i: int = -1) -> UnaryFn:
    return UnaryFn(net.nodes[i].attrs["function"]["fn"])


# The sweep ---------------------------------------------------------------------------------------


def test_a_replaced_output_keeps_its_name_and_a_second_one_stays() -> None:
    net = Net()
    y = net.f(UnaryFn.relu, net.x(2, 3))
    first, second = net.reshape(y, 2, 3), net.reshape(y, 2, 3)
    assert ops_after(net, [first, second], passes.simplify_data_movement) == ["unary", "reshape"]
    assert net.outputs == [first, second]


def test_an_input_is_not_renamed_to_an_output() -> None:
    net = Net()
    y = net.reshape(net.x(2, 3), 2, 3)
    assert ops_after(net, y) == ["reshape"]
    assert (net.inputs, net.outputs) == (["x"], [y])


def test_a_rule_that_changes_a_type_is_refused() -> None:
    net = Net()
    y = net.f(UnaryFn.relu, net.x(2, 3))
    net.outputs = [y]

    def wrong(walk: Sweep, node: ir.Node) -> str:
        return walk.add("reshape", node.inputs, {"rank": 1, "dims": [6]}, node)

    with pytest.raises(EdgertError, match="became"):
        sweep("wrong", net, wrong)


def test_the_pipeline_adds_up_and_stops() -> None:
    net = Net()
    y = net.f(UnaryFn.relu, net.f(UnaryFn.identity, net.x(2, 3)))
    net.outputs = [y]
    reports = run_pipeline(net, [passes.simplify_arithmetic, passes.fold_constants])
    assert [(r.name, r.changed) for r in reports] == [
        ("simplify_arithmetic", 1),
        ("fold_constants", 0),
    ]


# Constants and subexpressions --------------------------------------------------------------------


def test_constants_are_folded() -> None:
    net = Net()
    c = net.f(UnaryFn.exp, net.transpose(net.random(3, 2), 1, 0))
    assert ops_after(net, net.b(BinaryFn.sub, net.x(2, 3), c), passes.fold_constants) == ["binary"]


def test_a_constant_that_would_grow_is_not_folded() -> None:
    net = Net()
    c = net.op("expand", net.random(1, 1), rank=2, dims=[200, 200])
    y = net.b(BinaryFn.add, net.x(200, 200), c)
    assert ops_after(net, y, passes.fold_constants) == ["expand", "binary"]


def test_equal_nodes_and_constants_are_shared() -> None:
    net = Net()
    x = net.x(2, 3)
    y = net.b(BinaryFn.add, net.b(BinaryFn.mul, x, 2.0), net.b(BinaryFn.mul, x, 2.0))
    assert ops_after(net, y, passes.share_subexpressions) == ["binary"] * 2


def test_unequal_nodes_and_constants_are_not_shared() -> None:
    net = Net()
    x, almost = net.x(2, 3), np.ones(3)
    almost[2] = 1.0000001
    y = [net.b(BinaryFn.mul, x, net.c(c)) for c in (np.ones(3), almost, -almost)]
    y.append(net.b(BinaryFn.add, y[0], y[1]))
    y.append(net.b(BinaryFn.sub, y[0], y[1]))
    assert len(ops_after(net, y, passes.share_subexpressions, same_bits=True)) == 5


# Moving elements ---------------------------------------------------------------------------------


def test_nodes_that_move_nothing_go() -> None:
    net = Net()
    x = net.x(2, 3, 4)
    x = net.reshape(net.transpose(x, 0, 1, 2), 2, 3, 4)
    x = net.slice(net.pad(x, [0] * 3, [0] * 3), 0, 0, 2)
    x = net.op("tile", net.op("expand", x, rank=3, dims=[2, 3, 4]), repeats=[1, 1, 1])
    x = net.op("concat", net.op("cast", x, dtype=1), axis=1)
    assert ops_after(net, net.f(UnaryFn.relu, x), passes.simplify_data_movement) == ["unary"]


def test_a_reversed_axis_of_equal_length_stays() -> None:
    net = Net()
    y = net.slice(net.x(2, 3), 1, 2, 3, step=-1)
    assert ops_after(net, y, passes.simplify_data_movement) == ["slice"]


def test_unit_axes_make_reshapes() -> None:
    net = Net()
    x = net.transpose(net.x(1, 5, 1, 1), *TO_IMAGE)
    x = net.mean(x, 1, 2, keep=0)
    assert ops_after(net, net.f(UnaryFn.abs, x), passes.simplify_data_movement) == [
        "reshape",
        "reshape",
        "unary",
    ]


def test_a_transpose_that_moves_a_long_axis_stays() -> None:
    net = Net()
    y = net.transpose(net.x(1, 5, 1, 2), *TO_IMAGE)
    assert ops_after(net, y, passes.simplify_data_movement) == ["transpose"]


def test_neighbours_merge() -> None:
    net = Net()
    x = net.transpose(net.transpose(net.x(2, 3, 4), 1, 2, 0), 2, 1, 0)
    x = net.reshape(net.reshape(x, 24), 8, 3)
    assert ops_after(net, x, passes.simplify_data_movement) == ["transpose", "reshape"]
    assert list(net.nodes[0].attrs["perm"]) == [0, 2, 1]


def test_reduced_axes_are_dropped_at_once_but_casts_are_not_merged() -> None:
    net = Net()
    x = net.reshape(net.mean(net.x(2, 4, 5, 3), 1, 2), 2, 3)
    y = net.op("cast", net.op("cast", x, dtype=2), dtype=1)
    assert ops_after(net, y, passes.simplify_data_movement) == ["reduce", "cast", "cast"]


# Arithmetic --------------------------------------------------------------------------------------


def test_constants_come_second_and_are_inverted() -> None:
    net = Net()
    x = net.x(2, 3)
    y = [net.b(BinaryFn.add, net.c([1, 2, 3]), x), net.b(BinaryFn.sub, x, 2.5)]
    y += [net.b(BinaryFn.div, x, 0.3), net.b(BinaryFn.div, net.c(np.ones((2, 3))), x)]
    assert ops_after(net, y, passes.simplify_arithmetic) == ["binary"] * 3 + ["unary"]
    fns = [BinaryFn(node.attrs["fn"]) for node in net.nodes[:3]]
    assert fns == [BinaryFn.add, BinaryFn.add, BinaryFn.mul]
    assert net.nodes[0].inputs[0] == "x"


@pytest.mark.parametrize("divisor", [0.0, 1e-40, 3e38, np.inf])
def test_a_division_whose_inverse_is_not_normal_stays(divisor: float) -> None:
    net = Net()
    assert ops_after(net, net.b(BinaryFn.div, net.x(2, 3), divisor), passes.simplify_arithmetic)
    assert BinaryFn(net.nodes[0].attrs["fn"]) is BinaryFn.div


def test_integers_are_left_alone() -> None:
    net = Net()
    c = net.add_constant("c", np.array([2, 3], np.int32))
    x = net.x(2, 2, dtype=np.int32)
    y = net.op("binary", x, c, fn=BinaryFn.div)
    assert ops_after(net, y, passes.simplify_arithmetic, same_bits=True) == ["binary"]
    assert BinaryFn(net.nodes[0].attrs["fn"]) is BinaryFn.div


def test_powers() -> None:
    net = Net()
    x = net.f(UnaryFn.exp, net.x(2, 3))
    y = [net.b(BinaryFn.pow, x, p) for p in (2.0, 0.5, -1.0, 1.0, 3.0)]
    assert ops_after(net, y, passes.simplify_arithmetic)[1:5].count("unary") == 2
    assert [n.op for n in net.nodes if n.output == y[4]] == ["binary"]


def test_bounds_become_one_clip() -> None:
    net = Net()
    x = net.b(BinaryFn.min, net.b(BinaryFn.max, net.x(2, 3), -1.0), 2.0)
    x = net.f(UnaryFn.relu, x)
    ops = ops_after(net, x, *[passes.simplify_arithmetic] * 3, same_bits=True)
    assert ops == ["unary"]
    assert (function(net), net.nodes[0].attrs["function"]["beta"]) == (UnaryFn.clip, 2.0)


def test_crossed_bounds_keep_their_meaning() -> None:
    for bounds in ([(3.0, 1.0), (0.0, 2.0)], [(0.0, 2.0), (5.0, 4.0)], [(5.0, 4.0), (0.0, 2.0)]):
        net = Net()
        x = net.x(4, 5)
        for low, high in bounds:
            x = net.f(UnaryFn.clip, x, low, high)
        assert ops_after(net, x, passes.simplify_arithmetic, same_bits=True) == ["unary"]


def test_neutral_constants_go_unless_they_broadcast() -> None:
    net = Net()
    x = net.x(2, 3)
    y = net.f(UnaryFn.abs, net.b(BinaryFn.mul, net.b(BinaryFn.add, x, 0.0), 1.0))
    z = net.b(BinaryFn.add, x, net.c(np.zeros((4, 1, 1))))
    zero = net.b(BinaryFn.mul, x, 0.0)
    assert ops_after(net, [y, z, zero], *[passes.simplify_arithmetic] * 2) == [
        "unary",
        "binary",
        "binary",
    ]


def test_a_gated_value_is_not_added_to_itself() -> None:
    net = Net()
    x, gate = net.x(2, 3, 3, 8), net.x(2, 1, 1, 8, name="gate")
    y = net.b(BinaryFn.add, net.b(BinaryFn.mul, x, gate), x)
    assert ops_after(net, y, passes.simplify_arithmetic) == ["binary", "binary"]
    assert net.values[net.nodes[0].output].shape == (2, 1, 1, 8)


def test_a_product_of_equal_shapes_or_that_is_shared_stays() -> None:
    net = Net()
    x, gate = net.x(2, 8), net.x(1, 8, name="gate")
    product = net.b(BinaryFn.mul, gate, x)
    ys = [net.b(BinaryFn.add, x, product), net.f(UnaryFn.relu, product)]
    ys.append(net.b(BinaryFn.add, x, net.b(BinaryFn.mul, x, net.x(2, 8, name="same"))))
    ops_after(net, ys, passes.simplify_arithmetic)
    assert {net.values[n.output].shape for n in net.nodes} == {(2, 8)}


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


def spelled_layer_norm(net: Net, x: str, axis: int = 2, square_of: str = "") -> str:
    d = net.b(BinaryFn.sub, x, net.mean(x, axis))
    square = net.b(BinaryFn.pow, square_of or d, 2.0)
    y = net.b(
        BinaryFn.div, d, net.f(UnaryFn.sqrt, net.b(BinaryFn.add, net.mean(square, axis), 0.01))
    )
    channels = net.values[x].shape[-1]
    return net.b(BinaryFn.add, net.b(BinaryFn.mul, y, net.random(channels)), net.random(channels))


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
