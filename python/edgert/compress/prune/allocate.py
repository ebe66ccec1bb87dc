"""How much of each layer is pruned, so that all of them together lose least."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from edgert.compress.prune.options import MOST_SPARSITY

_LEVELS = np.array([*np.arange(0, 0.9, 0.05), 0.9, 0.925, 0.95, 0.97, 0.98, MOST_SPARSITY])


@dataclass(frozen=True)
class Losses:
    """What a layer of ``size`` weights loses at each of the levels: parts of the noise at the
    outputs.
    """

    size: int
    noise: np.ndarray

    @classmethod
    def of(cls, importance: np.ndarray, size: int, reach: float) -> Losses:
        """From how much each block of weights adds to the energy of the output."""
        sorted_up = np.sort(importance, axis=None).astype(np.float64)
        total = max(float(sorted_up.sum()), 1e-300)
        lost = np.concatenate([[0.0], np.cumsum(sorted_up)]) / total
        at = np.rint(_LEVELS * sorted_up.size).astype(int)
        return cls(size, reach * lost[at])


def uniform(layers: Iterable[str], sparsity: float) -> dict[str, float]:
    """The same for all."""
    return dict.fromkeys(layers, sparsity)


def by_error(layers: Mapping[str, Losses], sparsity: float) -> dict[str, float]:
    """The level of each layer: those steps first that add least noise for each weight that goes,
    until the part ``sparsity`` of all is gone.
    """
    steps = []
    for name, own in layers.items():
        gone = _LEVELS * own.size
        for before, after in _hull(gone, own.noise):
            more = gone[after] - gone[before]
            rate = (own.noise[after] - own.noise[before]) / more
            steps.append((rate, name, float(_LEVELS[after]), more))
    left = sparsity * sum(own.size for own in layers.values())
    chosen = dict.fromkeys(layers, 0.0)
    for _, name, level, more in sorted(steps, key=lambda step: step[0]):
        if left <= 0:
            break
        part = min(1.0, left / more)
        chosen[name] += (level - chosen[name]) * part
        left -= more
    return chosen


def _hull(x: np.ndarray, y: np.ndarray) -> list[tuple[int, int]]:
    """The edges of the lower convex hull of points in the order of ``x``."""
    hull: list[int] = []
    for i in range(len(x)):
        while len(hull) > 1 and _turns_down(x, y, *hull[-2:], i):
            hull.pop()
        hull.append(i)
    return list(zip(hull, hull[1:]))


def _turns_down(x: np.ndarray, y: np.ndarray, a: int, b: int, c: int) -> bool:
    return (y[b] - y[a]) * (x[c] - x[a]) >= (y[c] - y[a]) * (x[b] - x[a])
