"""The graph on integers: scales and weights for every form, and the graph of a choice of forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgert.compress.ladder import Form
from edgert.compress.probe import Sample
from edgert.compress.quantize.assign import Assignment, assign, byte_operands, uniform_affine
from edgert.compress.quantize.forms import weight_kind, why_not
from edgert.compress.quantize.lowering.lower import Lowering, lower, short_multiplier
from edgert.compress.quantize.options import Options
from edgert.compress.quantize.reconstruct.layer import reconstruct_weights
from edgert.compress.quantize.rounding.affine import MAX_SCALE, Affine
from edgert.compress.quantize.rounding.ranges import METHODS
from edgert.compress.quantize.rounding.weights import (
    Weights,
    multipliers_in_bounds,
    quantize_weights,
)
from edgert.compress.quantize.scales import SCALES, scale_text
from edgert.compress.statistics import Histogram, Histograms, Statistics
from edgert.compress.technique import Forms, Network, Progress, Proposal
from edgert.ir import Graph, Node
from edgert.ops import PRODUCTS
from edgert.passes.align_channels import align_channels
from edgert.passes.base import run_pipeline

_FLOAT = Form.f32


class Quantizer:
    """What quantisation knows of a network: made once, it builds the network in any forms.

    ``refused`` says of nodes why they cannot have which forms.
    """

    def __init__(self, network: Network, statistics: Statistics, options: Options) -> None:
        self._network, self._graph = network, network.graph
        self._statistics, self._options = statistics, options
        self._rounded: dict[tuple[str, Form], Weights] = {}
        self._affine: dict[str, Affine] = {}
        self.refused = {
            node.output: {form: why for form in Form if (why := why_not(self._graph, node, form))}
            for node in self._graph.nodes
            if node.op in PRODUCTS
        }
        self._calibrated = network.reads_integers
        if self._calibrated is not None:
            self._calibrate(self._calibrated)

    def build(self, forms: Forms, progress: Progress) -> Graph:
        """The graph with these forms, whose weights make up for what they can."""
        graph, assignment = self._graph, assign(self._graph, forms)
        plain = self._weights(graph, assignment)
        weights = reconstruct_weights(
            graph, assignment, self._affine, plain, self._statistics.held, self._options, progress
        )
        quantized = lower(graph, assignment, self._affine, weights)
        if self._calibrated is not None:
            run_pipeline(quantized, [align_channels])
            kept = {
                name: affine.of_type(assignment.values.get(name, np.uint8))
                for name, affine in self._affine.items()
            }
            quantized.metadata[SCALES] = scale_text(quantized, kept, self._network.changes)
        return quantized

    def sketch(self, part: Graph, forms: Forms, samples: Sequence[Sample] = ()) -> Graph:
        """A part of the graph with these forms, each weight rounded by itself unless there are
        samples.
        """
        assignment = assign(part, forms)
        weights: Mapping[str, Weights] = self._weights(part, assignment)
        if samples:
            weights = reconstruct_weights(
                part, assignment, self._affine, weights, samples, self._options
            )
        return lower(part, assignment, self._affine, weights)

    def _calibrate(self, form: Form) -> None:
        """Finds the scales, and what cannot be on integers because of them: as if all layers had a
        form that can, so that the scales are the same whichever forms layers get.
        """
        assignment = assign(self._graph, self._all(form))
        histograms = Histograms(assignment.sources)
        self._statistics.stream(self._graph, histograms)
        self._affine = _scales(self._network, assignment, histograms.of, self._options)
        self._refuse(_out_of_range(self._graph, assignment, histograms.of))
        assignment = assign(self._graph, self._all(form))
        weights = self._weights(self._graph, assignment)
        self._refuse(_too_large(self._graph, assignment, self._affine, weights))

    def _all(self, form: Form) -> dict[str, Form]:
        """This form for all layers of which it is not refused."""
        refused = {name for name, own in self.refused.items() if form in own}
        products = (node.output for node in self._graph.nodes if node.op in PRODUCTS)
        return {name: _FLOAT if name in refused else form for name in products}

    def _refuse(self, reasons: Mapping[str, str]) -> None:
        for name, why in reasons.items():
            own = self.refused.setdefault(name, {})
            for form in Form:
                if form.is_integer:
                    own.setdefault(form, why)

    def _weights(self, graph: Graph, assignment: Assignment) -> dict[str, Weights]:
        """Those of the quantised products of the graph or a part of it, each rounded by itself."""
        return {
            node.output: self._round(node, assignment.form(node))
            for node in graph.nodes
            if node.op in PRODUCTS and assignment.form(node).is_quantized
        }

    def _round(self, node: Node, form: Form) -> Weights:
        key = node.output, form
        if key not in self._rounded:
            x_scale = np.inf
            if form.is_integer:
                x_scale = self._affine[node.inputs[0]].of_type(form.reads).scale
            kind = weight_kind(form, self._options)
            weights = quantize_weights(self._graph, node, x_scale, kind)
            if form.is_dynamic:
                weights.scale = short_multiplier(weights.scale.astype(np.float32))
            self._rounded[key] = weights
        return self._rounded[key]


def proposal(network: Network, statistics: Statistics, options: Options) -> Proposal:
    """Quantisation as a technique."""
    quantizer = Quantizer(network, statistics, options)
    return Proposal((), quantizer.refused, quantizer.build, quantizer.sketch)


def _scales(
    network: Network,
    assignment: Assignment,
    histograms: Mapping[str, Histogram],
    options: Options,
) -> dict[str, Affine]:
    """The scale of each value; one that the recipe states holds for all that share it.

    A tensor that is only scaled and shifted by constants takes the bytes of what becomes of it.
    """
    graph, choose = network.graph, METHODS[options.ranges]
    ranges = {
        group: (*choose(histogram), max(histogram.high, -histogram.low))
        for group, histogram in histograms.items()
    }
    stated = {assignment.group[name] for name in network.ranges if name in assignment.group}
    for name, ends in network.ranges.items():
        if name in assignment.group:
            ranges[assignment.group[name]] = ends
    affine = {name: Affine.of_range(*ranges[group]) for name, group in assignment.group.items()}
    sharing = Counter(assignment.group.values())
    for node in reversed(graph.nodes):
        same = uniform_affine(graph, node) if assignment.is_integer(node) else None
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
        if assignment.is_integer(node)
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
        if node.op in PRODUCTS and assignment.is_integer(node) and not in_bounds(node)
    }
