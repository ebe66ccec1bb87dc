"""How much of a layer's output is noise in each of its forms, and how much of that arrives."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgert.compress.ladder.form import Form
from edgert.compress.ladder.stored import stored_bytes
from edgert.compress.probe import Probe, Sample, cut
from edgert.ir import Graph, Node
from edgert.ops import PRODUCTS
from edgert.schema import BinaryFn

# Makes the network of a part of the graph, in which layers have these forms. If there are samples
# of what the part reads, weights make up for each other's errors on them.
Sketch = Callable[[Graph, Mapping[str, Form], Sequence[Sample]], Graph]

_MOST_SAMPLES = 8
_MOST_BYTES = 1 << 27  # of values that are held at a time, unless one layer has more
_MOST_NOISE = 1e6  # times the signal
_SUMS = BinaryFn.add, BinaryFn.sub
_TELLING = 4  # samples that tell how much noise arrives: on fewer a decision turns by chance
_LEAST_LEFT = 0.03  # of the noise of weights of few bits, when they make up for each other's errors
_LEAST_SHARE = 0.1  # of a sum that is not its residual


@dataclass(frozen=True)
class Noise:
    """The noise of layers, as the energy of the error over that of the values.

    ``alone`` is that of a layer's output, by layer and form, if it reads exact values; ``reach``
    what part of a layer's noise arrives at the outputs of the graph, all of them together.
    ``nbytes`` are those of a layer's weights in the file.
    """

    alone: Mapping[str, Mapping[Form, float]]
    reach: Mapping[str, float]
    nbytes: Mapping[str, Mapping[Form, int]]

    def carried(self, layer: str, form: Form) -> float:
        """What a layer in a form adds to the noise of the outputs."""
        return self.alone[layer][form] * self.reach[layer]


def measure_noise(
    graph: Graph,
    ladders: Mapping[str, Collection[Form]],
    sketch: Sketch,
    samples: Sequence[Sample],
    progress: Callable[[str], None] = lambda where: None,
) -> Noise:
    """Runs each layer by itself in each of its forms, on exact inputs.

    The noise of a layer that reads integers includes that of its inputs' rounding, and not that of
    its output's, which is its readers'. Weights of few bits have that which is left when they make
    up for each other's errors: as much of it as in one such form, on samples that it has not seen.
    How much of that arrives is measured, too, by running the rest of the network on it.
    ``progress`` is told which layer is next.
    """
    layers = [n for n in graph.nodes if n.op in PRODUCTS and n.output in ladders]
    floats = [n for n, v in graph.values.items() if v.dtype == np.float32 and v.data is None]
    values = {n.output: [*filter(floats.__contains__, (*n.inputs, n.output))] for n in layers}
    sizes = {name: graph.values[name].nbytes for name in floats}
    sizes_of = {layer: sum(map(sizes.__getitem__, own)) for layer, own in values.items()}
    largest = max(sizes_of.values(), default=0)
    count = min(max(_MOST_BYTES // max(largest, 1), 1), _MOST_SAMPLES)
    nodes = {n.output: n for n in layers}
    alone: dict[str, Mapping[Form, float]] = {}
    nbytes: dict[str, Mapping[Form, int]] = {}
    reach = reach_of(graph, samples[:count])
    outputs = list(_exact(graph, graph.outputs, samples[:count]))
    for portion in _portions({layer: count * size for layer, size in sizes_of.items()}):
        exact = list(
            _exact(graph, {n for layer in portion for n in values[layer]}, samples[:count])
        )
        for layer in portion:
            progress(f"layer {len(alone) + 1} of {len(layers)}")
            part = _Part(graph, nodes[layer], sketch, exact)
            tried = {form: part.try_form(form) for form in ladders[layer]}
            alone[layer] = part.made_up({form: noise for form, (noise, _) in tried.items()})
            nbytes[layer] = {form: size for form, (_, size) in tried.items()}
            if len(part.found) >= _TELLING:
                reach[layer] = part.arriving(graph, samples, outputs)
    return Noise(alone, reach, nbytes)


def reach_of(graph: Graph, samples: Sequence[Sample]) -> dict[str, float]:
    """What part of the noise of each value arrives at the outputs of the graph."""
    floats = [n for n, v in graph.values.items() if v.dtype == np.float32 and v.data is None]
    energies = dict.fromkeys(floats, 0.0)
    for names in _portions({name: graph.values[name].nbytes for name in floats}):
        for sample in _exact(graph, names, samples):
            for name, array in sample.items():
                energies[name] += _energy(array)
    return _reach(graph, energies)


def _portions(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Names whose bytes together are few, or one."""
    portion: list[str] = []
    left = _MOST_BYTES
    for name, size in sizes.items():
        if portion and size > left:
            yield portion
            portion, left = [], _MOST_BYTES
        portion.append(name)
        left -= size
    if portion:
        yield portion


def _exact(
    graph: Graph, names: Collection[str], samples: Iterable[Sample]
) -> Iterator[dict[str, np.ndarray]]:
    """The values of these names for each sample."""
    with Probe(graph, names) as probe:
        yield from map(probe.run, samples)


