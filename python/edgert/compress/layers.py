"""Compares a compressed graph with the original, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgert.budget import FEWER_SAMPLES, require_held
from edgert.compress.judge import sqnr
from edgert.compress.ladder import Form, form_of, more_exact
from edgert.compress.probe import Probe, Sample, cut
from edgert.compress.quantize.forms import why_not
from edgert.compress.quantize.rounding.affine import Affine
from edgert.compress.quantize.scales import MIXED, scales_of
from edgert.compress.technique import Progress
from edgert.ir import Graph, Node
from edgert.ops import PRODUCTS

_LEAST_ROWS = 8  # per channel, for a line to be laid through them
_ALONE_SAMPLES = 8


@dataclass(frozen=True)
class Layer:
    """How a tensor differs from the original's.

    ``sqnr`` in dB and the ``cosine`` of the angle between them, with all errors made before;
    ``alone`` in dB, of a product with weights, if it reads what the original does. None where too
    few elements tell how the channels were equalised or mixed. ``used`` is the part of all levels
    between the least and the largest integer, ``saturated`` the part of the elements that are at an
    end of them which is not zero; both None for floats. ``form`` is that of a product,
    ``next_form`` the more exact one that it could have.
    """

    name: str
    op: str
    dtype: str
    sqnr: float | None
    cosine: float | None
    used: float | None
    saturated: float | None
    alone: float | None = None
    form: str | None = None
    next_form: str | None = None


def compare_layers(
    original: Graph,
    compressed: Graph,
    samples: Iterable[Sample],
    progress: Progress = lambda how_far: None,
) -> list[Layer]:
    """The tensors that both graphs have, by name, in the order of the compressed graph.

    All samples are held: LimitError if they take too much memory. ``progress`` is told which sample
    is run, and then which layer is compared.
    """
    producers = original.producers()
    nodes = [node for node in compressed.nodes if node.output in producers]
    names = [node.output for node in nodes]
    exact: dict[str, list[np.ndarray]] = {name: [] for name in [*original.inputs, *names]}
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    nbytes = sum(graph.values[name].nbytes for graph in (original, compressed) for name in names)
    with Probe(original, exact) as first, Probe(compressed, names) as second:
        for count, sample in enumerate(samples, 1):
            progress(f"sample {count}")
            require_held(count * nbytes, f"the layers of {count} samples", FEWER_SAMPLES)
            for arrays, probe in ((exact, first), (found, second)):
                for name, array in probe.run(sample).items():
                    arrays[name].append(array)
    scales = scales_of(compressed)
    maps = {
        name: _Map(np.stack(exact[name]), np.stack(found[name]), scales.get(name)) for name in names
    }
    layers = []
    for count, node in enumerate(nodes, 1):
        progress(f"layer {count} of {len(nodes)}")
        name, form, more, alone = node.output, None, None, None
        if producers[name].op in PRODUCTS:
            form = form_of(compressed, node)
            more = _more_exact(original, producers[name], form)
            if form.is_quantized:
                alone = _alone(compressed, node, exact, maps)
        layers.append(maps[name].layer(node, alone, form, more))
    return layers


def worst_first(layers: Sequence[Layer]) -> list[Layer]:
    """Those that lose most by themselves first; behind them those of which that is not known, by
    what they lose with all before.
    """

    def key(layer: Layer) -> tuple[bool, float, float]:
        rest = np.inf if layer.sqnr is None else layer.sqnr
        return layer.alone is None, layer.alone or 0.0, rest

    return sorted(layers, key=key)


def _more_exact(graph: Graph, node: Node, form: Form) -> Form | None:
    """The next form that a product can have."""
    return next((f for f in more_exact(form) if not why_not(graph, node, f)), None)


def _alone(
    graph: Graph, node: Node, exact: Mapping[str, Sequence[np.ndarray]], maps: Mapping[str, _Map]
) -> float | None:
    """The SQNR of a product that reads the original's values, rounded as it reads them."""
    single = cut(graph, [node.output], exact)
    if any(n in maps and not maps[n].is_known for n in (*single.inputs, node.output)):
        return None
    outputs = []
    with Probe(single, single.outputs) as probe:
        for i in range(min(len(exact[node.output]), _ALONE_SAMPLES)):
            inputs = {
                n: maps[n].encode(exact[n][i]) if n in maps else exact[n][i] for n in single.inputs
            }
            outputs.append(probe.run(inputs)[node.output])
    wanted = np.stack(exact[node.output][: len(outputs)])
    return sqnr(wanted, maps[node.output].decode(np.stack(outputs)))


