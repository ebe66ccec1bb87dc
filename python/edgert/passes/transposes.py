"""Merges transposes that only reshapes keep apart."""

from __future__ import annotations

from edgert.ir import Graph, Node
from edgert.passes.axes import moves, reshape_attrs, split_groups
from edgert.passes.base import PassReport, Sweep, sweep


def merge_transposes_across_reshapes(graph: Graph) -> PassReport:
    """Merges transpose, reshape, transpose into one reshape and one transpose.

    1. If the reshape splits axes, the first transpose moves behind it, into the second one.
    2. If the reshape merges axes, the second transpose moves before it, into the first one.
    3. Not if the reshape does both, or merges parts of an axis with its neighbour; nor if the
       second transpose moves no axis longer than one: then it is a reshape, and free. One of the
       two is replaced, the other goes if it is unread: transposes never move more bytes.
    """
    return sweep("merge_transposes_across_reshapes", graph, _merge)


def _perm(sweep: Sweep, node: Node) -> list[int]:
    return list(node.attrs["perm"][: len(sweep.shape(node.output))])


def _merge(sweep: Sweep, node: Node) -> str | None:
    reshape = sweep.producer(node.inputs[0], "reshape") if node.op == "transpose" else None
    first = sweep.producer(reshape.inputs[0], "transpose") if reshape else None
    if first is None:
        return None
    x, inner, outer = first.inputs[0], _perm(sweep, first), _perm(sweep, node)
    before, after = sweep.shape(reshape.inputs[0]), sweep.shape(reshape.output)
    if not moves(after, outer):
        return None
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
