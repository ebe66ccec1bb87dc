"""What data look like, so that those that cannot be what the network expects are told."""

from __future__ import annotations

import numpy as np

from edgert.compress.probe import Sample

_MOST_PIXEL, _LEAST_PIXEL = 255, 64  # whole numbers up to something between are taken for bytes


class Survey:
    """The extremes of each input of floats, over all samples that it is shown."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[float, float]] = {}
        self._whole: dict[str, bool] = {}

    def add(self, sample: Sample) -> None:
        """Looks at a sample."""
        for name, array in sample.items():
            if array.dtype.kind == "f" and array.size:
                low, high = self._ends.get(name, (np.inf, -np.inf))
                self._ends[name] = min(low, float(array.min())), max(high, float(array.max()))
                whole = self._whole.get(name, True)
                self._whole[name] = whole and bool((array == np.rint(array)).all())

    def doubts(self) -> list[str]:
        """What is strange, in words."""
        found = []
        for name, (low, high) in self._ends.items():
            if low == high:
                found.append(f"'{name}' is {low:g} everywhere in the data, expected typical inputs")
            elif self._whole[name] and low >= 0 and _LEAST_PIXEL <= high <= _MOST_PIXEL:
                found.append(
                    f"'{name}' has whole numbers from {low:g} to {high:g}, as bytes have: many "
                    "networks expect 0 to 1"
                )
        return found
