"""How close a quantised graph comes to the original, on samples of which the results are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgert.compress.probe import Probe
from edgert.compress.statistics import Sample
from edgert.errors import InputError
from edgert.ir import Graph

Results = Sequence[dict[str, np.ndarray]]


@dataclass(frozen=True)
class Quality:
    """The least of all outputs, over all samples.

    ``sqnr``: energy of the output over that of its error, in dB. ``agreement``: how often the index
    of the largest element along the last axis is the same, 0 to 1.
    """

    sqnr: float
    agreement: float


@dataclass(frozen=True)
class Target:
    """What a quantised graph must reach; None: anything."""

    sqnr: float | None = None
    agreement: float | None = None

    def __post_init__(self) -> None:
        """Refuses what no quality reaches, or all do."""
        if not (self.sqnr is None or _is_number(self.sqnr)):
            raise InputError(f"min_sqnr is {self.sqnr!r}, expected decibels", "OPTION")
        if not (
            self.agreement is None or (_is_number(self.agreement) and 0 <= self.agreement <= 1)
        ):
            raise InputError(f"min_agreement is {self.agreement!r}, expected 0 to 1", "OPTION")

    def is_met(self, quality: Quality) -> bool:
        """Whether ``quality`` is good enough."""
        enough = self.sqnr is None or quality.sqnr >= self.sqnr
        return enough and (self.agreement is None or quality.agreement >= self.agreement)

    def __bool__(self) -> bool:
        """Whether there is anything to reach."""
        return self.sqnr is not None or self.agreement is not None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and bool(np.isfinite(value))


def run_graph(graph: Graph, samples: Sequence[Sample]) -> Results:
    """The outputs of each sample."""
    with Probe(graph, graph.outputs) as probe:
        return [probe.run(sample) for sample in samples]


def compare(expected: Results, found: Results) -> Quality:
    """The quality of results; outputs that are no floats count for the agreement only."""
    sqnrs, agreements = [], []
    for name in expected[0]:
        exact, other = (np.stack([r[name] for r in results]) for results in (expected, found))
        if exact.dtype.kind == "f":
            sqnrs.append(sqnr(exact, other))
        agreements.append(_agreement(exact, other))
    return Quality(min(sqnrs, default=np.inf), min(agreements, default=1.0))


def sqnr(exact: np.ndarray, other: np.ndarray) -> float:
    """Signal to noise in dB, infinite if there is no error; what is not finite does not count."""
    finite = np.isfinite(exact) & np.isfinite(other)
    signal, error = exact[finite].astype(np.float64), other[finite] - exact[finite].astype(float)
    energy, noise = float(np.square(signal).sum()), float(np.square(error).sum())
    if noise == 0:
        return float("inf")
    return 10 * float(np.log10(energy / noise)) if energy > 0 else float("-inf")


def _agreement(exact: np.ndarray, other: np.ndarray) -> float:
    if exact.ndim < 2 or exact.shape[-1] < 2:
        return 1.0
    return float((exact.argmax(-1) == other.argmax(-1)).mean())
