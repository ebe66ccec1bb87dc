"""Floats that take less room in the file: few values for the weights of a layer, or 16 bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgert.compress.share.options import MOST_VALUES, Options
from edgert.compress.share.weights import halves, shared
from edgert.compress.statistics import Channels, Statistics
from edgert.compress.technique import Network, Proposal, options_of
from edgert.errors import InputError
from edgert.ir import Graph, Node
from edgert.ops import PRODUCTS


def share(network: Network, statistics: Statistics, parameters: Mapping[str, Any]) -> Proposal:
    """Gives the weights of a layer few values; the parameters are those of :class:`Options`."""
    options, graph = options_of(Options, "share", parameters), network.graph
    layers = _layers(graph)
    channels = Channels({node.inputs[0] for node in layers} if options.weighted else ())
    statistics.gather(graph, channels)
    for node in layers:
        value = graph.values[node.inputs[1]]
        squares = channels.square(node.inputs[0]) if options.weighted else np.ones(1)
        value.data = shared(value.data, options.values, _per_weight(squares, value.shape))
    return Proposal()


def halve(network: Network, statistics: Statistics, parameters: Mapping[str, Any]) -> Proposal:
    """Rounds weights to floats of 16 bits: a technique without parameters."""
    if parameters:
        raise InputError(f"halve has no parameters, found {sorted(parameters)}", "OPTION")
    for node in _layers(network.graph):
        value = network.graph.values[node.inputs[1]]
        value.data = halves(value.data)
    return Proposal()


def _layers(graph: Graph) -> list[Node]:
    """The products with weights of their own, all finite."""
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    return [
        node
        for node in graph.nodes
        if node.op in PRODUCTS
        and (data := graph.constant(node.inputs[1])) is not None
        and data.dtype == np.float32
        and data.size
        and readers[node.inputs[1]] == 1
        and np.isfinite(data).all()
    ]


def _per_weight(squares: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """How strong what each weight multiplies is, from the mean squares of the input's channels."""
    if squares.size == shape[-1]:
        return np.broadcast_to(squares, shape)
    if squares.size == shape[0]:  # a channel for each output
        return np.broadcast_to(squares.reshape(-1, *[1] * (len(shape) - 1)), shape)
    return np.ones(shape)


__all__ = ["MOST_VALUES", "Options", "halve", "share"]
