"""Computes equal things once."""

from __future__ import annotations

from edgert.ir import DistinctArrays, Graph, Node, encode_attrs
from edgert.passes.base import PassReport, Sweep, sweep


def share_subexpressions(graph: Graph) -> PassReport:
    """Merges what is certain to have equal values.

    1. Constants of the same type and bytes become one.
    2. Nodes with the same operator, attribute record and inputs become one.
    3. Not two outputs of the graph: both names must remain.
    """
    same = _equal_constants(graph)
    nodes: dict[tuple, str] = {}

    def share(sweep: Sweep, node: Node) -> str | None:
        key = (node.op, encode_attrs(node.op, node.attrs), tuple(node.inputs))
        earlier = nodes.setdefault(key, node.output)
        return None if earlier == node.output else earlier

    merged = 0
    for node in graph.nodes:
        shared = [same.get(name, name) for name in node.inputs]
        merged += shared != node.inputs
        node.inputs = shared
    report = sweep("share_subexpressions", graph, share)
    report.changed += merged
    return report


def _equal_constants(graph: Graph) -> dict[str, str]:
    """For each constant that is equal to an earlier one, the earlier one."""
    same, distinct = {}, DistinctArrays()
    for name, value in graph.values.items():
        first = name if value.data is None else distinct.find(name, value.data)
        if first != name:
            same[name] = first
    return same
