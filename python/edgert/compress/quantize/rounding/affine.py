"""The scale and zero point of a tensor of integers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

# Scales keep a margin from the bounds of the file (2^40), also as their reciprocal.
MIN_SCALE, MAX_SCALE = 2.0**-40, 2.0**40
HEADROOM = 2  # of int16, over the largest value that was seen


@dataclass(frozen=True)
class Affine:
    """Integer q of a tensor stands for ``scale * (q - zero)``; the scale is a float32.

    The integers are u8 or, if ``is_int16``, int16 around zero. ``largest`` is the magnitude of what
    may occur, whether u8 covers it or not. ``shift`` is the part of the zero point that is added
    before a number is rounded, not after.
    """

    scale: float
    zero: int
    is_int16: bool = False
    largest: float = field(default=0.0, compare=False)
    shift: int = 0

    @staticmethod
    def of_range(low: float, high: float, largest: float = 0.0) -> Affine:
        """The 256 levels that cover ``low`` to ``high`` and zero, which is exact.

        A tensor that is always zero has scale 1.
        """
        low, high = min(low, 0.0), max(high, 0.0)
        largest = max(largest, high, -low)
        if low == high:
            return Affine(1.0, 0, False, largest)
        scale = _bounded((high - low) / 255)
        return Affine(scale, int(np.clip(np.rint(-low / scale), 0, 255)), False, largest)

    @property
    def int16(self) -> Affine:
        """The same tensor in int16: one bit is left for values larger than any that were seen."""
        scale = _bounded(HEADROOM * self.largest / 32767) if self.largest else 1.0
        return Affine(scale, 0, True, self.largest)

    def of_type(self, dtype: np.dtype) -> Affine:
        """The same tensor in integers of a type, u8 or int16; this one is u8."""
        return self.int16 if dtype == np.int16 else self

    @property
    def dtype(self) -> np.dtype:
        """The type of the integers."""
        return np.dtype(np.int16 if self.is_int16 else np.uint8)

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the largest integer."""
        info = np.iinfo(self.dtype)
        return int(info.min), int(info.max)

    @property
    def range(self) -> tuple[float, float]:
        """The values of the least and the largest integer."""
        low, high = self.limits
        return (low - self.zero) * self.scale, (high - self.zero) * self.scale

    def before(self, factor: float, shift: float) -> Affine | None:
        """What the same bytes stand for in x if they stand for ``factor * x + shift``, whose zero
        moves by less than a level; None if no zero point and scale say so, or if these are int16.
        """
        if self.is_int16 or not (factor > 0 and MIN_SCALE <= self.scale / factor <= MAX_SCALE):
            return None
        zero = self.zero + float(np.rint(shift / self.scale))
        scale = float(np.float32(self.scale / factor))
        return Affine(scale, int(zero)) if 0 <= zero <= 255 else None

    def quantize(self, values: np.ndarray) -> np.ndarray:
        """The nearest integers, half to even, as the runtime rounds."""
        zero = self.zero - self.shift
        low, high = (np.float32(limit - zero) for limit in self.limits)
        scaled = np.asarray(values, np.float32) / np.float32(self.scale) + np.float32(self.shift)
        clamped = np.clip(np.where(np.isnan(scaled), low, scaled), low, high)
        return (np.rint(clamped) + zero).astype(self.dtype)

    def dequantize(self, data: np.ndarray) -> np.ndarray:
        """What the integers stand for."""
        return (data.astype(np.float32) - np.float32(self.zero)) * np.float32(self.scale)


def _bounded(scale: float) -> float:
    return float(np.float32(min(max(scale, MIN_SCALE), MAX_SCALE)))
