"""Extremes, means, variances and covariances of the channels of values."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


class Channels:
    """Of values, per channel: extremes, mean and variance."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self._low: dict[str, np.ndarray] = {}
        self._high: dict[str, np.ndarray] = {}
        self._total: dict[str, np.ndarray] = {}
        self._squares: dict[str, np.ndarray] = {}
        self._count: dict[str, int] = {}

    def add(self, name: str, array: np.ndarray) -> None:
        """Takes up a value, the channels of which are its last axis."""
        rows = array.reshape(-1, array.shape[-1])
        squares = np.square(rows, dtype=np.float64).sum(0)
        self._low[name] = np.minimum(self._low.get(name, np.inf), rows.min(0))
        self._high[name] = np.maximum(self._high.get(name, -np.inf), rows.max(0))
        self._total[name] = self._total.get(name, 0) + rows.sum(0, dtype=np.float64)
        self._squares[name] = self._squares.get(name, 0) + squares
        self._count[name] = self._count.get(name, 0) + len(rows)

    def low(self, name: str) -> np.ndarray:
        """The least value of each channel."""
        return self._low[name]

    def high(self, name: str) -> np.ndarray:
        """The largest value of each channel."""
        return self._high[name]

    def mean(self, name: str) -> np.ndarray:
        """The mean of each channel."""
        return self._total[name] / self._count[name]

    def square(self, name: str) -> np.ndarray:
        """The mean square of each channel."""
        return self._squares[name] / self._count[name]

    def variance(self, name: str) -> np.ndarray:
        """The variance of each channel."""
        return np.maximum(self.square(name) - np.square(self.mean(name)), 0)


class Covariances:
    """Of the channels of values: the memory grows with the square of their number."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self._sums: dict[str, np.ndarray] = {}
        self._products: dict[str, np.ndarray] = {}
        self._count: dict[str, int] = {}

    def add(self, name: str, array: np.ndarray) -> None:
        """Takes up a value, the channels of which are its last axis."""
        rows = array.reshape(-1, array.shape[-1]).astype(np.float64)
        self._sums[name] = self._sums.get(name, 0) + rows.sum(0)
        self._products[name] = self._products.get(name, 0) + rows.T @ rows
        self._count[name] = self._count.get(name, 0) + len(rows)

    def __getitem__(self, name: str) -> np.ndarray:
        """The covariances of the channels of a value."""
        count = self._count[name]
        mean = self._sums[name] / count
        return self._products[name] / count - np.outer(mean, mean)
