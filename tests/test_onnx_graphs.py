"""Graphs, operator sets and nodes that are broken or beyond edgert."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import make_model, value_info
from onnx_refusals import F32, I64, WEIGHT, X, matmul_model, refuse, relu

from edgert import interp
from edgert.errors import (
    FormatError,
    LimitError,
    UnsupportedError,
)
from edgert.importer import import_model

# --- G9: names and order --------------------------------------------------------------------------


W = numpy_helper.from_array(WEIGHT, "w")
BROKEN_GRAPHS = {
    "two_initializers": ("DUPLICATE", [relu("x", "y")], [X], ["y"], [W, W]),
    "two_inputs": ("DUPLICATE", [relu("x", "y")], [X, X], ["y"], []),
    "two_outputs": ("DUPLICATE", [relu("x", "y")], [X], ["y", "y"], []),
    "two_writers": ("DUPLICATE", [relu("x", "y"), relu("x", "y")], [X], ["y"], []),
    "writes_an_input": ("DUPLICATE", [relu("x", "x")], [X], ["x"], []),
    "writes_a_weight": ("DUPLICATE", [relu("x", "w")], [X], ["w"], [W]),
    "reads_itself": ("ORDER", [relu("y", "y")], [X], ["y"], []),
    "cycle_of_two": ("ORDER", [relu("b", "a"), relu("a", "b")], [X], ["b"], []),
    "cycle_of_three": ("ORDER", [relu("c", "a"), relu("a", "b"), relu("b", "c")], [X], ["c"], []),
    "nothing_writes": ("ORDER", [relu("nowhere", "y")], [X], ["y"], []),
    "output_unwritten": ("IO", [relu("x", "y")], [X], ["z"], []),
    "no_nodes": ("IO", [], [X], ["y"], []),
    "empty_output": ("NAME", [relu("x", "y")], [X], [""], []),
    "empty_input": ("NAME", [relu("x", "y")], [value_info("", np.zeros(1, F32)), X], ["y"], []),
    "empty_weight": ("NAME", [relu("x", "y")], [X], ["y"], [numpy_helper.from_array(WEIGHT, "")]),
    "long_value": ("NAME", [relu("x", "y" * 1025)], [X], ["y" * 1025], []),
    "nul": ("NAME", [relu("x", "y\0")], [X], ["y\0"], []),
    "missing_operand": ("CHECK", [helper.make_node("Add", ["x"], ["y"])], [X], ["y"], []),
    "too_many_operands": ("CHECK", [helper.make_node("Relu", ["x", "x"], ["y"])], [X], ["y"], []),
    "unknown_attribute": ("CHECK", [helper.make_node("Relu", ["x"], ["y"], a=1)], [X], ["y"], []),
    "attribute_type": (
        "CHECK", [helper.make_node("Flatten", ["x"], ["y"], axis="1")], [X], ["y"], [],
    ),
    "missing_attribute": ("CHECK", [helper.make_node("Cast", ["x"], ["y"])], [X], ["y"], []),
    "retired_operator": (
        "CHECK", [helper.make_node("Upsample", ["x", "w"], ["y"])], [X], ["y"], [W],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_GRAPHS)
def test_g9_graphs(name: str) -> None:
    """Names, single assignment, order, and each node by ONNX's definition of it."""
    rule, nodes, inputs, outputs, weights = BROKEN_GRAPHS[name]
    refuse(FormatError, rule, make_model(nodes, inputs, outputs, weights))