class _Map:
    """How the numbers of a tensor stand for the original's: by its scale, or by what fits best.

    ``is_known`` is False if too few elements tell. ``exact`` and ``found`` are [samples, ...].
    """

    def __init__(self, exact: np.ndarray, found: np.ndarray, scale: list | None) -> None:
        self._exact, self._found, self._scale = exact, found, scale
        self._affine: Affine | None = None
        self._from = self._to = self._matrix = None  # means, and a factor or a matrix of channels
        self.is_known = True
        if found.dtype not in (np.uint8, np.int16):
            return
        step, zero = scale or (None, 0)
        if step == MIXED:
            self._fit_matrix()
        elif step:
            self._affine = Affine(step, zero, found.dtype == np.int16)
            if exact.dtype == np.uint8:  # the original was quantised, with the same scale
                self._exact = self._affine.dequantize(exact)
        else:
            self._fit_channels()

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        """What numbers of the compressed graph stand for."""
        if self._affine is not None:
            return self._affine.dequantize(numbers)
        if self._matrix is None:
            return numbers
        rows = numbers.reshape(-1, numbers.shape[-1]) - self._from
        values = rows @ self._matrix if self._matrix.ndim == 2 else rows * self._matrix
        return (self._to + values).astype(np.float32).reshape(numbers.shape)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """The numbers of the compressed graph that stand for values."""
        if self._affine is not None:
            return values if values.dtype == np.uint8 else self._affine.quantize(values)
        if self._matrix is None:
            return values
        rows = values.reshape(-1, values.shape[-1]) - self._to
        if self._matrix.ndim == 2:
            numbers = rows @ np.linalg.pinv(self._matrix)
        else:
            numbers = rows / np.where(self._matrix != 0, self._matrix, np.inf)
        limits = np.iinfo(self._found.dtype)
        numbers = np.clip(np.rint(self._from + numbers), limits.min, limits.max)
        return numbers.astype(self._found.dtype).reshape(values.shape)

    def layer(self, node: Node, alone: float | None, form: Form | None, more: Form | None) -> Layer:
        """The tensor's row."""
        found, used, saturated, db, cosine = self._found, None, None, None, None
        if found.dtype in (np.uint8, np.int16):
            limits = np.iinfo(found.dtype)
            used = (int(found.max()) - int(found.min()) + 1) / (limits.max - limits.min + 1)
            zero = (self._scale or (None, 0))[1]
            at_end = (found == limits.max) | ((found == limits.min) & (zero > limits.min))
            saturated = float(at_end.mean())
        if self.is_known and self._exact.dtype == np.float32:
            values = self.decode(found)
            db, cosine = sqnr(self._exact, values), _cosine(self._exact, values)
        return Layer(
            node.output, node.op, found.dtype.name, db, cosine, used, saturated, alone,
            form and form.text, more and more.text,
        )  # fmt: skip

    def _fit_channels(self) -> None:
        """The best factor and offset of each channel."""
        rows, exact = self._rows()
        self.is_known = len(rows) >= _LEAST_ROWS
        if self.is_known:
            off = rows - self._from
            variance = np.square(off).mean(0)
            self._matrix = (off * exact).mean(0) / np.where(variance > 0, variance, 1)

    def _fit_matrix(self) -> None:
        """The best linear map of the channels, and the offset of each."""
        rows, exact = self._rows()
        self.is_known = len(rows) >= _LEAST_ROWS * rows.shape[1]
        if self.is_known:
            self._matrix, *_ = np.linalg.lstsq(rows - self._from, exact - self._to)

    def _rows(self) -> tuple[np.ndarray, np.ndarray]:
        rows = self._found.reshape(-1, self._found.shape[-1]).astype(np.float64)
        exact = self._exact.reshape(rows.shape).astype(np.float64)
        self._from, self._to = rows.mean(0), exact.mean(0)
        return rows, exact


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths > 0 else float(np.array_equal(a, b))
