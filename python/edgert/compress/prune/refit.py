"""Fits the weights that are left to what a layer gave before it was pruned."""

from __future__ import annotations

import numpy as np

_STEPS = 24  # of conjugate gradients: what is left then is below the noise of the samples
_ROUNDS = 4  # of pruning and fitting, so that weights which took over for others count as such


def saliencies(weight: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """By how much the squared error grows without each weight of ``weight`` [outputs, depth], if
    the others make up for it as they can: w^2 over the diagonal of the inverse of the second
    ``moments`` [depth, depth] of the inputs (Optimal Brain Surgeon, Hassibi and Stork, 1993).
    """
    return np.square(weight) / np.diagonal(np.linalg.inv(moments))


def schedule(sparsity: float) -> list[float]:
    """The sparsities of the rounds that lead to this one; each leaves the same part of what was."""
    return [1 - (1 - sparsity) ** (i / _ROUNDS) for i in range(1, _ROUNDS + 1)]


def refit(
    weight: np.ndarray, mask: np.ndarray, moments: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """The weights [outputs, depth], zero outside of the ``mask``, with the least error.

    Minimises w M w' - 2 w b', with M the ``moments`` [depth, depth] and b ``wanted``
    [outputs, depth], from ``weight`` on, by conjugate gradients preconditioned with the diagonal;
    all outputs at once.
    """
    w = weight * mask
    scale = 1 / np.diagonal(moments)
    residual = (wanted - w @ moments) * mask
    z = residual * scale
    direction, energy = z, (residual * z).sum(1)
    least = 1e-10 * np.maximum(energy, 1e-300)
    for _ in range(_STEPS):
        if (energy <= least).all():
            break
        moved = (direction @ moments) * mask
        curvature = (direction * moved).sum(1)
        step = np.divide(energy, curvature, out=np.zeros_like(energy), where=curvature > 0)
        w = w + step[:, None] * direction
        residual = residual - step[:, None] * moved
        z = residual * scale
        before, energy = energy, (residual * z).sum(1)
        turn = np.divide(energy, before, out=np.zeros_like(energy), where=before > 0)
        direction = z + turn[:, None] * direction
    return w
