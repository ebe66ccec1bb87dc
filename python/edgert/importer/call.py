"""One ONNX node under import, as the functions of the registry see it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from edgert import ir
from edgert.importer.values import Constant, Tensor, UnsupportedNodeError

if TYPE_CHECKING:
    from edgert.importer.lower import Lowering

# The operator set in which handlers express themselves by other ONNX operators.
MODERN_OPSET = 18


class Call:
    """What a node states, and the means to say it in edgert's operators.

    ``name`` belongs to this node of the model alone, whatever the model calls its nodes.
    """

    def __init__(
        self,
        lowering: Lowering,
        op: str,
        opset: int,
        name: str,
        inputs: Sequence[Tensor | None],
        attrs: Mapping[str, Any],
        outputs: int = 1,
    ) -> None:
        self._lowering = lowering
        self.op = op
        self.opset = opset
        self.name = name
        self.inputs = list(inputs)
        self.attrs = attrs
        self.outputs = outputs  # how many are asked for, up to the last one

    def input(self, i: int) -> Tensor | None:
        """Input ``i``, or None if it is left out."""
        return self.inputs[i] if i < len(self.inputs) else None

    def constant(self, i: int, what: str) -> np.ndarray | None:
        """The data of input ``i``, which must be known now; None if it is left out."""
        tensor = self.input(i)
        if isinstance(tensor, ir.Value):
            raise UnsupportedNodeError(f"its input '{what}' is computed while the model runs")
        return tensor.data if tensor is not None else None

    def ints(self, i: int, name: str) -> list[int] | None:
        """A list of integers that is an attribute in old operator sets and input ``i`` in new."""
        if name in self.attrs:
            return list(self.attrs[name])
        data = self.constant(i, name)
        return [int(v) for v in data.reshape(-1)] if data is not None else None

    def attr(self, name: str, default: Any) -> Any:
        """An attribute, or its default."""
        return self.attrs.get(name, default)

    def choice(self, name: str, default: Any, known: Iterable[Any]) -> Any:
        """An attribute that has one of the ``known`` values, or its default."""
        value, known = self.attrs.get(name, default), list(known)
        if value not in known:
            raise UnsupportedNodeError(f"its {name} is {value!r}; there are {known}")
        return value

    def emit(
        self, op: str, inputs: Iterable[Tensor | None], attrs: Mapping[str, Any] | None = None
    ) -> ir.Value:
        """Adds a node to the graph and returns its output, the first if there are several."""
        return self.emit_all(op, inputs, attrs)[0]

    def emit_all(
        self, op: str, inputs: Iterable[Tensor | None], attrs: Mapping[str, Any] | None = None
    ) -> list[ir.Value]:
        """Adds a node to the graph and returns its outputs."""
        return self._lowering.emit(op, inputs, attrs, self.name)

    def call(self, op: str, inputs: Iterable[Tensor | None], **attrs: Any) -> Tensor:
        """What another ONNX operator, of MODERN_OPSET, makes of ``inputs``."""
        call = Call(self._lowering, op, MODERN_OPSET, self.name, list(inputs), attrs)
        return self._lowering.apply(call, "")[0]

    def const(self, data: Any, dtype: Any = None) -> Constant:
        """A new constant."""
        return Constant(f"{self.name}/constant", np.asarray(data, dtype))

    def note_dynamic(self) -> None:
        """The products of this node shall have their inputs quantised at run time."""
        self._lowering.graph.dynamic.add(self.name)

    def note_on_bytes(self) -> None:
        """What this node emits says an operator on bytes in floats."""
        self._lowering.graph.on_bytes.add(self.name)

    def note_scales(self, scales: np.ndarray) -> None:
        """Constants are integers times these."""
        self._lowering.graph.scales.update(scales.reshape(-1).tolist())

    def read(self, tensor: onnx.TensorProto | onnx.SparseTensorProto) -> np.ndarray:
        """The elements of an attribute of this node."""
        return self._lowering.read(tensor)

    def reserve(self, shape: Sequence[int], dtype: np.dtype) -> None:
        """Asks the budget for what a constant will take that is about to be computed."""
        self._lowering.graph.budget.take(math.prod(shape) * dtype.itemsize, "a constant")

    def branches(self, *graphs: onnx.GraphProto) -> list[list[Tensor]]:
        """The outputs of subgraphs of this node, which have no inputs."""
        return self._lowering.enter_subgraphs(graphs)
