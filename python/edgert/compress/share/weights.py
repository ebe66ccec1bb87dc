"""Weights rounded to what takes less room."""

from __future__ import annotations

import numpy as np

from edgert.compress.statistics.clusters import binned, centres, has_many_zeros, nearest

_LARGEST_HALF = 65504.0


def shared(weight: np.ndarray, values: int, importance: np.ndarray) -> np.ndarray:
    """Float weights of which each is one of so many values, by k-means (Han et al., 2016).

    ``importance``, of the shape of ``weight``, says how much the error of each counts.
    """
    importance = np.maximum(importance, 1e-3 * importance.mean() + 1e-30)
    levels = centres(*binned(weight, importance), values, has_many_zeros(weight))
    found = nearest(weight, levels)
    # The bins were coarse: the levels become the means of the weights themselves.
    place = np.searchsorted(levels, found)
    total = np.bincount(place.ravel(), importance.ravel(), len(levels))
    sums = np.bincount(place.ravel(), (importance * weight).ravel(), len(levels))
    levels = np.where((total > 0) & (levels != 0), sums / np.maximum(total, 1e-300), levels)
    return levels.astype(np.float32)[place]


def halves(weight: np.ndarray) -> np.ndarray:
    """Float weights rounded to 11 significant bits and the range of IEEE's binary16."""
    return np.clip(weight, -_LARGEST_HALF, _LARGEST_HALF).astype(np.float16).astype(np.float32)
