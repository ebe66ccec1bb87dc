"""From TensorProto to numpy, believing nothing that the proto states about its own size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import onnx
from onnx import TensorProto

from edgert.budget import Budget
from edgert.errors import EdgertError, FormatError, LimitError, UnsupportedError
from edgert.importer.external import ExternalFiles, external_tensors

MAX_TENSOR_BYTES = 1 << 36
MAX_TENSOR_RANK = 32  # what numpy has always known

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
_DATA_FIELDS = {
    "float_data": np.float32,
    "double_data": np.float64,
    "int32_data": np.int32,
    "int64_data": np.int64,
    "uint64_data": np.uint64,
}
_MAX_HALF_BITS = 0xFFFF


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


def checked_shape(dims: Sequence[int], itemsize: int, what: str) -> tuple[int, ...]:
    """The shape of a tensor that a model stores.

    Raises FormatError (rule SHAPE) if there is none like it, LimitError (RANK, TENSOR) if it is
    beyond any honest size, dimensions of zero counted as one.
    """
    if len(dims) > MAX_TENSOR_RANK:
        raise LimitError(f"{what} has {len(dims)} dimensions, at most {MAX_TENSOR_RANK}", "RANK")
    shape = tuple(dims)
    if any(dim < 0 for dim in shape):
        raise FormatError(f"{what} has the shape {list(shape)}", "SHAPE")
    if math.prod(max(dim, 1) for dim in shape) * itemsize > MAX_TENSOR_BYTES:
        raise LimitError(
            f"{what} of shape {list(shape)} exceeds {MAX_TENSOR_BYTES} bytes", "TENSOR"
        )
    return shape


def stored_size(tensor: TensorProto) -> tuple[int, int]:
    """How many elements a tensor has, and their bytes in other files; zeros if nobody can say."""
    try:
        itemsize = element_type(tensor.data_type, "it").itemsize
        elements = math.prod(checked_shape(tensor.dims, itemsize, "it"))
    except EdgertError:
        return 0, 0
    external = tensor.data_location == TensorProto.EXTERNAL
    return elements, elements * itemsize if external else 0


class TensorReader:
    """Reads the tensors of one model, and holds its data files open meanwhile.

    ``path`` is that of the model, None for one from memory. The ``budget`` grows with what is in
    the data files.
    """

    def __init__(self, path: str | None, budget: Budget) -> None:
        self.budget = budget
        self._external = ExternalFiles(path, budget)

    def __enter__(self) -> TensorReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._external.close()

    def read(self, tensor: TensorProto) -> np.ndarray:
        """The elements. float16 becomes float32, since no kernel computes in it.

        Raises FormatError (rules SHAPE, SIZE, RANGE, PATH), LimitError or UnsupportedError.
        """
        what = f"tensor {tensor.name!r}"
        dtype = element_type(tensor.data_type, what)
        if tensor.HasField("segment"):
            raise UnsupportedError(f"{what} is stored in segments", "TENSOR")
        shape = checked_shape(tensor.dims, dtype.itemsize, what)
        array = self._elements(tensor, what, dtype, math.prod(shape)).reshape(shape)
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
            return _from_bytes(self._external.read(tensor, elements * dtype.itemsize), dtype)
        if tensor.HasField("raw_data"):
            if len(tensor.raw_data) != elements * dtype.itemsize:
                raise FormatError(
                    f"{what} of shape {list(tensor.dims)} takes {elements * dtype.itemsize} "
                    f"bytes, found {len(tensor.raw_data)}",
                    "SIZE",
                )
            return _from_bytes(tensor.raw_data, dtype)
        if stored not in ([], [field]) or counts[field] != elements:
            raise FormatError(
                f"{what} of shape {list(tensor.dims)} needs {elements} elements in {field}, "
                f"found {sum(counts.values())}",
                "SIZE",
            )
        return _from_numbers(getattr(tensor, field), field, dtype, what)

    def read_sparse(self, sparse: onnx.SparseTensorProto) -> np.ndarray:
        """The dense form of a sparse tensor.

        Its indices are different ones, linear or one row per element, in any order.
        """
        values, indices = self.read(sparse.values), self.read(sparse.indices)
        what = f"sparse tensor {sparse.values.name!r}"
        shape = checked_shape(sparse.dims, values.dtype.itemsize, what)
        if indices.dtype.kind not in "iu":
            raise FormatError(f"{what} has indices of {indices.dtype}, expected int64", "DTYPE")
        rows = (len(values), len(shape)) if values.ndim == 1 and shape else None
        if values.ndim != 1 or indices.shape not in (values.shape, rows):
            raise FormatError(
                f"{what} of shape {list(shape)}: values of shape {list(values.shape)} with indices "
                f"of shape {list(indices.shape)}, expected a vector and an index, or a row of "
                f"{len(shape)}, for each element",
                "SHAPE",
            )
        indices = indices.astype(np.int64)
        limits = np.array(shape if indices.ndim == 2 else math.prod(shape))
        if ((indices < 0) | (indices >= limits)).any():
            raise FormatError(f"{what} has an index outside of its shape {list(shape)}", "RANGE")
        if indices.ndim == 2:
            indices = np.ravel_multi_index(tuple(indices.T), shape)
        if len(np.unique(indices)) != len(indices):
            raise FormatError(f"{what} has an index twice", "DUPLICATE")
        self.budget.take(math.prod(shape) * values.dtype.itemsize, what)
        dense = np.zeros(math.prod(shape), values.dtype)
        dense[indices] = values
        return dense.reshape(shape)


def inline_data(model: onnx.ModelProto, path: str) -> None:
    """Puts the external data of the model in the file ``path`` into the model itself."""
    files = ExternalFiles(path, Budget())
    try:
        for tensor in external_tensors(model):
            tensor.raw_data = bytes(files.read(tensor, stored_size(tensor)[1]))
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
    finally:
        files.close()


def _from_bytes(data: bytes | bytearray, dtype: np.dtype) -> np.ndarray:
    """Little-endian elements; of a bool any byte but zero is true."""
    if dtype == np.bool_:
        return np.frombuffer(data, np.uint8) != 0
    return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype, copy=False)


def _from_numbers(numbers: Sequence[float], field: str, dtype: np.dtype, what: str) -> np.ndarray:
    """Elements from a list of numbers. Integers that are too large wrap, as they do elsewhere."""
    array = np.array(numbers, _DATA_FIELDS[field])
    if dtype == np.bool_:
        return array != 0
    if dtype != np.float16:
        return array.astype(dtype, copy=False)
    if ((array < 0) | (array > _MAX_HALF_BITS)).any():
        raise FormatError(f"{what} has numbers in {field} that are no bits of a float16", "RANGE")
    return array.astype(np.uint16).view(np.float16)
