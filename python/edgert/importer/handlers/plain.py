"""Operators that pass values on, and constants."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from edgert.importer.call import Call
from edgert.importer.registry import onnx_op
from edgert.importer.tensors import element_type
from edgert.importer.values import Constant, Tensor, UnsupportedNodeError
from edgert.schema import DType


@onnx_op(
    "Constant",
    attrs="value sparse_value value_float value_floats value_int value_ints",
    unused="value_string value_strings",
)
def constant(call: Call) -> Tensor:
    """Exactly one of the attributes has the value."""
    if len(call.attrs) != 1:
        raise ValueError(f"attributes {sorted(call.attrs)}, expected one")
    ((kind, value),) = call.attrs.items()
    if kind in ("value", "sparse_value"):
        return Constant(call.name, call.read(value))
    if kind in ("value_float", "value_floats"):
        return Constant(call.name, np.array(value, np.float32))
    if kind in ("value_int", "value_ints"):
        return Constant(call.name, np.array(value, np.int64))
    raise UnsupportedNodeError(f"its attribute {kind} is no tensor of numbers")


@onnx_op("Identity")
def identity(call: Call) -> Tensor:
    """The input."""
    return call.input(0)


@onnx_op("Dropout", unused="is_test ratio seed")
def dropout(call: Call) -> Sequence[Tensor]:
    """At inference nothing is dropped, whatever old operator sets say in is_test."""
    training = call.constant(2, "training_mode") if call.opset >= 12 else None
    if training is not None and bool(training):
        raise UnsupportedNodeError("it drops elements at random: training_mode is true")
    x = call.input(0)
    return [x, call.const(np.broadcast_to(np.True_, x.shape))][: call.outputs]


@onnx_op("Cast", attrs="to", unused="round_mode saturate")
@onnx_op("CastLike", unused="round_mode saturate")
def cast(call: Call) -> Tensor:
    """Cast rounds to float16. CastLike keeps floats as they are: what follows is in float32."""
    x = call.input(0)
    if call.op == "CastLike":
        dtype = call.input(1).dtype
        dtype = np.dtype(np.float32) if dtype.kind == "f" else dtype
    else:
        to = call.attrs["to"]  # up to operator set 5 the type's name
        dtype = element_type(TensorProto.DataType.Value(to) if isinstance(to, str) else to, "it")
    if dtype.name not in DType.__members__:
        raise UnsupportedNodeError(f"it converts to {dtype}")
    return x if dtype == x.dtype else call.emit("cast", [x], {"dtype": DType[dtype.name]})


@onnx_op("Range", unused="stash_type")
def range_(call: Call) -> Tensor:
    """Known bounds, which may have one axis of size one."""
    bounds = [call.constant(i, what) for i, what in enumerate(("start", "limit", "delta"))]
    start, limit, delta = (bound.reshape(())[()] for bound in bounds)
    if delta == 0 or not np.isfinite([float(start), float(limit), float(delta)]).all():
        raise UnsupportedNodeError(f"it goes from {start} to {limit} by {delta}")
    count = max(math.ceil((float(limit) - float(start)) / float(delta)), 0)
    call.reserve([count], start.dtype)
    return call.const(start + np.arange(count, dtype=start.dtype) * delta, start.dtype)
