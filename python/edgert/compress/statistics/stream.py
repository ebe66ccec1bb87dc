"""Runs a network on the calibration samples, for all that ask something of its values at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import cached_property
from typing import Protocol

import numpy as np

from edgert.compress.probe import Probe, Sample
from edgert.ir import Graph

HELD_SAMPLES = 16  # are kept; the rest of the data passes by once


class Accumulator(Protocol):
    """What is asked of some values: it is shown them sample by sample, and keeps what it needs."""

    names: Iterable[str]

    def add(self, name: str, array: np.ndarray) -> None:
        """Takes up the value ``name`` of a sample."""


class Statistics:
    """The calibration samples, and what the values of a network are on them.

    The samples are read once: the first ``HELD_SAMPLES`` are ``held``, the others are only seen by
    :meth:`stream`. No value is kept beyond the sample that it belongs to.
    """

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._rest = iter(samples)

    @cached_property
    def held(self) -> list[Sample]:
        """The first samples; they can be run again."""
        return list(itertools.islice(self._rest, HELD_SAMPLES))

    def gather(self, graph: Graph, *accumulators: Accumulator) -> None:
        """One pass over the samples that are held."""
        _show(graph, accumulators, self.held)

    def stream(self, graph: Graph, *accumulators: Accumulator) -> None:
        """One pass over all samples; a second one would only see those that are held."""
        _show(graph, accumulators, itertools.chain(self.held, self._rest))


def _show(graph: Graph, accumulators: Iterable[Accumulator], samples: Iterable[Sample]) -> None:
    asking: dict[str, list[Accumulator]] = {}
    for accumulator in accumulators:
        for name in accumulator.names:
            asking.setdefault(name, []).append(accumulator)
    constants = {name: graph.constant(name) for name in asking}
    for name, data in constants.items():
        if data is not None:
            for accumulator in asking[name]:
                accumulator.add(name, data)
    with Probe(graph, [name for name in asking if constants[name] is None]) as probe:
        for sample in samples:
            for name, array in probe.run(sample).items():
                for accumulator in asking[name]:
                    accumulator.add(name, array)
