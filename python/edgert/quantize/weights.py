"""Weights as signed integers with a scale per output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgert.ir import Graph, Node

LARGEST = 127
# Of 16 bits: the smaller weights are, the more products the runtime adds in 32 bits.
LARGEST_WIDE = 4095
# The sum of the positive, and of the negative, weights of a pair: 255 * 128 fits 16 bits.
MAX_PAIR = 128
MAX_BIAS = 2.0**29  # in steps of the sum
MAX_WIDE_BIAS = 2.0**30  # if the input is int16: then sums need not fit in 32 bits
# Candidates for a scale, over the one of the largest weight; of equally good ones the first.
_FACTORS = np.append(1.0, np.linspace(0.8, 2, 25))
_NO_PAIRS = _FACTORS[_FACTORS <= 1]


@dataclass(frozen=True)
class WeightKind:
    """What weights must be: bytes, ``paired`` if pairs must keep the rule; or int16."""

    paired: bool = False
    is_wide: bool = False
    wide_input: bool = False  # the weights multiply int16

    @property
    def dtype(self) -> np.dtype:
        """The type of the weights."""
        return np.dtype(np.int16 if self.is_wide else np.int8)

    @property
    def largest(self) -> int:
        """The largest magnitude of a weight."""
        return LARGEST_WIDE if self.is_wide else LARGEST


@dataclass
class Weights:
    """Of a matrix product: integers in the shape of the weight, a scale and a bias per output."""

    data: np.ndarray
    scale: np.ndarray  # float64
    bias: np.ndarray  # float64

    @property
    def values(self) -> np.ndarray:
        """What the integers stand for."""
        return self.data * self.scale.reshape(-1, *[1] * (self.data.ndim - 1))


def channel_scales(
    rows: np.ndarray, bias: np.ndarray, x_scale: float, kind: WeightKind
) -> np.ndarray:
    """The scale of each output: the one of least squared error, clipping and trimming included.

    ``rows`` is [outputs, taps, channels]. A bias beyond 2^29 steps, 2^30 if the input is int16,
    makes the scale larger, an output of zeros gets 1.
    """
    largest = np.abs(rows).max(axis=(1, 2), initial=0.0)
    # What is below the least normal float32 is zero to any product with it.
    plain = np.where(largest >= np.finfo(np.float32).tiny, largest / kind.largest, 1.0)
    best, least = plain.copy(), np.full(len(plain), np.inf)
    for factor in _FACTORS if kind.paired else _FACTORS[:1] if kind.is_wide else _NO_PAIRS:
        scale = plain * factor
        error = round_weights(rows, scale, kind) * scale[:, None, None] - rows
        cost = np.square(error).sum(axis=(1, 2))
        best, least = np.where(cost < least, scale, best), np.minimum(cost, least)
    return np.maximum(
        best, np.abs(bias) / (x_scale * (MAX_WIDE_BIAS if kind.wide_input else MAX_BIAS))
    )


def round_weights(rows: np.ndarray, scale: np.ndarray, kind: WeightKind) -> np.ndarray:
    """The nearest integers for ``rows`` [outputs, taps, channels]; too large pairs are trimmed."""
    data = np.clip(np.rint(rows / scale[:, None, None]), -kind.largest, kind.largest)
    return trim_pairs(data) if kind.paired else data


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


def quantize_weights(graph: Graph, node: Node, x_scale: float, kind: WeightKind) -> Weights:
    """The weights of a matrix product, each rounded to the nearest integer."""
    weight, bias = float_weights(graph, node)
    rows = weight.reshape(len(weight), -1, weight.shape[-1])
    scale = channel_scales(rows, bias, x_scale, kind)
    data = round_weights(rows, scale, kind).astype(kind.dtype).reshape(weight.shape)
    return Weights(data, scale, bias)


def float_weights(graph: Graph, node: Node) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of a matrix product in float64; zeros if it has no bias."""
    weight = graph.constant(node.inputs[1]).astype(np.float64)
    bias = graph.constant(node.inputs[2]) if len(node.inputs) > 2 else None
    return weight, np.zeros(len(weight)) if bias is None else bias.astype(np.float64)


def is_depthwise(graph: Graph, node: Node) -> bool:
    """Whether every output of a convolution has one input channel."""
    return node.op == "conv" and graph.values[node.inputs[1]].shape[-1] == 1
