"""Recognises scalar functions that a model spells out in several nodes."""

from __future__ import annotations

import math

import numpy as np

from edgert.ir import Graph, Node
from edgert.passes.base import PassReport, Sweep, activation, parameters, sweep
from edgert.schema import BinaryFn, UnaryFn


def recognise_functions(graph: Graph) -> PassReport:
    """Replaces spelled-out functions of one value by the function; expects arithmetic simplified.

    1. min(max(x + b, 0), t) * s with t * s = 1 is hard_sigmoid(x) = min(max(s * x + s * b, 0), 1).
    2. x * hard_sigmoid(x) with slope 1/6 and offset 1/2 is hard_swish, x * sigmoid(x) is silu.
    3. x * (1 + erf(x / sqrt 2)) / 2 and x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2, the
       factors in any order, are gelu and gelu_tanh.
    4. max(x, a * x) with 0 <= a <= 1 is leaky_relu; 1 / (1 + exp(-x)) is sigmoid, log(1 + exp(x))
       is softplus.
    5. Not when a number differs by more than one part in 10^5 from the function's own.
    """
    return sweep(
        "recognise_functions", graph, _hard_sigmoid, _leaky_relu, _sigmoid, _softplus, _product
    )


def _near(found: float | None, expected: float) -> bool:
    return found is not None and math.isclose(found, expected, rel_tol=1e-5)


def _function(sweep: Sweep, name: str, fn: UnaryFn) -> str | None:
    """What ``fn`` was applied to, if ``name`` is its result."""
    node = sweep.producer(name, "unary")
    return node.inputs[0] if node and activation(node, "function") is fn else None


def _with_scalar(sweep: Sweep, node: Node | None, fn: BinaryFn) -> tuple[str, float] | None:
    """(x, c) if the node is fn(x, c) of a number c, without an activation."""
    if node is None or node.op != "binary" or BinaryFn(node.attrs["fn"]) is not fn:
        return None
    number = sweep.scalar(node.inputs[1])
    plain = activation(node) is UnaryFn.identity
    if number is None or not plain or sweep.shape(node.inputs[0]) != sweep.shape(node.output):
        return None
    return node.inputs[0], number


def _unary(sweep: Sweep, node: Node, x: str, fn: UnaryFn, alpha: float = 0, beta: float = 0) -> str:
    function = {"fn": fn, "alpha": alpha, "beta": beta}
    return sweep.add("unary", [x], {"function": function}, node)


def _hard_sigmoid(sweep: Sweep, node: Node) -> str | None:
    scaled = _with_scalar(sweep, node, BinaryFn.mul)
    clip = sweep.producer(scaled[0], "unary") if scaled else None
    if clip is None or activation(clip, "function") is not UnaryFn.clip:
        return None
    low, high = parameters(clip, "function")
    if low != 0 or not _near(high * scaled[1], 1):
        return None
    shifted = _with_scalar(sweep, sweep.producer(clip.inputs[0]), BinaryFn.add)
    x, shift = shifted or (clip.inputs[0], 0.0)
    return _unary(sweep, node, x, UnaryFn.hard_sigmoid, scaled[1], scaled[1] * shift)


def _leaky_relu(sweep: Sweep, node: Node) -> str | None:
    if node.op != "binary" or BinaryFn(node.attrs["fn"]) is not BinaryFn.max:
        return None
    if activation(node) is not UnaryFn.identity:
        return None
    for x, other in (node.inputs, node.inputs[::-1]):
        scaled = _with_scalar(sweep, sweep.producer(other), BinaryFn.mul)
        if scaled and scaled[0] == x and 0 <= scaled[1] <= 1:
            return _unary(sweep, node, x, UnaryFn.leaky_relu, scaled[1])
    return None


def _sigmoid(sweep: Sweep, node: Node) -> str | None:
    if node.op != "unary" or activation(node, "function") is not UnaryFn.reciprocal:
        return None
    shifted = _with_scalar(sweep, sweep.producer(node.inputs[0]), BinaryFn.add)
    if shifted is None or shifted[1] != 1:
        return None
    exponent = _function(sweep, shifted[0], UnaryFn.exp)
    x = exponent and _function(sweep, exponent, UnaryFn.neg)
    if x is None and exponent:
        negated = _with_scalar(sweep, sweep.producer(exponent), BinaryFn.mul)
        x = negated[0] if negated and negated[1] == -1 else None
    return x and _unary(sweep, node, x, UnaryFn.sigmoid)


def _softplus(sweep: Sweep, node: Node) -> str | None:
    if node.op != "unary" or activation(node, "function") is not UnaryFn.log:
        return None
    shifted = _with_scalar(sweep, sweep.producer(node.inputs[0]), BinaryFn.add)
    x = _function(sweep, shifted[0], UnaryFn.exp) if shifted and shifted[1] == 1 else None
    return x and _unary(sweep, node, x, UnaryFn.softplus)


