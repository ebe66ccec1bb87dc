"""Moves reshapes and transposes behind elementwise nodes, which then meet what they fuse with."""

from __future__ import annotations

import math

import numpy as np

from edgert.ir import Graph, Node
from edgert.ops import Trait, having
from edgert.passes.axes import inverse
from edgert.passes.base import PassReport, Sweep, activation, sweep
from edgert.schema import UnaryFn

_MOST_ELEMENTS = 1 << 24
_REARRANGES = having(Trait.REARRANGES)
_FUSING = having(Trait.ACTIVATION, but=Trait.QUANTIZED)


def sink_movers(graph: Graph) -> PassReport:
    """Moves the reshapes and transposes between a node and an elementwise one behind the latter.

    1. f(reshape(x)) is reshape(f(x)) for a unary f, which costs nothing wherever it stands.
    2. So it is for a binary f with a reshape of a value that has the shape of x, and with a
       constant that broadcasts to x, reshaped, as it did.
    3. Transposes move, too, if x comes from a node that f can be fused with. Not otherwise: they
       stand where their bytes are fewest.
    4. Not with other values, nor with a constant that would have to grow; not if a transpose, or
       what it reads, is read elsewhere.
    """
    return sweep("sink_movers", graph, _past_unary, _past_constant, _past_sum)


def _movers(sweep: Sweep, name: str) -> tuple[str, list[Node]]:
    """What ``name`` was before it was moved, and the moving nodes, upwards.

    With transposes only if their source can be fused with what follows.
    """
    movers, reshapes, source = [], [], name
    while True:
        mover = sweep.producer(source, *_REARRANGES)
        if mover is None:
            break
        movers.append(mover)
        source = mover.inputs[0]
        if len(reshapes) + 1 == len(movers) and mover.op == "reshape":
            reshapes.append(mover)
    product = sweep.producer(source, *_FUSING)
    values = [mover.output for mover in movers] + [source]
    shared = any(map(sweep.is_shared, values))
    if product is not None and activation(product) is UnaryFn.identity and not shared:
        return source, movers
    return (reshapes[-1].inputs[0] if reshapes else name), reshapes


def _sink(sweep: Sweep, node: Node, inputs: list[str], movers: list[Node]) -> str:
    """The node on ``inputs``, and the movers behind it."""
    y = sweep.add(node.op, inputs, node.attrs, node)
    for mover in reversed(movers):
        y = sweep.add(mover.op, [y], mover.attrs, node)
    return y


def _past_unary(sweep: Sweep, node: Node) -> str | None:
    if node.op != "unary":
        return None
    x, movers = _movers(sweep, node.inputs[0])
    return _sink(sweep, node, [x], movers) if movers else None


def _past_sum(sweep: Sweep, node: Node) -> str | None:
    """Two reshapes of values of one shape; elementwise nodes of any kind."""
    if node.op != "binary" or sweep.shape(node.inputs[0]) != sweep.shape(node.inputs[1]):
        return None
    reshapes = [sweep.producer(name, "reshape") for name in node.inputs]
    if not all(reshapes):
        return None
    sources = [reshape.inputs[0] for reshape in reshapes]
    if sweep.shape(sources[0]) != sweep.shape(sources[1]):
        return None
    return _sink(sweep, node, sources, reshapes[:1])


def _past_constant(sweep: Sweep, node: Node) -> str | None:
    if node.op != "binary":
        return None
    for i, name in enumerate(node.inputs):
        constant = sweep.constant(node.inputs[1 - i])
        if constant is None or constant.size == 0:
            continue
        if sweep.shape(name) != sweep.shape(node.output):
            continue
        x, movers = _movers(sweep, name)
        before = _moved_back(sweep, constant, movers) if movers else None
        if before is None:
            continue
        moved = sweep.add_constant(node.inputs[1 - i], before)
        return _sink(sweep, node, [x, moved] if i == 0 else [moved, x], movers)
    return None


def _moved_back(sweep: Sweep, constant: np.ndarray, movers: list[Node]) -> np.ndarray | None:
    """The constant as it broadcasts to the source of the movers, or None if it would grow, or if
    the elements of the result would be too many to find out.
    """
    shape, source = sweep.shape(movers[0].output), sweep.shape(movers[-1].inputs[0])
    if constant.size == 1:
        return constant.reshape([1] * len(source))
    if math.prod(shape) > max(_MOST_ELEMENTS, constant.size):
        return None
    whole = np.broadcast_to(constant, shape)
    for mover in movers:
        if mover.op == "reshape":
            whole = whole.reshape(sweep.shape(mover.inputs[0]))
        else:
            whole = whole.transpose(inverse(mover.attrs["perm"][: whole.ndim]))
    for axis in range(whole.ndim):
        first = whole.take([0], axis)
        if (whole == first).all():
            whole = first
    return whole if whole.size <= constant.size else None
