"""The inputs of a model: every dimension is stated by the model or pinned by the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from edgert.errors import FormatError, InputError, LimitError, UnsupportedError
from edgert.importer.tensors import element_type
from edgert.importer.text import printable
from edgert.schema import MAX_RANK


@dataclass(frozen=True)
class Input:
    """An input of the graph; ``dtype`` is the model's own."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]


def pin_inputs(model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> list[Input]:
    """The inputs that are no initializers, with static shapes.

    A dimension that one pinned input gives a value to has that value in the other inputs too, if
    the model calls it by the same name. A leading one is 1, where it alone is left open: a batch of
    one sample. Nothing else is guessed. Raises InputError for ``shapes`` that do not fit and
    UnsupportedError, rule DIMS, naming every open dimension.
    """
    graph = model.graph
    constants = {t.name for t in graph.initializer}
    constants.update(t.values.name for t in graph.sparse_initializer)
    infos = {i.name: i for i in graph.input if i.name not in constants}
    unknown = sorted(set(shapes) - set(infos))
    if unknown:
        raise InputError(f"the model has no input {unknown}; it has {sorted(infos)}", "INPUT")
    declared = {name: _declared_shape(info) for name, info in infos.items()}
    symbols: dict[str, int] = {}
    for name, shape in shapes.items():
        _check_pinned(name, declared[name], tuple(shape), symbols)
    for name, dims in declared.items():
        if name not in shapes and dims is not None:
            declared[name] = _single_sample(dims, symbols)
    inputs, still_open = [], []
    for name, info in infos.items():
        dims = tuple(shapes[name]) if name in shapes else declared[name]
        if len(dims or ()) > MAX_RANK:
            raise LimitError(
                f"input {name!r} has {len(dims)} dimensions, at most {MAX_RANK}", "RANK"
            )
        if dims is not None:
            dims = tuple(symbols.get(dim, dim) for dim in dims)
        if dims is None or any(isinstance(dim, str) for dim in dims):
            still_open.append((name, dims))
            continue
        dtype = element_type(info.type.tensor_type.elem_type, f"input {name!r}")
        if 0 in dims:
            raise FormatError(f"input {name!r} has no elements: its shape is {dims}", "SHAPE")
        inputs.append(Input(name, dtype, dims))
    if still_open:
        raise UnsupportedError(_open_dims_message(still_open), "DIMS")
    return inputs


def _single_sample(dims: tuple[int | str, ...], symbols: dict[str, int]) -> tuple[int | str, ...]:
    """``dims`` with 1 for the leading one, and for its symbol, if no other is open."""
    known = tuple(symbols.get(dim, dim) for dim in dims)
    if [i for i, dim in enumerate(known) if isinstance(dim, str)] != [0]:
        return dims
    if known[0] != "?":
        symbols[known[0]] = 1
    return (1, *known[1:])


def set_values(
    model: onnx.ModelProto, values: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]
) -> dict[str, np.ndarray]:
    """Makes constants of inputs of the model, which it changes; returns the arrays by name.

    One number stands for all elements of an input with a static shape, its own or that of
    ``shapes``. Raises InputError for an input that there is not, and a value that it cannot have.
    """
    graph = model.graph
    infos = {info.name: info for info in graph.input}
    arrays: dict[str, np.ndarray] = {}
    for name, value in values.items():
        if name not in infos:
            raise InputError(f"the model has no input {name!r}; it has {sorted(infos)}", "INPUT")
        dtype = element_type(infos[name].type.tensor_type.elem_type, f"input {name!r}")
        declared = _declared_shape(infos[name])
        shape = tuple(shapes[name]) if name in shapes else declared
        arrays[name] = _value(name, value, dtype, shape)
        if declared is not None:
            _check_pinned(name, declared, arrays[name].shape, {})
    kept = [info for info in graph.input if info.name not in arrays]
    constants = [tensor for tensor in graph.initializer if tensor.name not in arrays]
    del graph.input[:], graph.initializer[:]
    graph.input.extend(kept)
    graph.initializer.extend(constants)
    graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in arrays.items())
    return arrays


def _value(
    name: str, value: Any, dtype: np.dtype, shape: tuple[int | str, ...] | None
) -> np.ndarray:
    found = np.asarray(value)
    is_number = found.dtype.kind in "biuf" and np.isfinite(found).all()
    # A float may be rounded, an integer not.
    array = found.astype(dtype) if is_number else found
    if not is_number or (array.dtype.kind != "f" and not np.array_equal(array, found)):
        raise InputError(f"input {name!r} cannot be {value!r}, expected {dtype}", "INPUT")
    is_static = shape is not None and not any(isinstance(dim, str) for dim in shape)
    if array.size == 1 and is_static:
        return np.full(shape, array.reshape(()))
    if array.size == 1 and array.ndim == 0 and shape:
        raise InputError(
            f"input {name!r} has the shape {_text(shape)}: one number stands for all elements only "
            "if its shape is stated, too",
            "INPUT",
        )
    return array


def open_batches(model: onnx.ModelProto) -> set[str]:
    """The inputs of which the model leaves the leading dimension open."""
    declared = {info.name: _declared_shape(info) for info in model.graph.input}
    return {name for name, dims in declared.items() if dims and isinstance(dims[0], str)}


def _declared_shape(info: onnx.ValueInfoProto) -> tuple[int | str, ...] | None:
    """Sizes, names for open dimensions ("?" for one without a name), or None for any rank."""
    if info.type.WhichOneof("value") != "tensor_type":
        raise UnsupportedError(
            f"input {info.name!r} is a {info.type.WhichOneof('value')}, expected a tensor", "INPUT"
        )
    tensor = info.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    # A negative size is how some exporters write an open dimension.
    return tuple(
        d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else d.dim_param or "?"
        for d in tensor.shape.dim
    )


def _check_pinned(
    name: str,
    declared: tuple[int | str, ...] | None,
    shape: tuple[int, ...],
    symbols: dict[str, int],
) -> None:
    """Checks a pinned shape against the declared one and notes what named dimensions become."""
    if any(not isinstance(dim, (int, np.integer)) or dim < 1 for dim in shape):
        raise InputError(f"input {name!r}: {shape} is no shape of positive integers", "INPUT")
    if declared is None:
        return
    fits = len(shape) == len(declared)
    for dim, size in zip(declared, shape):
        if isinstance(dim, str) and dim != "?":
            fits &= symbols.setdefault(dim, size) == size
        elif isinstance(dim, int):
            fits &= dim == size
    if not fits:
        known = {dim: symbols[dim] for dim in declared if dim in symbols}
        raise InputError(
            f"input {name!r}: the shape {shape} does not fit the model's {_text(declared)}"
            + (f" with {known}" if known else ""),
            "INPUT",
        )


def _open_dims_message(still_open: list[tuple[str, tuple[int | str, ...] | None]]) -> str:
    lines = ["the model leaves dimensions open; edgert needs static shapes:"]
    for name, dims in still_open:
        text = "any shape" if dims is None else _text(dims)
        example = (1, 3, 224, 224) if dims is None else tuple(_example(dims))
        argument = f"{name}={','.join(map(str, example))}"
        lines.append(f"  input {name!r}: {text}; for example --input-shape {argument!r}")
    return "\n".join(lines)


def _text(dims: Sequence[int | str]) -> str:
    return f"[{', '.join(map(printable, dims))}]"


def _example(dims: tuple[int | str, ...]) -> list[int]:
    usual = {0: 1} if len(dims) < 3 else {0: 1, 1: 3}
    return [dim if isinstance(dim, int) else usual.get(i, 224) for i, dim in enumerate(dims)]
