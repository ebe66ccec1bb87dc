"""From an ONNX model to an :class:`edgert.ir.Graph`: host side, needs the onnx package."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np
import onnx

from edgert import ir
from edgert.budget import Budget, memory_errors
from edgert.importer import handlers as _handlers  # noqa: F401 (fills the registry)
from edgert.importer.check import check_model
from edgert.importer.inputs import open_batches, pin_inputs, set_values
from edgert.importer.load import proto_bytes, read_model
from edgert.importer.lower import lower_model
from edgert.importer.tensors import TensorReader

Source = Union[str, "os.PathLike[str]", bytes, onnx.ModelProto]


@memory_errors()
def import_model(
    source: Source,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    input_values: Mapping[str, Any] | None = None,
) -> ir.Graph:
    """Imports an ONNX model: a path, the bytes of a file, or a loaded ``ModelProto``.

    ``input_shapes`` gives the full shape of inputs whose dimensions the model leaves open; a
    leading one that nothing is said of becomes 1. ``input_values`` makes constants of inputs. Shape
    arithmetic is computed here; what is left are the runtime's operators on static shapes.
    Inputs and outputs have the types that the model declares; between them, float16 and float64
    are computed in float32.

    Raises ModelIOError for a file that cannot be read, FormatError for one that is no valid ONNX
    model, InputError for ``input_shapes`` that do not fit it, LimitError for a model beyond any
    honest size, and UnsupportedError, which names every node that edgert cannot run.
    """
    model, path = read_model(source)
    shapes = input_shapes or {}
    if input_values:
        model, _, shapes = with_values(model, input_values, shapes)
    return import_proto(model, path, shapes)


def with_values(
    model: onnx.ModelProto, values: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]
) -> tuple[onnx.ModelProto, dict[str, np.ndarray], dict[str, Sequence[int]]]:
    """A copy of a model in which inputs are constants, these by name, and the shapes of others."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    constants = set_values(copy, values, shapes)
    return copy, constants, {n: shape for n, shape in shapes.items() if n not in constants}


def import_proto(
    model: onnx.ModelProto, path: str | None, input_shapes: Mapping[str, Sequence[int]]
) -> ir.Graph:
    """As :func:`import_model`, for a parsed model; ``path`` is that of its file if it has one."""
    check_model(model)
    budget = Budget()
    budget.allow(proto_bytes(model))
    with TensorReader(path, budget) as tensors:
        return lower_model(model, pin_inputs(model, input_shapes), tensors)


__all__ = ["Source", "import_model", "import_proto", "open_batches", "read_model", "with_values"]
