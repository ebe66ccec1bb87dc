"""Tensors that are broken, hostile or beyond edgert, and shapes left open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import make_model, value_info
from onnx_refusals import F32, I64, RAW, WEIGHT, X, matmul_model, refuse, relu, tensor

from edgert.budget import Budget
from edgert.converter import convert
from edgert.errors import (
    FormatError,
    InputError,
    LimitError,
    UnsupportedError,
)
from edgert.importer import import_model
from edgert.importer.tensors import _DATA_FIELDS, TensorReader

# --- G10: sizes of tensors ------------------------------------------------------------------------


BAD_TENSORS = {
    **{f"raw_{n}": ("SIZE", tensor(raw_data=RAW[:n])) for n in (0, 1, 4, 44, 47)},
    **{f"raw_{n}": ("SIZE", tensor(raw_data=RAW + bytes(n - 48))) for n in (49, 52, 96, 4096)},
    **{f"floats_{n}": ("SIZE", tensor(float_data=[1.0] * n)) for n in (0, 1, 11, 13, 100)},
    "no_data": ("SIZE", tensor()),
    "raw_and_floats": ("SIZE", tensor(raw_data=RAW, float_data=[1.0] * 12)),
    "floats_and_ints": ("SIZE", tensor(float_data=[1.0] * 12, int32_data=[1])),
    "wrong_field": ("SIZE", tensor(int32_data=[1] * 12)),
    "doubles_for_floats": ("SIZE", tensor(double_data=[1.0] * 12)),
    "strings_too": ("SIZE", tensor(float_data=[1.0] * 12, string_data=[b"x"])),
    "negative": ("SHAPE", tensor(dims=[-3, 4], raw_data=RAW)),
    "both_negative": ("SHAPE", tensor(dims=[-3, -4], raw_data=RAW)),
    "smallest": ("SHAPE", tensor(dims=[-(2**63)], raw_data=RAW)),
    "other_shape": ("SIZE", tensor(dims=[3, 5], raw_data=RAW)),
    "scalar": ("SIZE", tensor(dims=[], raw_data=RAW)),
    "zero": ("SIZE", tensor(dims=[0, 4], raw_data=RAW)),
    "halves": ("SIZE", tensor(data_type=TensorProto.FLOAT16, raw_data=RAW)),
    "longs": ("SIZE", tensor(data_type=TensorProto.INT64, raw_data=RAW)),
}


@pytest.mark.parametrize("name", BAD_TENSORS)
def test_g10_sizes(name: str) -> None:
    """The data is exactly what type and shape take, in one place."""
    rule, weight = BAD_TENSORS[name]
    refuse(FormatError, rule, matmul_model(weight))
    constant = helper.make_node("Constant", [], ["w"], "constant", value=weight)
    nodes = [constant, helper.make_node("MatMul", ["x", "w"], ["y"], "matmul")]
    with pytest.raises(FormatError):
        import_model(make_model(nodes, [X], ["y"]))


@pytest.mark.parametrize(
    "dims",
    [[2**40], [2**63 - 1], [2**32, 2**32], [2**31, 2**31, 2**31], [2**16] * 5, [1, 2**50], [2**37]],
)
def test_g10_huge_shapes(dims: list[int]) -> None:
    """Products beyond 64 bits included."""
    refuse(LimitError, "TENSOR", matmul_model(tensor(dims=dims, raw_data=RAW)))


@pytest.mark.parametrize("dims", [[1] * 33, [2**62] * 100_000, [0] * 40])
@pytest.mark.parametrize("live", [True, False])
def test_g10_many_dimensions(dims: list[int], live: bool, tmp_path: Path) -> None:
    """Are counted before they are multiplied, also those of a tensor that nobody reads."""
    weight = tensor(dims=dims, raw_data=RAW)
    if live:
        refuse(LimitError, "RANK", matmul_model(weight))
    else:
        model = make_model([relu("x", "y")], [X], ["y"], [weight])
        assert convert(model, tmp_path / "m.edgert").before.parameters == 0


@pytest.mark.parametrize("dims", [[0, 2**62], [2**40, 0, 2**40], [2**63 - 1, 2**63 - 1, 0]])
def test_g10_huge_shapes_without_elements(dims: list[int]) -> None:
    """No array has them, though it would take no bytes."""
    refuse(LimitError, "TENSOR", matmul_model(tensor(dims=dims, raw_data=b"")))


INTEGERS = {  # the numbers of a field, the type, and what they are elsewhere, too
    "int8": ([-1, 127, 255, 300], np.array([-1, 127, -1, 44], np.int8)),
    "uint8": ([0, 255, -1, 256], np.array([0, 255, 255, 0], np.uint8)),
    "int16": ([-32768, 70000], np.array([-32768, 4464], np.int16)),
    "uint16": ([65535, 65536, -1], np.array([65535, 0, 65535], np.uint16)),
    "uint32": ([2**32 - 1, 2**32 + 5], np.array([2**32 - 1, 5], np.uint32)),
    "bool": ([0, 1, 2, -7], np.array([False, True, True, True])),
    "float16": ([0x3C00, 0xC000, 0xFFFF & 0x7C00], np.array([1, -2, np.inf], F32)),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_elements_that_are_stored_as_other_integers(name: str) -> None:
    """Wrap where they are too large; any number but zero is true."""
    numbers, expected = INTEGERS[name]
    data_type = helper.np_dtype_to_tensor_dtype(np.dtype(name))
    field = "uint64_data" if name == "uint32" else "int32_data"
    proto = tensor(data_type=data_type, dims=[len(numbers)], **{field: numbers})
    with TensorReader(None, Budget()) as reader:
        array = reader.read(proto)
    np.testing.assert_array_equal(array, expected)
    assert array.dtype == expected.dtype


@pytest.mark.parametrize("number", [-1, 0x10000, 2**31 - 1])
def test_bits_of_no_float16(number: int) -> None:
    """There is nothing that they could mean."""
    proto = tensor(data_type=TensorProto.FLOAT16, int32_data=[0] * 11 + [number])
    assert "float16" in refuse(FormatError, "RANGE", matmul_model(proto))


def test_raw_bytes_of_bools() -> None:
    """Any byte but zero is true, and is 1 from then on."""
    with TensorReader(None, Budget()) as reader:
        array = reader.read(tensor(data_type=TensorProto.BOOL, dims=[4], raw_data=b"\0\1\2\xff"))
    assert array.view(np.uint8).tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("field", [*_DATA_FIELDS, "raw_data"])
def test_no_elements(field: str) -> None:
    """Need no data, wherever there is none."""
    empty = {field: b"" if field == "raw_data" else []}
    with TensorReader(None, Budget()) as reader:
        assert reader.read(tensor(dims=[3, 0, 2], **empty)).shape == (3, 0, 2)


def sparse(values: np.ndarray, indices: np.ndarray, dims: Sequence[int]) -> onnx.ModelProto:
    """The model with a sparse weight."""
    model = matmul_model()
    del model.graph.initializer[:]
    entry = model.graph.sparse_initializer.add(dims=dims)
    entry.values.CopyFrom(numpy_helper.from_array(values, "w"))
    entry.indices.CopyFrom(numpy_helper.from_array(indices, "w_indices"))
    return model


def test_sparse_weights() -> None:
    """Linear indices, and one row of indices per element."""
    wanted = np.zeros((3, 4), F32)
    wanted[1, 2], wanted[2, 3] = 5, 7
    values = np.array([5, 7], F32)
    for indices in (np.array([6, 11], I64), np.array([[1, 2], [2, 3]], I64)):
        graph = import_model(sparse(values, indices, [3, 4]))
        (weight,) = [v.data for v in graph.values.values() if v.data is not None]
        np.testing.assert_array_equal(weight, wanted.T)


def test_sparse_indices_in_any_order() -> None:
    """And of any integer type."""
    wanted = np.zeros((3, 4), F32)
    wanted[1, 2], wanted[2, 3] = 5, 7
    for dtype in (np.int8, np.int32, np.uint8, np.uint64):
        graph = import_model(sparse(np.array([7, 5], F32), np.array([11, 6], dtype), [3, 4]))
        (weight,) = [v.data for v in graph.values.values() if v.data is not None]
        np.testing.assert_array_equal(weight, wanted.T)


BAD_INDICES: list[tuple[str, Any]] = [
    *[("RANGE", indices) for indices in (
        [12, 1], [-1, 1], [2**62, 0], [-(2**63), 0], [[0, 0], [0, 4]], [[0, 0], [3, 0]],
        [[0, 0], [-1, 0]], np.array([2**63 + 6, 11], np.uint64),
    )],
    *[("SHAPE", indices) for indices in (
        [0], [0, 1, 2], [[0], [1]], [[0, 0, 0], [1, 1, 1]], [[[0, 0], [1, 1]]], 0, [],
        np.zeros((2, 0), I64), np.zeros((0, 2), I64),
    )],
    *[("DUPLICATE", indices) for indices in ([6, 6], [[1, 2], [1, 2]])],
    *[("DTYPE", np.array([0, 1], dtype)) for dtype in (np.bool_, np.float32, np.float16)],
]  # fmt: skip


@pytest.mark.parametrize(("rule", "indices"), BAD_INDICES, ids=str)
@pytest.mark.parametrize("where", ["initializer", "constant"])
def test_sparse_indices_that_make_no_sense(rule: str, indices: Any, where: str) -> None:
    """One integer per element inside of the shape, or one row of them, and none twice."""
    indices = np.asarray(indices, I64) if isinstance(indices, (int, list)) else indices
    model = sparse(np.array([5, 7], F32), indices, [3, 4])
    if where == "constant":
        entry = model.graph.sparse_initializer.pop()
        constant = helper.make_node("Constant", [], ["w"], "constant", sparse_value=entry)
        model.graph.node.insert(0, constant)
    with pytest.raises(FormatError) as info:
        import_model(model)
    assert info.value.rule in (rule, "CHECK")
    assert "'w'" in str(info.value) or info.value.rule == "CHECK"


BAD_SPARSE: dict[str, tuple[str, dict[str, Any]]] = {
    "values_of_rank_2": ("SHAPE", {"values": np.ones((2, 1), F32)}),
    "one_value": ("SHAPE", {"values": np.array(5, F32)}),
    "no_values": ("SHAPE", {"values": np.zeros(0, F32)}),
    "negative": ("SHAPE", {"dims": [-3, 4]}),
    "scalar": ("RANGE", {"dims": []}),
    "empty": ("RANGE", {"dims": [0, 4]}),
    "huge": ("TENSOR", {"dims": [2**40, 4]}),
    "product_beyond_64_bits": ("TENSOR", {"dims": [2**32, 2**33]}),
    "empty_and_huge": ("TENSOR", {"dims": [2**62, 0]}),
    "many_dimensions": ("RANK", {"dims": [1] * 40}),
    "more_than_the_file_bounds": ("MEMORY", {"dims": [2**28, 1]}),
}


@pytest.mark.parametrize("name", BAD_SPARSE)
def test_sparse_tensors_that_make_no_sense(name: str) -> None:
    """The values are a vector; the shape is one that a file of this size may have."""
    rule, change = BAD_SPARSE[name]
    fields = {"values": np.array([5, 7], F32), "indices": np.array([0, 1], I64), "dims": [3, 4]}
    with pytest.raises((FormatError, LimitError)) as info:
        import_model(sparse(**{**fields, **change}))
    assert info.value.rule == rule
    assert "'w'" in str(info.value)


def test_sparse_tensors_without_elements() -> None:
    """Are zeros."""
    for indices in (np.zeros(0, I64), np.zeros((0, 2), I64)):
        graph = import_model(sparse(np.zeros(0, F32), indices, [3, 4]))
        (weight,) = [v.data for v in graph.values.values() if v.data is not None]
        np.testing.assert_array_equal(weight, np.zeros((4, 3), F32))


# --- G13: element types ---------------------------------------------------------------------------


FOREIGN = [
    t for t in TensorProto.DataType.values()
    if t not in (
        TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BOOL,
        TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64,
        TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64,
    )
] + [99, 1000]  # fmt: skip


@pytest.mark.parametrize("data_type", FOREIGN)
def test_g13_types_of_weights(data_type: int) -> None:
    """Strings, complex numbers, bfloat16 and what is smaller than a byte."""
    weight = tensor(data_type=data_type, raw_data=RAW)
    with pytest.raises((UnsupportedError, FormatError)) as info:
        import_model(matmul_model(weight))
    assert "'w'" in str(info.value) or info.value.rule == "CHECK"


@pytest.mark.parametrize("data_type", FOREIGN)
def test_g13_types_of_inputs(data_type: int) -> None:
    """The input is named."""
    model = make_model([relu("x", "y")], [X], ["y"])
    model.graph.input[0].type.tensor_type.elem_type = data_type
    with pytest.raises((UnsupportedError, FormatError)):
        import_model(model)


def test_g13_bfloat16_is_named() -> None:
    """With the tensor and what there is instead."""
    message = refuse(
        UnsupportedError, "DTYPE", matmul_model(tensor(data_type=TensorProto.BFLOAT16))
    )
    assert "'w'" in message
    assert "BFLOAT16" in message


@pytest.mark.parametrize("bits", [0x7E00, 0x7C01, 0xFE00, 0xFFFF, 0x7DFF, 0x7C00, 0xFC00, 0x0001])
def test_g13_float16(bits: int) -> None:
    """Every float16, NaN with a payload included, becomes the float32 of that value."""
    data = np.full((3, 4), bits, np.uint16).view(np.float16)
    graph = import_model(matmul_model(numpy_helper.from_array(data, "w")))
    (weight,) = [v.data for v in graph.values.values() if v.data is not None]
    np.testing.assert_array_equal(weight, data.T.astype(F32))


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_weights_of_other_floats_become_float32(dtype: type) -> None:
    """Inputs keep their type, and are converted."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], "matmul")]
    info = value_info("x", np.zeros((2, 3), dtype))
    weight = numpy_helper.from_array(WEIGHT.astype(dtype), "w")
    graph = import_model(make_model(nodes, [info], ["y"], [weight]))
    assert graph.values["x"].dtype == dtype
    assert {v.dtype for v in graph.values.values() if v.data is not None} == {np.dtype(F32)}
    assert [node.op for node in graph.nodes][:1] == ["cast"]
    assert graph.values["y"].dtype == F32