ILL_TYPED = {
    "matmul": helper.make_node("MatMul", ["x", "x"], ["y"]),
    "add": helper.make_node("Add", ["x", "w"], ["y"]),
    "gemm": helper.make_node("Gemm", ["x", "x"], ["y"]),
    "concat_axis": helper.make_node("Concat", ["x", "x"], ["y"], axis=5),
    "concat_shapes": helper.make_node("Concat", ["x", "w"], ["y"], axis=0),
    "softmax_axis": helper.make_node("Softmax", ["x"], ["y"], axis=2),
    "flatten_axis": helper.make_node("Flatten", ["x"], ["y"], axis=3),
    "transpose_perm": helper.make_node("Transpose", ["x"], ["y"], perm=[0, 0]),
    "transpose_rank": helper.make_node("Transpose", ["x"], ["y"], perm=[0, 1, 2]),
    "gather_axis": helper.make_node("Gather", ["x", "one"], ["y"], axis=-3),
    "gather_index": helper.make_node("Gather", ["x", "far"], ["y"]),
    "reshape": helper.make_node("Reshape", ["x", "far"], ["y"]),
    "reshape_two_unknown": helper.make_node("Reshape", ["x", "unknown"], ["y"]),
    "squeeze": helper.make_node("Squeeze", ["x", "one"], ["y"]),
    "unsqueeze": helper.make_node("Unsqueeze", ["x", "far"], ["y"]),
    "expand": helper.make_node("Expand", ["x", "far"], ["y"]),
    "tile": helper.make_node("Tile", ["x", "one"], ["y"]),
    "reduce": helper.make_node("ReduceMean", ["x"], ["y"], axes=[2]),
    "split": helper.make_node("Split", ["x", "far"], ["y"]),
    "conv_rank": helper.make_node("Conv", ["x", "w"], ["y"]),
    "conv_channels": helper.make_node("Conv", ["image", "kernel"], ["y"]),
    "conv_group": helper.make_node("Conv", ["image", "kernel"], ["y"], group=3),
    "conv_strides": helper.make_node("Conv", ["image", "kernel3"], ["y"], strides=[0, 1]),
    "conv_negative": helper.make_node("Conv", ["image", "kernel3"], ["y"], dilations=[-1, 1]),
    "conv_pads": helper.make_node("Conv", ["image", "kernel3"], ["y"], pads=[1, 1]),
    "conv_kernel_shape": helper.make_node("Conv", ["image", "kernel3"], ["y"], kernel_shape=[9, 9]),
    "conv_too_small": helper.make_node("Conv", ["image", "kernel3"], ["y"], dilations=[9, 9]),
    **{
        f"conv_transpose_{name}": helper.make_node(
            "ConvTranspose", ["image", "kernel_t"], ["y"], **{name: values}
        )
        for name, values in {
            "strides": [2],
            "dilations": [1],
            "pads": [1, 1],
            "output_padding": [0],
            "output_shape": [10],
        }.items()
    },
    "pool_kernel": helper.make_node("MaxPool", ["image"], ["y"], kernel_shape=[0, 0]),
    "pool_rank": helper.make_node("MaxPool", ["image"], ["y"], kernel_shape=[2]),
    "pool_large": helper.make_node("AveragePool", ["image"], ["y"], kernel_shape=[99, 99]),
    "norm": helper.make_node("BatchNormalization", ["image", "one_f"] + ["one_f"] * 3, ["y"]),
    "slice_axes": helper.make_node("Slice", ["x", "one", "far", "far"], ["y"]),
    "slice_step": helper.make_node("Slice", ["x", "zero", "one", "zero", "zero"], ["y"]),
    "pad": helper.make_node("Pad", ["x", "one"], ["y"]),
    "resize": helper.make_node("Resize", ["image", "", "one_f"], ["y"]),
    "depth": helper.make_node("DepthToSpace", ["image"], ["y"], blocksize=2),
    "depth_zero": helper.make_node("DepthToSpace", ["image"], ["y"], blocksize=0),
}


@pytest.mark.parametrize("name", ILL_TYPED)
def test_shapes_and_attributes(name: str) -> None:
    """Shapes that do not fit together and attributes out of range."""
    constants = {
        "w": WEIGHT, "one": np.array([1], I64), "far": np.array([99], I64),
        "zero": np.array([0], I64), "unknown": np.array([-1, -1], I64),
        "one_f": np.array([1], F32), "kernel": np.ones((4, 5, 3, 3), F32),
        "kernel3": np.ones((4, 3, 3, 3), F32), "kernel_t": np.ones((3, 4, 3, 3), F32),
    }  # fmt: skip
    weights = [numpy_helper.from_array(data, key) for key, data in constants.items()]
    inputs = [X, value_info("image", np.zeros((1, 3, 8, 8), F32))]
    with pytest.raises(FormatError):
        import_model(make_model([ILL_TYPED[name]], inputs, ["y"], weights))


# --- G11: operator sets ---------------------------------------------------------------------------


LATEST = onnx.defs.onnx_opset_version()


@pytest.mark.parametrize(
    "opsets",
    [[], [("", 0)], [("", -1)], [("", LATEST + 1)], [("", 100)], [("", 2**31)], [("", 2**62)],
     [("", 17), ("", 18)], [("", 17), ("ai.onnx", 16)], [("ai.onnx", 13), ("", 9)],
     [("", 17), ("custom", 0)], [("", 17), ("custom", -5)], [("", 17), ("a", 1), ("a", 2)],
     [("ai.onnx", 0)], [("ai.onnx", 999)], [("", -(2**62))]],
    ids=str,
)  # fmt: skip
def test_g11_operator_sets(opsets: list[tuple[str, int]]) -> None:
    """None, unknown or contradictory ones."""
    model = matmul_model()
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*opset) for opset in opsets)
    refuse(UnsupportedError, "OPSET", model)


def test_g11_alias_of_the_default_domain() -> None:
    """ai.onnx is the default domain."""
    model = matmul_model()
    model.opset_import[0].domain = "ai.onnx"
    model.graph.node[0].domain = "ai.onnx"
    assert [node.op for node in import_model(model).nodes] == ["gemm"]


