"""Tensors that are broken, hostile or beyond edgert, and shapes left open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import make_model, value_info
from onnx_refusals import F32, I64, RAW, WEIGHT, X, matmul_model, refuse, relu, tensor

from edgert.errors import (
    FormatError,
    InputError,
    LimitError,
    UnsupportedError,
)
from edgert.importer import import_model

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


@pytest.mark.parametrize(
    "indices",
    [[12, 1], [-1, 1], [2**62, 0], [0], [0, 1, 2], [[0, 0], [0, 4]], [[0, 0], [3, 0]],
     [[0, 0], [-1, 0]], [[0], [1]], [[0, 0, 0], [1, 1, 1]], [[[0, 0], [1, 1]]]],
    ids=str,
)  # fmt: skip
def test_sparse_indices_out_of_range(indices: Any) -> None:
    """One index per element, inside of the shape."""
    model = sparse(np.array([5, 7], F32), np.array(indices, I64), [3, 4])
    with pytest.raises(FormatError):
        import_model(model)


# --- G12: constants that grow ---------------------------------------------------------------------


def constants_model(nodes: Sequence[onnx.NodeProto], **constants: np.ndarray) -> onnx.ModelProto:
    """Nodes that compute ``y`` from constants alone."""
    weights = [numpy_helper.from_array(data, name) for name, data in constants.items()]
    return make_model(nodes, [], ["y"], weights)


def i64(*values: int) -> np.ndarray:
    """A vector of int64."""
    return np.array(values, I64)


def node(op: str, *inputs: str, **attrs: Any) -> onnx.NodeProto:
    """A node that writes y."""
    return helper.make_node(op, inputs, ["y"], **attrs)


ONE = np.ones(1, F32)
BOMBS = {
    "fill": ([node("ConstantOfShape", "s")], {"s": i64(2**20, 2**20)}),
    "fill_wraps": ([node("ConstantOfShape", "s")], {"s": i64(2**32, 2**32, 2**32)}),
    "fill_long": ([node("ConstantOfShape", "s")], {"s": i64(2**62)}),
    "fill_edge": ([node("ConstantOfShape", "s")], {"s": i64(2**29 + 1)}),
    "range": ([node("Range", "a", "b", "c")], {k: np.array(v) for k, v in
              zip("abc", (0, 10**12, 1))}),
    "range_down": ([node("Range", "a", "b", "c")], {k: np.array(v) for k, v in
                   zip("abc", (0, -(10**15), -1))}),
    "range_float": ([node("Range", "a", "b", "c")], {k: np.array(v, F32) for k, v in
                    zip("abc", (0, 1e9, 1e-9))}),
    "expand": ([node("Expand", "x", "s")], {"x": ONE, "s": i64(2**20, 2**20)}),
    "expand_rank": ([node("Expand", "x", "s")], {"x": ONE, "s": i64(*[16] * 12)}),
    "tile": ([node("Tile", "x", "s")], {"x": ONE, "s": i64(2**40)}),
    "tile_all": ([node("Tile", "x", "s")], {"x": np.ones((4, 4), F32), "s": i64(2**20, 2**20)}),
    "pad": ([node("Pad", "x", "s")], {"x": ONE, "s": i64(2**40, 0)}),
    "pad_behind": ([node("Pad", "x", "s")], {"x": np.ones((1, 1), F32),
                   "s": i64(0, 2**20, 2**20, 0)}),
    "one_hot": ([node("OneHot", "i", "d", "v")], {"i": i64(1), "d": np.array(2**40, I64),
                "v": np.array([0, 1], F32)}),
    "outer_sum": ([node("Add", "a", "b")], {"a": np.ones((2**16, 1), F32),
                  "b": np.ones((1, 2**16), F32)}),
    "outer_where": ([node("Where", "c", "a", "b")], {"a": np.ones((2**16, 1), F32),
                    "b": np.ones((1, 2**16), F32), "c": np.array(True)}),
    "outer_equal": ([node("Equal", "a", "b")], {"a": np.ones((2**16, 1), F32),
                    "b": np.ones((1, 2**16), F32)}),
    "outer_product": ([node("MatMul", "a", "b")], {"a": np.ones((2**16, 1), F32),
                      "b": np.ones((1, 2**16), F32)}),
    "long_product": ([node("MatMul", "a", "b")], {"a": np.ones((2**11, 2**11), F32),
                     "b": np.ones((2**11, 2**11), F32)}),
    "gather": ([node("Gather", "x", "i")], {"x": np.ones((1, 2**20), F32),
               "i": np.zeros(2**12, I64)}),
    "concat": ([
        *[helper.make_node("Concat", [f"v{i}"] * 4, [f"v{i + 1}"], axis=0) for i in range(18)],
        node("Identity", "v18"),
    ], {"v0": ONE}),
    "many_fills": ([
        *[helper.make_node("ConstantOfShape", ["s"], [f"v{i}"]) for i in range(40)],
        node("Concat", *[f"v{i}" for i in range(40)], axis=0),
    ], {"s": i64(2**24)}),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_g12_bombs(name: str) -> None:
    """Refused before the memory is taken."""
    nodes, constants = BOMBS[name]
    refuse(LimitError, "FOLD", constants_model(nodes, **constants))


def test_g12_growth_at_run_time() -> None:
    """The same, of values that are computed while the model runs."""
    for op, data in (
        ("Expand", i64(2**31, 2, 3)),
        ("Tile", i64(2**40, 1)),
        ("Pad", i64(0, 0, 2**40, 0)),
    ):
        model = make_model([node(op, "x", "s")], [X], ["y"], [numpy_helper.from_array(data, "s")])
        with pytest.raises((LimitError, FormatError)):
            import_model(model)


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


@pytest.mark.parametrize("shapes", OPEN, ids=str)
def test_g15_open_dimensions(shapes: Any) -> None:
    """Every open input is named, with its dimensions and the option that pins it."""
    message = refuse(UnsupportedError, "DIMS", open_model(*shapes))
    for name, shape in zip("abcd", shapes):
        is_open = shape is None or any(not isinstance(d, int) or d < 0 for d in shape)
        assert (f"input '{name}'" in message) == is_open
        assert (f"--input-shape '{name}=" in message) == is_open
        for dim in shape or []:
            assert not isinstance(dim, str) or dim in message


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