@pytest.mark.parametrize("kind", ["sequence", "map", "optional", "sparse_tensor", "opaque", "none"])
def test_g13_inputs_that_are_no_tensors(kind: str) -> None:
    """Sequences, maps, optional and sparse values."""
    model = make_model([relu("x", "y")], [X], ["y"])
    info = model.graph.input[0]
    info.ClearField("type")
    element = helper.make_tensor_type_proto(TensorProto.FLOAT, [1])
    if kind == "sequence":
        info.type.sequence_type.elem_type.CopyFrom(element)
    elif kind == "optional":
        info.type.optional_type.elem_type.CopyFrom(element)
    elif kind == "map":
        info.type.map_type.key_type = TensorProto.INT64
        info.type.map_type.value_type.CopyFrom(element)
    elif kind == "sparse_tensor":
        info.type.sparse_tensor_type.elem_type = TensorProto.FLOAT
        info.type.sparse_tensor_type.shape.SetInParent()
    elif kind == "opaque":
        info.type.opaque_type.name = "x"
    with pytest.raises((UnsupportedError, FormatError)):
        import_model(model)


# --- G15: open dimensions -------------------------------------------------------------------------


def open_model(*shapes: Sequence[int | str] | None) -> onnx.ModelProto:
    """A sum of inputs a, b, ... of the given shapes."""
    infos = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip("abcd", shapes)
    ]
    return make_model([helper.make_node("Sum", [i.name for i in infos], ["y"])], infos, ["y"])


