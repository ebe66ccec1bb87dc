"""Small broken models and what must happen to them: shared by the tests of bad ONNX input."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import make_model, value_info

from edgert.errors import EdgertError
from edgert.importer import import_model

F32, I64 = np.float32, np.int64
WEIGHT = np.arange(12, dtype=F32).reshape(3, 4)
RAW = WEIGHT.tobytes()
X = value_info("x", np.zeros((2, 3), F32))


def refuse(error: type[EdgertError], rule: str, source: Any, shapes: Any = None) -> str:
    """Asserts that the import raises ``error`` under ``rule``; returns the message."""
    with pytest.raises(error) as info:
        import_model(source, shapes)
    assert info.value.rule == rule, info.value
    return str(info.value)


def matmul_model(weight: TensorProto | None = None, **fields: Any) -> onnx.ModelProto:
    """x [2,3] times a weight [3,4]."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"], "matmul")
    weight = weight or numpy_helper.from_array(WEIGHT, "w")
    return make_model([node], [value_info("x", np.zeros((2, 3), F32))], ["y"], [weight], **fields)


def relu(source: str, target: str, name: str = "") -> onnx.NodeProto:
    """A Relu."""
    return helper.make_node("Relu", [source], [target], name)


def tensor(**fields: Any) -> TensorProto:
    """A TensorProto with exactly these fields."""
    return TensorProto(**{"name": "w", "data_type": TensorProto.FLOAT, "dims": [3, 4], **fields})
