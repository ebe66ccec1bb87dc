"""Passes that fold, share and simplify: every rule, and the cases that the rules leave alone."""

from __future__ import annotations

import numpy as np
import pytest
from pass_nets import TO_IMAGE, Net, function, ops_after

from edgert import ir, passes
from edgert.errors import EdgertError
from edgert.passes.base import PassReport, Sweep, run_pipeline, sweep
from edgert.schema import BinaryFn, UnaryFn

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


def test_a_name_that_was_given_up_names_nothing_else() -> None:
    """What is added later would be read in place of the value that had the name."""
    net = Net()
    exp = {"function": {"fn": UnaryFn.exp, "alpha": 0.0, "beta": 0.0}}
    given_up = net.add("unary", [net.x(2, 3)], exp, output="y_")
    first = net.reshape(given_up, 2, 3)
    last = net.add("unary", [given_up], exp, output="y")

    def rule(walk: Sweep, node: ir.Node) -> str | None:
        if node.op == "reshape":
            return node.inputs[0]
        if node.output != "y":
            return None
        negated = {"function": {"fn": UnaryFn.neg, "alpha": 0.0, "beta": 0.0}}
        once = walk.add("unary", node.inputs, negated, node)  # wants to be called "y_"
        return walk.add("unary", [walk.add("unary", [once], negated, node)], exp, node)

    def replace_both(graph: ir.Graph) -> PassReport:
        return sweep("replace", graph, rule)

    assert ops_after(net, [first, last], replace_both) == ["unary"] * 4


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
