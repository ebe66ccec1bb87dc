"""Dynamic quantisation: weights as bytes, inputs that become bytes while the model runs.

A product reads and writes floats; the scale of what it reads follows from the values themselves,
of each row of a matrix and of each image, so that no typical inputs need be known beforehand.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

import numpy as np

from edgert.budget import FEWER_SAMPLES, require_held
from edgert.errors import InputError
from edgert.ir import Graph, Node
from edgert.ops import PRODUCTS
from edgert.quantize import HELD_SAMPLES, STAGES, Quantization, check_names
from edgert.quantize.affine import MAX_SCALE
from edgert.quantize.assign import Assignment, kind
from edgert.quantize.calibrate import Sample
from edgert.quantize.gate import keep_accurate
from edgert.quantize.grid import grid_steps
from edgert.quantize.i16_sums import LARGEST, fits
from edgert.quantize.lower import Lowering, short_multiplier
from edgert.quantize.quality import Target, compare, run_graph
from edgert.quantize.recipe import Recipe
from edgert.quantize.stated import Stated
from edgert.quantize.weights import WeightKind, Weights, quantize_weights, sums_of

# Multiplications per float that is read or written from which on bytes are faster, measured with
# AVX2; below, the conversions cost more than they save, and so few weights take little room.
LEAST_PRODUCTS = 40
MANY_WEIGHTS = 1 << 16  # are read more slowly than a few inputs are converted
# How weights fit 16 bits unless told "any": for quads they need compensation, and that needs data.
FIT = "pairs"


def quantize_dynamic(
    graph: Graph,
    samples: Iterable[Sample],
    recipe: Recipe = Recipe(),  # noqa: B008
    target: Target = Target(),  # noqa: B008
    progress: Callable[[str], None] | None = None,
) -> tuple[Graph, Quantization]:
    """The graph with every product on bytes that is the faster for it.

    ``samples`` serve to judge the result; the first ``HELD_SAMPLES`` are read. If ``target`` is not
    met on them, the layers that cost most stay in float. Of the recipe, its layers in float count
    and whether ``weight_fit`` is ``any``; InputError if it states ranges. ``progress`` is as for
    :func:`edgert.quantize.quantize`.
    """
    begin = progress or (lambda stage: None)
    check_names(graph, recipe)
    if recipe.tensors:
        raise InputError(
            f"the recipe states ranges of {sorted(recipe.tensors)}, which dynamic quantisation "
            "finds when the model runs",
            "RECIPE",
        )
    begin(STAGES[0])
    held = list(itertools.islice(samples, HELD_SAMPLES))
    nbytes = sum(graph.values[name].nbytes for name in (*graph.inputs, *graph.outputs))
    require_held(2 * len(held) * nbytes, f"the outputs of {len(held)} samples", FEWER_SAMPLES)
    expected = run_graph(graph, held)
    begin(STAGES[1])
    layers = {node.output: node for node in graph.nodes if node.op in PRODUCTS}
    reasons = {name: why for name, node in layers.items() if (why := _why_float(graph, node))}
    decided = dict.fromkeys(recipe.float_layers, "the recipe says so")
    fit = "any" if recipe.options.weight_fit == "any" else FIT
    weights = {}
    for name, node in layers.items():
        if name not in reasons and name not in decided:
            found = quantize_weights(graph, node, np.inf, WeightKind(fit))
            found.scale = short_multiplier(found.scale.astype(np.float32))
            weights[name] = found

    def build(floats: Collection[str], _int16: Collection[str] = ()) -> Graph:
        return _lower(graph, {name: w for name, w in weights.items() if name not in floats})

    begin(STAGES[2])
    if target:
        kept = keep_accurate(list(weights), [], build, build, held, expected, target)
        decided.update(dict.fromkeys(kept.floats, "the accuracy needs it"))
        quantized = kept.graph
    else:
        quantized = build([])
    quality = compare(expected, run_graph(quantized, held))
    reasons.update(decided)
    floats = tuple((name, reasons[name]) for name in layers if name in reasons)
    recipe = replace(recipe, float_layers=tuple(decided))
    return quantized, Quantization(
        len(held), len(layers), floats, quality, recipe, dynamic=True,
        reached=target.is_met(quality),
    )  # fmt: skip


def lower_dynamic(graph: Graph, report: Stated) -> Graph:
    """The graph with the products on bytes whose model quantises their inputs while it runs.

    They are named in ``graph.dynamic``; ``report`` takes up what becomes of them. Outputs whose
    bytes in the model keep the rule of pairs have these bytes.
    """
    weights = {}
    for node in graph.nodes:
        if node.op not in PRODUCTS or node.name not in graph.dynamic:
            continue
        if why := _why_float(graph, node):
            report.floats[node.output] = why
            continue
        found = quantize_weights(graph, node, np.inf, WeightKind(FIT))
        weights[node.output], changed = _with_own_bytes(graph, node, found)
        report.add(Stated({node.op: 1}))
        if changed:
            report.rounded[node.output] = (
                f"{changed} of {len(found.data)} outputs, to multiply fast"
            )
    return _lower(graph, weights)


def _with_own_bytes(graph: Graph, node: Node, weights: Weights) -> tuple[Weights, int]:
    """``weights`` with the bytes that those of the model were made from, where they fit.

    Also returns for how many outputs that cannot be.
    """
    exact = graph.constant(node.inputs[1])
    rows = exact.reshape(len(exact), -1).astype(np.float64)
    steps = grid_steps(rows)
    if steps is None:
        return weights, len(rows)
    scale = np.where(steps > 0, steps, 1.0)
    own = np.rint(rows / scale[:, None])
    kept = np.abs(own).max(axis=1, initial=0) <= LARGEST
    sums = sums_of(graph, node, FIT)
    kept &= [fits(row[None], sums) for row in own]
    data = np.where(kept[:, None], own, weights.data.reshape(rows.shape)).astype(np.int8)
    return Weights(
        data.reshape(exact.shape), np.where(kept, scale, weights.scale), weights.bias
    ), int((~kept).sum())


def _why_float(graph: Graph, node: Node) -> str:
    """Why a product stays in float, "" if it does not."""
    if node.op == "conv_transpose":
        return "its inputs cannot be quantised while it runs"
    if kind(graph, node) != "matrix":
        return "its weights are no constants, or not finite"
    weight = graph.constant(node.inputs[1])
    if not np.abs(weight).max(initial=0) <= MAX_SCALE:
        return "its weights are too large"
    outputs, *taps, channels = weight.shape
    outputs //= node.attrs.get("groups", 1)
    inputs = channels * int(np.prod(node.attrs.get("strides", 1)))  # that each output adds
    products = outputs * int(np.prod(taps)) * channels
    few = products < LEAST_PRODUCTS * (inputs + outputs) and weight.size < MANY_WEIGHTS
    return "it is too small to gain" if few else ""


def _lower(graph: Graph, weights: Mapping[str, Weights]) -> Graph:
    """A new graph, in which the products that have weights are dynamic."""
    lowering = Lowering(graph, Assignment(set(), set()), {}, {})
    new = lowering.new
    for node in graph.nodes:
        if node.output not in weights:
            lowering.step(node)
            continue
        w = weights[node.output]
        x, _, *rest = (lowering.float(name) if name else "" for name in node.inputs)
        data = new.add_constant(lowering.fresh("weight"), w.data)
        multiplier = new.add_constant(lowering.fresh("multiplier"), w.scale.astype(np.float32))
        lowering.floats[node.output] = new.add(
            f"dynamic_{node.op}", [x, data, multiplier, *rest], node.attrs, name=node.name,
            output=node.output,
        )  # fmt: skip
    return lowering.finish()
