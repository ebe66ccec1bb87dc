"""What layers cost in their forms, by a table that was measured: a clock would differ each time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from edgert.compress.ladder.form import Form
from edgert.ir import Graph, Node
from edgert.ops import PRODUCTS

# Multiplications per float that is read or written from which on bytes are faster, measured with
# AVX2; below, the conversions cost more than they save, and so few weights take little room.
LEAST_PRODUCTS = 40
MANY_WEIGHTS = 1 << 16  # are read more slowly than a few inputs are converted
TOO_SMALL = "it is too small to gain"
# The levels that a network is made for unless told otherwise: PCs from AVX2 on, and boards.
LEVELS = "avx2", "avx_vnni", "avx512_vnni", "neon", "neon_dot"


@cache
def _table() -> Mapping[str, Any]:
    """By level; ``benchmarks/costs.py`` measures and writes it, and says what its factors are."""
    return json.loads(Path(__file__).with_name("costs.json").read_text())["levels"]


def known_levels() -> list[str]:
    """The levels of which the table tells."""
    return list(_table())


class Costs:
    """What the products of a graph cost: parts of the time that all of them take in the forms that
    they start with, as the mean over levels.
    """

    def __init__(self, graph: Graph, start: Mapping[str, Form], levels: Sequence[str]) -> None:
        self._graph = graph
        self._levels = [_table()[level] for level in levels]
        self._nodes = {n.output: n for n in graph.nodes if n.op in PRODUCTS and n.output in start}
        self._on_integers = any(form.is_integer for form in start.values())
        totals = np.zeros(len(levels))
        for name in self._nodes:
            times = self._times(name, start[name])
            totals += np.where(np.isfinite(times), times, 0)
        self._units = np.where(totals > 0, totals, 1)

    def of(self, layer: str, form: Form) -> float:
        """The cost of a layer in a form; infinite if the table does not know that form of it."""
        return float(np.mean(self._times(layer, form) / self._units))

    def _times(self, layer: str, form: Form) -> np.ndarray:
        """Nanoseconds on each level."""
        node = self._nodes[layer]
        x, y = (self._graph.values[name].shape for name in (node.inputs[0], node.output))
        weight = self._graph.values[node.inputs[1]].shape
        elements = int(np.prod(x)) + int(np.prod(y))
        reads_image = node.op == "conv_transpose"  # each pixel of which meets all weights
        products = int(np.prod(x[:-1] if reads_image else y[:-1])) * int(np.prod(weight))
        groups = node.attrs.get("groups", 1)
        terms = {"call": 1, "mac": products, "element": elements, "weight": int(np.prod(weight))}
        kind = "depthwise" if groups > 1 and groups == x[-1] else "dense"
        times = []
        for level in self._levels:
            row = level[kind].get(form.runs_as.text)
            time = np.inf if row is None else sum(row[name] * n for name, n in terms.items())
            if self._on_integers and not form.is_integer:  # its neighbours have integers
                time += level["conversion"] * elements
            times.append(time)
        return np.array(times, np.float64)


def why_not_worth(graph: Graph, node: Node, form: Form) -> str:
    """Why a product is no faster in this form than in float, "" if it is, or may be."""
    if not form.is_dynamic:
        return ""
    weight = graph.constant(node.inputs[1])
    if weight is None:
        return ""
    outputs, *taps, channels = weight.shape
    outputs //= node.attrs.get("groups", 1)
    inputs = channels * int(np.prod(node.attrs.get("strides", 1)))  # that each output adds
    products = outputs * int(np.prod(taps)) * channels
    few = products < LEAST_PRODUCTS * (inputs + outputs) and weight.size < MANY_WEIGHTS
    return TOO_SMALL if few else ""
