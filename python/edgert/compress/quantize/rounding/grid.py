"""Finds the steps of numbers that were integers times a scale.

So the weights of a quantised model are had back from the floats which they stand for, whatever
order, factors per output and reshaping the passes have given them meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

MAX_LEVEL = 255  # the difference of two bytes
_SAMPLE = 32  # elements of a row that are looked at first
# In steps. Numbers that were rounded to float32 twice are off by less than 255 * 2^-22.
_TOLERANCE = 1e-3


def grid_steps(rows: np.ndarray) -> np.ndarray | None:
    """The largest step of each row [rows, elements] of which all its elements are multiples.

    None of a row is more than ``MAX_LEVEL`` steps. A row of zeros has step 0. Returns None if a row
    has no such step. What is off by a thousandth of a step may well be taken for a multiple.
    """
    rows = rows.astype(np.float64)
    largest = np.abs(rows).max(axis=1, initial=0.0)
    steps, left = np.zeros(len(rows)), np.flatnonzero(largest)
    sample = rows[:, :: max(rows.shape[1] // _SAMPLE, 1)]
    for level in range(1, MAX_LEVEL + 1):
        some = left[_are_multiples(sample[left], largest[left] / level)]
        found = some[_are_multiples(rows[some], largest[some] / level)]
        steps[found] = largest[found] / level
        left = np.setdiff1d(left, found, assume_unique=True)
        if not left.size:
            return steps
    return None


def stated_steps(rows: np.ndarray, steps: np.ndarray, scales: Collection[float]) -> np.ndarray:
    """``steps``, each replaced by that of ``scales`` of which the row was made, if there is one.

    Then the row's elements are integers, none more than ``MAX_LEVEL``, times this float32, rounded
    to float32. ``steps`` are those of :func:`grid_steps`, which are off by their own rounding, and
    larger where all integers of a row have a divisor.
    """
    known = np.sort(np.array(list(scales), np.float64))
    result = steps.copy()
    for i, (row, step) in enumerate(zip(rows, steps)):
        if step == 0:
            continue
        most = int(np.rint(np.abs(row).max() / step))
        near = step / np.arange(1, MAX_LEVEL // most + 1)
        first = np.searchsorted(known, near * (1 - 1e-6))
        last = np.searchsorted(known, near * (1 + 1e-6), side="right")
        for scale in (scale for a, b in zip(first, last) for scale in known[a:b]):
            levels = np.rint(row / scale).astype(np.float32)
            if (levels * np.float32(scale) == row).all():
                result[i] = scale
                break
    return result


def _are_multiples(rows: np.ndarray, steps: np.ndarray) -> np.ndarray:
    levels = rows / steps[:, None]
    return (np.abs(levels - np.rint(levels)) <= _TOLERANCE).all(axis=1)
