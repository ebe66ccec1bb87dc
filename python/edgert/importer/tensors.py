"""From TensorProto to numpy, believing nothing that the proto states about its own size."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from edgert.errors import FormatError, LimitError, UnsupportedError
from edgert.importer.external import ExternalFiles

MAX_TENSOR_BYTES = 1 << 36

# Element types that are read: where the elements stand if not in raw_data, and the numpy type.
_TYPES = {
    TensorProto.FLOAT: ("float_data", np.dtype(np.float32)),
    TensorProto.DOUBLE: ("double_data", np.dtype(np.float64)),
    TensorProto.FLOAT16: ("int32_data", np.dtype(np.float16)),
    TensorProto.INT8: ("int32_data", np.dtype(np.int8)),
    TensorProto.INT16: ("int32_data", np.dtype(np.int16)),
    TensorProto.INT32: ("int32_data", np.dtype(np.int32)),
    TensorProto.INT64: ("int64_data", np.dtype(np.int64)),
    TensorProto.UINT8: ("int32_data", np.dtype(np.uint8)),
    TensorProto.UINT16: ("int32_data", np.dtype(np.uint16)),
    TensorProto.UINT32: ("uint64_data", np.dtype(np.uint32)),
    TensorProto.UINT64: ("uint64_data", np.dtype(np.uint64)),
    TensorProto.BOOL: ("int32_data", np.dtype(np.bool_)),
}
_DATA_FIELDS = ("float_data", "double_data", "int32_data", "int64_data", "uint64_data")


def element_type(data_type: int, what: str) -> np.dtype:
    """The numpy type of an ONNX element type. Raises UnsupportedError, rule DTYPE."""
    try:
        return _TYPES[data_type][1]
    except KeyError:
        names = {v: k for k, v in TensorProto.DataType.items()}
        raise UnsupportedError(
            f"{what} has elements of type {names.get(data_type, data_type)}; supported are "
            + ", ".join(names[t] for t in _TYPES),
            "DTYPE",
        ) from None


def weight_tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """The tensors that a graph stores: its initializers and the values of its Constant nodes."""
    yield from graph.initializer
    yield from (sparse.values for sparse in graph.sparse_initializer)
    for node in graph.node:
        if node.op_type == "Constant":
            yield from (attribute.t for attribute in node.attribute if attribute.HasField("t"))


class TensorReader:
    """Reads the tensors of one model, and holds its data files open meanwhile."""

    def __init__(self, folder: str | None) -> None:
        self._external = ExternalFiles(folder)

    def __enter__(self) -> TensorReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._external.close()

    def read(self, tensor: TensorProto) -> np.ndarray:
        """The elements. float16 becomes float32, since no kernel computes in it.

        Raises FormatError (rules SHAPE, SIZE, PATH, RANGE), LimitError or UnsupportedError.
        """
        what = f"tensor {tensor.name!r}"
        dtype = element_type(tensor.data_type, what)
        if tensor.HasField("segment"):
            raise UnsupportedError(f"{what} is stored in segments", "TENSOR")
        shape = tuple(tensor.dims)
        if any(dim < 0 for dim in shape):
            raise FormatError(f"{what} has the shape {shape}", "SHAPE")
        elements = math.prod(shape)
        if elements * dtype.itemsize > MAX_TENSOR_BYTES:
            raise LimitError(f"{what} of shape {shape} exceeds {MAX_TENSOR_BYTES} bytes", "TENSOR")
        array = self._elements(tensor, what, dtype, elements).reshape(shape)
        return array.astype(np.float32) if dtype == np.float16 else array

    def _elements(
        self, tensor: TensorProto, what: str, dtype: np.dtype, elements: int
    ) -> np.ndarray:
        field = _TYPES[tensor.data_type][0]
        counts = {name: len(getattr(tensor, name)) for name in _DATA_FIELDS}
        stored = [name for name, count in counts.items() if count]
        stored += ["string_data"] if tensor.string_data else []
        stored += ["raw_data"] if tensor.HasField("raw_data") and tensor.raw_data else []
        external = tensor.data_location == TensorProto.EXTERNAL
        stored += ["external_data"] if external else []
        if len(stored) > 1:
            raise FormatError(f"{what} has its elements in {' and '.join(stored)}", "SIZE")
        if external:
            data = self._external.read(tensor, elements * dtype.itemsize)
            return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype, copy=False)
        if tensor.HasField("raw_data"):
            if len(tensor.raw_data) != elements * dtype.itemsize:
                raise FormatError(
                    f"{what} of shape {tuple(tensor.dims)} takes {elements * dtype.itemsize} "
                    f"bytes, found {len(tensor.raw_data)}",
                    "SIZE",
                )
            return np.frombuffer(tensor.raw_data, dtype.newbyteorder("<")).astype(dtype, copy=False)
        if stored not in ([], [field]) or counts[field] != elements:
            raise FormatError(
                f"{what} of shape {tuple(tensor.dims)} needs {elements} elements in {field}, "
                f"found {sum(counts.values())}",
                "SIZE",
            )
        return numpy_helper.to_array(tensor).reshape(-1)

    def read_sparse(self, sparse: onnx.SparseTensorProto) -> np.ndarray:
        """The dense form of a sparse tensor; its indices are linear or one row per element."""
        values, indices = self.read(sparse.values), self.read(sparse.indices)
        what, shape = f"sparse tensor {sparse.values.name!r}", tuple(sparse.dims)
        if any(dim < 0 for dim in shape):
            raise FormatError(f"{what} has the shape {shape}", "SHAPE")
        if math.prod(shape) * values.dtype.itemsize > MAX_TENSOR_BYTES:
            raise LimitError(f"{what} of shape {shape} exceeds {MAX_TENSOR_BYTES} bytes", "TENSOR")
        if values.ndim != 1 or indices.shape not in ((len(values),), (len(values), len(shape))):
            raise FormatError(
                f"{what}: {values.shape} values with indices of shape {indices.shape}", "SHAPE"
            )
        limits = np.array(shape if indices.ndim == 2 else (math.prod(shape),))
        if ((indices < 0) | (indices >= limits)).any():
            raise FormatError(f"{what} has an index outside of its shape {shape}", "RANGE")
        if indices.ndim == 2:
            indices = np.ravel_multi_index(tuple(indices.T), shape)
        dense = np.zeros(math.prod(shape), values.dtype)
        dense[indices] = values
        return dense.reshape(shape)