OPEN = [
    [["N", 3]], [[1, "C"]], [["N", "C", "H", "W"]], [[None, 3]], [[-1, 3]], [["batch"]], [None],
    [["N", 3], [2, 3]], [[2, 3], ["N", 3]], [["N", 3], ["M", 3]], [[-5, -5]], [["", 4]],
    [[1, 3, "H", "W"]], [["N", 1], [1, "M"]], [None, None], [["N"], None], [["N", "N"]],
    [["N", 3, 224, 224]], [[1, None, 224, 224]], [["unk__1", "unk__2"]],
]  # fmt: skip


def is_size(dim: Any) -> bool:
    return isinstance(dim, int) and dim >= 0


@pytest.mark.parametrize("shapes", OPEN, ids=str)
def test_g15_open_dimensions(shapes: Any) -> None:
    """A leading one is 1; each input that is still open is named, with its dimensions and an option
    that pins it.
    """
    is_open = [shape is None or not all(map(is_size, shape[1:])) for shape in shapes]
    if not any(is_open):
        graph = import_model(open_model(*shapes))
        for name, (first, *rest) in zip("abcd", shapes):
            assert graph.values[name].shape == (first if is_size(first) else 1, *rest)
        return
    message = refuse(UnsupportedError, "DIMS", open_model(*shapes))
    for name, shape, own in zip("abcd", shapes, is_open):
        assert (f"input '{name}'" in message) == own
        assert (f"--input-shape '{name}=" in message) == own
        for dim in (shape or []) if own else []:
            assert not isinstance(dim, str) or dim in message


