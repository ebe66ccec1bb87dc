"""Weights as signed integers with a scale per output."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgert.compress.quantize.rounding.affine import MAX_SCALE
from edgert.compress.quantize.rounding.codebook import fit_codebook, round_to_levels
from edgert.compress.quantize.rounding.i16_sums import LARGEST, i16_sums, members, sums_at, trim
from edgert.ir import Graph, Node

# Of 16 bits: the smaller weights are, the more products the runtime adds in 32 bits.
LARGEST_INT16 = 4095
EVERY = 256  # values: what bytes may be
MAX_BIAS = 2.0**29  # in steps of the sum
MAX_INT16_BIAS = 2.0**30  # if the input is int16: then sums need not fit in 32 bits
# Candidates for a scale, over the one of the largest weight; of equally good ones the first. At the
# number of members in a sum, all weights have room there.
_FACTORS = 4 ** (np.array([0, -3, -2, -1, *range(1, 21)]) / 20)


@dataclass(frozen=True)
class WeightKind:
    """What weights must be: int16, or bytes of so many different ``values`` whose sums of 16 bits
    ``fit``: one of ``FITS``.
    """

    fit: str = "any"
    values: int = EVERY
    is_int16: bool = False
    reads_int16: bool = False  # the weights multiply int16

    @property
    def max_bias(self) -> float:
        """The largest magnitude of a bias, in steps of the sum."""
        return MAX_INT16_BIAS if self.reads_int16 else MAX_BIAS


@dataclass
class Weights:
    """Of a matrix product: integers in the shape of the weight, a scale and a bias per output.

    ``levels`` are the only ones that the integers may be, if they are few.
    """

    data: np.ndarray
    scale: np.ndarray  # float64
    bias: np.ndarray  # float64
    levels: np.ndarray | None = None

    @property
    def values(self) -> np.ndarray:
        """What the integers stand for."""
        return self.data * self.scale.reshape(-1, *[1] * (self.data.ndim - 1))


def channel_scales(
    weight: np.ndarray,
    bias: np.ndarray,
    x_scale: float,
    sums: np.ndarray,
    max_bias: float = MAX_BIAS,
) -> np.ndarray:
    """The scale of each output for bytes: the one of least squared error, clipping and trimming
    included.

    ``weight`` is [outputs, depth], ``sums`` are its ``i16_sums``. A bias beyond ``max_bias``
    steps makes the scale larger, an output of zeros gets 1.
    """
    plain = _scales_of_largest(weight, LARGEST)
    steps = members((weight / plain[:, None]).astype(np.float32), sums)
    best, least = np.ones(len(plain)), np.full(len(plain), np.inf)
    for factor in _FACTORS[len(steps) >= _FACTORS]:
        data = trim(_nearest(steps / np.float32(factor)))
        cost = np.square(data * np.float32(factor) - steps).sum(axis=(0, 2))
        best, least = np.where(cost < least, factor, best), np.minimum(cost, least)
    return np.maximum(best * plain, np.abs(bias) / (x_scale * max_bias))


def int16_scales(weight: np.ndarray, bias: np.ndarray, x_scale: float) -> np.ndarray:
    """The scale of each output for int16: of so many levels none need be given up."""
    plain = _scales_of_largest(weight, LARGEST_INT16)
    return np.maximum(plain, np.abs(bias) / (x_scale * MAX_INT16_BIAS))


def _scales_of_largest(weight: np.ndarray, level: int) -> np.ndarray:
    """The scales that make the largest weight of each output ``level``."""
    largest = np.abs(weight).max(axis=1, initial=0.0)
    # What is below the least normal float32 is zero to any product with it.
    return np.where(largest >= np.finfo(np.float32).tiny, largest / level, 1.0)


def round_to_bytes(weight: np.ndarray, scale: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """The nearest bytes for ``weight`` [outputs, depth] that keep the rule for its 16-bit sums."""
    data = _nearest(weight / scale[:, None])
    data[:, sums[sums >= 0]] = np.moveaxis(trim(members(data, sums)), 0, 2)[:, sums >= 0]
    return data


def _nearest(steps: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(steps), -LARGEST, LARGEST)


def quantize_weights(graph: Graph, node: Node, x_scale: float, kind: WeightKind) -> Weights:
    """The weights of a matrix product, each rounded to its nearest integer."""
    weight, bias = float_weights(graph, node)
    rows, levels = weight.reshape(len(weight), -1), None
    if kind.values < EVERY:
        sums = sums_of(graph, node, kind.fit)
        levels, scale, data = fit_codebook(rows, kind.values, sums)
        least = np.abs(bias) / (x_scale * kind.max_bias)
        if (scale < least).any():
            scale = np.maximum(scale, least)
            data = round_to_levels(rows / scale[:, None], levels, sums)
        data = data.astype(np.int8)
    elif kind.is_int16:
        scale = int16_scales(rows, bias, x_scale)
        data = np.rint(rows / scale[:, None]).astype(np.int16)
    else:
        sums = sums_of(graph, node, kind.fit)
        scale = channel_scales(rows, bias, x_scale, sums, kind.max_bias)
        data = round_to_bytes(rows, scale, sums).astype(np.int8)
    return Weights(data.reshape(weight.shape), scale, bias, levels)


def sums_of(graph: Graph, node: Node, fit: str) -> np.ndarray:
    """The ``i16_sums`` of a matrix product; depthwise convolutions have none.

    Where taps lie side by side in a row, kernels read them as one.
    """
    _, *kernel, channels = graph.values[node.inputs[1]].shape
    if node.op == "gemm":
        return i16_sums(fit, 1, 1, channels)
    merged = node.attrs["dilations"][1] == 1
    if node.op == "conv_transpose":
        parts = _depths_of_phases(node, channels)
        return np.concatenate(
            [sums_at(fit, part if merged else part.reshape(-1, 1, channels)) for part in parts]
        )
    if channels == 1 and node.attrs["groups"] > 1:
        fit = "any"
    rows, taps = kernel if merged else (kernel[0] * kernel[1], 1)
    return i16_sums(fit, rows, taps, channels)


def _depths_of_phases(node: Node, channels: int) -> list[np.ndarray]:
    """The places [rows, taps, channels] in the depth of a transposed convolution of the weights
    whose products meet in an output, in the order of what they read, for each kind of outputs.
    """
    kernel = node.attrs["kernel"]
    depth = np.arange(kernel[0] * kernel[1] * channels).reshape(*kernel, channels)
    phases = [
        [
            [tap for tap in reversed(range(size)) if (tap * dilation - phase) % stride == 0]
            for phase in range(stride)
        ]
        for size, stride, dilation in zip(kernel, node.attrs["strides"], node.attrs["dilations"])
    ]
    return [depth[np.ix_(rows, columns)] for rows, columns in itertools.product(*phases)]


def float_weights(graph: Graph, node: Node) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of a matrix product in float64, outputs first; zeros if it has no bias."""
    weight = graph.constant(node.inputs[1]).astype(np.float64)
    if node.op == "conv_transpose":  # [g * kh * kw * (O/g), I/g] to [O, kh, kw, I/g]
        groups, kernel = node.attrs["groups"], node.attrs["kernel"]
        split = weight.reshape(groups, *kernel, -1, weight.shape[1])
        weight = np.moveaxis(split, 3, 1).reshape(-1, *kernel, weight.shape[1])
    bias = graph.constant(node.inputs[2]) if len(node.inputs) > 2 else None
    return weight, np.zeros(len(weight)) if bias is None else bias.astype(np.float64)


def as_stored(node: Node, weight: np.ndarray) -> np.ndarray:
    """A weight as :func:`float_weights` gives it, in the order that the node has."""
    if node.op != "conv_transpose":
        return weight
    split = weight.reshape(node.attrs["groups"], -1, *weight.shape[1:])
    return np.moveaxis(split, 1, 3).reshape(-1, weight.shape[-1])


def multipliers_in_bounds(read: Sequence[float], y_scale: float, weights: Weights | None) -> bool:
    """Whether the multipliers of a node on integers are within the bounds of the file.

    ``read`` are the scales of what it reads, that of the input of a matrix product first.
    """
    if weights is not None:
        read = [*(weights.scale * read[0]), *read[1:]]
    return bool((np.array(read) <= MAX_SCALE * min(y_scale, 1.0)).all())
