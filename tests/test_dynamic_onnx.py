"""ONNX models whose products quantise their inputs while they run, and weights in blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import run_elsewhere, value_info

import edgert
from edgert.compress.judge import sqnr
from edgert.converter import convert
from edgert.errors import FormatError, InputError, UnsupportedError
from edgert.importer import import_model
from edgert.unpack import unpack

F, I8, U8 = np.float32, np.int8, np.uint8
K, N = 96, 112
MICROSOFT = "com.microsoft"
RNG = np.random.default_rng(0)


def model(
    nodes: list[onnx.NodeProto], x: np.ndarray, weights: dict[str, np.ndarray]
) -> onnx.ModelProto:
    """x to y, both float32."""
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    y = onnx.ValueInfoProto(name="y")
    y.type.tensor_type.elem_type = TensorProto.FLOAT
    graph = helper.make_graph(nodes, "test", [value_info("x", x)], [y], tensors)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def product(op: str, **attrs: Any) -> list[onnx.NodeProto]:
    """What quantize_dynamic writes for a product of x and w."""
    return [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], "quantize"),
        helper.make_node(op, ["q", "w", "z", "wz"], ["sum"], "product", **attrs),
        helper.make_node("Cast", ["sum"], ["float"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", ["s", "ws"], ["scale"], "scales"),
        helper.make_node("Mul", ["float", "scale"], ["y"], "scaled"),
    ]


def small_bytes(dtype: type, *shape: int) -> np.ndarray:
    """Weights, of which pairs fit 16 bits; the largest of each row and column are the same."""
    w = RNG.integers(-60, 61, shape)
    return (w + (128 if dtype is U8 else 0)).astype(dtype)


def zero_of(dtype: type, *shape: int) -> np.ndarray:
    """The zero point of :func:`small_bytes`."""
    return np.full(shape, 128 if dtype is U8 else 0, dtype)


def check(onnx_model: onnx.ModelProto, x: np.ndarray, op: str, folder: Path, least: float) -> Any:
    """The converted model has ``op`` and is ``least`` dB from ONNX Runtime; returns the report."""
    onnx.save(onnx_model, folder / "m.onnx")
    report = convert(folder / "m.onnx")
    loaded = edgert.load(folder / "m.edgert")
    assert op in [step.op for step in loaded.plan()]
    (found,) = loaded.run({"x": x}).values()
    (expected,) = run_elsewhere(onnx_model, {"x": x})
    assert found.shape == expected.shape
    assert sqnr(expected, found) > least
    return report


MATMULS = [
    (I8, (), ()), (U8, (), ()), (I8, (N,), ()), (U8, (N,), (N,)), (I8, (1,), (1,)),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "scales", "zeros"), MATMULS)
@pytest.mark.parametrize("shape", [(7, K), (2, 5, K)])
def test_matmul_integer(
    dtype: type, scales: tuple, zeros: tuple, shape: tuple, tmp_path: Path
) -> None:
    """One scale, or one per column. The bytes are those of the model."""
    x = RNG.normal(size=shape).astype(F)
    w = small_bytes(dtype, K, N)
    weights = {"w": w, "wz": zero_of(dtype, *zeros), "ws": RNG.uniform(1e-3, 2e-3, scales)}
    weights["ws"] = np.asarray(weights["ws"], F)
    nodes = product("MatMulInteger")
    report = check(model(nodes, x, weights), x, "dynamic_gemm", tmp_path, 36)
    assert report.stated.integer == {"gemm": 1}
    assert not report.stated.rounded
    kept = [v.data for v in unpack(tmp_path / "m.edgert").values.values() if v.dtype == I8]
    np.testing.assert_array_equal(kept[0], (w.astype(int) - zero_of(dtype)).T)


@pytest.mark.parametrize(("groups", "pads"), [(1, [1, 1, 1, 1]), (2, [0, 1, 2, 0])])
def test_conv_integer(groups: int, pads: list[int], tmp_path: Path) -> None:
    """With a bias and an activation behind it, which are fused."""
    x = RNG.normal(size=(2, 2 * K, 9, 8)).astype(F)
    w = small_bytes(U8, N, 2 * K // groups, 3, 3)
    nodes = product("ConvInteger", pads=pads, group=groups, strides=[2, 1])
    nodes[-1].output[0] = "t"
    nodes += [helper.make_node("Add", ["t", "b"], ["u"]), helper.make_node("Relu", ["u"], ["y"])]
    weights = {"w": w, "wz": zero_of(U8), "ws": np.array(1e-3, F)}
    weights["b"] = RNG.normal(size=(1, N, 1, 1)).astype(F)
    check(model(nodes, x, weights), x, "dynamic_conv", tmp_path, 36)
    plan = [step.op for step in edgert.load(tmp_path / "m.edgert").plan()]
    assert [op for op in plan if op != "transpose"] == ["dynamic_conv"]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_bias_among_the_integers(swapped: bool, tmp_path: Path) -> None:
    """As old versions of quantize_dynamic write it."""
    x = RNG.normal(size=(2, K, 9, 8)).astype(F)
    weights = {"w": small_bytes(U8, N, K, 3, 3), "wz": zero_of(U8), "ws": np.array(1e-3, F),
               "b": RNG.normal(size=N).astype(F), "shape": np.array([1, N, 1, 1])}  # fmt: skip
    nodes = product("ConvInteger")
    nodes[2].input[0] = "sum with bias"
    operands = ["sum", "reshaped"]
    nodes[2:2] = [
        helper.make_node("Mul", ["ws", "s"], ["unit"]),
        helper.make_node("Div", ["b", "unit"], ["units"]),
        helper.make_node("Floor", ["units"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["integers"], to=TensorProto.INT32),
        helper.make_node("Reshape", ["integers", "shape"], ["reshaped"]),
        helper.make_node("Add", operands[:: -1 if swapped else 1], ["sum with bias"]),
    ]
    check(model(nodes, x, weights), x, "dynamic_conv", tmp_path, 36)
    nodes[2].input[0] = "b"  # in units of something else
    weights["b"] = np.array([0.5], F)
    with pytest.raises(UnsupportedError, match="no part of a dynamic product"):
        import_model(model(nodes, x, weights))


def lstm(
    dtype: type, directions: int, per_row: bool, **attrs: Any
) -> tuple[list[onnx.NodeProto], dict[str, np.ndarray]]:
    """A DynamicQuantizeLSTM of x [T,B,K] with 32 units, and its weights."""
    units = 32
    shape = (directions, 4 * units) if per_row else (directions,)
    weights: dict[str, np.ndarray] = {}
    for name, depth in (("w", K), ("r", units)):
        weights[name] = small_bytes(dtype, directions, depth, 4 * units)
        weights[f"{name}s"] = RNG.uniform(1e-3, 3e-3, shape).astype(F)
        weights[f"{name}z"] = zero_of(dtype, *shape)
    weights["b"] = RNG.normal(size=(directions, 8 * units)).astype(F)
    weights["h0"], weights["c0"] = RNG.normal(size=(2, directions, 3, units)).astype(F)
    inputs = ["x", "w", "r", "b", "", "h0", "c0", "", "ws", "wz", "rs", "rz"]
    direction = "bidirectional" if directions == 2 else "reverse"
    node = helper.make_node("DynamicQuantizeLSTM", inputs, ["y"], "p", domain=MICROSOFT,
                            hidden_size=units, direction=direction, **attrs)  # fmt: skip
    return [node], weights


@pytest.mark.parametrize("per_row", [False, True])
@pytest.mark.parametrize(("dtype", "directions"), [(I8, 1), (U8, 2)])
def test_lstm(dtype: type, directions: int, per_row: bool, tmp_path: Path) -> None:
    """The product of the input has the bytes of the model."""
    x = RNG.normal(size=(5, 3, K)).astype(F)
    nodes, weights = lstm(dtype, directions, per_row)
    report = check(model(nodes, x, weights), x, "dynamic_gemm", tmp_path, 30)
    assert report.stated.integer == {"gemm": directions}
    assert not report.stated.rounded
    plan = [step.op for step in edgert.load(tmp_path / "m.edgert").plan()]
    assert plan.count("lstm") == directions


@pytest.mark.parametrize(
    "change",
    [
        {"w": np.zeros((1, K, 128), np.int16)},
        {"w": np.zeros((K, 128), I8)},
        {"w": np.zeros((1, K + 1, 128), I8)},
        {"r": np.zeros((1, 32, 127), I8)},
        {"ws": np.zeros(2, F)},
        {"rs": np.zeros((1, 127), F)},
        {"rz": np.zeros(1, U8)},
        {"wz": np.zeros((1, 1, 128), I8)},
    ],
)
def test_bad_operands_of_an_lstm(change: dict) -> None:
    nodes, weights = lstm(I8, 1, per_row=False)
    with pytest.raises(FormatError, match="'p'"):
        import_model(model(nodes, np.zeros((5, 3, K), F), {**weights, **change}))


def test_what_is_too_small_stays_float(tmp_path: Path) -> None:
    """A depthwise convolution, which is named in the report."""
    x = RNG.normal(size=(1, 16, 9, 8)).astype(F)
    weights = {"w": small_bytes(U8, 16, 1, 3, 3), "wz": zero_of(U8), "ws": np.array(1e-3, F)}
    nodes = product("ConvInteger", group=16)
    report = check(model(nodes, x, weights), x, "conv", tmp_path, 30)
    assert "too small" in next(iter(report.stated.floats.values()))


def test_weights_that_break_the_rule_of_pairs_are_named(tmp_path: Path) -> None:
    x = RNG.normal(size=(3, K)).astype(F)
    w = small_bytes(I8, K, N)
    w[:2, :4] = 127, 126, 125, 124
    w[2, :4] = 127
    weights = {"w": w, "wz": zero_of(I8), "ws": np.array(1e-3, F)}
    onnx.save(model(product("MatMulInteger"), x, weights), tmp_path / "m.onnx")
    report = convert(tmp_path / "m.onnx", check=False)
    # Not compared with ONNX Runtime: its sums of two products saturate on some CPUs.
    (found,) = edgert.load(tmp_path / "m.edgert").run({"x": x}).values()
    assert sqnr(x @ (w.astype(float) * 1e-3), found) > 30
    assert list(report.stated.rounded.values()) == ["4 of 112 outputs, to multiply fast"]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", [I8, U8])
def test_operators_of_onnx_runtime(dtype: type, bias: bool, tmp_path: Path) -> None:
    x = RNG.normal(size=(4, K)).astype(F)
    weights = {"w": small_bytes(dtype, K, N), "wz": zero_of(dtype), "ws": np.array(1e-3, F)}
    last = []
    if bias:
        weights["b"] = RNG.normal(size=N).astype(F)
        last = ["b"]
    one = [helper.make_node("DynamicQuantizeMatMul", ["x", "w", "ws", "wz", *last], ["y"],
                            "p", domain=MICROSOFT)]  # fmt: skip
    check(model(one, x, weights), x, "dynamic_gemm", tmp_path, 36)
    two = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("MatMulIntegerToFloat", ["q", "w", "s", "ws", "z", "wz", *last], ["y"],
                         "p", domain=MICROSOFT),
    ]  # fmt: skip
    check(model(two, x, weights), x, "dynamic_gemm", tmp_path, 36)


def levels(data: np.ndarray, bits: int) -> np.ndarray:
    """The numbers of some bits in bytes, the lowest ones first."""
    parts = [data >> shift & (2**bits - 1) for shift in range(0, 8, bits)]
    return np.stack(parts, -1).reshape(*data.shape[:-1], -1)


@pytest.mark.parametrize("zeros", ["none", "bytes", "floats"])
@pytest.mark.parametrize(
    ("bits", "block", "depth"),
    [(8, 32, 96), (8, 16, 90), (4, 32, 90), (4, 32, 96), (4, 64, 96), (2, 16, 96), (2, 128, 256)],
)
def test_matmul_n_bits(zeros: str, bits: int, block: int, depth: int, tmp_path: Path) -> None:
    blocks = -(-depth // block)
    x = RNG.normal(size=(5, depth)).astype(F)
    weights = {
        "w": RNG.integers(0, 256, (N, blocks, block * bits // 8)).astype(U8),
        "s": RNG.uniform(1e-3, 2e-3, N * blocks).astype(F),
    }
    if zeros != "none":
        size = N * -(-blocks * bits // 8)
        weights["z"] = RNG.integers(0, 256, size).astype(U8)
    if zeros == "floats":
        weights["z"] = RNG.uniform(0, 2**bits, N * blocks).astype(F)
    attrs = {"K": depth, "N": N, "bits": bits, "block_size": block}
    node = helper.make_node("MatMulNBits", ["x", *weights], ["y"], "p", domain=MICROSOFT, **attrs)
    onnx_model = model([node], x, weights)
    onnx.save(onnx_model, tmp_path / "m.onnx")
    convert(tmp_path / "m.onnx", check=False)
    loaded = edgert.load(tmp_path / "m.edgert")
    native = depth % 16 == 0 and zeros != "floats"
    assert [step.op for step in loaded.plan()] == ["block_gemm" if native else "dynamic_gemm"]
    (found,) = loaded.run({"x": x}).values()
    data = levels(weights["w"], bits).reshape(N, blocks, block)
    point = np.full((N, blocks), 2.0 ** (bits - 1))
    if zeros == "bytes":
        point = levels(weights["z"].reshape(N, -1), bits)[:, :blocks].astype(float)
    elif zeros == "floats":
        point = weights["z"].reshape(N, blocks)
    real = (data - point[:, :, None].astype(float)) * weights["s"].reshape(N, blocks, 1)
    assert sqnr(x @ real.reshape(N, -1)[:, :depth].T, found) > (40 if native else 35)


def test_a_quantised_model_is_not_quantised_again(tmp_path: Path) -> None:
    x = RNG.normal(size=(3, K)).astype(F)
    weights = {"w": small_bytes(I8, K, N), "wz": zero_of(I8), "ws": np.array(1e-3, F)}
    onnx.save(model(product("MatMulInteger"), x, weights), tmp_path / "m.onnx")
    with pytest.raises(InputError, match="already"):
        convert(tmp_path / "m.onnx", quantize="dynamic")


X = np.zeros((3, K), F)
GOOD = {"w": np.zeros((K, N), I8), "wz": np.zeros((), I8), "ws": np.array(1e-3, F)}


def unlike(i: int, **fields: Any) -> list[onnx.NodeProto]:
    """A dynamic product with other inputs of node ``i``."""
    nodes = product("MatMulInteger")
    node = nodes[i]
    inputs, op = fields.pop("inputs", list(node.input)), fields.pop("op", node.op_type)
    attrs = fields or {a.name: helper.get_attribute_value(a) for a in node.attribute}
    nodes[i] = helper.make_node(op, inputs, list(node.output), node.name, **attrs)
    return nodes


@pytest.mark.parametrize(
    "nodes",
    [
        unlike(1, inputs=["q", "w"]),
        unlike(1, inputs=["q", "w", "wz", "wz"]),
        unlike(2, to=TensorProto.DOUBLE),
        unlike(3, inputs=["ws", "ws"]),
        unlike(3, op="Add"),
        unlike(4, op="Add"),
        [*product("MatMulInteger")[:-1], helper.make_node("Identity", ["float"], ["y"])],
    ],
)
def test_other_patterns_are_refused(nodes: list[onnx.NodeProto]) -> None:
    with pytest.raises(UnsupportedError, match="no part of a dynamic product"):
        import_model(model(nodes, X, GOOD))


@pytest.mark.parametrize(
    "change",
    [
        {"w": np.zeros((K, N), np.int32)},
        {"wz": np.zeros((), U8)},
        {"wz": np.zeros(N - 1, I8)},
        {"w": np.zeros((K + 1, N), I8)},
        {"ws": np.zeros(N + 1, F)},
    ],
)
def test_bad_operands(change: dict) -> None:
    with pytest.raises(FormatError, match="product"):
        import_model(model(product("MatMulInteger"), X, {**GOOD, **change}))


def test_weights_must_be_known() -> None:
    nodes = product("MatMulInteger")
    nodes[1].input[1] = "r"
    nodes.insert(0, helper.make_node("Cast", ["x"], ["r"], "cast weights", to=TensorProto.INT8))
    with pytest.raises(UnsupportedError, match="'weights' is computed"):
        import_model(model(nodes, np.zeros((K, K), F), GOOD))


N_BITS = {"K": 96, "N": 8, "bits": 8, "block_size": 32}
BLOCKS = {"w": np.zeros((8, 3, 32), U8), "s": np.zeros(24, F), "z": np.zeros(24, U8)}


@pytest.mark.parametrize(
    ("attrs", "change"),
    [
        ({"block_size": 0}, {}),
        ({"block_size": -32}, {}),
        ({"K": 0}, {}),
        ({"K": 2**40}, {}),
        ({"N": 9}, {}),
        ({"bits": 4}, {}),
        ({}, {"w": np.zeros((8, 3, 32), I8)}),
        ({}, {"s": np.zeros(23, F)}),
        ({}, {"z": np.zeros(23, U8)}),
        ({}, {"z": np.zeros(23, F)}),
    ],
)
def test_bad_blocks(attrs: dict, change: dict) -> None:
    weights = {**BLOCKS, **change}
    node = helper.make_node("MatMulNBits", ["x", *weights], ["y"], "p", domain=MICROSOFT,
                            **{**N_BITS, **attrs})  # fmt: skip
    with pytest.raises(FormatError, match="p"):
        import_model(model([node], X, weights))


@pytest.mark.parametrize(("attrs", "extra"), [({"bits": 3}, []), ({}, ["g"])])
def test_blocks_of_other_kinds(attrs: dict, extra: list[str]) -> None:
    weights = {**BLOCKS, **{name: np.zeros(96, np.int32) for name in extra}}
    node = helper.make_node("MatMulNBits", ["x", *weights], ["y"], "p", domain=MICROSOFT,
                            **{**N_BITS, **attrs})  # fmt: skip
    with pytest.raises(UnsupportedError, match="MatMulNBits"):
        import_model(model([node], X, weights))
