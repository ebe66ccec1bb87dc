"""Compares a quantised graph with the original, layer by layer."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from edgert.budget import FEWER_SAMPLES, require_held
from edgert.ir import Graph, Node
from edgert.quantize.affine import Affine
from edgert.quantize.calibrate import Sample
from edgert.quantize.probe import Probe
from edgert.quantize.quality import sqnr

# Metadata: [scale, zero point] of the result of each node that writes u8 or i16, in their order.
# The scale is null if the channels were equalised, or if it is not known, and ``MIXED`` if they
# were mixed, too.
SCALES = "edgert.scales"
MIXED = "mixed"
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


def scale_text(
    quantized: Graph,
    affine: Mapping[str, Affine],
    equalized: Collection[str] = (),
    mixed: Collection[str] = (),
) -> str:
    """The scales and zero points of a quantised graph's results, for ``SCALES``."""

    def scale(name: str) -> float | str | None:
        if name in mixed:
            return MIXED
        return None if name in equalized else float(str(np.float32(affine[name].scale)))

    def row(name: str) -> list:
        return [scale(name), affine[name].zero] if name in affine else [None, 0]

    rows = [row(node.output) for node in _integer_nodes(quantized)]
    return json.dumps(rows, separators=(",", ":"))


def scales_of(quantized: Graph) -> dict[str, list]:
    """What ``SCALES`` of a quantised graph says, by tensor."""
    rows = json.loads(quantized.metadata.get(SCALES, "[]"))
    return {node.output: row for node, row in zip(_integer_nodes(quantized), rows)}


def _integer_nodes(graph: Graph) -> Iterator[Node]:
    """The nodes whose results stand for reals by a scale."""
    return (n for n in graph.nodes if graph.values[n.output].dtype in (np.uint8, np.int16))


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
