"""The integers that weights of few bits are rounded to: a codebook, fitted to those of a layer.

Integers of equal distances serve weights badly of which most are small; k-means puts the levels
where the weights are.
"""

from __future__ import annotations

import numpy as np

from edgert.compress.statistics.clusters import binned, centres, has_many_zeros, nearest

# Sums of 16 bits have room for four products with any such weights: so they are as fast as others.
LARGEST_CODE = 31
_UNITS = np.linspace(0.75, 1.0, 26)  # of the one for which the last level is the largest code
# Of the size of an output, for its scale.
_FACTORS = 1.05 ** np.array([0, *(sign * i for i in range(1, 13) for sign in (-1, 1))])


def fit_codebook(weight: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """At most 2^bits rising integers, and for each output of ``weight`` [outputs, depth] the scale
    with which they come closest.
    """
    size = np.sqrt(np.square(weight).mean(1))
    size = np.where(size >= np.finfo(np.float32).tiny, size, 1.0)
    ratios = weight / size[:, None]
    places, counts = binned(ratios, np.broadcast_to(np.square(size)[:, None], ratios.shape))
    if 1 << bits > 2 * LARGEST_CODE:
        every = np.arange(-LARGEST_CODE, LARGEST_CODE + 1.0)
        tried = [(every, unit) for unit in places[-1] / LARGEST_CODE * np.linspace(0.2, 1, 41)]
    else:
        levels = centres(places, counts, 1 << bits, has_many_zeros(weight))
        largest = max(np.abs(levels).max(), 1e-30) / LARGEST_CODE
        tried = [(np.unique(np.rint(levels / unit)), unit) for unit in largest / _UNITS]

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
