"""Computes at conversion what depends on constants alone."""

from __future__ import annotations

from edgert import interp
from edgert.ir import Graph, Node
from edgert.passes.base import PassReport, Sweep, sweep

_ALWAYS_BYTES = 1 << 16


def fold_constants(graph: Graph) -> PassReport:
    """Replaces nodes whose inputs are constants by constants.

    1. A node with constant inputs only becomes a constant.
    2. Not if the result is larger than its inputs together and than 64 KiB: an expanded or tiled
       constant would make the file larger than the work it saves is worth.
    """
    return sweep("fold_constants", graph, _fold)


def _fold(sweep: Sweep, node: Node) -> str | None:
    arrays = [sweep.constant(name) for name in node.inputs]
    if any(name and array is None for name, array in zip(node.inputs, arrays)):
        return None
    read = sum(array.nbytes for array in arrays if array is not None)
    if sweep.graph.values[node.output].nbytes > max(read, _ALWAYS_BYTES):
        sweep.report.skip(node, "the constant would be larger than what it is made of")
        return None
    return sweep.add_constant(node.output, *interp.run_node(node, arrays))
