"""Error compensation: the weights that are still to be rounded make up for those that were.

The error of a matrix product on inputs x is (w - q) H (w - q)' with H the second moments of x. Each
weight in turn is rounded to what makes up best for the errors before it (GPTQ, which is Babai's
nearest plane); then each is moved once more to its best value among all others as they are
(coordinate descent, as in QuantEase).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgert.compress.quantize.rounding.codebook import inward
from edgert.compress.quantize.rounding.i16_sums import LARGEST, MAX_SUM, excess, partners
from edgert.compress.statistics.clusters import nearest

_DAMPING = 0.01  # of the mean second moment
_BLOCK = 64


def compensate(
    weight: np.ndarray,
    scale: np.ndarray,
    moments: np.ndarray,
    sums: np.ndarray,
    levels: np.ndarray | None = None,
) -> np.ndarray:
    """The bytes for ``weight`` [groups, outputs, depth] of the steps ``scale`` [groups, outputs],
    all or ``levels`` alone.

    ``moments`` is [groups, depth, depth], and damped in place; the bytes keep the rule for the
    ``i16_sums``. A weight that is zero stays so: it may have been pruned.
    """
    exact = np.ascontiguousarray(np.swapaxes(weight / scale[:, :, None], 1, 2))
    damp(moments, _DAMPING)
    others = partners(sums, weight.shape[-1])
    data = _round_in_turn(exact, moments, others, levels)
    _descend(data, exact, moments, others, levels)
    return np.swapaxes(data, 1, 2)


def _round_in_turn(
    exact: np.ndarray, moments: np.ndarray, others: Sequence[np.ndarray], levels: np.ndarray | None
) -> np.ndarray:
    """Integers for ``exact`` [groups, depth, outputs]."""
    depth = exact.shape[1]
    factor = _factor(moments)
    wanted, data = exact.copy(), np.zeros_like(exact)
    for first in range(0, depth, _BLOCK):
        last = min(first + _BLOCK, depth)
        for i in range(first, last):
            room = _room(data[:, others[i]])
            later = others[i][others[i] > i]
            w = _share(wanted[:, [i, *later]], room) if len(later) else wanted[:, i]
            data[:, i] = _rounded(w, room, levels, exact[:, i])
            error = exact[:, i] - data[:, i]
            wanted[:, i + 1 : last] += factor[:, i, i + 1 : last, None] * error[:, None]
        errors = exact[:, first:last] - data[:, first:last]
        wanted[:, last:] += np.swapaxes(factor[:, first:last, last:], 1, 2) @ errors
    return data


def _descend(
    data: np.ndarray,
    exact: np.ndarray,
    moments: np.ndarray,
    others: Sequence[np.ndarray],
    levels: np.ndarray | None,
) -> None:
    """Moves each integer to the best that it can be."""
    depth = exact.shape[1]
    gradient = moments @ (data - exact)
    for first in range(0, depth, _BLOCK):
        last = min(first + _BLOCK, depth)
        before = data[:, first:last].copy()
        for i in range(first, last):
            best = data[:, i] - gradient[:, i] / moments[:, i, i, None]
            found = _rounded(best, _room(data[:, others[i]]), levels, exact[:, i])
            move = found - data[:, i]
            data[:, i] += move
            gradient[:, i + 1 : last] += moments[:, i, i + 1 : last, None] * move[:, None]
        gradient[:, last:] += moments[:, last:, first:last] @ (data[:, first:last] - before)


def _room(others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the ``others`` [groups, members, outputs] of its sum leave to a weight that is negative,
    and to one that is positive.
    """
    return MAX_SUM + np.minimum(others, 0).sum(1), MAX_SUM - np.maximum(others, 0).sum(1)


def _rounded(
    wanted: np.ndarray,
    room: tuple[np.ndarray, np.ndarray],
    levels: np.ndarray | None,
    exact: np.ndarray,
) -> np.ndarray:
    """The nearest that is allowed; zero where the ``exact`` weight is, if that is a level."""
    if levels is None:
        negative, positive = (np.minimum(part, LARGEST) for part in room)
        return np.clip(np.rint(wanted), -negative, positive) * (exact != 0)
    found = nearest(np.where(exact == 0, 0, wanted), levels)
    negative, positive = room
    allowed = np.clip(found, -negative, positive)
    return found if np.array_equal(allowed, found) else inward(allowed, levels)


def _share(wanted: np.ndarray, room: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """What is left of the first of ``wanted`` [groups, members, outputs], those of a sum that are
    still to be rounded, if all of its sign give up the same to have room.
    """
    share = wanted[:, 0].copy()
    tight = np.nonzero(np.abs(wanted).sum(1) > np.minimum(*room))
    first = share[tight]
    parts = np.moveaxis(wanted, 1, 0)[(slice(None), *tight)] * np.where(first < 0, -1, 1)
    parts = np.clip(parts, 0, LARGEST)
    less = excess(parts, np.where(first < 0, *(part[tight] for part in room)))
    share[tight] = np.copysign(np.maximum(parts[0] - less, 0), first)
    return share


def damp(moments: np.ndarray, share: float) -> None:
    """Adds a share of their mean for each weight to the moments, so that they have an inverse."""
    mean = np.einsum("gii->g", moments) / moments.shape[-1]
    diagonal = np.einsum("gii->gi", moments)
    diagonal += np.where(mean > 0, share * mean, 1.0)[:, None]


def _factor(moments: np.ndarray) -> np.ndarray:
    """The unit upper triangular U with U D U' the moments, D diagonal."""
    factor = np.linalg.cholesky(moments[:, ::-1, ::-1])[:, ::-1, ::-1]
    factor /= np.einsum("gii->gi", factor)[:, None].copy()
    return factor
