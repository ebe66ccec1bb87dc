"""Post-training quantisation of an optimised graph to integers; see :func:`quantize`."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from edgert.budget import FEWER_SAMPLES, require_held
from edgert.errors import InputError
from edgert.ir import Graph, Node
from edgert.ops import PRODUCTS
from edgert.passes.align_channels import align_channels
from edgert.passes.base import run_pipeline
from edgert.quantize.affine import MAX_SCALE, Affine
from edgert.quantize.assign import (
    Assignment,
    assign,
    byte_operands,
    uniform_affine,
    why_float,
)
from edgert.quantize.calibrate import Sample, observe
from edgert.quantize.equalize import equalize
from edgert.quantize.gate import keep_accurate
from edgert.quantize.histogram import Histogram
from edgert.quantize.layers import SCALES, scale_text
from edgert.quantize.lower import Lowering
from edgert.quantize.options import ACTIVATIONS, STEPS, Options
from edgert.quantize.quality import Quality, Target, compare, run_graph
from edgert.quantize.ranges import METHODS
from edgert.quantize.recipe import Recipe, read_recipe
from edgert.quantize.reconstruct import Rounding, reconstruct_weights
from edgert.quantize.rotate import rotate
from edgert.quantize.weights import Weights, multipliers_in_bounds

STAGES = ("calibrate", "quantize", "judge")
HELD_SAMPLES = 16  # are kept; the rest of the data passes by once


@dataclass(frozen=True)
class Quantization:
    """What a quantisation did.

    ``layers`` counts the matrix products, ``float_layers`` says which of them compute in float, and
    why, ``int16_layers`` which are on int16; ``quality`` was measured on the first ``HELD_SAMPLES``
    samples. ``recipe`` would lead to the same decisions again. ``skipped`` names the calibration
    files that could not be read. ``dynamic``: ranges are found when the model runs, the samples
    only judge. ``reached``: whether the target, if there was one, is met.
    """

    samples: int
    layers: int
    float_layers: tuple[tuple[str, str], ...]
    quality: Quality
    recipe: Recipe
    skipped: tuple[str, ...] = ()
    data_free: bool = False
    dynamic: bool = False
    int16_layers: tuple[str, ...] = ()
    reached: bool = True

    @property
    def judged(self) -> int:
        """The samples on which the quality was measured, the first ones."""
        return min(self.samples, HELD_SAMPLES)


def quantize(
    graph: Graph,
    samples: Iterable[Sample],
    recipe: Recipe = Recipe(),  # noqa: B008
    target: Target = Target(),  # noqa: B008
    progress: Callable[[str], None] | None = None,
) -> tuple[Graph, Quantization]:
    """The graph on integers where that is possible; its inputs and outputs stay floats.

    ``samples`` are read once. If ``target`` is not met on bytes, the layers that cost most get
    int16; if that is not enough, they stay in float.
    ``progress`` is called with each of ``STAGES`` as it begins, and as samples pass, with a number
    behind it. The weights of ``graph`` change as equalisation changes them.
    """
    begin = progress or (lambda stage: None)
    check_names(graph, recipe)
    begin(STAGES[0])
    stream = _Announced(samples, begin)
    seen = iter(stream)
    held = list(itertools.islice(seen, HELD_SAMPLES))
    if not held:
        raise InputError("there are no calibration samples", "CALIBRATION")
    require_held(
        2 * len(held) * _largest_values(graph), f"the values of {len(held)} samples", FEWER_SAMPLES
    )
    expected = run_graph(graph, held)
    equalized: list[str] = []
    mixed: list[str] = []
    if "equalize" in recipe.options.steps:
        mixed = rotate(graph, held, recipe.tensors)
        equalized = equalize(graph, held, recipe.tensors)
    options = recipe.options
    int16 = {*recipe.int16_layers}
    if options.activations == "int16":
        int16 = {node.output for node in graph.nodes if node.op in PRODUCTS}
    assignment = assign(graph, recipe.float_layers, int16)
    histograms = observe(graph, assignment, itertools.chain(held, seen))
    begin(STAGES[1])
    reasons = dict.fromkeys(recipe.float_layers, "the recipe says so")
    affine = _scales(graph, assignment, histograms, recipe)
    reasons.update(_out_of_range(graph, assignment, histograms))
    assignment = assign(graph, reasons, int16)
    rounding = Rounding(graph, affine, options)
    reasons.update(_too_large(graph, assignment, affine, rounding.of(assignment)))

    def build(floats: Collection[str], more_int16: Collection[str]) -> Graph:
        chosen = assign(graph, {*reasons, *floats}, {*int16, *more_int16})
        plain = rounding.of(chosen)
        weights = reconstruct_weights(graph, chosen, affine, plain, held, options)
        return _lower(graph, chosen, affine, weights)

    def sketch(floats: Collection[str]) -> Graph:
        chosen = assign(graph, {*reasons, *floats}, int16)
        return _lower(graph, chosen, affine, rounding.of(chosen))

    begin(STAGES[2])
    if target:
        chosen = assign(graph, reasons, int16)
        products = [n for n in graph.nodes if n.op in PRODUCTS and n.output in chosen.integer]
        layers = [node.output for node in products]
        on_bytes = [
            node.output
            for node in products
            if node.op != "conv_transpose" and node.output not in chosen.int16_layers
        ]
        kept = keep_accurate(layers, on_bytes, build, sketch, held, expected, target)
        reasons.update(dict.fromkeys(kept.floats, "the accuracy needs it"))
        int16.update(kept.int16)
        quantized = kept.graph
    else:
        quantized = build([], [])
    run_pipeline(quantized, [align_channels])
    chosen = assign(graph, reasons, int16)
    forms = {name: a.int16 if name in chosen.int16_values else a for name, a in affine.items()}
    quantized.metadata[SCALES] = scale_text(quantized, forms, equalized, mixed)
    quality = compare(expected, run_graph(quantized, held))
    products = {node.output: node for node in graph.nodes if node.op in PRODUCTS}
    layers = list(products)
    floats = {
        name: reasons.get(name) or why_float(graph, node) or "it cannot read int16"
        for name, node in products.items()
        if name not in chosen.integer
    }
    on_int16 = tuple(name for name in layers if name in chosen.int16_layers)
    decided = Recipe(options, tuple(reasons), recipe.tensors, on_int16)
    return quantized, Quantization(
        stream.count, len(layers), tuple(floats.items()), quality, decided,
        int16_layers=on_int16, reached=target.is_met(quality),
    )  # fmt: skip


def _lower(
    graph: Graph,
    assignment: Assignment,
    affine: Mapping[str, Affine],
    weights: Mapping[str, Weights],
) -> Graph:
    lowering = Lowering(graph, assignment, affine, weights)
    for node in graph.nodes:
        lowering.step(node)
    return lowering.finish()


def check_names(graph: Graph, recipe: Recipe) -> None:
    """Raises InputError if the recipe names what the graph does not have."""
    made = {node.output for node in graph.nodes}
    unknown = [n for n in (*recipe.float_layers, *recipe.int16_layers) if n not in made]
    unknown += [name for name in recipe.tensors if name not in graph.values]
    if unknown:
        raise InputError(f"the recipe names {unknown}, which the model does not have", "RECIPE")


def _largest_values(graph: Graph) -> int:
    """The most bytes of values that nodes are still to read at a time, those of constants aside."""
    values = graph.values
    last = {name: node.output for node in graph.nodes for name in node.inputs}
    live = most = sum(values[name].nbytes for name in graph.inputs)
    for node in graph.nodes:
        live += values[node.output].nbytes
        most = max(most, live)
        for name in {*node.inputs} - {""}:
            if last[name] == node.output and values[name].data is None:
                live -= values[name].nbytes
    return most


def _scales(
    graph: Graph,
    assignment: Assignment,
    histograms: Mapping[str, Histogram],
    recipe: Recipe,
) -> dict[str, Affine]:
    """The scale of each value; one that the recipe states holds for all that share it.

    A tensor that is only scaled and shifted by constants takes the bytes of what becomes of it.
    """
    choose = METHODS[recipe.options.ranges]
    ranges = {
        group: (*choose(histogram), max(histogram.high, -histogram.low))
        for group, histogram in histograms.items()
    }
    stated = {assignment.group[name] for name in recipe.tensors if name in assignment.group}
    for name, ends in recipe.tensors.items():
        if name in assignment.group:
            ranges[assignment.group[name]] = ends
    affine = {name: Affine.of_range(*ranges[group]) for name, group in assignment.group.items()}
    sharing = Counter(assignment.group.values())
    for node in reversed(graph.nodes):
        same = node.output in assignment.integer and uniform_affine(graph, node)
        group = assignment.group[node.inputs[0]] if same else None
        if same and sharing[group] == 1 and group not in stated:
            x = affine[node.inputs[0]]
            if before := affine[node.output].before(*same):
                affine[node.inputs[0]] = replace(before, largest=x.largest)
    return affine


def _out_of_range(
    graph: Graph, assignment: Assignment, histograms: Mapping[str, Histogram]
) -> dict[str, str]:
    """The integer nodes that touch a value with infinities, NaNs or beyond the largest scale."""
    bad = {
        name
        for name, group in assignment.group.items()
        if histograms[group].not_finite
        or histograms[group].high - histograms[group].low > 255 * MAX_SCALE
    }
    return {
        node.output: "its values are not all finite, or too large"
        for node in graph.nodes
        if node.output in assignment.integer
        and not bad.isdisjoint((*byte_operands(graph, node), node.output))
    }


def _too_large(
    graph: Graph,
    assignment: Assignment,
    affine: Mapping[str, Affine],
    weights: Mapping[str, Weights],
) -> dict[str, str]:
    """The matrix products whose multipliers are out of the file's bounds."""
    lowering = Lowering(graph, assignment, affine, weights)

    def in_bounds(node: Node) -> bool:
        read = [lowering.operand(node, i).scale for i in (0, 3) if any(node.inputs[i : i + 1])]
        y = lowering.form(node.output).scale if node.output in affine else 1.0
        return multipliers_in_bounds(read, y, weights[node.output])

    return {
        node.output: "its scales are too large"
        for node in graph.nodes
        if node.output in weights and not in_bounds(node)
    }


class _Announced:
    """An iterable that counts what is taken from it, and says so."""

    def __init__(self, items: Iterable[Sample], begin: Callable[[str], None]) -> None:
        self.items, self.begin, self.count = items, begin, 0

    def __iter__(self):
        for item in self.items:
            self.count += 1
            self.begin(f"{STAGES[0]} {self.count}")
            yield item


__all__ = [
    "ACTIVATIONS",
    "STAGES",
    "STEPS",
    "Options",
    "Quality",
    "Quantization",
    "Recipe",
    "Target",
    "quantize",
    "read_recipe",
]
