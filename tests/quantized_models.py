"""Quantised ONNX models of one node or a few, and what they are compared with."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from onnx_models import value_info
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

from edgert import interp, ir
from edgert.compress.probe import Probe
from edgert.compress.quantize.stated import Stated, lower_conversions
from edgert.importer import import_model
from edgert.passes import optimize

MICROSOFT = "com.microsoft"
F32, U8, I8 = np.float32, np.uint8, np.int8
rng = np.random.default_rng(20260718)
_start = rng.bit_generator.state


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    """Each test of a module that imports this draws the same numbers, whatever ran before."""
    rng.bit_generator.state = _start


class Model:
    """A model that grows by nodes; constants are added as they are named."""

    def __init__(self, opset: int = 17) -> None:
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.result: type = U8  # of outputs whose type ONNX does not know

    def x(self, *shape: int, dtype: type = F32) -> str:
        """An input."""
        name = f"x{len(self.inputs)}"
        self.inputs.append(value_info(name, np.zeros(shape, dtype)))
        return name

    def c(self, data: Any, dtype: type = F32) -> str:
        """A constant."""
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(data, dtype), name))
        return name

    def op(self, op: str, *inputs: str, domain: str = "", **attrs: Any) -> str:
        """A node, which is named like its output."""
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name, domain=domain, **attrs))
        return name

    def point(self, scale: float, zero: int, dtype: type = U8) -> list[str]:
        """The scale and the zero point of a tensor."""
        return [self.c(scale), self.c(zero, dtype)]

    def q(self, x: str, scale: float, zero: int, dtype: type = U8) -> str:
        """QuantizeLinear."""
        return self.op("QuantizeLinear", x, *self.point(scale, zero, dtype))

    def dq(self, x: str, scale: Any, zero: Any, dtype: type = U8, **attrs: Any) -> str:
        """DequantizeLinear."""
        return self.op("DequantizeLinear", x, *self.point(scale, zero, dtype), **attrs)

    def rounded(self, x: str, scale: float, zero: int, dtype: type = U8) -> str:
        """Both, one behind the other."""
        return self.dq(self.q(x, scale, zero, dtype), scale, zero, dtype)

    def weight(self, *shape: int, scale: Any = 0.02, low: int = -127, high: int = 127) -> str:
        """Dequantised random bytes with a scale per output, or one for all."""
        data = self.c(rng.integers(low, high + 1, shape), I8)
        return self.dq(data, scale, np.zeros_like(scale, I8), I8, axis=0)

    def proto(self, *outputs: str) -> onnx.ModelProto:
        """The model with these outputs."""
        infos = [onnx.ValueInfoProto(name=name) for name in outputs]
        graph = helper.make_graph(self.nodes, "test", self.inputs, infos, self.weights)
        imports = [helper.make_opsetid("", self.opset), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=10)
        model = onnx.shape_inference.infer_shapes(model)
        for info in model.graph.output:
            if not info.type.tensor_type.elem_type:
                element = helper.np_dtype_to_tensor_dtype(np.dtype(self.result))
                info.type.tensor_type.elem_type = element
        return model


def lowered(model: Any) -> tuple[ir.Graph, Stated]:
    """The model on bytes, and what was done."""
    graph = import_model(model)
    optimize(graph)
    ir.verify(graph)
    graph, done = lower_conversions(graph)
    ir.verify(graph)
    return graph, done


def run_lowered(graph: ir.Graph, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The outputs by the runtime, which are those of the interpreter."""
    expected = interp.run(graph, feeds)
    with Probe(graph, graph.outputs) as probe:
        found = probe.run(feeds)
    for name in graph.outputs:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-5)
    return [found[name] for name in graph.outputs]


def feeds_of(model: onnx.ModelProto, size: float = 1.0) -> dict[str, np.ndarray]:
    """Random inputs."""
    feeds = {}
    for info in model.graph.input:
        shape = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
        if dtype.kind == "f":
            feeds[info.name] = (size * rng.normal(size=shape)).astype(dtype)
        else:
            limits = np.iinfo(dtype)
            feeds[info.name] = rng.integers(limits.min, limits.max + 1, shape).astype(dtype)
    return feeds


def run_unfused(model: onnx.ModelProto, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """ONNX Runtime's outputs, the nodes between Q and DQ in floats."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, dict(feeds))


def quantize_with_onnxruntime(
    model: onnx.ModelProto, samples: Sequence[Mapping[str, np.ndarray]], **options: Any
) -> onnx.ModelProto:
    """The model as onnxruntime's own tool quantises it."""

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(samples)

        def get_next(self) -> dict | None:
            return next(self.left, None)

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "quantised.onnx"
        onnx.save(model, source)
        quantize_static(str(source), str(target), Reader(), **options)
        return onnx.load(target)


FORMATS = {
    "qdq u8 per channel": {"per_channel": True},
    "qdq u8": {},
    "qdq i8 per channel": {"per_channel": True, "activation_type": QuantType.QInt8},
    "qdq i8 symmetric": {
        "activation_type": QuantType.QInt8,
        "extra_options": {"ActivationSymmetric": True},
    },
    "qdq u8 with floats quantised in the file": {"extra_options": {"AddQDQPairToWeight": True}},
    # 7 bits: ONNX Runtime's sums of full ones saturate on CPUs with AVX2 alone.
    "operators per channel": {
        "quant_format": QuantFormat.QOperator,
        "per_channel": True,
        "reduce_range": True,
    },
    "operators i8": {
        "quant_format": QuantFormat.QOperator,
        "activation_type": QuantType.QInt8,
        "reduce_range": True,
    },
}
