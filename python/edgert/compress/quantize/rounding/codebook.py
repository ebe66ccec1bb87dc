"""The integers that weights of few bits are rounded to: a codebook, fitted to those of a layer.

Integers of equal distances serve weights badly of which most are small; k-means puts the levels
where the weights are.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgert.compress.quantize.rounding.i16_sums import LARGEST, members, trim
from edgert.compress.statistics.clusters import binned, centres, has_many_zeros, nearest

# Sums of 16 bits have room for four products with any weights up to the first; larger ones must be
# trimmed where they meet, down to zero.
LARGEST_CODES = 31, 63, LARGEST
LEAST_TRIMMED = 16  # values: fewer need all that they are for weights that are not zero
_SOME = 48  # outputs that tell how large codes should be
TERNARY = 3  # values: zero, one below and one above
_UNITS = np.linspace(0.75, 1.0, 26)  # of the one for which the last level is the largest code
# Of the size of an output, for its scale: outliers need larger ones. First roughly, then close to
# the best of these.
_STEPS = np.array([0, *(sign * i for i in range(1, 7) for sign in (-1, 1))])
_FACTORS = 1.25**_STEPS, 1.025 ** _STEPS[:9]


def fit_codebook(weight: np.ndarray, values: int, sums: np.ndarray) -> tuple[np.ndarray, ...]:
    """So many rising integers at most, for each output of ``weight`` [outputs, depth] the scale
    with which they come closest, and those that the weights become.

    Of 16 values and more one is zero, and those of the ``i16_sums`` keep the rule for these. Of 3
    one is zero, so that an output has two sizes, one for each sign.
    """
    size = np.sqrt(np.square(weight).mean(1))
    size = np.where(size >= np.finfo(np.float32).tiny, size, 1.0)
    some = slice(None, None, max(len(weight) // _SOME, 1))

    def error_of(levels: np.ndarray, unit: float) -> float:
        _, scale, data = _rounded(weight[some], size[some] * unit, levels, sums)
        return float(np.square(data * scale[:, None] - weight[some]).sum())

    found = list(_codebooks(weight / size[:, None], size, values))
    levels, unit = found[0] if len(found) == 1 else min(found, key=lambda one: error_of(*one))
    return _rounded(weight, size * unit, levels, sums)


def _rounded(
    weight: np.ndarray, scale: np.ndarray, levels: np.ndarray, sums: np.ndarray
) -> tuple[np.ndarray, ...]:
    scale = scale * _factors(weight / scale[:, None], levels)
    return levels, scale, round_to_levels(weight / scale[:, None], levels, sums)


def _codebooks(
    ratios: np.ndarray, size: np.ndarray, values: int
) -> Iterator[tuple[np.ndarray, float]]:
    """Integers, and the unit that they count, for each largest code."""
    places, counts = binned(ratios, np.broadcast_to(np.square(size)[:, None], ratios.shape))
    has_zero = values == TERNARY or values >= LEAST_TRIMMED or has_many_zeros(ratios)
    levels = centres(places, counts, values, has_zero)
    largest = max(np.abs(levels).max(), 1e-30)

    def error_of(integers: np.ndarray, unit: float) -> float:
        return float((counts * np.square(nearest(places / unit, integers) * unit - places)).sum())

    for code in LARGEST_CODES if values >= LEAST_TRIMMED else LARGEST_CODES[:1]:
        if values > 2 * code:
            every = np.arange(-code, code + 1.0)
            tried = [(every, unit) for unit in places[-1] / code * np.linspace(0.2, 1, 41)]
        else:
            units = largest / code / _UNITS
            tried = [(np.unique(np.rint(levels / unit)), unit) for unit in units]
        yield min(tried, key=lambda integers: error_of(*integers))


def _factors(steps: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """For each output of ``steps`` what its scale must be multiplied by for the least error."""
    best, least = np.ones(len(steps)), np.full(len(steps), np.inf)
    for factors in _FACTORS:
        about = best
        for factor in factors:
            scaled = steps / (about * factor)[:, None]
            error = np.square(nearest(scaled, levels) - scaled).sum(1) * np.square(about * factor)
            best, least = np.where(error < least, about * factor, best), np.minimum(error, least)
    return best


def round_to_levels(steps: np.ndarray, levels: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """The nearest of the ``levels`` for ``steps`` [outputs, depth]; smaller ones where those of
    the ``i16_sums`` would break the rule.
    """
    data = nearest(steps, levels)
    if np.abs(levels).max() > LARGEST_CODES[0] and sums.size:
        data[:, sums[sums >= 0]] = np.moveaxis(trim(members(data, sums)), 0, 2)[:, sums >= 0]
        data = inward(data, levels)
    return data


def inward(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The nearest of the ``levels``, zero among them, that is no larger than each value."""
    at_most = levels[np.maximum(np.searchsorted(levels, values, "right") - 1, 0)]
    at_least = levels[np.minimum(np.searchsorted(levels, values), len(levels) - 1)]
    return np.where(values < 0, at_least, at_most)
