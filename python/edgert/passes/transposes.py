"""Merges transposes that only reshapes keep apart."""

from __future__ import annotations

from edgert.ir import Graph, Node
from edgert.passes.base import PassReport, Sweep, sweep
from edgert.passes.simplify import reshape_attrs


def merge_transposes_across_reshapes(graph: Graph) -> PassReport:
    """Merges transpose, reshape, transpose into one reshape and one transpose.

    1. If the reshape splits axes, the first transpose moves behind it, into the second one.
    2. If the reshape merges axes, the second transpose moves before it, into the first one.
    3. Not if the reshape does both, or merges parts of an axis with its neighbour. One of the
       two is replaced and the other goes if it is unread: transposes never move more bytes.
    """
    return sweep("merge_transposes_across_reshapes", graph, _merge)


def split_groups(whole: tuple[int, ...], parts: tuple[int, ...]) -> list[list[int]] | None:
    """For each axis of ``whole``, in order, the axes of ``parts`` that it is split into.

    Axes of length one belong to a neighbour. None if ``parts`` is not ``whole`` with axes split.
    """
    if 0 in whole or 0 in parts:
        return None
    groups, axis = [], 0
    for dim in whole:
        group, product = [], 1
        while product < dim and axis < len(parts):
            product *= parts[axis]
            group.append(axis)
            axis += 1
        if product != dim:
            return None
        groups.append(group)
    rest = list(range(axis, len(parts)))
    if any(parts[axis] != 1 for axis in rest):
        return None
    if rest and not groups:
        return None
    if rest:
        groups[-1] += rest
    return groups


def _perm(sweep: Sweep, node: Node) -> list[int]:
    return list(node.attrs["perm"][: len(sweep.shape(node.output))])


def _merge(sweep: Sweep, node: Node) -> str | None:
    reshape = sweep.producer(node.inputs[0], "reshape") if node.op == "transpose" else None
    first = sweep.producer(reshape.inputs[0], "transpose") if reshape else None
    if first is None:
        return None
    x, inner, outer = first.inputs[0], _perm(sweep, first), _perm(sweep, node)
    before, after = sweep.shape(reshape.inputs[0]), sweep.shape(reshape.output)
    groups = split_groups(before, after)
    if groups is not None:
        # Axis a of x is axis inner.index(a) of the first transpose's result.
        order = [groups[inner.index(a)] for a in range(len(inner))]
        parts = [axis for group in order for axis in group]
        y = sweep.add("reshape", [x], reshape_attrs(tuple(after[a] for a in parts)), node)
        perm = [parts.index(axis) for axis in outer]
        return sweep.add("transpose", [y], {"perm": perm}, node)
    groups = split_groups(after, before)
    if groups is None:
        sweep.report.skip(node, "the reshape neither splits nor merges axes")
        return None
    perm = [inner[axis] for a in outer for axis in groups[a]]
    y = sweep.add("transpose", [x], {"perm": perm}, node)
    return sweep.add("reshape", [y], reshape_attrs(sweep.shape(node.output)), node)
