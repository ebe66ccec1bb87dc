"""Post-training quantisation of an optimised graph to bytes; see :func:`quantize`."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from edgert.errors import InputError
from edgert.ir import Graph
from edgert.passes.align_channels import align_channels
from edgert.passes.base import run_pipeline
from edgert.quantize.affine import MAX_SCALE, Affine
from edgert.quantize.assign import MATRIX, Assignment, assign, byte_operands, uniform_affine
from edgert.quantize.calibrate import Sample, observe
from edgert.quantize.equalize import equalize
from edgert.quantize.fit import fit_weights, round_weights
from edgert.quantize.gate import keep_float
from edgert.quantize.histogram import Histogram
from edgert.quantize.layers import SCALES, scale_text
from edgert.quantize.lower import Lowering
from edgert.quantize.options import STEPS, Options
from edgert.quantize.quality import Quality, Target, compare, run_graph
from edgert.quantize.ranges import METHODS
from edgert.quantize.recipe import Recipe, read_recipe
from edgert.quantize.weights import Weights, fits_file

STAGES = ("calibrate", "quantize", "judge")
HELD_SAMPLES = 16  # are kept; the rest of the data passes by once


@dataclass(frozen=True)
class Quantization:
    """What a quantisation did.

    ``layers`` counts the matrix products, ``float_layers`` says which of them compute in float, and
    why; ``quality`` was measured on the first ``HELD_SAMPLES`` samples. ``recipe`` would lead to
    the same decisions again. ``skipped`` names the calibration files that could not be read.
    ``dynamic``: ranges are found when the model runs, the samples only judge.
    """

    samples: int
    layers: int
    float_layers: tuple[tuple[str, str], ...]
    quality: Quality
    recipe: Recipe
    skipped: tuple[str, ...] = ()
    data_free: bool = False
    dynamic: bool = False


def quantize(
    graph: Graph,
    samples: Iterable[Sample],
    recipe: Recipe = Recipe(),  # noqa: B008
    target: Target = Target(),  # noqa: B008
    progress: Callable[[str], None] | None = None,
) -> tuple[Graph, Quantization]:
    """The graph on unsigned bytes where that is possible; its inputs and outputs stay floats.

    ``samples`` are read once. If ``target`` is not met, the layers that cost most stay in float.
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
    expected = run_graph(graph, held)
    equalized: list[str] = []
    if "equalize" in recipe.options.steps:
        equalized = equalize(graph, held, recipe.tensors)
    assignment = assign(graph, recipe.float_layers)
    histograms = observe(graph, assignment, itertools.chain(held, seen))
    begin(STAGES[1])
    reasons = dict.fromkeys(recipe.float_layers, "the recipe says so")
    affine = _scales(graph, assignment, histograms, recipe)
    reasons.update(_out_of_range(graph, assignment, histograms))
    assignment = assign(graph, reasons)
    plain = round_weights(graph, assignment, affine, recipe.options.weight_fit)
    reasons.update(_too_large(graph, assignment, affine, plain))

    def build(floats: Collection[str]) -> Graph:
        chosen = assign(graph, floats)
        weights = fit_weights(graph, chosen, affine, plain, held, recipe.options)
        return _lower(graph, chosen, affine, weights)

    def sketch(floats: Collection[str]) -> Graph:
        return _lower(graph, assign(graph, floats), affine, plain)

    begin(STAGES[2])
    if target:
        worst = keep_float(
            graph, assignment, build, sketch, held, expected, target, fixed=list(reasons)
        )
        reasons.update(dict.fromkeys(worst, "the accuracy needs it"))
    quantized = build(reasons)
    run_pipeline(quantized, [align_channels])
    quantized.metadata[SCALES] = scale_text(quantized, affine, equalized)
    quality = compare(expected, run_graph(quantized, held))
    layers = [node.output for node in graph.nodes if node.op in MATRIX]
    chosen = assign(graph, reasons).integer
    floats = {name: reasons.get(name, "its weights are no constants, or not finite")
              for name in layers if name not in chosen}  # fmt: skip
    decided = Recipe(recipe.options, tuple(reasons), recipe.tensors)
    return quantized, Quantization(
        stream.count, len(layers), tuple(floats.items()), quality, decided
    )


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
    unknown = [name for name in recipe.float_layers if name not in made]
    unknown += [name for name in recipe.tensors if name not in graph.values]
    if unknown:
        raise InputError(f"the recipe names {unknown}, which the model does not have", "RECIPE")


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
    ranges = {group: choose(histogram) for group, histogram in histograms.items()}
    stated = {assignment.group[name] for name in recipe.tensors if name in assignment.group}
    for name, ends in recipe.tensors.items():
        if name in assignment.group:
            ranges[assignment.group[name]] = ends
    affine = {name: Affine.of_range(*ranges[group]) for name, group in assignment.group.items()}
    sharing = Counter(assignment.group.values())
    for node in reversed(graph.nodes):
        same = node.output in assignment.integer and uniform_affine(graph, node)
        if same and sharing[group := assignment.group[node.inputs[0]]] == 1 and group not in stated:
            before = affine[node.output].before(*same)
            affine[node.inputs[0]] = before or affine[node.inputs[0]]
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
    return {
        node.output: "its scales are too large"
        for node in graph.nodes
        if node.output in weights and not fits_file(graph, node, affine, weights[node.output])
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