@pytest.mark.parametrize("version", [-1, 0, onnx.IR_VERSION + 1, 1000, 2**40])
def test_g11_ir_versions(version: int) -> None:
    """What the installed onnx package does not read."""
    model = matmul_model()
    model.ir_version = version
    rule = {0: "PROTO"}.get(version, "IR")
    error = FormatError if version == 0 else UnsupportedError
    refuse(error, rule, model.SerializeToString())


def test_g11_custom_domains_are_listed() -> None:
    """Every node that cannot run, at once, with domain and version; nothing that is not needed."""
    nodes = [
        helper.make_node("Fancy", ["x"], ["a"], "first", domain="com.example"),
        relu("a", "b", "between"),
        helper.make_node("Fancy", ["b"], ["c"], "second", domain="com.example"),
        helper.make_node("NonZero", ["c"], ["d"], "indices"),
        helper.make_node("Det", ["x"], ["e"], "determinant"),
        helper.make_node("Bernoulli", ["e"], ["f"], "random"),
        helper.make_node("Fancy", ["x"], ["unused"], "dead", domain="com.example"),
    ]
    model = make_model(nodes, [X], ["d", "f"])
    model.opset_import.append(helper.make_opsetid("com.example", 3))
    message = refuse(UnsupportedError, "OP", model)
    for text in ("5 nodes", "'first', 'second'", "com.example 3", "'indices'", "'determinant'",
                 "'random'"):  # fmt: skip
        assert text in message
    assert "dead" not in message
    assert "between" not in message
    with pytest.raises(UnsupportedError) as info:
        import_model(model)
    assert [node.name for node in info.value.nodes] == [
        "first", "second", "indices", "determinant", "random",
    ]  # fmt: skip


