"""Prunes the layers of a network one after the other, beside the network as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgert.compress.ladder import reach_of
from edgert.compress.probe import run_node
from edgert.compress.prune.allocate import Losses, by_error, uniform
from edgert.compress.prune.layer import PrunedLayer
from edgert.compress.prune.options import Options
from edgert.compress.prune.patterns import Pattern, blocks, pattern_named
from edgert.compress.statistics import Channels, Statistics
from edgert.errors import InputError
from edgert.ir import Graph, Node, Value

_PRUNED = "gemm", "conv"
_LEAST_DEPTH = 8  # weights of an output: fewer are not worth their indices
_SEED = 0


def prunable(graph: Graph, node: Node) -> bool:
    """Whether a node is a product with weights of its own in a single group."""
    if node.op not in _PRUNED or node.attrs.get("groups", 1) != 1:
        return False
    weight = graph.constant(node.inputs[1])
    if weight is None or graph.constant(node.inputs[0]) is not None or not weight.size:
        return False
    readers = [other for other in graph.nodes if node.inputs[1] in other.inputs]
    depth = weight.size // len(weight)
    return len(readers) == 1 and depth >= _LEAST_DEPTH and bool(np.isfinite(weight).all())


def prune_network(graph: Graph, statistics: Statistics, options: Options) -> None:
    """Puts pruned weights, and biases that fit them, into the graph.

    The network as it was runs beside the pruned one on the samples that are held, so that each
    layer makes up for what those before it have lost.
    """
    names = {node.output for node in graph.nodes}
    for name in options.dense:
        if name not in names:
            raise InputError(f"dense: the model has no layer {name!r}", "OPTION")
    layers = [n for n in graph.nodes if prunable(graph, n) and n.output not in options.dense]
    if not layers or options.sparsity == 0:
        return
    pattern, samples = pattern_named(options.pattern), statistics.held
    strengths = _strengths(graph, layers, statistics)
    sparsities = _allocate(graph, layers, strengths, statistics, pattern, options)
    before = Graph()
    before.values = {
        name: Value(name, value.dtype, value.shape, value.data)
        for name, value in graph.values.items()
    }
    before.nodes = [Node(n.op, [*n.inputs], n.outputs, n.attrs, n.name) for n in graph.nodes]
    rng = np.random.default_rng(_SEED)
    exact = {name: [sample[name] for sample in samples] for name in graph.inputs}
    found = dict(exact)
    last = {name: node.output for node in graph.nodes for name in node.inputs}
    for node, original in zip(graph.nodes, before.nodes):
        if node.output in sparsities:
            layer = PrunedLayer(graph, node, strengths[node.output])
            if options.learns and layer.has_moments:
                layer.learn(exact, found)
            layer.prune(pattern, sparsities[node.output], options, rng)
        exact.update(run_node(before, original, exact, len(samples)))
        found.update(run_node(graph, node, found, len(samples)))
        for name in filter(None, {*original.inputs}):
            if last[name] == node.output:
                exact.pop(name, None)
                found.pop(name, None)


def _strengths(
    graph: Graph, layers: Sequence[Node], statistics: Statistics
) -> dict[str, np.ndarray]:
    """The mean square of each channel of what the layers read."""
    channels = Channels({node.inputs[0] for node in layers})
    statistics.gather(graph, channels)
    return {node.output: channels.square(node.inputs[0]) for node in layers}


def _allocate(
    graph: Graph,
    layers: Sequence[Node],
    strengths: Mapping[str, np.ndarray],
    statistics: Statistics,
    pattern: Pattern,
    options: Options,
) -> dict[str, float]:
    """The sparsity of each layer."""
    if options.allocation == "uniform" or pattern.window:
        return uniform([node.output for node in layers], options.sparsity)
    reach = reach_of(graph, statistics.held)
    losses = {}
    for node in layers:
        importance = np.square(graph.constant(node.inputs[1])) * strengths[node.output]
        own = blocks(importance, pattern.high, pattern.wide).sum(2)
        losses[node.output] = Losses.of(own, importance.size, reach[node.output])
    return by_error(losses, options.sparsity)
