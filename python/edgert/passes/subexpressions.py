"""Computes equal things once."""

from __future__ import annotations

import numpy as np

from edgert.ir import Graph, Node, encode_attrs
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
    same: dict[str, str] = {}
    kinds: dict[tuple, list[tuple[str, np.ndarray]]] = {}
    for name, value in graph.values.items():
        if value.data is None:
            continue
        data = value.data.reshape(-1).view(np.uint8)
        some = data[:: max(data.size // 64, 1)].tobytes()  # spares comparing most of the others
        others = kinds.setdefault((value.dtype, value.shape, some), [])
        equal = next((other for other, bytes_ in others if np.array_equal(bytes_, data)), None)
        if equal is None:
            others.append((name, data))
        else:
            same[name] = equal
    return same
