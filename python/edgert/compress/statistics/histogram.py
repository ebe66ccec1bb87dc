"""Histograms of tensors that are seen once, piece by piece: the memory does not grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

HALF = 4096  # bins on either side of zero


class Histogram:
    """Counts of the finite values of a tensor in bins of equal width, and their exact extremes.

    The bins lie symmetrically around zero. When a value falls outside, the width doubles and
    neighbours are merged. Zeros are counted apart: quantisation keeps them exact. Values beyond
    the range of float32 do not occur; infinities and NaNs are counted in ``not_finite`` only.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(2 * HALF)
        self.width = 0.0  # 0 until something other than zero was seen
        self.low = self.high = 0.0  # the extremes, zero included
        self.total = self.zeros = self.not_finite = 0

    def add(self, array: np.ndarray) -> None:
        """Counts the elements of a float array."""
        values = np.asarray(array, np.float32).reshape(-1)
        finite = np.isfinite(values)
        if not finite.all():
            self.not_finite += int(values.size - finite.sum())
            values = values[finite]
        self.total += values.size
        if values.size == 0:
            return
        low, high = float(values.min()), float(values.max())
        self.low, self.high = min(self.low, low), max(self.high, high)
        largest = max(high, -low)
        nonzero = values[values != 0]
        self.zeros += int(values.size - nonzero.size)
        if nonzero.size == 0:
            return
        if self.width == 0:
            self.width = max(largest / HALF, float(np.finfo(np.float32).tiny))
        while largest > self.width * HALF:
            self._widen()
        at = np.floor(nonzero / self.width).astype(np.int64) + HALF
        self.counts += np.bincount(np.clip(at, 0, 2 * HALF - 1), minlength=2 * HALF)

    def _widen(self) -> None:
        """Doubles the width: bins 2i and 2i + 1, counted from zero, become bin i."""
        merged = self.counts.reshape(-1, 2).sum(1)
        self.counts[:] = 0
        self.counts[HALF // 2 : HALF // 2 + HALF] = merged
        self.width *= 2

    @property
    def centres(self) -> np.ndarray:
        """The middle of each bin."""
        return (np.arange(-HALF, HALF) + 0.5) * self.width


class Histograms:
    """A histogram of each group of values, by the name of the group."""

    def __init__(self, groups: Mapping[str, Sequence[str]]) -> None:
        self._groups = {name: group for group, names in groups.items() for name in names}
        self.names = list(self._groups)
        self.of = {group: Histogram() for group in groups}

    def add(self, name: str, array: np.ndarray) -> None:
        """Counts a value of a group."""
        self.of[self._groups[name]].add(array)