class _Part:
    """A layer by itself, and what it reads and gives on the samples."""

    def __init__(
        self, graph: Graph, node: Node, sketch: Sketch, samples: Sequence[Mapping[str, np.ndarray]]
    ) -> None:
        self._name, self._sketch = node.output, sketch
        self._part = cut(graph, [node.output], graph.values.keys() - {node.output})
        self._inputs = [{n: sample[n] for n in self._part.inputs} for sample in samples]
        self._outputs = [sample[node.output] for sample in samples]
        self._judging = slice(1, None, 2) if len(samples) > 1 else slice(None)
        self.found: list[np.ndarray] = []  # with weights of few bits, on the samples that judge

    def try_form(self, form: Form) -> tuple[float, int]:
        """The noise in a form, each weight rounded by itself, and the bytes of the weights."""
        if not form.is_quantized:
            return 0.0, stored_bytes(self._part)
        tried = self._sketch(self._part, {self._name: form}, ())
        found = self._run(tried, self._inputs)
        return _ratio(found, self._outputs), stored_bytes(tried)

    def made_up(self, noise: Mapping[Form, float]) -> Mapping[Form, float]:
        """The noise by form, less what weights of few bits, and of bytes beside them, make up for:
        of what the middle one has more than the last as much is left for all.
        """
        narrow = sorted((form for form in noise if form.is_narrow), key=lambda form: form.bits)
        if not narrow:
            return noise
        middle = narrow[len(narrow) // 2]
        alike = [form for form in noise if form.runs_as is middle.runs_as]
        last = max(alike, key=lambda form: form.bits)
        self.found = self._made_up(middle)
        exact = self._outputs[self._judging]
        most, least = _ratio(self.found, exact), _ratio(self._made_up(last), exact)
        more = noise[middle] - noise[last]
        left = float(np.clip((most - least) / more, _LEAST_LEFT, 1)) if more > 0 else 1.0
        told = {form: least + left * max(noise[form] - noise[last], 0) for form in alike}
        return {**noise, **told}

    def arriving(
        self, graph: Graph, samples: Sequence[Sample], outputs: Sequence[Mapping[str, np.ndarray]]
    ) -> float:
        """What part of the noise in what was ``found`` arrives at the ``outputs``: the median of
        the samples, as on some a decision turns by chance.
        """
        others = [name for name in graph.outputs if name != self._name]
        rest = cut(graph, others, {self._name, *graph.inputs})
        parts = []
        judging = zip(*(all_[self._judging] for all_ in (self._outputs, samples, outputs)))
        with Probe(rest, others) as probe:
            for found, (own, sample, exact) in zip(self.found, judging):
                known = {**sample, self._name: found}
                arrived = probe.run({name: known[name] for name in rest.inputs})
                before = _ratio([found], [own])
                after = sum(_ratio([arrived[name]], [exact[name]]) for name in others)
                parts.append(after / before if before > 0 else 0.0)
        return float(np.median(parts)) + (self._name in graph.outputs)

    def _made_up(self, form: Form) -> list[np.ndarray]:
        """The outputs on every other sample, if the weights make up for errors on those between."""
        tried = self._sketch(self._part, {self._name: form}, self._inputs[::2])
        return self._run(tried, self._inputs[self._judging])

    def _run(self, tried: Graph, inputs: Iterable[Sample]) -> list[np.ndarray]:
        with Probe(tried, [self._name]) as probe:
            return [probe.run(sample)[self._name] for sample in inputs]


def _ratio(found: Sequence[np.ndarray], exact: Sequence[np.ndarray]) -> float:
    """The energy of the noise over that of the signal."""
    signal = sum(map(_energy, exact))
    noise = sum(_energy(a - b) for a, b in zip(found, exact))
    if noise == 0:
        return 0.0
    return min(noise / signal, _MOST_NOISE) if signal > 0 else _MOST_NOISE


def _energy(array: np.ndarray) -> float:
    finite = array[np.isfinite(array)].astype(np.float64)
    return float(np.square(finite).sum())


def _reach(graph: Graph, energies: Mapping[str, float]) -> dict[str, float]:
    """What part of the noise of each value arrives at the outputs.

    Nodes are taken to keep the ratio of noise and signal. Sums mix values by their energies; noise
    that comes on several ways counts on each.
    """
    reach = dict.fromkeys(graph.values, 0.0)
    for name in graph.outputs:
        reach[name] = 1.0
    for node in reversed(graph.nodes):
        arriving = sum(reach[name] for name in node.outputs if name)
        data = [name for name in node.inputs if name in energies]
        for name, share in zip(data, _shares(graph, node, data, energies)):
            reach[name] += arriving * share
    return reach


def _shares(
    graph: Graph, node: Node, data: Sequence[str], energies: Mapping[str, float]
) -> list[float]:
    """What part of a result each of a node's inputs is."""
    total = energies.get(node.output, 0.0)
    is_sum = node.op == "binary" and node.attrs["fn"] in _SUMS
    if total <= 0 or len(data) < 2:
        return [1.0] * len(data)
    if is_sum or node.op == "concat":
        whole = {name: _stretch(graph, node, name) * energies[name] for name in data}
        return [min(whole[name] / total, 1.0) for name in data]
    if node.op in PRODUCTS and len(node.inputs) > 3 and node.inputs[3] in data:
        residual = min(energies[node.inputs[3]] / total, 1.0)
        rest = max(1.0 - residual, _LEAST_SHARE)
        return [residual if name == node.inputs[3] else rest for name in data]
    return [1.0] * len(data)


def _stretch(graph: Graph, node: Node, name: str) -> float:
    """How often the elements of an input of a sum are added."""
    if node.op == "concat":
        return 1.0
    sizes = (int(np.prod(graph.values[n].shape)) for n in (node.output, name))
    return next(sizes) / max(next(sizes), 1)
