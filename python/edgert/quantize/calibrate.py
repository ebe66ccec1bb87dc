"""Observes a graph in float32: what values its tensors take on the calibration samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from edgert.ir import Graph
from edgert.quantize.assign import Assignment
from edgert.quantize.histogram import Histogram
from edgert.quantize.probe import Probe

Sample = Mapping[str, np.ndarray]


def observe(
    graph: Graph, assignment: Assignment, samples: Iterable[Sample]
) -> dict[str, Histogram]:
    """A histogram of each group of values that share a scale, in one pass over the samples."""
    histograms = {group: Histogram() for group in assignment.sources}
    group_of = {name: group for group, names in assignment.sources.items() for name in names}
    for name, group in group_of.items():
        if graph.constant(name) is not None:
            histograms[group].add(graph.constant(name))
    with Probe(graph, [name for name in group_of if graph.constant(name) is None]) as probe:
        for sample in samples:
            for name, array in probe.run(sample).items():
                histograms[group_of[name]].add(array)
    return histograms
