"""The integers that weights of few bits are rounded to: a codebook, fitted to those of a layer.

Integers of equal distances serve weights badly of which most are small; k-means puts the levels
where the weights are (Lloyd's algorithm, as in Deep Compression, Han et al. 2016).
"""

from __future__ import annotations

import numpy as np

# Sums of 16 bits have room for four products with any such weights: so they are as fast as others.
LARGEST_CODE = 31
_BINS = 2047  # of the weights over the size of their output; an odd number: one is around zero
_ROUNDS = 40
_UNITS = np.linspace(0.75, 1.0, 26)  # of the one for which the last level is the largest code
_MANY_ZEROS = 0.05  # of the weights, for zero to be a level: somebody has pruned them
# Of the size of an output, for its scale.
_FACTORS = 1.05 ** np.array([0, *(sign * i for i in range(1, 13) for sign in (-1, 1))])


def nearest(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The nearest of the ``levels``, which rise, for each value."""
    return levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, values)]


def fit_codebook(weight: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """At most 2^bits rising integers, and for each output of ``weight`` [outputs, depth] the scale
    with which they come closest.
    """
    size = np.sqrt(np.square(weight).mean(1))
    size = np.where(size >= np.finfo(np.float32).tiny, size, 1.0)
    ratios = weight / size[:, None]
    most = max(np.abs(ratios).max(initial=0.0), 1e-30)
    energy = np.broadcast_to(np.square(size)[:, None], ratios.shape)
    counts, edges = np.histogram(ratios, _BINS, (-most, most), weights=energy)
    places = (edges[1:] + edges[:-1]) / 2
    has_zero = np.count_nonzero(weight) < (1 - _MANY_ZEROS) * weight.size
    if 1 << bits > 2 * LARGEST_CODE:
        every = np.arange(-LARGEST_CODE, LARGEST_CODE + 1.0)
        tried = [(every, unit) for unit in most / LARGEST_CODE * np.linspace(0.2, 1, 41)]
    else:
        centres = _centres(places, counts, 1 << bits, has_zero)
        largest = max(np.abs(centres).max(), 1e-30) / LARGEST_CODE
        tried = [(np.unique(np.rint(centres / unit)), unit) for unit in largest / _UNITS]

    def error_of(levels: np.ndarray, unit: float) -> float:
        return float((counts * np.square(nearest(places / unit, levels) * unit - places)).sum())

    levels, unit = min(tried, key=lambda integers: error_of(*integers))
    scale = size * unit
    best, least = np.ones(len(weight)), np.full(len(weight), np.inf)
    for factor in _FACTORS:
        steps = weight / (scale * factor)[:, None]
        error = np.square((nearest(steps, levels) - steps) * factor).sum(1)
        best, least = np.where(error < least, factor, best), np.minimum(error, least)
    return levels, scale * best


def _centres(places: np.ndarray, counts: np.ndarray, number: int, has_zero: bool) -> np.ndarray:
    """So many levels, or fewer, for values at ``places`` of which there are so many."""
    # The density of levels that is best for many is that of the cube root of what there is.
    density = np.cumsum(np.cbrt(counts))
    wanted = (np.arange(number) + 0.5) / number * density[-1]
    centres = np.unique(places[np.searchsorted(density, wanted)])
    for _ in range(_ROUNDS):
        if has_zero:
            centres[np.abs(centres).argmin()] = 0.0
        nearest_one = np.searchsorted((centres[1:] + centres[:-1]) / 2, places)
        total = np.bincount(nearest_one, counts, len(centres))
        mean = np.bincount(nearest_one, counts * places, len(centres)) / np.maximum(total, 1e-300)
        moved = np.where(total > 0, mean, centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    if has_zero:
        centres[np.abs(centres).argmin()] = 0.0
    return np.unique(centres)
