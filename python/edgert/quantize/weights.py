"""Weights as signed bytes with a scale per output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgert.ir import Graph, Node
from edgert.quantize.affine import MAX_SCALE, Affine
from edgert.quantize.short_sums import LARGEST, members, short_sums, trim

MAX_BIAS = 2.0**29  # in steps of the sum
# Candidates for a scale, over the one of the largest weight; of equally good ones the first. At the
# number of members in a sum, all weights have room there.
_FACTORS = 4 ** (np.array([0, -3, -2, -1, *range(1, 21)]) / 20)


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


def channel_scales(
    weight: np.ndarray, bias: np.ndarray, x_scale: float, sums: np.ndarray
) -> np.ndarray:
    """The scale of each output: the one of least squared error, clipping and trimming included.

    ``weight`` is [outputs, depth], ``sums`` are its ``short_sums``. A bias beyond 2^29 steps makes
    the scale larger, an output of zeros gets 1.
    """
    largest = np.abs(weight).max(axis=1, initial=0.0)
    # What is below the least normal float32 is zero to any product with it.
    plain = np.where(largest >= np.finfo(np.float32).tiny, largest / LARGEST, 1.0)
    steps = members((weight / plain[:, None]).astype(np.float32), sums)
    best, least = np.ones(len(plain)), np.full(len(plain), np.inf)
    for factor in _FACTORS[len(steps) >= _FACTORS]:
        data = trim(_nearest(steps / np.float32(factor)))
        cost = np.square(data * np.float32(factor) - steps).sum(axis=(0, 2))
        best, least = np.where(cost < least, factor, best), np.minimum(cost, least)
    return np.maximum(best * plain, np.abs(bias) / (x_scale * MAX_BIAS))


def round_to_bytes(weight: np.ndarray, scale: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """The nearest bytes for ``weight`` [outputs, depth] that keep the rule for its short sums."""
    data = _nearest(weight / scale[:, None])
    data[:, sums[sums >= 0]] = np.moveaxis(trim(members(data, sums)), 0, 2)[:, sums >= 0]
    return data


def _nearest(steps: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(steps), -LARGEST, LARGEST)


def quantize_weights(graph: Graph, node: Node, x_scale: float, fit: str) -> Weights:
    """The weights of a matrix product, each rounded to its nearest byte."""
    weight, bias = float_weights(graph, node)
    rows, sums = weight.reshape(len(weight), -1), sums_of(graph, node, fit)
    scale = channel_scales(rows, bias, x_scale, sums)
    data = round_to_bytes(rows, scale, sums).astype(np.int8).reshape(weight.shape)
    return Weights(data, scale, bias)


def sums_of(graph: Graph, node: Node, fit: str) -> np.ndarray:
    """The ``short_sums`` of a matrix product; depthwise convolutions have none.

    Where taps lie side by side in a row, kernels read them as one.
    """
    _, *kernel, channels = graph.values[node.inputs[1]].shape
    if node.op == "gemm":
        return short_sums(fit, 1, 1, channels)
    if channels == 1 and node.attrs["groups"] > 1:
        fit = "any"
    rows, taps = kernel if node.attrs["dilations"][1] == 1 else (kernel[0] * kernel[1], 1)
    return short_sums(fit, rows, taps, channels)


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
