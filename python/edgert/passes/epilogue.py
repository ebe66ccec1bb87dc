"""Fuses what follows a node into it: residual sums and activations."""

from __future__ import annotations

import numpy as np

from edgert.ir import Graph, Node
from edgert.ops import Trait, having
from edgert.passes.base import PassReport, Sweep, activation, sweep
from edgert.schema import BinaryFn, UnaryFn

_RESIDUAL = having(Trait.RESIDUAL, but=Trait.QUANTIZED)
_ACTIVATION = having(Trait.ACTIVATION, but=Trait.QUANTIZED)


def fuse_residual(graph: Graph) -> PassReport:
    """Makes the sum of a conv or gemm and another value the residual of the node.

    1. conv(x) + r becomes conv with r as input 3; the activation of the sum becomes the node's.
    2. If both operands qualify, the later one takes the other, so that both need not be kept.
    3. Not if r has another shape, if the conv is read elsewhere, or if it has an activation, which
       would come before the sum.
    """
    return sweep("fuse_residual", graph, _residual)


def fuse_activation(graph: Graph) -> PassReport:
    """Makes a unary function the activation of the node before it.

    1. conv, conv_transpose, gemm, batch_norm and float binary nodes without activation take it.
    2. Not if the value between is read elsewhere or is an output of the graph, and not sign, which
       is part of what becomes bits.
    """
    return sweep("fuse_activation", graph, _activation)


def _residual(sweep: Sweep, node: Node) -> str | None:
    if node.op != "binary" or BinaryFn(node.attrs["fn"]) is not BinaryFn.add:
        return None
    candidates = []
    for name, residual in (node.inputs, node.inputs[::-1]):
        linear = sweep.producer(name, *_RESIDUAL)
        if linear is None or sweep.shape(residual) != sweep.shape(name):
            continue
        if sweep.is_shared(name):
            sweep.report.skip(node, f"{linear.op} {linear.name!r} is read elsewhere, too")
        elif activation(linear) is UnaryFn.identity and len(linear.inputs) < 4:
            candidates.append((linear, residual))
    if not candidates:
        return None
    order = {id(n): i for i, n in enumerate(sweep.graph.nodes)}
    linear, residual = max(candidates, key=lambda candidate: order[id(candidate[0])])
    x, weight, bias = (*linear.inputs, "")[:3]
    attrs = {**linear.attrs, "activation": node.attrs.get("activation", {})}
    return sweep.add(linear.op, [x, weight, bias, residual], attrs, linear)


def _activation(sweep: Sweep, node: Node) -> str | None:
    if node.op != "unary" or sweep.dtype(node.output) != np.float32:
        return None
    earlier = sweep.producer(node.inputs[0], *_ACTIVATION)
    if earlier is None or activation(earlier) is not UnaryFn.identity:
        return None
    if sweep.is_shared(earlier.output):
        sweep.report.skip(node, f"{earlier.op} {earlier.name!r} is read elsewhere, too")
        return None
    if activation(node, "function") is UnaryFn.sign:
        return None
    attrs = {**earlier.attrs, "activation": node.attrs["function"]}
    return sweep.add(earlier.op, earlier.inputs, attrs, earlier)
