"""Small files that ask for much memory: refused before it is taken, or served without it."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import make_model, value_info
from onnx_refusals import F32, I64, X, refuse

import edgert
from edgert import budget, ir
from edgert.budget import MAX_VALUE_BYTES, Budget
from edgert.compress.layers import compare_layers
from edgert.converter import convert
from edgert.errors import EdgertError, FormatError, LimitError, ResourceError, UnsupportedError
from edgert.importer import import_model
from edgert.inputs import random_inputs, require_random
from edgert.model import TensorInfo
from edgert.parity import check_parity
from edgert.passes import optimize
from edgert.unpack import unpack

BASE = 1 << 26  # a small budget shows what a large one does, and takes less memory to do so


@pytest.fixture(autouse=True)
def _small_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a conversion may take beyond what its files hold."""
    monkeypatch.setattr(budget, "BASE_BYTES", BASE)


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
    "fill_edge": ([node("ConstantOfShape", "s")], {"s": i64(BASE // 4 + 2**12)}),
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
    ], {"s": i64(BASE // 64)}),
    "intermediates": ([
        helper.make_node("ConstantOfShape", ["s"], ["v"]), node("Sigmoid", "v"),
    ], {"s": i64(BASE // 12)}),
    "loop": ([
        helper.make_node("ConstantOfShape", ["s"], ["v"]), node("Erf", "v"),
    ], {"s": i64(BASE // 64)}),
    "numbers": ([
        helper.make_node("ConstantOfShape", ["s"], ["v"]), node("Unique", "v"),
    ], {"s": i64(BASE // 32)}),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_g12_bombs(name: str) -> None:
    """Refused before the memory is taken."""
    nodes, constants = BOMBS[name]
    rule = "MEMORY" if nodes[0].op_type == "Range" else "FOLD"  # a constant, of none that are known
    refuse(LimitError, rule, constants_model(nodes, **constants))


def test_g12_strings() -> None:
    """Are refused before there are any."""
    nodes = [node("Cast", "x", to=TensorProto.STRING)]
    with pytest.raises(UnsupportedError, match="Cast of constants gives elements of type"):
        import_model(constants_model(nodes, x=ONE))


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


# --- What passes and handlers make of shapes ------------------------------------------------------

MANY = MAX_VALUE_BYTES // 4 // 2 * 2  # elements of an input that is not yet too large
ROOM = 16 * BASE  # for a conversion, beyond what the process has already; half of such an input


@contextlib.contextmanager
def room(nbytes: int) -> Iterator[None]:
    """Lets the process have so many bytes more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def chain(
    shape: Sequence[int],
    *steps: tuple[Any, ...],
    opset: int = 17,
    dtype: int = TensorProto.FLOAT,
    **constants: Any,
) -> onnx.ModelProto:
    """A model of nodes (operator, inputs, outputs, attributes) on an input x of this shape."""
    nodes = [
        helper.make_node(op, inputs.split(), outputs.split(), f"node{i}", **dict(*attrs))
        for i, (op, inputs, outputs, *attrs) in enumerate(steps)
    ]
    weights = [numpy_helper.from_array(np.asarray(data), name) for name, data in constants.items()]
    x = helper.make_tensor_value_info("x", dtype, shape)
    return make_model(nodes, [x], nodes[-1].output, weights, opset)


def f32(*numbers: float) -> np.ndarray:
    """A vector of floats."""
    return np.array(numbers, F32)


def sparse_sum(elements: int) -> onnx.ModelProto:
    """x + a sparse constant of two elements."""
    model = chain([1], ("Add", "x w", "y"))
    entry = model.graph.sparse_initializer.add(dims=[elements])
    entry.values.CopyFrom(numpy_helper.from_array(f32(1, 2), "w"))
    entry.indices.CopyFrom(numpy_helper.from_array(i64(0, 5), "i"))
    return model


# Models of some hundred bytes, and what of their message names the place; "" if they convert.
SMALL_FILES = {
    "celu": (chain([MANY], ("Celu", "x", "y", {"alpha": 2.0})), ""),
    "celu_of_more": (chain([2 * MANY], ("Celu", "x", "y", {"alpha": 2.0})), "'x'"),
    "scale_and_shift": (
        chain([MANY], ("Mul", "x a", "t"), ("Add", "t b", "y"), a=f32(2), b=f32(3)), "",
    ),
    "shift_and_scale": (
        chain([2, MANY // 2], ("Add", "x b", "t"), ("Mul", "t a", "y"), a=f32(2), b=f32(3)), "",
    ),
    "reshaped_sum": (
        chain([2, MANY // 2], ("Reshape", "x s", "r"), ("Add", "r b", "y"), s=i64(-1, 2),
              b=f32(1, 2)), "",
    ),
    "batch_norm": (chain([1, 1, MANY], ("BatchNormalization", "x s s s s", "y"), s=f32(1)), ""),
    "layer_norm": (chain([1, MANY], ("LayerNormalization", "x s", "y"), s=f32(1)), "'node0'"),
    "instance_norm": (
        chain([1, 1, MANY], ("InstanceNormalization", "x s s", "y"), s=f32(1)), "'node0'",
    ),
    "spelled_out_norm": (
        chain([1, MANY], ("ReduceMean", "x", "m", {"axes": [-1]}), ("Sub", "x m", "d"),
              ("Mul", "d d", "q"), ("ReduceMean", "q", "v", {"axes": [-1]}), ("Add", "v e", "w"),
              ("Sqrt", "w", "r"), ("Div", "d r", "y"), e=F32(1e-5)), "",
    ),
    "dropout_mask": (
        chain([MANY], ("Dropout", "x", "z m"), ("Not", "m", "y")), "'node1'",
    ),
    "fill": (
        chain([1], ("ConstantOfShape", "s", "c"), ("Add", "x c", "y"), s=i64(MANY)), "'node0'",
    ),
    "range": (
        chain([1], ("Range", "a b c", "r"), ("Cast", "r", "q", {"to": 1}), ("Add", "x q", "y"),
              a=np.int64(0), b=np.int64(MANY), c=np.int64(1)), "'node0'",
    ),
    "expand": (chain([1], ("Expand", "x s", "y"), s=i64(MANY)), ""),
    "expand_of_more": (chain([1], ("Expand", "x s", "y"), s=i64(2 * MANY)), "'node0'"),
    "tile_of_more": (chain([1], ("Tile", "x s", "y"), s=i64(2 * MANY)), "'node0'"),
    "pad_of_more": (chain([1], ("Pad", "x s", "y"), s=i64(0, 2 * MANY)), "'node0'"),
    "split": (chain([MANY], ("Split", "x", "a b", {"num_outputs": MANY}), opset=18), ""),
    "sparse": (sparse_sum(MANY), "'w'"),
    "block": (
        chain([1, 2], ("DequantizeLinear", "c s", "w", {"axis": 0, "block_size": 2**40}),
              ("MatMul", "x w", "y"), opset=21, c=np.ones((2, 2), np.int8), s=np.ones((1, 2), F32)),
        "",
    ),
    "statistics": (
        chain([1, 1], ("BatchNormalization", "x a b a b", "y", {"spatial": 0}), opset=8,
              a=np.ones((40_000, 1), F32), b=np.ones((1, 40_000), F32)), "'node0'",
    ),
    "scales": (
        chain([1, 1, 4, 4], ("QLinearConv", "x s z w v u s z b", "y"), dtype=TensorProto.UINT8,
              s=F32(0.1), z=np.uint8(0), w=np.ones((40_000, 1, 1, 1), np.uint8),
              v=np.ones((40_000, 1), F32), u=np.zeros((40_000, 1), np.uint8),
              b=np.ones(40_000, np.int32)), "'node0'",
    ),
    "window_over_pads": (
        chain([1], ("Conv", "c w", "t", {"pads": [2**15] * 4, "strides": [2**15] * 2}),
              ("Add", "x t", "y"), c=np.ones((1, 1, 1, 1), F32), w=np.ones((1, 1, 1, 1), F32)), "",
    ),
    "pool_over_pads": (
        chain([1], ("MaxPool", "c", "t", {"kernel_shape": [2**15] * 2, "pads": [2**14] * 4,
                                          "strides": [2**15] * 2}),
              ("Add", "x t", "y"), c=np.ones((1, 1, 1, 1), F32)), "",
    ),
    "resize_up_and_down": (
        chain([1], ("Resize", "c  s", "t", {"mode": "linear"}), ("Add", "x t", "y"),
              c=np.ones((1, 1, 1, 50_000), F32), s=i64(1, 1, 50_000, 1)), "",
    ),
    "window_of_all_channels": (
        chain([1], ("LRN", "c", "t", {"size": 99_999}), ("Add", "x t", "y"),
              c=np.ones((1, 100_000, 1, 1), F32)), "",
    ),
}  # fmt: skip
SMALL_FILES["resize_up_and_down"][0].graph.node[0].input[:] = ["c", "", "", "s"]


@pytest.mark.parametrize("name", SMALL_FILES)
def test_small_files(name: str, tmp_path: Path) -> None:
    """Convert in little memory, or are refused by an error that names the place."""
    model, named = SMALL_FILES[name]
    with room(ROOM):
        if not named:
            convert(model, tmp_path / "m.edgert", check=False)
            assert (tmp_path / "m.edgert").stat().st_size < 1 << 20
        else:
            with pytest.raises((LimitError, FormatError)) as info:
                convert(model, tmp_path / "m.edgert", check=False)
            assert named in str(info.value)


def sharing(count: int, op: str, inputs: str, **weights: np.ndarray) -> onnx.ModelProto:
    """A model whose nodes, all of them outputs, share their weights."""
    nodes = [helper.make_node(op, inputs.split(), [f"y{i}"], f"n{i}") for i in range(count)]
    tensors = [numpy_helper.from_array(data, name) for name, data in weights.items()]
    x = value_info("x", np.zeros((1, 1024), F32))
    return make_model(nodes, [x], [f"y{i}" for i in range(count)], tensors)


def test_shared_weights_are_one_constant() -> None:
    """However many nodes read them, in whatever order of axes they are kept."""
    weight = np.random.default_rng(0).standard_normal((1024, 1024), F32)
    with room(ROOM):
        graph = import_model(sharing(300, "MatMul", "x w", w=weight))
    assert sum(value.data is not None for value in graph.values.values()) == 1


def test_constants_that_share_what_they_are_made_of() -> None:
    """Each is another one: the nodes have a budget together."""
    weight = np.ones((512, 512), np.int8)
    model = sharing(2000, "DequantizeLinear", "w s", w=weight, s=np.array(0.1, F32))
    with room(ROOM):
        assert "DequantizeLinear" in refuse(LimitError, "MEMORY", model)


def test_optimisations_stop_where_the_budget_ends() -> None:
    """A graph that fits is not refused because it would be faster with other constants."""
    weight = np.random.default_rng(0).standard_normal((512, 512), F32)
    nodes, outputs, tensors = [], [], [numpy_helper.from_array(weight, "w")]
    inputs = [value_info(f"x{i}", np.zeros((1, 512), F32)) for i in range(20)]
    for i in range(20):
        nodes += [
            helper.make_node("MatMul", [f"x{i}", "w"], [f"t{i}"]),
            helper.make_node("Mul", [f"t{i}", f"c{i}"], [f"y{i}"]),
        ]
        tensors.append(numpy_helper.from_array(F32(i + 2.5), f"c{i}"))
        outputs.append(f"y{i}")
    model = make_model(nodes, inputs, outputs, tensors)

    def multiplications(limit: int) -> int:
        graph = import_model(model)
        graph.budget.limit = limit
        optimize(graph)
        return sum(node.op == "binary" for node in graph.nodes)

    assert multiplications(BASE) == 0
    assert 10 < multiplications(5 * weight.nbytes) < 20


def test_budget() -> None:
    """Is taken from, grows with files, and is asked before it is exceeded."""
    limits = Budget(1000)
    limits.take(600, "a")
    with pytest.raises(LimitError, match="b takes 401 bytes; 400 are left of the 1000"):
        limits.take(401, "b")
    limits.take(400, "b")
    with pytest.raises(LimitError, match="c takes 1 bytes; 0 are left"):
        limits.require(1, "c")
    limits.allow(1)
    limits.require(32, "c")
    limits.take(32, "c")


def test_a_graph_takes_back_what_it_removes() -> None:
    """The budget is that of the constants which are there."""
    graph = ir.Graph(Budget(1000))
    x = graph.add_input("x", np.dtype(F32), (4,))
    for _ in range(10):
        graph.add_constant("c", np.zeros(100, F32))
        graph.prune()
    with pytest.raises(LimitError):
        graph.add_constant("c", np.broadcast_to(F32(0), 2**40))
    graph.outputs = [graph.add("binary", [x, graph.add_constant("d", f32(1))], {"fn": 0})]
    graph.prune()
    assert graph.budget.used == 4


def test_values_of_a_graph() -> None:
    """Results are bounded one by one; dimensions are what a file can state."""
    graph = ir.Graph()
    x = graph.add_input("x", np.dtype(F32), (1,))
    graph.add("expand", [x], {"rank": 1, "dims": [MAX_VALUE_BYTES // 4]})
    with pytest.raises(LimitError, match="limit is 2147483647"):
        graph.add("expand", [x], {"rank": 1, "dims": [MAX_VALUE_BYTES // 4 + 1]})
    with pytest.raises(LimitError, match="largest dimension"):
        graph.add_constant("c", np.zeros((0, 2**31), F32))


def test_random_inputs_have_a_budget() -> None:
    """Those of a check, of a benchmark and of a calibration without data."""
    infos = [TensorInfo("x", (2, BASE // 16), np.dtype(F32))]
    require_random(infos)
    with pytest.raises(LimitError, match="'x'"):
        require_random(infos, 3)
    with room(ROOM), pytest.raises(LimitError, match="'x'"):
        random_inputs([TensorInfo("x", (1 << 20, 1 << 19), np.dtype(np.uint8))])


@pytest.mark.parametrize("quantize", ["int8", "int16", "dynamic"])
def test_quantising_small_files(quantize: str, tmp_path: Path) -> None:
    """Samples at random and the values of all samples are counted before they are made."""
    target = tmp_path / "m.edgert"
    weight = np.ones((4, 4), F32)
    with room(ROOM):
        model = chain([BASE // 128, 4], ("MatMul", "x w", "y"), w=weight)
        with pytest.raises(LimitError, match="'x'"):
            convert(model, target, quantize=quantize)


def test_the_values_of_all_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are held while a network is quantised: few samples may be, more are too many."""
    model = chain([1, 4], ("MatMul", "x w", "t"), ("Expand", "t s", "y"), w=np.ones((4, 4), F32),
                  s=i64(1 << 12, 4))  # fmt: skip
    monkeypatch.setattr(budget, "MAX_HELD_BYTES", 1 << 20)
    for quantize in ("int8", "dynamic"):
        with pytest.raises(LimitError, match=r"of 1[46] samples .* fewer or smaller samples"):
            convert(model, tmp_path / "m.edgert", quantize=quantize)
        convert(model, tmp_path / "m.edgert", quantize=quantize, calibrate=[np.ones((1, 4), F32)])


def test_layers_that_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of all samples are held."""
    model = chain([1, 1 << 12], ("Relu", "x", "y"))
    convert(model, tmp_path / "m.edgert", check=False)
    graphs = import_model(model), unpack(tmp_path / "m.edgert")
    samples = [{"x": np.ones((1, 1 << 12), F32)}] * 3
    assert len(compare_layers(*graphs, samples)) == 1
    monkeypatch.setattr(budget, "MAX_HELD_BYTES", 2 * 2 * 4 << 12)
    assert len(compare_layers(*graphs, samples[:2])) == 1
    with pytest.raises(LimitError, match="the layers of 3 samples"):
        compare_layers(*graphs, samples)


def test_outputs_that_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sample at a time."""
    model = chain([1, 1 << 12], ("Relu", "x", "y"))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    convert(model, tmp_path / "m.edgert", check=False)
    samples = [{"x": np.ones((1, 1 << 12), F32)}] * 20
    monkeypatch.setattr(budget, "MAX_HELD_BYTES", 8 * 4 << 12)
    with edgert.load(tmp_path / "m.edgert") as loaded:
        assert check_parity(str(tmp_path / "m.onnx"), loaded, samples).passed
        monkeypatch.setattr(budget, "MAX_HELD_BYTES", 4 << 12)
        with pytest.raises(LimitError, match="leave out the check"):
            check_parity(str(tmp_path / "m.onnx"), loaded, samples)


def test_deep_products_are_quantised_in_little_memory(tmp_path: Path) -> None:
    """Second moments of a depth of 30,000 would take 7 GB: such weights are not compensated."""
    random = np.random.default_rng(0)
    model = chain([1, 30_000], ("MatMul", "x w", "y"), w=random.standard_normal((30_000, 1), F32))
    samples = list(random.standard_normal((4, 1, 30_000), F32))
    with room(ROOM):
        convert(model, tmp_path / "m.edgert", quantize="int8", calibrate=samples)
    found = edgert.load(tmp_path / "m.edgert")
    assert {step.op for step in found.plan()} & {"qgemm"}


def test_pads_of_a_quantised_convolution(tmp_path: Path) -> None:
    """Are part of what is looked at."""
    model = chain([1, 1, 4, 4], ("Conv", "x w", "y", {"pads": [2**14] * 4, "strides": [2**14] * 2}),
                  w=np.ones((1, 1, 1, 1), F32))  # fmt: skip
    with room(ROOM), pytest.raises(LimitError, match=r"bytes of memory|pads included"):
        convert(model, tmp_path / "m.edgert", quantize="int8")


def test_out_of_memory_is_a_typed_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it is found out."""

    def fail(*_: object) -> None:
        raise MemoryError

    for place in ("optimize", "pack", "read_model"):
        with monkeypatch.context() as patch:
            patch.setattr(f"edgert.converter.{place}", fail)
            with pytest.raises(ResourceError, match="memory"):
                convert(chain([1], ("Relu", "x", "y")), tmp_path / "m.edgert")
    assert not os.listdir(tmp_path)
    assert issubclass(ResourceError, EdgertError)
