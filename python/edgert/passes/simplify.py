"""Removes nodes that do nothing and merges neighbours that one node can replace."""

from __future__ import annotations

import math

import numpy as np

from edgert.ir import Graph, Node
from edgert.ops import Trait, having
from edgert.passes.axes import moves, reshape_attrs
from edgert.passes.base import PassReport, Sweep, activation, parameters, sweep
from edgert.schema import BinaryFn, UnaryFn

_REPEATS = having(Trait.REPEATS)


def simplify_data_movement(graph: Graph) -> PassReport:
    """Removes and merges nodes that only move elements.

    1. A reshape, transpose, slice, pad, expand, tile, cast, concat or reduce that changes nothing
       goes.
    2. A transpose that moves no axis longer than one is a reshape; so is an expand or tile to as
       many elements as there were, and a reduction over axes of length one.
    3. Two reshapes, two transposes or a reduction and the removal of its axes are one.
    4. Two casts of which the first makes a float wider are one. Not others: the first may round.
    """
    return sweep(
        "simplify_data_movement", graph, _drop_identity, _as_reshape, _merge_reshapes,
        _merge_transposes, _merge_casts, _merge_reduced_axes,
    )  # fmt: skip


def simplify_arithmetic(graph: Graph) -> PassReport:
    """Rewrites elementwise float nodes to the form that the other passes look for.

    1. A constant operand of add, mul, max and min comes second.
    2. x - c is x + (-c), x / c is x * (1 / c), c / x with c = 1 is the reciprocal of x.
    3. x ** 2 is x * x, x ** 0.5 the square root, x ** -1 the reciprocal, x ** 1 is x.
    4. max and min with a number are clip; clips in a row are one; clip from 0 to infinity is relu.
    5. x + 0, x * 1 and the identity function go.
    6. x + x * s with an s that is broadcast is x * (s + 1).
    7. Not integers, whose division rounds; and not x * 0, which is NaN for an infinite x.
    """
    return sweep(
        "simplify_arithmetic", graph, _constant_second, _invert_constant, _power, _bounds,
        _merge_clips, _neutral, _factor_out,
    )  # fmt: skip


def _drop_identity(sweep: Sweep, node: Node) -> str | None:
    source = node.inputs[0]
    same_shape = sweep.shape(source) == sweep.shape(node.output)
    rank = len(sweep.shape(source))
    nothing = {
        "reshape": lambda: same_shape,
        "expand": lambda: same_shape,
        "tile": lambda: same_shape,
        "pad": lambda: same_shape,
        "transpose": lambda: list(node.attrs["perm"][:rank]) == list(range(rank)),
        "slice": lambda: same_shape and all(step > 0 for step in node.attrs["steps"][:rank]),
        "cast": lambda: sweep.dtype(source) == sweep.dtype(node.output),
        "concat": lambda: len(node.inputs) == 1,
        "reduce": lambda: same_shape,
    }.get(node.op)
    return source if nothing and nothing() else None


def _as_reshape(sweep: Sweep, node: Node) -> str | None:
    source, shape = sweep.shape(node.inputs[0]), sweep.shape(node.output)
    if node.op == "transpose":
        if moves(source, node.attrs["perm"][: len(source)]):
            return None
    elif node.op == "reduce" or node.op in _REPEATS:
        if math.prod(source) != math.prod(shape) or math.prod(shape) == 0:
            return None
    else:
        return None
    return sweep.add("reshape", [node.inputs[0]], reshape_attrs(shape), node)


def _merge_reshapes(sweep: Sweep, node: Node) -> str | None:
    first = sweep.producer(node.inputs[0], "reshape") if node.op == "reshape" else None
    return first and sweep.add("reshape", first.inputs, node.attrs, node)


def _merge_transposes(sweep: Sweep, node: Node) -> str | None:
    first = sweep.producer(node.inputs[0], "transpose") if node.op == "transpose" else None
    if first is None:
        return None
    rank = len(sweep.shape(node.output))
    perm = [first.attrs["perm"][axis] for axis in node.attrs["perm"][:rank]]
    return sweep.add("transpose", first.inputs, {"perm": perm}, node)


def _merge_casts(sweep: Sweep, node: Node) -> str | None:
    first = sweep.producer(node.inputs[0], "cast") if node.op == "cast" else None
    if first is None:
        return None
    before, between = sweep.dtype(first.inputs[0]), sweep.dtype(first.output)
    if not (before.kind == between.kind == "f" and before.itemsize < between.itemsize):
        return None
    return sweep.add("cast", first.inputs, node.attrs, node)


def _merge_reduced_axes(sweep: Sweep, node: Node) -> str | None:
    first = sweep.producer(node.inputs[0], "reduce") if node.op == "reshape" else None
    if first is None or sweep.is_shared(first.output):
        return None
    source = sweep.shape(first.inputs[0])
    kept = tuple(d for axis, d in enumerate(source) if not first.attrs["axes"] >> axis & 1)
    full = tuple(1 if first.attrs["axes"] >> a & 1 else d for a, d in enumerate(source))
    if sweep.shape(node.output) not in (kept, full):
        return None
    keep_dims = int(sweep.shape(node.output) == full)
    return sweep.add("reduce", first.inputs, {**first.attrs, "keep_dims": keep_dims}, node)


def _is_float_binary(sweep: Sweep, node: Node, *fns: BinaryFn) -> bool:
    if node.op != "binary" or sweep.dtype(node.output) != np.float32:
        return False
    return BinaryFn(node.attrs["fn"]) in fns


def _constant_second(sweep: Sweep, node: Node) -> str | None:
    commutative = BinaryFn.add, BinaryFn.mul, BinaryFn.max, BinaryFn.min
    if not _is_float_binary(sweep, node, *commutative):
        return None
    a, b = node.inputs
    if sweep.constant(a) is None or sweep.constant(b) is not None:
        return None
    return sweep.add("binary", [b, a], node.attrs, node)


