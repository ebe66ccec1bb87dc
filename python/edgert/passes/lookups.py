"""Merges what bytes go through, one by one, into a single table."""

from __future__ import annotations

import numpy as np

from edgert import interp
from edgert.ir import Graph, Node
from edgert.passes.base import PassReport, Sweep, sweep
from edgert.schema import DType


def fold_lookups(graph: Graph) -> PassReport:
    """Makes one lookup of nodes whose result depends, byte by byte, on one tensor alone.

    1. A lookup of a lookup is one.
    2. A sum or product of two values is one if each of them is the same tensor or a lookup of it:
       x * hard_sigmoid(x) in a model that rounds both.
    3. Not if its result is no bytes.
    """
    return sweep("fold_lookups", graph, _chain, _pair)


def _chain(sweep: Sweep, node: Node) -> str | None:
    if node.op != "lookup":
        return None
    inner = sweep.producer(node.inputs[0], "lookup")
    tables = [sweep.constant(n.inputs[1]) for n in (node, inner) if n]
    if len(tables) < 2 or any(table is None for table in tables):
        return None
    outer, first = tables
    return _lookup(sweep, node, inner.inputs[0], outer[first])


def _pair(sweep: Sweep, node: Node) -> str | None:
    if node.op != "qbinary" or node.attrs["output"]["dtype"] != DType.uint8:
        return None
    (x, a), (y, b) = (_origin(sweep, name) for name in node.inputs)
    return _lookup(sweep, node, x, *interp.run_node(node, [a, b])) if x == y else None


def _origin(sweep: Sweep, name: str) -> tuple[str, np.ndarray]:
    """What a tensor of u8 is a lookup of, and the table; itself, if it is none."""
    lookup = sweep.producer(name, "lookup")
    table = sweep.constant(lookup.inputs[1]) if lookup else None
    if table is None or sweep.dtype(lookup.inputs[0]) != np.uint8:
        return name, np.arange(256, dtype=np.uint8)
    return lookup.inputs[0], table


def _lookup(sweep: Sweep, node: Node, x: str, table: np.ndarray) -> str:
    return sweep.add("lookup", [x, sweep.add_constant(f"{node.output}.table", table)], {}, node)
