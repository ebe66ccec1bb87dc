"""Which range of a tensor its 256 levels cover: four ways to choose it from a histogram."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgert.compress.statistics import Histogram

LEVELS = 256
PERCENTILE = 99.99  # of the values that lie within the range, per side
_STEPS = 100  # candidates of a search over one end of the range

Range = tuple[float, float]


def min_max(histogram: Histogram) -> Range:
    """From the least to the largest value."""
    return histogram.low, histogram.high


def percentile(histogram: Histogram, percent: float = PERCENTILE) -> Range:
    """What leaves out at most ``100 - percent`` per cent of the values at either end."""
    counts = histogram.counts.copy()
    counts[len(counts) // 2] += histogram.zeros
    outside = histogram.total * (1 - percent / 100)
    edges = np.arange(len(counts) + 1) - len(counts) // 2
    below, above = np.cumsum(counts), np.cumsum(counts[::-1])
    low = edges[np.searchsorted(below, outside, side="right")] * histogram.width
    high = -edges[np.searchsorted(above, outside, side="right")] * histogram.width
    return _within(histogram, float(low), float(high))


def mean_square_error(histogram: Histogram) -> Range:
    """What makes the expected square of the error least: rounding inside, clipping outside.

    Both ends are searched in turn, each over fractions of its extreme.
    """
    centres, counts = histogram.centres, histogram.counts
    seen = counts > 0
    centres, counts = centres[seen], counts[seen]
    if not len(centres):
        return min_max(histogram)

    def error(low: float, high: float) -> float:
        clipped = np.clip(centres, low, high)
        outside = clipped != centres
        rounding = ((high - low) / (LEVELS - 1)) ** 2 / 12
        beyond = np.square(centres - clipped)[outside]
        return rounding * counts[~outside].sum() + float((beyond * counts[outside]).sum())

    return _search(histogram, error)


def entropy(histogram: Histogram) -> Range:
    """What loses least information: the least Kullback-Leibler divergence.

    That of the values from their quantised form, whose levels spread over the bins they cover.
    """
    seen = np.flatnonzero(histogram.counts)
    if not len(seen):
        return min_max(histogram)
    counts, centres = histogram.counts, histogram.centres

    def divergence(low: float, high: float) -> float:
        inside = (centres >= low) & (centres <= high)
        p = np.where(inside, counts, 0)
        first, last = np.flatnonzero(inside)[[0, -1]]
        p[first] += counts[:first].sum()
        p[last] += counts[last + 1 :].sum()
        level = np.rint((centres - low) / ((high - low) / (LEVELS - 1))).astype(int)[inside]
        own, clipped = np.where(inside, counts, 0)[inside], p[inside]
        occupied = own > 0
        share = np.bincount(level, own, LEVELS + 1) / np.maximum(
            np.bincount(level, occupied, LEVELS + 1), 1
        )
        q = np.where(occupied, share[level], 0) / max(own.sum(), 1)
        both = (clipped > 0) & (q > 0)
        p_share = clipped[both] / clipped.sum()
        lost = clipped[~both].sum() / clipped.sum()
        return float((p_share * np.log(p_share / q[both])).sum()) + 10 * lost

    return _search(histogram, divergence)


METHODS: dict[str, Callable[[Histogram], Range]] = {
    "minmax": min_max,
    "percentile": percentile,
    "mse": mean_square_error,
    "entropy": entropy,
}


def _search(histogram: Histogram, cost: Callable[[float, float], float]) -> Range:
    """The range of least cost among fractions of the extremes, one end after the other, twice."""
    low, high = histogram.low, histogram.high
    fractions = np.linspace(1 / _STEPS, 1, _STEPS)
    for _ in range(2):
        if high > 0:
            high = min((float(f * histogram.high) for f in fractions), key=lambda h: cost(low, h))
        if low < 0:
            low = min((float(f * histogram.low) for f in fractions), key=lambda v: cost(v, high))
    return low, high


def _within(histogram: Histogram, low: float, high: float) -> Range:
    return max(histogram.low, min(low, 0.0)), min(histogram.high, max(high, 0.0))
