"""Graphs that state their own quantisation, in nodes that quantize and dequantize.

What such a graph computes is what it says in floats, rounded where it says so. A node between
values in bytes becomes one on bytes; no rounding is added or left out.
"""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass, field

import numpy as np

from edgert.compress.ladder import Form
from edgert.compress.quantize.assign import (
    Assignment,
    byte_operands,
    interpolates,
    kind,
    why_float,
)
from edgert.compress.quantize.rounding.affine import MAX_SCALE, MIN_SCALE, Affine
from edgert.compress.quantize.rounding.grid import grid_steps, stated_steps
from edgert.compress.quantize.rounding.weights import (
    MAX_BIAS,
    Weights,
    float_weights,
    multipliers_in_bounds,
)
from edgert.ir import Graph, Node
from edgert.ops import PRODUCTS, Trait, having

SIGNED = 128  # what an i8 tensor is off from a u8 one
CONVERSIONS = having(Trait.CONVERTS)
MAX_SUM = 2.0**31 - 1


@dataclass
class Stated:
    """What became of the quantisation that a model states.

    ``integer`` counts its nodes on bytes by operator. ``floats`` says which nodes that read
    quantised values compute in float, and why; ``rounded`` which weights were changed, and why.
    """

    integer: dict[str, int] = field(default_factory=dict)
    floats: dict[str, str] = field(default_factory=dict)
    rounded: dict[str, str] = field(default_factory=dict)

    def add(self, other: Stated) -> None:
        """Takes up what became of another part of the model."""
        for op, count in other.integer.items():
            self.integer[op] = self.integer.get(op, 0) + count
        self.floats.update(other.floats)
        self.rounded.update(other.rounded)


def states_quantization(graph: Graph) -> bool:
    """Whether there is a node that quantizes or dequantizes."""
    return any(node.op in CONVERSIONS for node in graph.nodes)


def affine_of(graph: Graph, node: Node) -> Affine | None:
    """The scale that a conversion states, for u8; None without bytes, or out of bounds."""
    data = node.inputs[0] if node.op == "dequantize" else node.output
    offset = {"uint8": 0, "int8": SIGNED}.get(graph.values[data].dtype.name)
    scale = float(np.float32(node.attrs["scale"]))
    if offset is None or not MIN_SCALE <= scale <= MAX_SCALE:
        return None
    shift = int(node.attrs.get("shift", 0))
    return Affine(scale, int(node.attrs["zero"]) + shift + offset, shift=shift)