def _factors(sweep: Sweep, name: str) -> tuple[list[str], float]:
    """The factors of a product of equally shaped values, and the product of its numbers."""
    factors, number, open_names = [], 1.0, [name]
    shape = sweep.shape(name)
    while open_names:
        name = open_names.pop()
        node = sweep.producer(name, "binary")
        is_product = (
            node is not None
            and BinaryFn(node.attrs["fn"]) is BinaryFn.mul
            and activation(node) is UnaryFn.identity
            and len(factors) + len(open_names) < 8
        )
        if sweep.scalar(name) is not None:
            number *= sweep.scalar(name)
        elif is_product and all(
            sweep.shape(i) == shape or sweep.scalar(i) is not None for i in node.inputs
        ):
            open_names += node.inputs
        else:
            factors.append(name)
    return factors, number


def _product(sweep: Sweep, node: Node) -> str | None:
    if node.op != "binary" or BinaryFn(node.attrs["fn"]) is not BinaryFn.mul:
        return None
    if sweep.dtype(node.output) != np.float32 or activation(node) is not UnaryFn.identity:
        return None
    # The whole product is found from its last node alone: the ones before it have a factor less.
    factors, number = _expanded_factors(sweep, node)
    if len(factors) != 2:
        return None
    for x, other in (factors, factors[::-1]):
        fn = _gate(sweep, x, other, number)
        if fn is not None:
            return _unary(sweep, node, x, fn)
    return None


def _expanded_factors(sweep: Sweep, node: Node) -> tuple[list[str], float]:
    factors, number = [], 1.0
    for name in node.inputs:
        more, scale = _factors(sweep, name)
        factors += more
        number *= scale
    return factors, number


def _gate(sweep: Sweep, x: str, gate: str, number: float) -> UnaryFn | None:
    """The function which x * gate * number is, if it is one of x."""
    shifted = _with_scalar(sweep, sweep.producer(gate), BinaryFn.add)
    if shifted and shifted[1] == 1 and _near(number, 0.5):
        if _is_gelu_erf(sweep, x, shifted[0]):
            return UnaryFn.gelu
        return UnaryFn.gelu_tanh if _is_gelu_tanh(sweep, x, shifted[0]) else None
    if number != 1:
        return _scaled_hard_swish(sweep, x, gate, number)
    if _function(sweep, gate, UnaryFn.sigmoid) == x:
        return UnaryFn.silu
    if _function(sweep, gate, UnaryFn.hard_sigmoid) == x:
        slope, offset = parameters(sweep.producer(gate), "function")
        if _near(slope, 1 / 6) and _near(offset, 0.5):
            return UnaryFn.hard_swish
    return None


def _scaled_hard_swish(sweep: Sweep, x: str, gate: str, number: float) -> UnaryFn | None:
    """x * min(max(x + 3, 0), 6) * (1 / 6)."""
    shifted_name = _function(sweep, gate, UnaryFn.clip)
    if shifted_name is None or not _near(number, 1 / 6):
        return None
    bounds = parameters(sweep.producer(gate), "function")
    shifted = _with_scalar(sweep, sweep.producer(shifted_name), BinaryFn.add)
    matches = shifted == (x, 3.0) and bounds == (0, 6)
    return UnaryFn.hard_swish if matches else None


def _is_gelu_erf(sweep: Sweep, x: str, name: str) -> bool:
    argument = _function(sweep, name, UnaryFn.erf)
    if argument is None:
        return False
    factors, number = _factors(sweep, argument)
    return factors == [x] and _near(number, math.sqrt(0.5))


def _is_gelu_tanh(sweep: Sweep, x: str, name: str) -> bool:
    argument = _function(sweep, name, UnaryFn.tanh)
    if argument is None:
        return False
    factors, number = _factors(sweep, argument)
    if not _near(number, math.sqrt(2 / math.pi)):
        return False
    if len(factors) == 1:  # x + 0.044715 x^3
        total = sweep.producer(factors[0], "binary")
        if (
            total is None
            or BinaryFn(total.attrs["fn"]) is not BinaryFn.add
            or x not in total.inputs
        ):
            return False
        cubic = total.inputs[total.inputs[0] == x]
        factors, number = _cubed(sweep, cubic, x)
        return factors == [x] * 3 and _near(number, 0.044715)
    if sorted(factors) != sorted({x, *factors}) or x not in factors or len(factors) != 2:
        return False
    # x * (1 + 0.044715 x^2)
    shifted = _with_scalar(sweep, sweep.producer(factors[factors[0] == x]), BinaryFn.add)
    if shifted is None or shifted[1] != 1:
        return False
    factors, number = _cubed(sweep, shifted[0], x)
    return factors == [x] * 2 and _near(number, 0.044715)


def _cubed(sweep: Sweep, name: str, x: str) -> tuple[list[str], float]:
    """The factors of ``name``, a power of x counting as that many x."""
    factors, number = _factors(sweep, name)
    powers = []
    for factor in factors:
        power = _with_scalar(sweep, sweep.producer(factor), BinaryFn.pow)
        whole = power is not None and power[0] == x and power[1] in (2.0, 3.0)
        powers += [x] * int(power[1]) if whole else [factor]
    return powers, number
