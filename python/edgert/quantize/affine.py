"""The scale and zero point of a u8 tensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Scales keep a margin from the bounds of the file (2^40), also as their reciprocal.
MIN_SCALE, MAX_SCALE = 2.0**-40, 2.0**40


@dataclass(frozen=True)
class Affine:
    """Byte q of a tensor stands for ``scale * (q - zero)``; the scale is a float32."""

    scale: float
    zero: int

    @staticmethod
    def of_range(low: float, high: float) -> Affine:
        """The levels that cover ``low`` to ``high`` and zero, which is exact.

        A tensor that is always zero has scale 1.
        """
        low, high = min(low, 0.0), max(high, 0.0)
        if low == high:
            return Affine(1.0, 0)
        scale = float(np.float32(min(max((high - low) / 255, MIN_SCALE), MAX_SCALE)))
        return Affine(scale, int(np.clip(np.rint(-low / scale), 0, 255)))

    @property
    def range(self) -> tuple[float, float]:
        """The values of the bytes 0 and 255."""
        return -self.zero * self.scale, (255 - self.zero) * self.scale

    def before(self, factor: float, shift: float) -> Affine | None:
        """What the same bytes stand for in x if they stand for ``factor * x + shift``, whose zero
        moves by less than a level; None if no zero point and scale say so.
        """
        if not (factor > 0 and MIN_SCALE <= self.scale / factor <= MAX_SCALE):
            return None
        zero = self.zero + float(np.rint(shift / self.scale))
        scale = float(np.float32(self.scale / factor))
        return Affine(scale, int(zero)) if 0 <= zero <= 255 else None

    def quantize(self, values: np.ndarray) -> np.ndarray:
        """The nearest bytes, half to even, as the runtime rounds."""
        scaled = np.asarray(values, np.float32) / np.float32(self.scale)
        scaled = np.where(np.isnan(scaled), np.float32(-self.zero), scaled)
        clamped = np.clip(scaled, np.float32(-self.zero), np.float32(255 - self.zero))
        return (np.rint(clamped) + self.zero).astype(np.uint8)

    def dequantize(self, data: np.ndarray) -> np.ndarray:
        """What bytes stand for."""
        return (data.astype(np.float32) - np.float32(self.zero)) * np.float32(self.scale)
