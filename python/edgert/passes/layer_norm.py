"""Recognises a layer normalisation that a model spells out."""

from __future__ import annotations

import numpy as np

from edgert.ir import Graph, Node
from edgert.passes.base import PassReport, Sweep, activation, sweep
from edgert.schema import BinaryFn, ReduceFn, UnaryFn

_MOST_CHANNELS = 1 << 20  # a scale and a shift of 4 MiB each


def recognise_layer_norm(graph: Graph) -> PassReport:
    """Replaces the nodes of a layer normalisation by one.

    1. d / sqrt(mean(d * d) + epsilon) with d = x - mean(x), the means over the last axis, is
       layer_norm.
    2. The products and sums with constants per channel that follow become its scale and shift, the
       scale before the shift.
    3. Not over other axes, nor when the square is of another value than the numerator, nor over
       millions of elements.
    """
    return sweep("recognise_layer_norm", graph, _normalise, _scale_and_shift)


def _binary(sweep: Sweep, name: str, *fns: BinaryFn) -> Node | None:
    node = sweep.producer(name, "binary")
    if node is None or BinaryFn(node.attrs["fn"]) not in fns:
        return None
    return node if activation(node) is UnaryFn.identity else None


def _mean_of(sweep: Sweep, name: str) -> str | None:
    """What ``name`` is the mean of, over the last axis and with that axis kept."""
    node = sweep.producer(name, "reduce")
    if node is None or ReduceFn(node.attrs["fn"]) is not ReduceFn.mean:
        return None
    last = len(sweep.shape(node.inputs[0])) - 1
    if node.attrs["axes"] != 1 << last or not node.attrs["keep_dims"]:
        return None
    return node.inputs[0]


def _is_centred(sweep: Sweep, name: str) -> str | None:
    """x, if ``name`` is x - mean(x)."""
    node = _binary(sweep, name, BinaryFn.sub)
    return node.inputs[0] if node and _mean_of(sweep, node.inputs[1]) == node.inputs[0] else None


def _square_of(sweep: Sweep, name: str) -> str | None:
    node = _binary(sweep, name, BinaryFn.mul)
    return node.inputs[0] if node and node.inputs[0] == node.inputs[1] else None


def _deviation(sweep: Sweep, name: str) -> tuple[str, float] | None:
    """(d, epsilon) if ``name`` is sqrt(mean(d * d) + epsilon)."""
    root = sweep.producer(name, "unary")
    if root is None or activation(root, "function") is not UnaryFn.sqrt:
        return None
    total = _binary(sweep, root.inputs[0], BinaryFn.add)
    epsilon = sweep.scalar(total.inputs[1]) if total else None
    mean = _mean_of(sweep, total.inputs[0]) if epsilon is not None else None
    square = _square_of(sweep, mean) if mean else None
    return (square, epsilon) if square else None


def _quotient(sweep: Sweep, node: Node) -> tuple[str, tuple[str, float] | None]:
    """The numerator and the deviation of d / deviation or d * (1 / deviation)."""
    fn = BinaryFn(node.attrs["fn"])
    if fn is BinaryFn.div:
        return node.inputs[0], _deviation(sweep, node.inputs[1])
    if fn is BinaryFn.mul:
        for d, factor in (node.inputs, node.inputs[::-1]):
            inverse = sweep.producer(factor, "unary")
            if inverse and activation(inverse, "function") is UnaryFn.reciprocal:
                return d, _deviation(sweep, inverse.inputs[0])
    return "", None


def _normalise(sweep: Sweep, node: Node) -> str | None:
    if node.op != "binary" or activation(node) is not UnaryFn.identity:
        return None
    d, deviation = _quotient(sweep, node)
    if deviation is None:
        return None
    x = _is_centred(sweep, d)
    # Exporters may compute the difference twice, once for the square.
    if x is None or (deviation[0] != d and _is_centred(sweep, deviation[0]) != x):
        sweep.report.skip(node, "the deviation is not that of the numerator")
        return None
    channels = sweep.shape(x)[-1]
    if channels > _MOST_CHANNELS:
        sweep.report.skip(node, f"a scale and a shift would be stored for {channels} channels")
        return None
    scale, shift = (
        sweep.add_constant(f"{node.output}_{name}", np.broadcast_to(np.float32(number), channels))
        for name, number in (("scale", 1), ("shift", 0))
    )
    return sweep.add("layer_norm", [x, scale, shift], {"epsilon": deviation[1]}, node)


def _scale_and_shift(sweep: Sweep, node: Node) -> str | None:
    if node.op != "binary" or activation(node) is not UnaryFn.identity:
        return None
    fn = BinaryFn(node.attrs["fn"])
    norm = sweep.producer(node.inputs[0], "layer_norm")
    constant = sweep.constant(node.inputs[1])
    if norm is None or constant is None or fn not in (BinaryFn.mul, BinaryFn.add):
        return None
    x, scale, shift = norm.inputs
    channels = sweep.shape(x)[-1]
    if sweep.shape(node.output) != sweep.shape(x) or constant.size not in (1, channels):
        return None
    if constant.size != 1 and constant.shape[-1] != channels:
        return None
    if sweep.is_shared(norm.output):
        sweep.report.skip(node, "the normalised value is read elsewhere, too")
        return None
    scale_data, shift_data = sweep.constant(scale), sweep.constant(shift)
    if scale_data is None or shift_data is None:
        return None
    if fn is BinaryFn.mul:
        scale_data, shift_data = scale_data * constant.ravel(), shift_data * constant.ravel()
    else:
        shift_data = shift_data + constant.ravel()
    scale = sweep.add_constant(scale, scale_data)
    shift = sweep.add_constant(shift, shift_data)
    return sweep.add("layer_norm", [x, scale, shift], norm.attrs, node)
