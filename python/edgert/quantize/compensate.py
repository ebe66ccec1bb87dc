"""Error compensation: the weights that are still to be rounded make up for those that were.

The error of a matrix product on inputs x is (w - q) H (w - q)' with H the second moments of x. Each
weight in turn is rounded, and the rest changed as makes the error least (optimal brain surgeon,
GPTQ).
"""

from __future__ import annotations

import numpy as np

from edgert.quantize.weights import LARGEST, MAX_PAIR

_DAMPING = 0.01  # of the mean second moment
_BLOCK = 64


def compensate(
    weight: np.ndarray, scale: np.ndarray, moments: np.ndarray, channels: int, paired: bool
) -> np.ndarray:
    """The bytes for ``weight`` [groups, outputs, depth] of the steps ``scale`` [groups, outputs].

    ``moments`` is [groups, depth, depth], the depth being taps of ``channels`` each; with
    ``paired``, neighbours within a tap keep the pair rule.
    """
    depth = weight.shape[-1]
    factor = _inverse_factor(moments)
    left = weight / scale[:, :, None]
    data = np.zeros_like(left)
    for first in range(0, depth, _BLOCK):
        last = min(first + _BLOCK, depth)
        errors = np.zeros((*left.shape[:2], last - first))
        for i in range(first, last):
            w, channel = left[:, :, i], i % channels
            low, high = -LARGEST, LARGEST
            if paired and channel % 2:
                before = data[:, :, i - 1]
                low = np.maximum(-MAX_PAIR - np.minimum(before, 0), -LARGEST)
                high = np.minimum(MAX_PAIR - np.maximum(before, 0), LARGEST)
            elif paired and channel + 1 < channels:
                w = w - _half_of_excess(w, left[:, :, i + 1])
            data[:, :, i] = np.clip(np.rint(w), low, high)
            error = (left[:, :, i] - data[:, :, i]) / factor[:, i, i][:, None]
            errors[:, :, i - first] = error
            left[:, :, i + 1 : last] -= error[:, :, None] * factor[:, None, i, i + 1 : last]
        left[:, :, last:] -= errors @ factor[:, first:last, last:]
    return data


def _half_of_excess(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """What the first of a pair must give up if both give up the same."""
    together = np.where(first * second > 0, np.abs(first + second), 0)
    return np.sign(first) * np.maximum(together - MAX_PAIR, 0) / 2


def _inverse_factor(moments: np.ndarray) -> np.ndarray:
    """The upper triangular U with U'U the inverse of the damped moments."""
    depth = moments.shape[-1]
    mean = np.einsum("gii->g", moments) / depth
    damping = np.where(mean > 0, _DAMPING * mean, 1.0)
    damped = moments + damping[:, None, None] * np.eye(depth)
    lower = np.linalg.cholesky(damped[:, ::-1, ::-1])
    return _triangular_inverse(lower)[:, ::-1, ::-1]


def _triangular_inverse(lower: np.ndarray) -> np.ndarray:
    """The inverse of lower triangular matrices, by halves."""
    half = lower.shape[-1] // 2
    if half < 64:
        return np.linalg.inv(lower)
    result = np.zeros_like(lower)
    result[:, :half, :half] = _triangular_inverse(lower[:, :half, :half])
    result[:, half:, half:] = _triangular_inverse(lower[:, half:, half:])
    mixed = result[:, half:, half:] @ lower[:, half:, :half]
    result[:, half:, :half] = -mixed @ result[:, :half, :half]
    return result