def test_g15_a_leading_dimension_has_one_size() -> None:
    """That of a pinned input of the same name."""
    graph = import_model(open_model(["N", 3], ["N", 3], ["M", 3]), {"b": (4, 3)})
    assert [graph.values[name].shape for name in "abc"] == [(4, 3), (4, 3), (1, 3)]
    graph = import_model(open_model(["N", "C"], ["M", "C"]), {"a": (2, 3)})
    assert graph.values["b"].shape == (1, 3)


@pytest.mark.parametrize(
    ("shapes", "hints"),
    [
        ([["N", "C", "H", "W"]], ["1,3,224,224"]),
        ([["N", "H", "W", 3]], ["1,224,224,3"]),
        ([[1, 1, "H", "W"]], ["1,1,224,224"]),
        ([["N", "T", 80], ["N", "T"]], ["1,128,80", "1,128"]),
        ([["T", "H"], ["A", "C", "H", "T"]], ["1,128", "1,3,128,1"]),
        ([["N", 8, "past", 64]], ["1,8,128,64"]),
        ([[None, None], [None, None, 4]], ["1,128", "1,128,4"]),
        ([["N", 3], [5, "N"], ["M", "N", "K"]], [None, None, "1,1,128"]),
        ([None], ["1,3,224,224"]),
    ],
    ids=str,
)
def test_g15_hints(shapes: Any, hints: Sequence[str | None]) -> None:
    """Are sizes that models have, and one size for a name, also where others say it."""
    message = refuse(UnsupportedError, "DIMS", open_model(*shapes))
    for name, hint in zip("abc", hints):
        found = re.findall(rf"--input-shape '{name}=(.*?)'", message)
        assert found == ([] if hint is None else [hint])


