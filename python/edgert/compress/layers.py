"""Compares a quantised graph with the original, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edgert.budget import FEWER_SAMPLES, require_held
from edgert.compress.judge import sqnr
from edgert.compress.probe import Probe
from edgert.compress.quantize.rounding.affine import Affine
from edgert.compress.quantize.scales import MIXED, scales_of
from edgert.compress.statistics import Sample
from edgert.ir import Graph

_LEAST_ROWS = 8  # per channel, for a line to be laid through them


@dataclass(frozen=True)
class Layer:
    """How a tensor differs from the original's.

    ``sqnr`` in dB and the ``cosine`` of the angle between them; None for a tensor whose channels
    were equalised or mixed, if there are too few elements to tell how. ``used`` is the part of
    all levels between the least and the largest integer, ``saturated`` the part of the elements
    that are at an end of them which is not zero; both None for floats.
    """

    name: str
    op: str
    dtype: str
    sqnr: float | None
    cosine: float | None
    used: float | None
    saturated: float | None


def compare_layers(original: Graph, quantized: Graph, samples: Iterable[Sample]) -> list[Layer]:
    """The tensors that both graphs have, by name, in the order of the quantised graph.

    All samples are held: LimitError if they take too much memory.
    """
    exact_names = {node.output for node in original.nodes}
    nodes = [node for node in quantized.nodes if node.output in exact_names]
    names = [node.output for node in nodes]
    scales = scales_of(quantized)
    exact: dict[str, list[np.ndarray]] = {name: [] for name in names}
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    nbytes = sum(graph.values[name].nbytes for graph in (original, quantized) for name in names)
    with Probe(original, names) as first, Probe(quantized, names) as second:
        for count, sample in enumerate(samples, 1):
            require_held(count * nbytes, f"the layers of {count} samples", FEWER_SAMPLES)
            for arrays, probe in ((exact, first), (found, second)):
                for name, array in probe.run(sample).items():
                    arrays[name].append(array)
    return [
        _layer(node.output, node.op, np.stack(exact[node.output]), np.stack(found[node.output]),
               scales.get(node.output))
        for node in nodes
    ]  # fmt: skip


def _layer(name: str, op: str, exact: np.ndarray, found: np.ndarray, scale: list | None) -> Layer:
    used = saturated = None
    values: np.ndarray | None = found
    if found.dtype in (np.uint8, np.int16):
        limits = np.iinfo(found.dtype)
        used = (int(found.max()) - int(found.min()) + 1) / (limits.max - limits.min + 1)
        step, zero = scale or (None, 0)
        at_end = (found == limits.max) | ((found == limits.min) & (zero > limits.min))
        saturated = float(at_end.mean())
        if step == MIXED:
            values, step = _unmixed(exact, found), None
        else:
            values = Affine(step, zero).dequantize(found) if step else _fitted(exact, found)
        if step and exact.dtype == np.uint8:  # the original was quantised, with the same scale
            exact = Affine(step, zero).dequantize(exact)
    dtype = found.dtype.name
    if values is None or exact.dtype != np.float32:
        return Layer(name, op, dtype, None, None, used, saturated)
    return Layer(name, op, dtype, sqnr(exact, values), _cosine(exact, values), used, saturated)


def _fitted(exact: np.ndarray, found: np.ndarray) -> np.ndarray | None:
    """The integers under the best factor and offset of each channel."""
    x = found.reshape(-1, found.shape[-1]).astype(np.float64)
    y = exact.reshape(x.shape).astype(np.float64)
    if len(x) < _LEAST_ROWS:
        return None
    off = x - x.mean(0)
    variance = np.square(off).mean(0)
    slope = (off * y).mean(0) / np.where(variance > 0, variance, 1)
    return (y.mean(0) + slope * off).astype(np.float32).reshape(exact.shape)


def _unmixed(exact: np.ndarray, found: np.ndarray) -> np.ndarray | None:
    """The integers under the best linear map of the channels, and offset of each."""
    x = found.reshape(-1, found.shape[-1]).astype(np.float64)
    y = exact.reshape(x.shape).astype(np.float64)
    if len(x) < _LEAST_ROWS * x.shape[1]:
        return None
    off, mean = x - x.mean(0), y.mean(0)
    slopes, *_ = np.linalg.lstsq(off, y - mean)
    return (mean + off @ slopes).astype(np.float32).reshape(exact.shape)


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths > 0 else float(np.array_equal(a, b))