def _invert_constant(sweep: Sweep, node: Node) -> str | None:
    if not _is_float_binary(sweep, node, BinaryFn.sub, BinaryFn.div):
        return None
    a, b = node.inputs
    divides = BinaryFn(node.attrs["fn"]) is BinaryFn.div
    data = sweep.constant(b)
    if data is not None and (not divides or _has_inverse(data)):
        constant = sweep.add_constant(b, np.float32(1) / data if divides else -data)
        fn = BinaryFn.mul if divides else BinaryFn.add
        return sweep.add("binary", [a, constant], {**node.attrs, "fn": fn}, node)
    if divides and sweep.scalar(a) == 1.0 and sweep.shape(b) == sweep.shape(node.output):
        y = sweep.add("unary", [b], {"function": {"fn": UnaryFn.reciprocal}}, node)
        return _activate(sweep, node, y)
    return None


def _has_inverse(data: np.ndarray) -> bool:
    """Whether 1 / data is finite and normal, so that multiplying by it rounds as well."""
    with np.errstate(all="ignore"):
        inverse = np.abs(np.float32(1) / data)
    return bool(np.all(np.isfinite(inverse) & (inverse >= np.finfo(np.float32).tiny)))


def _power(sweep: Sweep, node: Node) -> str | None:
    if not _is_float_binary(sweep, node, BinaryFn.pow):
        return None
    x, exponent = node.inputs[0], sweep.scalar(node.inputs[1])
    if sweep.shape(x) != sweep.shape(node.output):
        return None
    if exponent == 2.0:
        return sweep.add("binary", [x, x], {**node.attrs, "fn": BinaryFn.mul}, node)
    if exponent == 1.0:
        return _activate(sweep, node, x)
    fn = {0.5: UnaryFn.sqrt, -1.0: UnaryFn.reciprocal}.get(exponent)
    if fn is None:
        return None
    return _activate(sweep, node, sweep.add("unary", [x], {"function": {"fn": fn}}, node))


def _activate(sweep: Sweep, node: Node, value: str) -> str:
    """``value``, with the activation of ``node`` after it."""
    if activation(node) is UnaryFn.identity:
        return value
    return sweep.add("unary", [value], {"function": node.attrs["activation"]}, node)


def _clip(sweep: Sweep, node: Node, x: str, low: float, high: float) -> str:
    function = {"fn": UnaryFn.clip, "alpha": low, "beta": high}
    if low == 0.0 and high == math.inf:
        function = {"fn": UnaryFn.relu}
    return sweep.add("unary", [x], {"function": function}, node)


def _bounds(sweep: Sweep, node: Node) -> str | None:
    if not _is_float_binary(sweep, node, BinaryFn.max, BinaryFn.min):
        return None
    x, number = node.inputs[0], sweep.scalar(node.inputs[1])
    if number is None or sweep.shape(x) != sweep.shape(node.output):
        return None
    lower = BinaryFn(node.attrs["fn"]) is BinaryFn.max
    low, high = (number, math.inf) if lower else (-math.inf, number)
    return _activate(sweep, node, _clip(sweep, node, x, low, high))


def _clip_range(node: Node) -> tuple[float, float] | None:
    """The bounds of a relu or clip, or None."""
    fn = activation(node, "function")
    if fn is UnaryFn.relu:
        return 0.0, math.inf
    if fn is UnaryFn.clip:
        return parameters(node, "function")
    return None


def _merge_clips(sweep: Sweep, node: Node) -> str | None:
    outer = _clip_range(node) if node.op == "unary" else None
    if outer is None:
        return None
    first = sweep.producer(node.inputs[0], "unary")
    inner = _clip_range(first) if first else None
    if inner is not None:
        low, high = (min(max(bound, outer[0]), outer[1]) for bound in inner)
        return _clip(sweep, node, first.inputs[0], low, high)
    if outer == (0.0, math.inf) and activation(node, "function") is UnaryFn.clip:
        return _clip(sweep, node, node.inputs[0], *outer)
    return node.inputs[0] if outer == (-math.inf, math.inf) else None


def _neutral(sweep: Sweep, node: Node) -> str | None:
    x = node.inputs[0]
    if node.op == "unary" and activation(node, "function") is UnaryFn.identity:
        return x
    if not _is_float_binary(sweep, node, BinaryFn.add, BinaryFn.mul):
        return None
    neutral = 0.0 if BinaryFn(node.attrs["fn"]) is BinaryFn.add else 1.0
    if sweep.scalar(node.inputs[1]) != neutral or sweep.shape(x) != sweep.shape(node.output):
        return None
    return _activate(sweep, node, x)


def _factor_out(sweep: Sweep, node: Node) -> str | None:
    if not _is_float_binary(sweep, node, BinaryFn.add):
        return None
    for x, name in (node.inputs, node.inputs[::-1]):
        product = sweep.producer(name, "binary")
        if product is None or not _is_float_binary(sweep, product, BinaryFn.mul):
            continue
        if x not in product.inputs or activation(product) is not UnaryFn.identity:
            continue
        gate = product.inputs[product.inputs[0] == x]
        smaller = math.prod(sweep.shape(gate)) < math.prod(sweep.shape(x))
        if smaller and sweep.shape(x) == sweep.shape(node.output) and not sweep.is_shared(name):
            one = sweep.add_constant(f"{gate}_one", np.float32(1))
            more = sweep.add("binary", [gate, one], {"fn": BinaryFn.add}, product)
            return sweep.add("binary", [x, more], {**node.attrs, "fn": BinaryFn.mul}, node)
    return None
