"""Graphs that state their own quantisation, in nodes that quantize and dequantize.

What such a graph computes is what it says in floats, rounded where it says so. A node between
values in bytes becomes one on bytes; no rounding is added or left out.
"""

from __future__ import annotations

import functools
from collections import ChainMap
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgert.ir import Graph, Node
from edgert.ops import PRODUCTS, Trait, having
from edgert.passes.align_channels import align_channels
from edgert.passes.base import Sweep, run_pipeline, sweep
from edgert.passes.lookups import fold_lookups
from edgert.passes.simplify import simplify_data_movement
from edgert.quantize.affine import MAX_SCALE, MIN_SCALE, Affine
from edgert.quantize.assign import (
    Assignment,
    byte_operands,
    interpolates,
    is_linear,
    kind,
    scalar_operand,
    why_float,
)
from edgert.quantize.grid import grid_steps, stated_steps
from edgert.quantize.layers import SCALES, scale_text
from edgert.quantize.lower import Lowering
from edgert.quantize.nine_bits import are_int8, split
from edgert.quantize.weights import MAX_BIAS, Weights, float_weights, multipliers_in_bounds
from edgert.schema import BinaryFn

_SIGNED = 128  # what an i8 tensor is off from a u8 one
_CONVERSIONS = having(Trait.CONVERTS)
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
    return any(node.op in _CONVERSIONS for node in graph.nodes)


def lower_stated(graph: Graph) -> tuple[Graph, Stated]:
    """The optimised graph, whose quantisation it states, on bytes where that is possible."""
    plan = _Plan(graph)
    if plan.residuals:
        sweep("add_residuals", graph, functools.partial(_add_behind, plan.residuals))
        plan = _Plan(graph)
    lowering = _StatedLowering(graph, plan)
    for node in graph.nodes:
        lowering.step(node)
    lowered = lowering.finish()
    run_pipeline(lowered, [simplify_data_movement, fold_lookups, align_channels])
    lowered.metadata[SCALES] = scale_text(lowered, {**plan.affine, **plan.tensors})
    return lowered, plan.report


def _add_behind(chosen: Collection[str], sweep: Sweep, node: Node) -> str | None:
    """Takes the residual out of a matrix product and adds it to the result."""
    if node.output not in chosen:
        return None
    attrs = {**node.attrs, "activation": {}}
    y = sweep.add(node.op, node.inputs[:3], attrs, node)
    total = {"fn": BinaryFn.add, "activation": node.attrs.get("activation", {})}
    return sweep.add("binary", [y, node.inputs[3]], total, node)


def _affine_of(graph: Graph, node: Node) -> Affine | None:
    """The scale that a conversion states, for u8; None without bytes, or out of bounds."""
    data = node.inputs[0] if node.op == "dequantize" else node.output
    offset = {"uint8": 0, "int8": _SIGNED}.get(graph.values[data].dtype.name)
    scale = float(np.float32(node.attrs["scale"]))
    if offset is None or not MIN_SCALE <= scale <= MAX_SCALE:
        return None
    shift = int(node.attrs.get("shift", 0))
    return Affine(scale, int(node.attrs["zero"]) + shift + offset, shift=shift)


class _Plan:
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
        self.assignment = Assignment(set(), set())
        self.report = Stated()
        self._kinds = {node.output: kind(graph, node) for node in graph.nodes}
        self._wanted = self._find_wanted()
        for node in graph.nodes:
            if node.op in _CONVERSIONS:
                found = self.affine if node.op == "dequantize" else self.tensors
                affine = _affine_of(graph, node)
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
                _affine_of(self.graph, node)
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
            self.assignment.integer.add(node.output)
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
        if y is None:
            self.assignment.float_results.add(node.output)
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


