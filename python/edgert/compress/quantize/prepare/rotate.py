"""Mixes the channels of values that lie between sums of products, so that rounding costs least.

Where no activation lies between, a layer may make R x and the next one multiply by W inv(R). With S
the covariance of x and G = W'W, rounding all channels to steps in proportion to their sizes makes
an error of sum(diag(R S R') * diag(inv(R)' G inv(R))), and so does rounding the weights before and
behind. It is least if the two matrices are the same and all elements of their diagonals are equal.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from edgert.compress.quantize.prepare.equalize import Group, find_groups, replace_weights
from edgert.compress.quantize.rounding.weights import float_weights
from edgert.compress.statistics import Covariances, Statistics
from edgert.ir import Graph

_MOST_CHANNELS = 1024  # the time grows with their cube
_DAMPING = 1e-4  # of the mean of a diagonal: bounds the condition of R by 10


def rotate(graph: Graph, statistics: Statistics, fixed: Collection[str] = ()) -> list[str]:
    """Rewrites the weights in place; returns the tensors whose channels were mixed.

    The values in ``fixed`` stay as they are.
    """
    groups = [group for group in find_groups(graph, fixed) if _can_mix(graph, group)]
    covariance = Covariances(name for group in groups for name in group.values)
    statistics.gather(graph, covariance)
    changed: list[str] = []
    for group in groups:
        if all(_is_positive(covariance[name]) for name in group.values):
            mix = best_mix(*_both_sides(graph, group, covariance))
            _apply(graph, group, mix)
            changed += group.values
    return changed


def best_mix(covariance: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """The matrix R for a covariance S and gains G, both symmetric and positive."""
    covariance, gains = (
        m + _DAMPING * np.trace(m) / len(m) * np.eye(len(m)) for m in (covariance, gains)
    )
    half, inverse = _power(covariance, 0.5), _power(covariance, -0.5)
    # R'R = M with M S M = G: the geometric mean of G and the inverse of S.
    root = _power(inverse @ _power(half @ gains @ half, 0.5) @ inverse, 0.5)
    mix = _levelling(root @ covariance @ root.T) @ root
    return mix * np.sqrt(np.trace(covariance) / np.trace(mix @ covariance @ mix.T))


def _levelling(matrix: np.ndarray) -> np.ndarray:
    """The rotation Q for which all elements on the diagonal of Q A Q' are equal.

    In turn the largest and the least element are rotated until one of them is the mean.
    """
    matrix, rotation = matrix.copy(), np.eye(len(matrix))
    mean = np.trace(matrix) / len(matrix)
    for _ in range(len(matrix) - 1):
        pair = [int(np.argmax(np.diag(matrix))), int(np.argmin(np.diag(matrix)))]
        (large, mixed), (_, small) = matrix[np.ix_(pair, pair)]
        if large - small < 1e-9 * mean:
            break
        # cos^2 large + 2 cos sin mixed + sin^2 small = mean; the divisor is positive.
        over, under = large - mean, mean - small
        tangent = over / (np.sqrt(mixed**2 + over * under) + abs(mixed)) * -np.copysign(1, mixed)
        cos = 1 / np.sqrt(1 + tangent**2)
        turn = np.array([[cos, cos * tangent], [-cos * tangent, cos]])
        matrix[pair] = turn @ matrix[pair]
        matrix[:, pair] = matrix[:, pair] @ turn.T
        rotation[pair] = turn @ rotation[pair]
    return rotation


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """Of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    values = np.maximum(values, np.finfo(np.float64).eps * values.max())
    return (vectors * values**exponent) @ vectors.T


def _can_mix(graph: Graph, group: Group) -> bool:
    nodes = [*group.makers, *group.readers]
    channels = graph.values[group.values[0]].shape[-1]
    dense = all(node.attrs.get("groups", 1) == 1 for node in nodes)
    return group.can_shift and dense and channels <= _MOST_CHANNELS


def _is_positive(covariance: np.ndarray) -> bool:
    return bool(np.isfinite(covariance).all() and np.trace(covariance) > 0)


def _both_sides(
    graph: Graph, group: Group, covariance: Covariances
) -> tuple[np.ndarray, np.ndarray]:
    """The covariance of a group's values and the gains of its readers, each of them counting the
    same: errors matter beside what else there is.
    """
    sizes = {name: np.trace(covariance[name]) for name in group.values}
    total = sum(covariance[name] / sizes[name] for name in group.values)
    gains = np.zeros_like(total)
    for node in group.readers:
        weight, _ = float_weights(graph, node)
        rows, name = weight.reshape(-1, weight.shape[-1]), node.inputs[0]
        gain = rows.T @ rows
        if signal := np.trace(gain @ covariance[name]):
            gains += gain * sizes[name] / signal
    return total, gains if gains.any() else np.eye(len(total))


def _apply(graph: Graph, group: Group, mix: np.ndarray) -> None:
    for node in group.makers:
        weight, bias = float_weights(graph, node)
        rows = mix @ weight.reshape(len(weight), -1)
        replace_weights(graph, node, rows.reshape(weight.shape), mix @ bias)
    inverse = np.linalg.inv(mix)
    for node in group.readers:
        weight, bias = float_weights(graph, node)
        replace_weights(graph, node, weight @ inverse, bias)
