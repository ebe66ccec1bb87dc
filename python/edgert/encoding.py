"""How payloads hold the elements of constants, as ``csrc/schema/encodings.def`` says."""

from __future__ import annotations

import numpy as np

from edgert import schema
from edgert.schema import Encoding

_HEAD_BYTES = 4  # the exponent of shorts
_LEAST_ELEMENTS = 3  # of which shorts take less than the elements themselves
_LARGEST = 2**15 - 1
_EXPONENTS = {np.dtype(np.int32): (0, 16), np.dtype(np.float32): (-126, 112)}


def alignment(encoding: Encoding) -> int:
    """What the offset of a payload is a multiple of."""
    return schema.PAYLOAD_ALIGNMENT if encoding == Encoding.plain else 1


def payload_bytes(encoding: Encoding, dtype: np.dtype, count: int) -> int:
    """What the payload of so many elements takes."""
    return count * dtype.itemsize if encoding == Encoding.plain else _HEAD_BYTES + 2 * count


def encode(data: np.ndarray) -> tuple[Encoding, np.ndarray]:
    """The shortest encoding that keeps every bit of a constant in layout row, and its payload."""
    if data.dtype in _EXPONENTS and data.size >= _LEAST_ELEMENTS:
        exponent = _exponent(data)
        if exponent is not None and nearest_shorts(data).tobytes() == data.tobytes():
            shorts = np.ldexp(data.astype(np.float64), -exponent).astype("<i2")
            head = np.array([exponent], "<i4").view("<i2")
            return Encoding.shorts, np.concatenate([head, shorts.reshape(-1)])
    return Encoding.plain, data


def decode(encoding: Encoding, stored: bytes, dtype: np.dtype) -> np.ndarray:
    """The elements of a payload, in the order in which it holds them."""
    if encoding == Encoding.plain:
        return np.frombuffer(stored, dtype)
    exponent = int(np.frombuffer(stored, "<i4", count=1)[0])
    shorts = np.frombuffer(stored, "<i2", offset=_HEAD_BYTES)
    return np.ldexp(shorts.astype(np.float64), exponent).astype(dtype)


def nearest_shorts(data: np.ndarray) -> np.ndarray:
    """``data``, int32 or float32, rounded to what ``Encoding.shorts`` keeps.

    Unchanged if elements are not finite, or the largest is too large for it.
    """
    exponent = _exponent(data)
    if exponent is None:
        return data
    shorts = np.rint(np.ldexp(data.astype(np.float64), -exponent))
    return (np.ldexp(shorts, exponent) + 0.0).astype(data.dtype)  # + 0.0: no negative zeros


def _exponent(data: np.ndarray) -> int | None:
    """The least exponent with which 16 bits reach the largest element, None if none does."""
    largest = float(np.abs(data.astype(np.float64)).max(initial=0))
    if not np.isfinite(largest):
        return None
    low, high = _EXPONENTS[data.dtype]
    exponent = low
    if largest > 0:
        exponent = int(np.frexp(largest)[1]) - 15
        exponent += int(np.rint(np.ldexp(largest, -exponent)) > _LARGEST)
    exponent = max(exponent, low)
    return exponent if exponent <= high else None
