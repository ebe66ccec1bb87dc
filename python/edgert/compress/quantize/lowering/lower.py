"""Rewrites a graph with the scales and weights that were chosen into one of quantised operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgert import _core, interp
from edgert.budget import Budget
from edgert.compress.quantize.assign import (
    Assignment,
    is_linear,
    kind,
    scalar_operand,
    uniform_affine,
)
from edgert.compress.quantize.rounding.affine import Affine
from edgert.compress.quantize.rounding.weights import Weights
from edgert.ir import Graph, Node, Value
from edgert.ops import PRODUCTS
from edgert.passes.base import activation, parameters
from edgert.schema import OPS, BinaryFn, DType, UnaryFn

_EXPONENTIAL_ONE = 2.0**23  # what the table of a softmax has for exp(0)
_POOL = {"strides": [1, 1], "dilations": [1, 1], "pads": [0] * 4, "ceil_mode": 0}


class Lowering:
    """The quantised graph, made node by node: the same inputs and outputs, in float32.

    ``affine`` has the scale of each value that is kept as integers, as if they were bytes;
    ``weights`` those of each quantised matrix product, by its output, by the time that :meth:`step`
    comes to it. A value is converted when it is first read in another form.
    """

    def __init__(
        self,
        graph: Graph,
        assignment: Assignment,
        affine: Mapping[str, Affine],
        weights: Mapping[str, Weights],
    ) -> None:
        self.old, self.assignment = graph, assignment
        self.affine, self.weights = affine, weights
        self.new = Graph(Budget(graph.budget.limit))
        self.new.metadata = dict(graph.metadata)
        self.floats: dict[str, str] = {}  # by old name: the value as it was
        self.integers: dict[str, str] = {}  # by old name: the value in its own form
        self.converted: dict[tuple[str, Affine], str] = {}  # in another one
        for name in graph.inputs:
            value = graph.values[name]
            self.floats[name] = self.new.add_input(name, value.dtype, value.shape)

    def step(self, node: Node) -> None:
        """Appends what computes ``node``, the next one of the old graph."""
        form = self.assignment.form(node)
        if form.is_integer:
            self.integer(node)
            return
        if form.is_dynamic:
            self.dynamic(node)
            return
        inputs = [self.float(name) if name else "" for name in node.inputs]
        output, *others = node.outputs
        self.new.add(node.op, inputs, node.attrs, name=node.name, output=output, others=others)
        self.floats.update(zip(node.outputs, self.new.nodes[-1].outputs))

    def finish(self) -> Graph:
        """The graph, once every node was stepped over."""
        self.new.outputs = [self.float(name) for name in self.old.outputs]
        self.new.prune()
        return self.new

    def fresh(self, hint: str) -> str:
        """A name that neither graph has."""
        name, i = hint, 1
        while name in self.old.values or name in self.new.values:
            name, i = f"{hint}_{i}", i + 1
        return name

    def float(self, name: str) -> str:
        """The new name of a value in the form that it had."""
        if name in self.floats:
            return self.floats[name]
        value = self.old.values[name]
        if value.data is not None:
            self.new.values[name] = Value(name, value.dtype, value.shape, value.data)
            self.floats[name] = name
            return name
        a = self.form(name)
        attrs = {"dtype": DType.float32, "scale": a.scale, "zero": a.zero}
        taken = name in self.new.values
        self.floats[name] = self.new.add(
            "dequantize", [self.integers[name]], attrs, name=f"{name}.dequantize",
            output=self.fresh(f"{name}.f32") if taken else name,
        )  # fmt: skip
        return self.floats[name]

    def form(self, name: str) -> Affine:
        """The form in which a value is kept."""
        return self.affine[name].of_type(self.assignment.values.get(name, np.uint8))

    def operand(self, node: Node, i: int) -> Affine:
        """The form in which an integer node reads its input ``i``."""
        name = node.inputs[i]
        if node.op in PRODUCTS and i > 0:
            return self.form(name)
        return self.affine[name].of_type(self.assignment.form(node).reads)

    def integer_value(self, name: str, form: Affine | None = None) -> str:
        """The new name of a value as integers; in another form than its own if given."""
        value = self.old.values[name]
        if value.data is not None:
            form = form or self.form(name)
            return self.new.add_constant(self.fresh(f"{name}.q"), form.quantize(value.data))
        own = self.form(name)
        if name not in self.integers:
            self.integers[name] = self.quantized(name, own)
        if form is None or form == own:
            return self.integers[name]
        if form.is_int16 or own.is_int16:
            if (name, form) not in self.converted:
                self.converted[name, form] = self.quantized(name, form)
            return self.converted[name, form]
        levels = own.dequantize(np.arange(256))
        return self.lookup(self.integers[name], form.quantize(levels), f"{name}.requantize")

    def quantized(self, name: str, form: Affine) -> str:
        attrs = {"dtype": DType[form.dtype.name], "scale": form.scale,
                 "zero": form.zero - form.shift, "shift": form.shift}  # fmt: skip
        return self.new.add(
            "quantize", [self.float(name)], attrs, name=f"{name}.quantize",
            output=self.fresh(f"{name}.q"),
        )  # fmt: skip

    def lookup(self, x: str, table: np.ndarray, name: str) -> str:
        constant = self.new.add_constant(self.fresh(f"{name}.table"), table)
        return self.new.add("lookup", [x, constant], name=name, output=self.fresh(f"{name}.q"))

    def emit(self, node: Node, op: str, inputs: list[str], attrs: Mapping[str, Any]) -> None:
        """Appends what computes ``node`` on integers."""
        output = self.integer_name(node.output)
        self.integers[node.output] = self.new.add(op, inputs, attrs, name=node.name, output=output)

    def integer_name(self, name: str) -> str:
        """What a value is called as integers."""
        return self.fresh(f"{name}.q") if name in self.old.outputs else name

    def integer(self, node: Node) -> None:
        if node.op in PRODUCTS:
            self.matrix(node)
        elif kind(self.old, node) == "mover":
            self.mover(node)
        else:
            getattr(self, node.op)(node)

    def requantize(self, node: Node, y: Affine) -> tuple[dict[str, Any], float]:
        """The record of an output with scale ``y``, and the unit that the sum must have."""
        alpha, beta = parameters(node)
        (low, high), fn = y.limits, activation(node)
        if not is_linear(node):
            record = {"fn": fn, "alpha": alpha, "beta": beta}
            scale, unit = 1 / y.scale, 1.0
        else:
            record, scale, unit = {"fn": UnaryFn.identity}, 1.0, y.scale
            if fn is UnaryFn.relu:
                low = y.zero
            elif fn is UnaryFn.clip:
                low, high = (int(y.quantize(np.float32(end))) for end in (alpha, beta))
        return {"dtype": DType[y.dtype.name], "activation": record, "scale": scale, "zero": y.zero,
                "low": low, "high": max(low, high)}, unit  # fmt: skip

    def matrix(self, node: Node) -> None:
        x, w = self.operand(node, 0), self.weights[node.output]
        writes_integers = self.assignment.writes_integers(node)
        if not writes_integers:
            alpha, beta = parameters(node)
            record = {"fn": activation(node), "alpha": alpha, "beta": beta}
            unit = 1.0
            output = {"dtype": DType.float32, "activation": record, "scale": 1.0, "zero": 0,
                      "low": 0, "high": 0}  # fmt: skip
        else:
            output, unit = self.requantize(node, self.form(node.output))
        multiplier, bias = self.scaled_sums(node, x, w, unit)
        operand, weight, window = self.factors(node, x, w)
        inputs = [operand]
        for part, data in ("weight", weight), ("bias", bias), ("multiplier", multiplier):
            inputs.append(self.new.add_constant(self.fresh(f"{node.output}.{part}"), data))
        record = OPS[f"q{node.op}"].attrs.names
        attrs = {k: v for k, v in {**node.attrs, **window}.items() if k in record}
        attrs["output"] = output
        if "residual_zero" in record:
            attrs.update(residual_zero=0, residual_scale=0.0)
        if len(node.inputs) > 3 and node.inputs[3]:
            residual = self.form(node.inputs[3])
            inputs.append(self.integer_value(node.inputs[3]))
            attrs.update(residual_zero=residual.zero, residual_scale=residual.scale / unit)
        if "x_zero" in record:
            attrs["x_zero"] = x.zero
        if writes_integers:
            self.emit(node, f"q{node.op}", inputs, attrs)
            return
        self.floats[node.output] = self.new.add(
            f"q{node.op}", inputs, attrs, name=node.name, output=node.output
        )

    def dynamic(self, node: Node) -> None:
        """A product that turns its input into bytes while it runs."""
        w = self.weights[node.output]
        x, _, *rest = (self.float(name) if name else "" for name in node.inputs)
        data = self.new.add_constant(self.fresh("weight"), w.data)
        multiplier = self.new.add_constant(self.fresh("multiplier"), w.scale.astype(np.float32))
        self.floats[node.output] = self.new.add(
            f"dynamic_{node.op}", [x, data, multiplier, *rest], node.attrs, name=node.name,
            output=node.output,
        )  # fmt: skip

    def scaled_sums(
        self, node: Node, x: Affine, w: Weights, unit: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """The multipliers of the sums of products, which make them multiples of ``unit``, and what
        is added to the sums before.
        """
        multiplier = short_multiplier((x.scale * w.scale / unit).astype(np.float32))
        rows = w.data.astype(np.int64).reshape(len(w.data), -1)
        bias = np.rint(w.bias / (multiplier.astype(np.float64) * unit))
        if node.op != "conv_transpose":
            bias -= x.zero * rows.sum(1)
        return multiplier, _short_bias(bias.astype(np.int32), rows)

    def factors(
        self, node: Node, x: Affine, w: Weights
    ) -> tuple[str, np.ndarray, Mapping[str, Any]]:
        """What is multiplied: the input, the weight, and attributes that change with them."""
        return self.integer_value(node.inputs[0], x), w.data, {}

    def mover(self, node: Node) -> None:
        y = self.form(node.output)
        if node.op == "concat":
            inputs = [self.integer_value(name, y) for name in node.inputs]
            self.emit(node, "concat", inputs, node.attrs)
            return
        attrs = {**node.attrs, "value": float(y.zero)} if node.op == "pad" else node.attrs
        x = self.integer_value(node.inputs[0], self.operand(node, 0))
        self.emit(node, node.op, [x, *map(self.float, node.inputs[1:])], attrs)

    def unary(self, node: Node) -> None:
        self.table(node, 0)

    def table(self, node: Node, i: int) -> None:
        """A lookup of what ``node`` makes of the 256 values that its input ``i`` can have."""
        levels = self.affine[node.inputs[i]].dequantize(np.arange(256))
        arrays = [
            levels if j == i else self.old.constant(name).reshape(())
            for j, name in enumerate(node.inputs)
        ]
        y = self.affine[node.output]
        table = self.new.add_constant(
            self.fresh(f"{node.output}.table"), y.quantize(*interp.run_node(node, arrays))
        )
        x = self.integer_value(node.inputs[i], self.affine[node.inputs[i]])
        self.emit(node, "lookup", [x, table], {})

    def binary(self, node: Node) -> None:
        scalar = scalar_operand(self.old, node)
        y = self.form(node.output)
        if scalar is not None and not y.is_int16:
            self.table(node, 1 - scalar)
            return
        fn = node.attrs["fn"]
        forms = [self.operand(node, i) if i != scalar else self.constant_form(node.inputs[i])
                 for i in (0, 1)]  # fmt: skip
        a, b = forms
        output, unit = self.requantize(node, y)
        a_scale, b_scale = a.scale / unit, b.scale / unit
        if fn == BinaryFn.mul:
            b_scale = b.scale
        elif fn == BinaryFn.sub:
            b_scale = -b_scale
        attrs = {
            "fn": BinaryFn.mul if fn == BinaryFn.mul else BinaryFn.add,
            "a_zero": a.zero, "a_scale": a_scale, "b_zero": b.zero, "b_scale": b_scale,
            "output": output,
        }  # fmt: skip
        self.emit(node, "qbinary", [*map(self.integer_value, node.inputs, forms)], attrs)

    def constant_form(self, name: str) -> Affine:
        """Of a constant that no group of values has: int16."""
        data = self.old.constant(name)
        return Affine.of_range(float(data.min()), float(data.max())).int16

    def batch_norm(self, node: Node) -> None:
        """A depthwise convolution of one tap, whose weights are 1, -1 and 0; nothing at all where
        the same bytes stand for both tensors.
        """
        x, y = self.operand(node, 0), self.form(node.output)
        same = uniform_affine(self.old, node)
        if same and x == y.before(*same):
            self.integers[node.output] = self.integer_value(node.inputs[0], x)
            return
        factor, shift = (self.old.constant(n).astype(np.float64) for n in node.inputs[1:])
        output, unit = self.requantize(node, y)
        size = np.maximum(np.abs(factor), np.abs(shift) / (x.scale * 2.0**29))
        size = np.where(size > 0, size, 1.0)
        sign = np.rint(factor / size)
        bias = np.rint(shift / (x.scale * size)) - x.zero * sign
        constants = (
            sign.astype(np.int8).reshape(-1, 1, 1, 1),
            bias.astype(np.int32),
            (x.scale * size / unit).astype(np.float32),
        )
        inputs = [self.new.add_constant(self.fresh(f"{node.output}.c"), c) for c in constants]
        attrs = {
            "strides": [1, 1], "dilations": [1, 1], "pads": [0] * 4, "groups": len(factor),
            "x_zero": x.zero, "residual_zero": 0, "residual_scale": 0.0, "output": output,
        }  # fmt: skip
        self.emit(node, "qconv", [self.integer_value(node.inputs[0], x), *inputs], attrs)

    def softmax(self, node: Node) -> None:
        x, y = (self.affine[name] for name in (node.inputs[0], node.output))
        terms = np.exp(x.scale * np.arange(-255.0, 1))
        table = np.rint(_EXPONENTIAL_ONE * terms).astype(np.int32)
        inputs = [self.integer_value(node.inputs[0], x),
                  self.new.add_constant(self.fresh(f"{node.output}.table"), table)]  # fmt: skip
        attrs = {"dtype": DType.uint8, "scale": y.scale, "zero": y.zero}
        self.emit(node, "qsoftmax", inputs, attrs)

    def layer_norm(self, node: Node) -> None:
        """Scale and shift are in levels of the result, epsilon in squared levels of the input."""
        x, y = (self.affine[name] for name in (node.inputs[0], node.output))
        inputs = [self.integer_value(node.inputs[0], x)]
        for name in node.inputs[1:]:
            levels = (self.old.constant(name).astype(np.float64) / y.scale).astype(np.float32)
            inputs.append(self.new.add_constant(self.fresh(f"{node.output}.c"), levels))
        attrs = {"epsilon": node.attrs["epsilon"] / x.scale**2, "zero": y.zero}
        self.emit(node, "qlayer_norm", inputs, attrs)

    def average_pool(self, node: Node) -> None:
        self.emit(node, "qaverage_pool", *self.pool(node, node.attrs))

    def pool(self, node: Node, window: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
        """The input and the attributes of an average."""
        x = self.operand(node, 0)
        output, unit = self.requantize(node, self.form(node.output))
        attrs = {"pool": window, "x_zero": x.zero, "x_scale": x.scale / unit, "output": output}
        return [self.integer_value(node.inputs[0], x)], attrs

    def reduce(self, node: Node) -> None:
        """The mean over an image: a pooling with one window."""
        _, height, width, _ = self.old.values[node.inputs[0]].shape
        window = {**_POOL, "kernel": [height, width], "count_include_pad": 0}
        inputs, attrs = self.pool(node, window)
        if node.attrs["keep_dims"]:
            self.emit(node, "qaverage_pool", inputs, attrs)
            return
        pooled = self.new.add(
            "qaverage_pool", inputs, attrs, name=node.name,
            output=self.fresh(f"{node.output}.image"),
        )  # fmt: skip
        shape = self.old.values[node.output].shape
        self.emit(node, "reshape", [pooled], {"rank": len(shape), "dims": shape})


def lower(
    graph: Graph,
    assignment: Assignment,
    affine: Mapping[str, Affine],
    weights: Mapping[str, Weights],
) -> Graph:
    """The quantised graph; the arguments are those of :class:`Lowering`."""
    lowering = Lowering(graph, assignment, affine, weights)
    for node in graph.nodes:
        lowering.step(node)
    return lowering.finish()


def short_multiplier(multiplier: np.ndarray) -> np.ndarray:
    """What 16 bits keep of the multipliers, if no scale changes by more than 0.2 % by that."""
    short = _core.nearest_shorts(multiplier)
    return short if (np.abs(short - multiplier) <= multiplier * 2.0**-9).all() else multiplier


def _short_bias(bias: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """What 16 bits keep of the biases, if that is little beside what rounding the inputs costs.

    Rounded inputs make an error of 0.29 times the norm of an output's weights ``rows``; that of the
    bias stays below a tenth of it.
    """
    short = _core.nearest_shorts(bias)
    error = np.abs(short.astype(np.int64) - bias)
    return short if (error <= np.linalg.norm(rows, axis=1) / 32).all() else bias