class Plan:
    """Decides, in the order of the nodes, which values are bytes and which nodes compute on them.

    ``affine`` has the scale of each value in floats that is kept as bytes, ``tensors`` that of the
    model's own bytes, ``_wanted`` that of each value which all its readers read as bytes of it, at
    once or moved. ``residuals`` are the products that could be on bytes but for their residual.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.affine: dict[str, Affine] = {}
        self.tensors: dict[str, Affine] = {}
        self.weights: dict[str, Weights] = {}
        self.residuals: set[str] = set()
        self.assignment = Assignment()
        self.report = Stated()
        self._kinds = {node.output: kind(graph, node) for node in graph.nodes}
        self._wanted = self._find_wanted()
        for node in graph.nodes:
            if node.op in CONVERSIONS:
                found = self.affine if node.op == "dequantize" else self.tensors
                affine = affine_of(graph, node)
                if affine is not None:
                    found[node.output] = affine
            elif graph.values[node.output].dtype == np.uint8:
                self._count(node)
                if node.inputs[0] in self.tensors:
                    self.tensors[node.output] = self.tensors[node.inputs[0]]
            else:
                self._decide(node)

    def _find_wanted(self) -> dict[str, Affine]:
        readers = self.graph.consumers()
        wanted: dict[str, Affine] = {}
        names = [node.output for node in reversed(self.graph.nodes)] + self.graph.inputs
        for name in names:
            forms = {
                affine_of(self.graph, node)
                if node.op == "quantize"
                else wanted.get(node.output)
                if self._kinds[node.output] == "mover" and not interpolates(node)
                else None
                for node in readers[name]
            }
            if len(forms) == 1 and name not in self.graph.outputs:
                (form,) = forms
                if form is not None:
                    wanted[name] = form
        return wanted

    def _decide(self, node: Node) -> None:
        is_mover = self._kinds[node.output] == "mover"
        reason = self._move(node) if is_mover else self._compute(node)
        if not reason:
            self.assignment.forms[node.output] = Form.i8
            is_kept = node.output in self.affine
            self.assignment.results[node.output] = np.dtype(np.uint8 if is_kept else np.float32)
            self._count(node)
        elif (not is_mover or interpolates(node)) and any(
            name in self.affine for name in node.inputs
        ):
            self.report.floats[node.output] = reason

    def _count(self, node: Node) -> None:
        self.report.integer[node.op] = self.report.integer.get(node.op, 0) + 1

    def _move(self, node: Node) -> str:
        """Gives a node that moves bytes its scale; returns why it cannot be on bytes."""
        data = byte_operands(self.graph, node)
        values = [name for name in data if self.graph.constant(name) is None]
        wanted = self._wanted.get(node.output)
        known = {self.affine[name] for name in values if name in self.affine}
        if node.op != "concat":
            target = next(iter(known), wanted)
        elif wanted is not None:
            target = wanted
        else:
            target = known.pop() if len(known) == 1 and len(values) == len(data) else None
        missing = [name for name in values if name not in self.affine]
        if interpolates(node) and (missing or wanted != target):
            return "its result is not quantised as its input is"
        if target is None or any(self._wanted.get(name) != target for name in missing):
            return "not all of it is in bytes of one scale"
        self.affine.update(dict.fromkeys((*missing, node.output), target))
        return ""

    def _compute(self, node: Node) -> str:
        """Gives the result of a node its scale; returns why it cannot compute on bytes."""
        graph, affine = self.graph, ChainMap({}, self.affine)
        if node.op in PRODUCTS and not self._kinds[node.output]:
            return why_float(graph, node)
        if not self._kinds[node.output]:
            return f"there is no {node.op} of this kind on bytes"
        for name in byte_operands(graph, node):
            if name not in affine and graph.constant(name) is not None:
                found = _constant_affine(graph.constant(name))
                if found is not None:
                    affine[name] = found
            if name not in affine:
                if node.op in PRODUCTS and name != node.inputs[0]:
                    self.residuals.add(node.output)
                return f"{name!r} is not quantised"
        y = self._wanted.get(node.output)
        if node.op == "average_pool" and node.name in graph.on_bytes:
            return "ONNX Runtime adds floats in it"
        if y is not None:
            affine[node.output] = y
        elif node.op not in PRODUCTS:
            return "its result is not quantised"
        if node.op in PRODUCTS:
            weights, rounded = _recover(graph, node, affine[node.inputs[0]].scale)
            if weights is None:
                return "its weights are not quantised per output, or not to 8 bits"
            self.weights[node.output] = weights
            if rounded:
                self.report.rounded[node.output] = rounded
        read = [affine[name].scale for name in node.inputs if name in affine]
        y_scale = y.scale if y is not None else 1.0
        if not multipliers_in_bounds(read, y_scale, self.weights.get(node.output)):
            return "its scales are too large"
        self.affine.update(affine.maps[0])
        return ""


def _constant_affine(data: np.ndarray) -> Affine | None:
    """The scale of a constant that was bytes, or None."""
    steps = grid_steps(data.reshape(1, -1))
    if steps is None:
        return None
    if steps[0] == 0:
        return Affine(1.0, 0)
    scale = float(np.float32(steps[0]))
    least = min(int(np.rint(data.min() / scale)), 0)
    most = max(int(np.rint(data.max() / scale)), 0)
    in_range = most - least <= 255 and MIN_SCALE <= scale <= MAX_SCALE
    return Affine(scale, -least) if in_range else None


def _recover(graph: Graph, node: Node, x_scale: float) -> tuple[Weights | None, str]:
    """The weights as integers of nine bits, or None if they were none; how they had to be changed.

    They are rounded to fewer steps where a bias is too large for the sums, beside which they are
    small.
    """
    weight, bias = float_weights(graph, node)
    rows = weight.reshape(len(weight), -1)
    # What is below the least normal float32 is zero to any sum.
    rows = np.where(np.abs(rows) < np.finfo(np.float32).tiny, 0.0, rows)
    steps = grid_steps(rows)
    if steps is None:
        return None, ""
    scale = stated_steps(rows, steps, graph.scales)
    levels = np.abs(rows).sum(axis=1) / np.where(scale > 0, scale, 1.0)
    room = np.maximum(MAX_SUM - 255 * levels, MAX_BIAS)
    too_large = np.abs(bias) > x_scale * scale * room
    scale = np.where(too_large, np.abs(bias) / (x_scale * MAX_BIAS), scale)
    scale = np.where(scale > 0, scale, 1.0)
    data = np.rint(rows / scale[:, None]).astype(np.int16)
    changed = too_large & (steps > 0)
    why = f"{changed.sum()} of {len(rows)} outputs have large biases" if changed.any() else ""
    return Weights(data.reshape(weight.shape), scale, bias), why