class _StatedLowering(Lowering):
    """Conversions between bytes and floats become names of what is there already.

    What follows from the model's scales is computed in float32, in the order in which ONNX Runtime
    does it for its operators on bytes: ties are decided by the last bit.
    """

    def __init__(self, graph: Graph, plan: _Plan) -> None:
        super().__init__(graph, plan.assignment, plan.affine, plan.weights)
        self._tensor = {
            node.inputs[0]: node.output
            for node in graph.nodes
            if node.op == "quantize"
            and self._reads_bytes(node)
            and self.affine[node.inputs[0]] == _affine_of(graph, node)
        }

    def integer_name(self, name: str) -> str:
        """As the model calls the bytes, so that both can be compared."""
        return self._tensor.get(name) or super().integer_name(name)

    def step(self, node: Node) -> None:
        source = node.inputs[0]
        if node.op == "dequantize" and node.output in self.affine:
            self.integers[node.output] = self._unsigned(source)
        elif node.op == "quantize" and self._reads_bytes(node):
            self.floats[node.output] = self._named(
                node.output, self.integer_value(source, _affine_of(self.old, node))
            )
        else:
            super().step(node)

    def scaled_sums(
        self, node: Node, x: Affine, w: Weights, unit: float
    ) -> tuple[np.ndarray, np.ndarray]:
        steps = np.float32(x.scale) * w.scale.astype(np.float32)
        exact = np.where(steps >= np.finfo(np.float32).tiny, steps, x.scale * w.scale)
        multiplier, bias = steps / np.float32(unit), np.rint(w.bias / exact).astype(np.int64)
        if node.op != "conv_transpose":
            bias -= x.zero * w.data.astype(np.int64).reshape(len(bias), -1).sum(1)
        return multiplier, bias.astype(np.int32)  # modulo 2^32, as the sums are

    def factors(
        self, node: Node, x: Affine, w: Weights
    ) -> tuple[str, np.ndarray, Mapping[str, Any]]:
        operand = self.integer_value(node.inputs[0], x)
        if not are_int8(w.data):
            return split(self.new, self.fresh, node, operand, w.data)
        return operand, w.data.astype(np.int8), {}

    def binary(self, node: Node) -> None:
        """As ONNX Runtime computes its own operators: zero points are added before rounding."""
        fn, y = node.attrs["fn"], self.form(node.output)
        is_own = node.name in self.old.on_bytes and fn in (BinaryFn.add, BinaryFn.mul)
        if not is_own or scalar_operand(self.old, node) is not None:
            super().binary(node)
            return
        a, b = (self.operand(node, i) for i in (0, 1))
        base = y.zero - y.shift  # of u8 over the model's own bytes, for both operands, too
        scale, shift = np.float32(y.scale), np.float32(y.shift)
        a_scale, b_scale = np.float32(a.scale), np.float32(b.scale)
        if fn == BinaryFn.mul:
            a_zero, b_zero = a.zero, b.zero
            a_scale, b_scale = a_scale * b_scale / scale, np.float32(1)
        else:
            a_zero, b_zero = base, base
            a_scale, b_scale = a_scale / scale, b_scale / scale
            shift -= a_scale * np.float32(a.zero - base) + b_scale * np.float32(b.zero - base)
        output, _ = self.requantize(node, y)
        attrs = {
            "fn": fn, "shifted": 1, "a_zero": a_zero, "a_scale": a_scale,
            "b_zero": b_zero, "b_scale": b_scale, "shift": shift,
            "output": {**output, "zero": base},
        }  # fmt: skip
        self.emit(node, "qbinary", [*map(self.integer_value, node.inputs, (a, b))], attrs)

    def pool(self, node: Node, window: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
        """ONNX Runtime divides the sum over an image when it scales it."""
        inputs, attrs = super().pool(node, window)
        if node.op == "reduce" and node.name in self.old.on_bytes and is_linear(node):
            x, y = self.operand(node, 0), self.form(node.output)
            count = np.float32(np.prod(window["kernel"]))
            scale = np.float32(x.scale) / (np.float32(y.scale) * count)
            attrs["x_scale"], attrs["output"] = count, {**attrs["output"], "scale": scale}
        return inputs, attrs

    def _reads_bytes(self, node: Node) -> bool:
        is_u8 = self.old.values[node.output].dtype == np.uint8
        return is_u8 and node.inputs[0] in self.affine and _affine_of(self.old, node) is not None

    def _unsigned(self, name: str) -> str:
        data = self.float(name)
        if self.old.values[name].dtype == np.uint8:
            return data
        # The byte of level q of i8 is q + 256 where q is negative; as u8 its level is q + 128.
        return self.lookup(data, (np.arange(256) + _SIGNED).astype(np.uint8), f"{name}.unsigned")

    def _named(self, name: str, data: str) -> str:
        """``data``; under its own name if it is an output of the graph."""
        if name not in self.old.outputs or name == data:
            return data
        shape = self.old.values[name].shape
        return self.new.add("reshape", [data], {"rank": len(shape), "dims": shape}, output=name)
