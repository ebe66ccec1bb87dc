"""Writes a graph that states its quantisation on bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgert.compress.quantize.assign import is_linear, scalar_operand
from edgert.compress.quantize.lowering.lower import Lowering
from edgert.compress.quantize.lowering.nine_bits import are_int8, split
from edgert.compress.quantize.rounding.affine import Affine
from edgert.compress.quantize.rounding.weights import Weights
from edgert.compress.quantize.stated.plan import SIGNED, Plan, affine_of
from edgert.ir import Graph, Node
from edgert.schema import BinaryFn


class StatedLowering(Lowering):
    """Conversions between bytes and floats become names of what is there already.

    What follows from the model's scales is computed in float32, in the order in which ONNX Runtime
    does it for its operators on bytes: ties are decided by the last bit.
    """

    def __init__(self, graph: Graph, plan: Plan) -> None:
        super().__init__(graph, plan.assignment, plan.affine, plan.weights)
        self._tensor = {
            node.inputs[0]: node.output
            for node in graph.nodes
            if node.op == "quantize"
            and self._reads_bytes(node)
            and self.affine[node.inputs[0]] == affine_of(graph, node)
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
                node.output, self.integer_value(source, affine_of(self.old, node))
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
        return is_u8 and node.inputs[0] in self.affine and affine_of(self.old, node) is not None

    def _unsigned(self, name: str) -> str:
        data = self.float(name)
        if self.old.values[name].dtype == np.uint8:
            return data
        # The byte of level q of i8 is q + 256 where q is negative; as u8 its level is q + 128.
        return self.lookup(data, (np.arange(256) + SIGNED).astype(np.uint8), f"{name}.unsigned")

    def _named(self, name: str, data: str) -> str:
        """``data``; under its own name if it is an output of the graph."""
        if name not in self.old.outputs or name == data:
            return data
        shape = self.old.values[name].shape
        return self.new.add("reshape", [data], {"rank": len(shape), "dims": shape}, output=name)
