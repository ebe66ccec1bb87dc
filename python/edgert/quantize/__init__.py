"""Post-training quantisation of an optimised graph to bytes; see :func:`quantize`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edgert.ir import Graph
from edgert.quantize.affine import Affine
from edgert.quantize.assign import MATRIX, assign
from edgert.quantize.calibrate import Sample, observe
from edgert.quantize.lower import lower
from edgert.quantize.options import Options
from edgert.quantize.ranges import METHODS
from edgert.quantize.weights import quantize_weights

STAGES = ("calibrate", "quantize")


@dataclass(frozen=True)
class Quantization:
    """What a quantisation did."""

    samples: int
    integer_nodes: int
    float_nodes: tuple[str, ...]  # nodes that compute in float32


def quantize(
    graph: Graph,
    samples: Iterable[Sample],
    options: Options,
    progress: Callable[[str], None] | None = None,
) -> tuple[Graph, Quantization]:
    """The graph on unsigned bytes where that is possible; its inputs and outputs stay floats.

    ``samples`` are read once. ``progress`` is called with each of ``STAGES`` as it begins.
    """
    begin = progress or (lambda stage: None)
    begin("calibrate")
    assignment = assign(graph)
    seen = _Counted(samples)
    histograms = observe(graph, assignment, seen)
    begin("quantize")
    ranges = {group: METHODS[options.ranges](histogram) for group, histogram in histograms.items()}
    affine = {name: Affine.of_range(*ranges[group]) for name, group in assignment.group.items()}
    weights = {
        node.output: quantize_weights(graph, node, affine[node.inputs[0]].scale, options.fits_int16)
        for node in graph.nodes
        if node.op in MATRIX and node.output in assignment.integer
    }
    quantized = lower(graph, assignment, affine, weights)
    floats = tuple(n.name for n in graph.nodes if n.output not in assignment.integer)
    return quantized, Quantization(seen.count, len(assignment.integer), floats)


class _Counted:
    """An iterable that counts what was taken from it."""

    def __init__(self, items: Iterable[Sample]) -> None:
        self.items, self.count = items, 0

    def __iter__(self):
        for item in self.items:
            self.count += 1
            yield item


__all__ = ["STAGES", "Options", "Quantization", "quantize"]
