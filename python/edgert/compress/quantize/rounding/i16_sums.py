"""Sums of products that AVX2 forms in 16 bits, and weights with which they never overflow.

``WeightFit`` in ``csrc/weights/fit.h`` has the rules: weights whose products meet in such a
sum keep their positive part within ``MAX_SUM``, and their negative part, too.
"""

from __future__ import annotations

import numpy as np

from edgert import _core

FITS = "any", "pairs", "quads"
_RULES = {"any": 0, "pairs": 2, "quads": 3}  # as csrc/weights/fit.h numbers them
LARGEST = 127
MAX_SUM = _core.MAX_FIT


def i16_sums(fit: str, rows: int, taps: int, channels: int) -> np.ndarray:
    """Which weights of an output meet in a sum: [sums, members], places in its depth or -1.

    ``fit`` is one of ``FITS``. The depth consists of ``rows`` of ``taps`` that kernels read as one,
    of ``channels`` each.
    """
    return _core.weights_that_meet(_RULES[fit], rows, taps, channels)


def sums_at(fit: str, depth: np.ndarray) -> np.ndarray:
    """The same for the places ``depth`` [rows, taps, channels]."""
    sums = i16_sums(fit, *depth.shape)
    return np.where(sums < 0, -1, depth.reshape(-1)[sums])


def members(values: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Values [outputs, depth] as [members, outputs, sums], zeros where there is no member."""
    filled = np.concatenate([values, np.zeros_like(values[:, :1])], axis=1)
    return filled[:, sums.T].swapaxes(0, 1)


def partners(sums: np.ndarray, depth: int) -> list[np.ndarray]:
    """The other members of its sum for each place in the depth."""
    found = [np.empty(0, int)] * depth
    for row in sums:
        together = row[row >= 0]
        for place in together:
            found[place] = together[together != place]
    return found


def fits(data: np.ndarray, sums: np.ndarray) -> bool:
    """Whether bytes [outputs, depth] keep the rule."""
    together = members(data.astype(int), sums)
    parts = np.maximum(together, 0).sum(0), np.maximum(-together, 0).sum(0)
    return all((part <= MAX_SUM).all() for part in parts)


def trim(data: np.ndarray) -> np.ndarray:
    """The nearest integers that keep the rule to ``data`` [members, ...]: all of a sign give up the
    same, down to zero.
    """
    trimmed = data.copy()
    for sign in (1, -1):
        part = np.maximum(sign * data, 0)
        over = (slice(None), *np.nonzero(part.sum(0) > MAX_SUM))
        before = part[over].astype(np.float64)
        kept = np.maximum(before - excess(before, MAX_SUM), 0)
        whole = np.floor(kept)
        rank = np.argsort(np.argsort(whole - kept, axis=0, kind="stable"), axis=0)
        whole += rank < MAX_SUM - whole.sum(0)  # the largest fractions are rounded up
        trimmed[over] -= sign * (before - whole)
    return trimmed


def excess(parts: np.ndarray, room: np.ndarray | int) -> np.ndarray:
    """What each of ``parts`` [members, ...] >= 0 must give up, down to zero, to sum to ``room``."""
    largest = np.cumsum(-np.sort(-parts, axis=0), axis=0) - room
    counts = np.arange(1, len(parts) + 1).reshape(-1, *[1] * (parts.ndim - 1))
    return np.maximum((largest / counts).max(0), 0)