UNSUPPORTED = {
    "indices_of_max_pool": helper.make_node("MaxPool", ["image"], ["v", "y"], kernel_shape=[2, 2]),
    "conv_3d": helper.make_node("Conv", ["volume", "kernel3d"], ["y"]),
    "conv_weights_at_run_time": helper.make_node("Conv", ["image", "image"], ["y"]),
    "reshape_at_run_time": helper.make_node("Reshape", ["x", "shape"], ["y"]),
    "slice_at_run_time": helper.make_node("Slice", ["x", "shape", "shape"], ["y"]),
    "expand_at_run_time": helper.make_node("Expand", ["x", "shape"], ["y"]),
    "loop": helper.make_node("NonMaxSuppression", ["boxes", "boxes"], ["y"]),
    "random": helper.make_node("RandomNormal", [], ["y"], shape=[2]),
    "random_like": helper.make_node("RandomUniformLike", ["x"], ["y"]),
    "scatter_at_run_time": helper.make_node("ScatterND", ["x", "places", "row"], ["y"]),
    "range_at_run_time": helper.make_node("Range", ["number", "number", "number"], ["y"]),
    "shape_at_run_time": helper.make_node("ConstantOfShape", ["shape"], ["y"]),
    "regions": helper.make_node("MaxRoiPool", ["image", "boxes"], ["y"], pooled_shape=[2, 2]),
    "resize_mode": helper.make_node(
        "Resize",
        ["image", "", "scales"],
        ["y"],
        coordinate_transformation_mode="tf_crop_and_resize",
    ),
    "resize_three_axes_of_bytes": helper.make_node(
        "Resize", ["bytes", "", "scales3"], ["y"], mode="linear"
    ),
    "resize_between_corners": helper.make_node(
        "Resize",
        ["image", "", "fractions"],
        ["y"],
        mode="linear",
        coordinate_transformation_mode="align_corners",
    ),
    "resize_antialias": helper.make_node(
        "Resize", ["image", "", "half"], ["y"], mode="linear", antialias=1
    ),
    "dropout_in_training": helper.make_node("Dropout", ["x", "", "true"], ["y"]),
    "cast_to_bfloat16": helper.make_node("Cast", ["x"], ["y"], to=TensorProto.BFLOAT16),
    "cast_to_string": helper.make_node("Cast", ["x"], ["y"], to=TensorProto.STRING),
    "cast_to_uint16": helper.make_node("Cast", ["x"], ["y"], to=TensorProto.UINT16),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_nodes(name: str) -> None:
    """Valid ONNX, beyond edgert: named with the reason."""
    node = onnx.NodeProto()
    node.CopyFrom(UNSUPPORTED[name])
    node.name = "the_node"
    constants = {
        "kernel3d": np.ones((2, 3, 2, 2, 2), F32), "scales": np.array([1, 1, 2, 2], F32),
        "scales3": np.array([1, 2, 2, 2], F32), "half": np.array([1, 1, 0.5, 0.5], F32),
        "pads": np.array([1, 0, 1, 0], I64), "true": np.array(True), "k": np.array([1], I64),
        "scale": np.ones(3, F32), "fractions": np.array([1, 1, 1.2, 1.2], F32),
    }  # fmt: skip
    inputs = {
        "x": np.zeros((2, 3), F32), "image": np.zeros((1, 3, 8, 8), F32),
        "volume": np.zeros((1, 3, 4, 4, 4), F32), "boxes": np.zeros((1, 4, 4), F32),
        "shape": np.zeros(2, I64), "mask": np.zeros((2, 3), bool),
        "places": np.zeros((1, 1), I64), "row": np.zeros((1, 3), F32), "number": np.zeros((), I64),
        "bytes": np.zeros((1, 3, 8, 8), np.uint8),
    }  # fmt: skip
    model = make_model(
        [node],
        [value_info(key, data) for key, data in inputs.items()],
        ["y"],
        [numpy_helper.from_array(data, key) for key, data in constants.items()],
        opset=19,
    )
    message = refuse(UnsupportedError, "OP", model)
    assert "'the_node'" in message
    assert node.op_type in message


def _if_model(then: list[onnx.NodeProto], other: list[onnx.NodeProto]) -> onnx.ModelProto:
    """An If whose condition is an input, with branches that write "y" of "x" and "i"."""
    result = onnx.ValueInfoProto(name="y")
    branches = {
        f"{name}_branch": helper.make_graph(nodes, name, [], [result])
        for name, nodes in (("then", then), ("else", other))
    }
    node = helper.make_node("If", ["c"], ["z"], "choice", **branches)
    inputs = {"c": np.zeros(1, bool), "x": np.zeros((2, 3), F32), "i": np.zeros(2, I64)}
    infos = [value_info(name, data) for name, data in inputs.items()]
    return make_model([node], infos, ["z"], opset=17)


def test_if_of_a_computed_condition() -> None:
    """Both branches are computed, and then one result of two is taken."""
    exp = [helper.make_node("Exp", ["x"], ["y"])]
    negative = [helper.make_node("Neg", ["x"], ["t"]), helper.make_node("Ceil", ["t"], ["y"])]
    x, i = np.array([[0.5, -2, 3], [1, 2, -0.25]], F32), np.zeros(2, I64)
    graph = import_model(_if_model(exp, negative))
    for condition, wanted in ((True, np.exp(x)), (False, np.ceil(-x))):
        (found,) = interp.run(graph, {"c": np.array([condition]), "x": x, "i": i}).values()
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_if_that_cannot_be_decided() -> None:
    """What is missing in any branch is named; shapes, types and errors may not depend on it."""
    exp = [helper.make_node("Exp", ["x"], ["y"])]
    missing = [[helper.make_node(op, ["x"], ["y"], f"the_{op}")] for op in ("Det", "Unique")]
    message = refuse(UnsupportedError, "OP", _if_model(*missing))
    assert "2 nodes" in message
    assert "'the_Det'" in message
    assert "'the_Unique'" in message
    flat = [helper.make_node("Flatten", ["x"], ["y"], axis=0)]
    assert "[2, 3] and float32 [1, 6]" in refuse(UnsupportedError, "OP", _if_model(exp, flat))
    other = [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.INT32)]
    assert "int32 [2, 3]" in refuse(UnsupportedError, "OP", _if_model(exp, other))
    gather = [helper.make_node("Gather", ["x", "i"], ["y"])]
    assert "out of range" in refuse(UnsupportedError, "OP", _if_model(exp, gather))


def test_counts_and_sizes_beyond_reason() -> None:
    """Neither a loop over 2^62 parts nor a number that wraps in 32 bits."""
    split = helper.make_node("Split", ["x"], ["y"], "split", num_outputs=2**62)
    refuse(FormatError, "NODE", make_model([split], [X], ["y"], opset=18))
    image = value_info("image", np.zeros((1, 3, 8, 8), F32))
    for strides in ([-(2**63), 1], [2**32 + 1, 1], [2**63 - 1, 1]):
        pool = helper.make_node("MaxPool", ["image"], ["y"], kernel_shape=[2, 2], strides=strides)
        with pytest.raises((FormatError, LimitError)):
            import_model(make_model([pool], [image], ["y"]))


def test_expand_to_more_axes_than_numpy_has() -> None:
    """Named, like all that is not supported."""
    model = make_model(
        [helper.make_node("Expand", ["x", "s"], ["y"], "wide")],
        [value_info("x", np.zeros((2, 3), F32))],
        ["y"],
        [numpy_helper.from_array(np.ones(80, I64), "s")],
    )
    assert "80 axes" in refuse(UnsupportedError, "OP", model)
