"""Small ONNX models for tests, and what other implementations say they compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator


@dataclass
class Const:
    """An input that is an initializer."""

    data: Any

    def array(self) -> np.ndarray:
        """The data; Python numbers become int64 or float32."""
        data = np.asarray(self.data)
        return (
            data.astype(np.float32)
            if isinstance(self.data, (float, list)) and (data.dtype == np.float64)
            else data
        )


@dataclass
class Case:
    """One node of one operator set.

    Inputs are arrays (given at run time), Const or None. ``expect`` computes the outputs where no
    other implementation knows the operator set.
    """

    op: str
    opset: int
    inputs: Sequence[Any]
    attrs: Mapping[str, Any]
    outputs: int = 1
    expect: Optional[Callable[..., Any]] = None  # noqa: UP045 (evaluated by Python 3.9)
    like: int = 0  # a later operator set that means the same, which the others know

    def model(self, opset: int = 0) -> onnx.ModelProto:
        """The model of this one node; inputs are called i0, i1, ... and outputs o0, o1, ..."""
        names = ["" if x is None else f"i{k}" for k, x in enumerate(self.inputs)]
        infos, weights = [], []
        for name, x in zip(names, self.inputs):
            if isinstance(x, Const):
                weights.append(numpy_helper.from_array(x.array(), name))
            elif x is not None:
                infos.append(value_info(name, x))
        outputs = [f"o{k}" for k in range(self.outputs)]
        node = helper.make_node(self.op, names, outputs, "node", **self.attrs)
        return make_model([node], infos, outputs, weights, opset or self.opset)

    def feeds(self) -> dict[str, np.ndarray]:
        """The arrays given at run time."""
        return {f"i{k}": x for k, x in enumerate(self.inputs) if isinstance(x, np.ndarray)}

    def expected(self) -> list[np.ndarray]:
        """The outputs, from ``expect``, ONNX Runtime or onnx's reference."""
        if self.expect is not None:
            arrays = [x.array() if isinstance(x, Const) else x for x in self.inputs]
            result = self.expect(*arrays)
            return list(result) if isinstance(result, (list, tuple)) else [result]
        return run_elsewhere(self.model(self.like), self.feeds())


def _latest_opset() -> int:
    """The last operator set that both onnx and ONNX Runtime know."""
    opset = onnx.defs.onnx_opset_version()
    while True:
        case = Case("Relu", opset, [np.zeros(1, np.float32)], {})
        try:
            onnxruntime.InferenceSession(case.model().SerializeToString(), _quiet())
        except Exception:
            opset -= 1
        else:
            return opset


def _quiet() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return options


def value_info(name: str, array: np.ndarray) -> onnx.ValueInfoProto:
    """The declaration of a tensor like ``array``."""
    element = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_value_info(name, element, array.shape)


def make_model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[str],
    weights: Sequence[onnx.TensorProto] = (),
    opset: int = 17,
    **fields: Any,
) -> onnx.ModelProto:
    """A model whose outputs state neither type nor shape."""
    infos = [onnx.ValueInfoProto(name=name) for name in outputs]
    for info in infos:
        info.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    graph = helper.make_graph(nodes, "test", inputs, infos, weights)
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10, **fields)


def run_elsewhere(model: onnx.ModelProto, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The outputs by ONNX Runtime, or by onnx's reference where that has no kernel."""
    typed = onnx.ModelProto()
    typed.CopyFrom(model)
    for info in typed.graph.output:
        info.ClearField("type")
    try:
        session = onnxruntime.InferenceSession(typed.SerializeToString(), _quiet())
        return session.run(None, dict(feeds))
    except Exception:
        return ReferenceEvaluator(model).run(None, dict(feeds))


LATEST = _latest_opset()