def test_g15_pinned() -> None:
    """By full shapes; a name that occurs twice is pinned once."""
    graph = import_model(open_model(["N", 3], ["N", 3]), {"a": (4, 3)})
    assert graph.values["b"].shape == (4, 3)
    graph = import_model(open_model(None), {"a": [2, 5]})
    assert graph.values["y"].shape == (2, 5)


@pytest.mark.parametrize(
    "pins",
    [{"x": (1, 3)}, {"a": (4,)}, {"a": (4, 3, 1)}, {"a": ()}, {"a": (4, 4)}, {"a": (0, 3)},
     {"a": (-1, 3)}, {"a": (4.0, 3)}, {"a": ("4", 3)}, {"a": (4, 3), "b": (5, 3)}, {"": (4, 3)},
     {"A": (4, 3)}, {"a": (4, 3), "z": (1,)}, {"y": (4, 3)}, {"a ": (4, 3)}, {"a": (None, 3)},
     {"b": (4, 2)}, {"b": (3,)}, {"a": (4, 3), "b": (4, -3)}, {"a": (float("nan"), 3)}],
    ids=str,
)  # fmt: skip
def test_g15_pins_that_do_not_fit(pins: dict[str, Any]) -> None:
    """Unknown inputs, other ranks, other sizes, sizes below one."""
    refuse(InputError, "INPUT", open_model(["N", 3], ["N", 3]), pins)


def test_g15_zero_and_huge_sizes() -> None:
    """No elements, and more than there can be."""
    refuse(FormatError, "SHAPE", open_model([0, 3]))
    refuse(LimitError, "TENSOR", open_model(["N", 3]), {"a": (2**40, 3)})
