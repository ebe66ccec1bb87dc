"""Weights as signed bytes with a scale per output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgert.ir import Graph, Node
from edgert.quantize.affine import MAX_SCALE, Affine

LARGEST = 127
# The sum of the positive, and of the negative, weights of a pair: 255 * 128 fits 16 bits.
MAX_PAIR = 128
MAX_BIAS = 2.0**29  # in steps of the sum
# Candidates for a scale, over the one of the largest weight; of equally good ones the first.
_FACTORS = np.append(1.0, np.linspace(0.8, 2, 25))


@dataclass
class Weights:
    """Of a matrix product: bytes in the shape of the weight, a scale and a bias per output."""

    data: np.ndarray
    scale: np.ndarray  # float64
    bias: np.ndarray  # float64

    @property
    def values(self) -> np.ndarray:
        """What the bytes stand for."""
        return self.data * self.scale.reshape(-1, *[1] * (self.data.ndim - 1))


def channel_scales(rows: np.ndarray, bias: np.ndarray, x_scale: float, paired: bool) -> np.ndarray:
    """The scale of each output: the one of least squared error, clipping and trimming included.

    ``rows`` is [outputs, taps, channels]. A bias beyond 2^29 steps makes the scale larger, an
    output of zeros gets 1.
    """
    largest = np.abs(rows).max(axis=(1, 2), initial=0.0)
    # What is below the least normal float32 is zero to any product with it.
    plain = np.where(largest >= np.finfo(np.float32).tiny, largest / LARGEST, 1.0)
    best, least = plain.copy(), np.full(len(plain), np.inf)
    for factor in _FACTORS if paired else _FACTORS[_FACTORS <= 1]:
        scale = plain * factor
        error = round_to_bytes(rows, scale, paired) * scale[:, None, None] - rows
        cost = np.square(error).sum(axis=(1, 2))
        best, least = np.where(cost < least, scale, best), np.minimum(cost, least)
    return np.maximum(best, np.abs(bias) / (x_scale * MAX_BIAS))


def round_to_bytes(rows: np.ndarray, scale: np.ndarray, paired: bool) -> np.ndarray:
    """The nearest bytes for ``rows`` [outputs, taps, channels]; pairs are trimmed if they must."""
    data = np.clip(np.rint(rows / scale[:, None, None]), -LARGEST, LARGEST)
    return trim_pairs(data) if paired else data


def trim_pairs(data: np.ndarray) -> np.ndarray:
    """The nearest integers that keep the pair rule: what is too much is taken off both alike."""
    depth = data.shape[-1] // 2 * 2
    first, second = data[..., :depth:2], data[..., 1:depth:2]
    same = first * second > 0
    excess = np.where(same, np.maximum(np.abs(first + second) - MAX_PAIR, 0), 0)
    sign = np.sign(first)
    trimmed = data.copy()
    trimmed[..., :depth:2] -= sign * (excess // 2)
    trimmed[..., 1:depth:2] -= sign * (excess - excess // 2)
    return trimmed


def keeps_pair_rule(data: np.ndarray) -> bool:
    """Whether no pair of neighbours along the last axis sums to more than the rule allows."""
    depth = data.shape[-1] // 2 * 2
    pairs = data[..., :depth].astype(int).reshape(*data.shape[:-1], -1, 2)
    positive, negative = np.maximum(pairs, 0).sum(-1), np.minimum(pairs, 0).sum(-1)
    return bool((positive <= MAX_PAIR).all() and (negative >= -MAX_PAIR).all())


def quantize_weights(graph: Graph, node: Node, x_scale: float, fits_int16: bool) -> Weights:
    """The weights of a matrix product, each rounded to its nearest byte."""
    weight, bias = float_weights(graph, node)
    paired = fits_int16 and not is_depthwise(graph, node)
    rows = weight.reshape(len(weight), -1, weight.shape[-1])
    scale = channel_scales(rows, bias, x_scale, paired)
    data = round_to_bytes(rows, scale, paired).astype(np.int8).reshape(weight.shape)
    return Weights(data, scale, bias)


def float_weights(graph: Graph, node: Node) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of a matrix product in float64; zeros if it has no bias."""
    weight = graph.constant(node.inputs[1]).astype(np.float64)
    bias = graph.constant(node.inputs[2]) if len(node.inputs) > 2 else None
    return weight, np.zeros(len(weight)) if bias is None else bias.astype(np.float64)


def fits_file(
    graph: Graph, node: Node, affine: Mapping[str, Affine], weights: Weights | None
) -> bool:
    """Whether the multipliers of a node on bytes are within the bounds of the file."""
    y = affine.get(node.output)
    read = [affine[name].scale for name in node.inputs if name in affine]
    if weights is not None:
        read = [*(weights.scale * read[0]), *read[1:]]
    return bool((np.array(read) <= MAX_SCALE * min(y.scale if y else 1.0, 1.0)).all())


def is_depthwise(graph: Graph, node: Node) -> bool:
    """Whether every output of a convolution has one input channel."""
    return node.op == "conv" and graph.values[node.inputs[1]].shape[-1] == 1
