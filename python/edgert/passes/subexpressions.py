"""Computes equal things once."""

from __future__ import annotations

import hashlib

from edgert.ir import Graph, Node, encode_attrs
from edgert.passes.base import PassReport, Sweep, sweep


def share_subexpressions(graph: Graph) -> PassReport:
    """Merges what is certain to have equal values.

    1. Constants of the same type and bytes become one.
    2. Nodes with the same operator, attribute record and inputs become one.
    3. Not two outputs of the graph: both names must remain.
    """
    constants: dict[tuple, str] = {}
    nodes: dict[tuple, str] = {}

    def share_constants(name: str) -> str:
        data = graph.constant(name)
        if data is None:
            return name
        key = (data.dtype.str, data.shape, hashlib.sha256(data.tobytes()).digest())
        return constants.setdefault(key, name)

    same = {name: share_constants(name) for name in graph.values}

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
