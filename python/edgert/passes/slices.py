"""Lets products compute the slices of their results, one by one, instead of the whole."""

from __future__ import annotations

import math

import numpy as np

from edgert.ir import Graph, Node
from edgert.ops import Trait, having
from edgert.passes.axes import reshape_attrs, split_groups
from edgert.passes.base import PassReport, Sweep, sweep

_REARRANGES = having(Trait.REARRANGES)

Ranges = list[tuple[int, int, int]]  # start, step and size per axis


def divide_products(graph: Graph) -> PassReport:
    """Replaces slices of the columns of a product by products with these rows of the weight.

    1. A slice of the last axis of a gemm, or of a 1x1 conv without groups, is a product of its own.
    2. So it is if transposes and reshapes that split axes lie between; they follow the parts.
    3. Not if anything but slices reads the whole, if the slices together are more than it, if one
       takes a part of the rows, or if the product has a residual.
    """
    readers = graph.consumers()

    def is_divided(name: str) -> bool:
        """Whether slices that are not more than the value are all that reads it."""
        users = readers.get(name, ())
        if name in graph.outputs or any(user.op != "slice" for user in users):
            return False
        return sum(graph.values[u.output].nbytes for u in users) <= graph.values[name].nbytes

    divided = {name for name in graph.values if is_divided(name)}

    def divide(sweep: Sweep, node: Node) -> str | None:
        if node.op != "slice" or node.inputs[0] not in divided:
            return None
        return _divide(sweep, node)

    return sweep("divide_products", graph, divide)


def _divide(sweep: Sweep, node: Node) -> str | None:
    rank = len(sweep.shape(node.output))
    ranges = list(zip(*(node.attrs[key][:rank] for key in ("starts", "steps", "sizes"))))
    between: list[tuple[Node, Ranges]] = []  # moving nodes, upwards, and the part of their outputs
    mover = sweep.producer(node.inputs[0], *_REARRANGES)
    product = sweep.producer(node.inputs[0])
    while mover is not None:
        between.append((mover, ranges))
        ranges = _before(sweep, mover, ranges)
        product = sweep.producer(mover.inputs[0])
        if ranges is None or sweep.is_shared(mover.inputs[0]):
            return None
        mover = sweep.producer(mover.inputs[0], *_REARRANGES)
    y = _part(sweep, product, ranges, node) if product else None
    if y is None:
        return None
    for mover, part in reversed(between):
        attrs = mover.attrs
        if mover.op == "reshape":
            attrs = reshape_attrs(tuple(size for _, _, size in part))
        y = sweep.add(mover.op, [y], attrs, node)
    return y


def _before(sweep: Sweep, mover: Node, ranges: Ranges) -> Ranges | None:
    """The ranges of the mover's input that become ``ranges`` of its output."""
    source, shape = sweep.shape(mover.inputs[0]), sweep.shape(mover.output)
    if mover.op == "transpose":
        perm = list(mover.attrs["perm"][: len(shape)])
        return [ranges[perm.index(axis)] for axis in range(len(perm))]
    groups = split_groups(source, shape)
    if groups is None:
        return None
    moved = []
    for dim, group in zip(source, groups):
        cut = [axis for axis in group if ranges[axis] != (0, 1, shape[axis])]
        if not cut:
            moved.append((0, 1, dim))
            continue
        start, step, size = ranges[cut[0]]
        outer = math.prod(shape[axis] for axis in group if axis < cut[0])
        inner = math.prod(shape[axis] for axis in group if axis > cut[0])
        if len(cut) > 1 or outer != 1 or step != 1:
            return None
        moved.append((start * inner, 1, size * inner))
    return moved


def _part(sweep: Sweep, product: Node, ranges: Ranges, node: Node) -> str | None:
    x, weight, bias, residual = (*product.inputs, "", "", "")[:4]
    data, bias_data = sweep.constant(weight), sweep.constant(bias)
    is_gemm = product.op == "gemm"
    is_pointwise = (
        product.op == "conv"
        and data is not None
        and data.shape[1:3] == (1, 1)
        and product.attrs["groups"] == 1
    )
    if not (is_gemm or is_pointwise) or data is None or (bias and bias_data is None) or residual:
        return None
    *rows, (start, step, size) = ranges
    if rows != [(0, 1, dim) for dim in sweep.shape(product.output)[:-1]]:
        return None
    columns = start + step * np.arange(size)
    inputs = [x, sweep.add_constant(weight, data[columns])]
    if bias:
        inputs.append(sweep.add_constant(bias, bias_data[columns]))
    return sweep.add(product.op, inputs, product.attrs, node)
