"""Computes at conversion what depends on constants alone."""

from __future__ import annotations

from edgert import interp
from edgert.ir import Graph, Node
from edgert.ops import Trait, having
from edgert.passes.base import PassReport, Sweep, sweep

_WINDOWS = having(Trait.WINDOW)


def fold_constants(graph: Graph) -> PassReport:
    """Replaces nodes whose inputs are constants by constants.

    1. A node with constant inputs only becomes a constant.
    2. Not if the result is larger than its inputs together and than 64 KiB: an expanded or tiled
       constant would make the file larger than the work it saves is worth.
    3. Not if more lies between them: windows over pads, and images that grow in one direction
       before they shrink in the other.
    """
    return sweep("fold_constants", graph, _fold)


def _is_laborious(sweep: Sweep, node: Node) -> bool:
    """Whether the interpreter would hold, or do, much more than the sizes of the tensors tell."""
    if node.op != "resize":
        return node.op in _WINDOWS
    batch, _, width, channels = sweep.shape(node.inputs[0])
    between = batch * node.attrs["size"][0] * width * channels  # elements: rows come first
    return sweep.grows(between, *node.inputs)


def _fold(sweep: Sweep, node: Node) -> str | None:
    arrays = [sweep.constant(name) for name in node.inputs]
    if any(name and array is None for name, array in zip(node.inputs, arrays)):
        return None
    if sweep.grows(sweep.graph.values[node.output].nbytes, *node.inputs):
        sweep.report.skip(node, "the constant would be larger than what it is made of")
        return None
    if _is_laborious(sweep, node):
        sweep.report.skip(node, "computing it takes far more than it reads and writes")
        return None
    return sweep.add_constant(node.output, *interp.run_node(node, arrays))
