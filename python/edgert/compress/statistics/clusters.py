"""Few values for many: k-means on a line."""

from __future__ import annotations

import numpy as np

BINS = 2047  # that values are sorted into; an odd number: one is around zero
_ROUNDS = 40
_MANY_ZEROS = 0.05  # of the values, for zero to be a level: somebody has pruned them


def binned(values: np.ndarray, importance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places of bins around zero that have all values, and how important what is in each is."""
    most = max(float(np.abs(values).max(initial=0.0)), 1e-30)
    counts, edges = np.histogram(values, BINS, (-most, most), weights=importance)
    return (edges[1:] + edges[:-1]) / 2, counts


def nearest(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The nearest of the ``levels``, which rise, for each value."""
    return levels[_place(values, levels)]


def _place(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, values)


def centres(places: np.ndarray, counts: np.ndarray, number: int, has_zero: bool) -> np.ndarray:
    """So many rising levels, or fewer, that are near to values at ``places`` (Lloyd's algorithm).

    ``counts`` says how important what is at each place is; with ``has_zero`` zero is a level.
    """
    # Of many levels the best have the density of the cube root of what there is.
    density = np.cumsum(np.cbrt(counts))
    wanted = (np.arange(number) + 0.5) / number * density[-1]
    levels = np.unique(places[np.searchsorted(density, wanted)])
    for _ in range(_ROUNDS):
        if has_zero:
            levels[np.abs(levels).argmin()] = 0.0
        place = _place(places, levels)
        total = np.bincount(place, counts, len(levels))
        mean = np.bincount(place, counts * places, len(levels)) / np.maximum(total, 1e-300)
        moved = np.where(total > 0, mean, levels)
        if np.array_equal(moved, levels):
            break
        levels = moved
    if has_zero:
        levels[np.abs(levels).argmin()] = 0.0
    return np.unique(levels)


def has_many_zeros(values: np.ndarray) -> bool:
    """Whether so many values are zero that it must stay one of them."""
    return bool(np.count_nonzero(values) < (1 - _MANY_ZEROS) * values.size)
