"""float16 and float64: what a model declares is what it takes and gives; it computes in float32."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from one_op import run_op
from onnx import TensorProto, helper, numpy_helper
from onnx_models import run_elsewhere, value_info

import edgert
from edgert import FormatError, InputError, UnsupportedError
from edgert.cli import main
from edgert.schema import DType

F16, F32, F64 = np.float16, np.float32, np.float64
rng = np.random.default_rng(16)


def typed_model(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, np.ndarray],
    outputs: dict[str, Any],
    weights: dict[str, np.ndarray] | None = None,
) -> onnx.ModelProto:
    """A model whose outputs have the dtypes in ``outputs``."""
    infos = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(t)), None)
        for name, t in outputs.items()
    ]
    tensors = [numpy_helper.from_array(data, name) for name, data in (weights or {}).items()]
    graph = helper.make_graph(nodes, "g", [value_info(n, x) for n, x in inputs.items()], infos,
                              tensors)  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(tmp_path: Path, model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> dict:
    edgert.convert(model, tmp_path / "m.edgert")
    loaded = edgert.load(tmp_path / "m.edgert")
    found = loaded.run(inputs)
    assert {i.name: i.dtype for i in loaded.inputs} == {n: x.dtype for n, x in inputs.items()}
    assert {o.name: o.dtype for o in loaded.outputs} == {n: y.dtype for n, y in found.items()}
    return found


# --- conversions


def test_all_float16_become_float32_and_come_back() -> None:
    x = np.arange(65536, dtype=np.uint16).view(F16)
    wide = run_op("cast", [x], {"dtype": DType.float32})
    np.testing.assert_array_equal(wide, x.astype(F32), strict=True)
    assert (np.signbit(wide) == np.signbit(x))[~np.isnan(x)].all()
    for dtype in (DType.float32, DType.float64):
        back = run_op("cast", [run_op("cast", [x], {"dtype": dtype})], {"dtype": DType.float16})
        np.testing.assert_array_equal(back, x, strict=True)
        assert (np.signbit(back) == np.signbit(x))[~np.isnan(x)].all()


def around_halves(dtype: type) -> np.ndarray:
    """All float16, the middles between them, and the neighbours of these."""
    x = np.arange(0x7C00, dtype=np.uint16).view(F16).astype(F64)
    ends = np.append(x, 65536.0)
    middles = (ends[1:] + ends[:-1]) / 2
    values = np.concatenate([x, middles]).astype(dtype)
    values = np.concatenate([np.nextafter(values, dtype(s)) for s in (0, np.inf)] + [values])
    extremes = [0.0, 1e-300, 1e-40, 2.0**-25, 65504, 65519.99, 65520, 1e30, 1e300, np.inf, np.nan]
    with np.errstate(over="ignore"):
        values = np.append(values, np.array(extremes).astype(dtype))
    return np.concatenate([values, -values])


@pytest.mark.parametrize("dtype", [F32, F64])
def test_rounding_to_float16(dtype: type) -> None:
    """Half to even, once: float64 does not become float32 before."""
    x = around_halves(dtype)
    with np.errstate(over="ignore"):
        expected = x.astype(F16)
    y = run_op("cast", [x], {"dtype": DType.float16})
    np.testing.assert_array_equal(y, expected, strict=True)
    assert (np.signbit(y) == np.signbit(expected))[~np.isnan(x)].all()


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.int8, np.uint8, np.bool_])
def test_integers_and_float16(dtype: type) -> None:
    x = rng.integers(0, 2, 50) if dtype is np.bool_ else rng.integers(-200000, 200000, 5000) % 70000
    x = x.astype(dtype)
    with np.errstate(over="ignore"):
        expected = x.astype(F64).astype(F16)
    half = run_op("cast", [x], {"dtype": DType.float16})
    np.testing.assert_array_equal(half, expected, strict=True)
    wild = np.array([2.7, -2.7, np.nan, np.inf, -np.inf, 300, 65504, 0.2], F16)
    to = DType[np.dtype(dtype).name]
    np.testing.assert_array_equal(
        run_op("cast", [wild], {"dtype": to}), run_op("cast", [wild.astype(F32)], {"dtype": to})
    )


def test_float64_become_integers_exactly() -> None:
    x = np.array([2.0**53 - 1, -(2.0**53) + 1, 1e30, -1e30, np.nan, 2.0**31 - 0.5], F64)
    whole = run_op("cast", [x], {"dtype": DType.int64})
    limits = np.iinfo(np.int64)
    expected = [2**53 - 1, -(2**53) + 1, limits.max, limits.min, 0, 2**31 - 1]
    assert whole.tolist() == expected
    assert run_op("cast", [x], {"dtype": DType.int32}).tolist()[-1] == 2**31 - 1


# --- models


def node(op: str, *inputs: str, output: str = "y", **attrs: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs, [output], f"{op}_{output}", **attrs)


@pytest.mark.parametrize("dtype", [F16, F64])
def test_a_network_keeps_its_types(tmp_path: Path, dtype: type) -> None:
    """Weights, inputs and outputs; the results are those of the type, or closer."""
    x = rng.normal(size=(2, 3, 8, 8)).astype(dtype)
    weights = {"w": rng.normal(size=(4, 3, 3, 3)).astype(dtype), "half": np.array(0.5, dtype)}
    nodes = [
        node("Conv", "x", "w", output="c", pads=[1, 1, 1, 1]),
        node("Sigmoid", "c", output="s"),
        node("Mul", "c", "s", output="m"),
        node("Pow", "s", "half", output="p"),
        node("Concat", "m", "p", "x", output="y", axis=1),
        node("GlobalAveragePool", "y", output="z"),
    ]
    model = typed_model(nodes, {"x": x}, {"y": dtype, "z": dtype}, weights)
    found = run(tmp_path, model, {"x": x})
    for name, other in zip("yz", run_elsewhere(model, {"x": x})):
        assert found[name].dtype == dtype
        tolerance = 5e-3 if dtype is F16 else 1e-5
        np.testing.assert_allclose(found[name], other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [F16, F64])
def test_what_is_only_moved_stays_what_it_is(tmp_path: Path, dtype: type) -> None:
    """To the last bit, NaN among it; an input may be an output."""
    x = rng.normal(size=(3, 4)).astype(dtype)
    x[0, 0] = np.nan
    nodes = [
        node("Transpose", "x", output="t", perm=[1, 0]),
        node("Slice", "t", "one", "two", output="s"),
        node("Concat", "t", "s", output="y", axis=0),
        node("Gather", "x", "ids", output="g"),
        node("Identity", "x", output="same"),
    ]
    weights = {"one": np.array([1]), "two": np.array([3])}
    ids = np.array([2, 0, -1])
    outputs = dict.fromkeys(("y", "g", "same"), dtype)
    found = run(tmp_path, typed_model(nodes, {"x": x, "ids": ids}, outputs, weights),
                {"x": x, "ids": ids})  # fmt: skip
    assert found["y"].tobytes() == np.concatenate([x.T, x.T[1:3]]).tobytes()
    assert found["g"].tobytes() == x[ids].tobytes()
    assert found["same"].tobytes() == x.tobytes()


def test_cast_rounds_to_float16(tmp_path: Path) -> None:
    """Where a model says so, between values in float32 as well; to infinity above its range."""
    x = np.array([2049.4, 1e-9, 65519.0, 65520.0, -3.7, 4097.0], F32)
    nodes = [
        node("Cast", "x", output="half", to=TensorProto.FLOAT16),
        node("Cast", "half", output="y", to=TensorProto.FLOAT),
        node("Cast", "x", output="wide", to=TensorProto.DOUBLE),
        node("Cast", "wide", output="again", to=TensorProto.FLOAT),
        node("Neg", "again", output="z"),
    ]
    found = run(tmp_path, typed_model(nodes, {"x": x}, {"y": F32, "z": F32}), {"x": x})
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(found["y"], x.astype(F16).astype(F32))
    np.testing.assert_array_equal(found["z"], -x)
    plan = edgert.load(tmp_path / "m.edgert").plan()
    assert sum(step.op == "cast" for step in plan) == 2  # none for float64 and back


def test_between_nodes_float16_does_not_overflow(tmp_path: Path) -> None:
    x = np.array([[300, -300, 1, 2]], F16)
    nodes = [node("Mul", "x", "x", output="square"), node("Mul", "square", "small")]
    model = typed_model(nodes, {"x": x}, {"y": F16}, {"small": np.array(0.001, F16)})
    found = run(tmp_path, model, {"x": x})["y"]
    np.testing.assert_allclose(found, [[90, 90, 0.001, 0.004]], rtol=2e-3)


def test_integers_become_float64_exactly(tmp_path: Path) -> None:
    x = np.array([2**24 + 1, 2**53 - 1, -5])
    model = typed_model([node("Cast", "x", to=TensorProto.DOUBLE)], {"x": x}, {"y": F64})
    assert run(tmp_path, model, {"x": x})["y"].tolist() == x.tolist()


@pytest.mark.parametrize("dtype", [F16, F32, F64])
def test_a_constant_output_has_its_type(tmp_path: Path, dtype: type) -> None:
    x, value = np.zeros(2, F32), np.array([0.1, 1 / 3]).astype(dtype)
    nodes = [node("Relu", "x"), node("Identity", "c", output="z")]
    found = run(tmp_path, typed_model(nodes, {"x": x}, {"y": F32, "z": dtype}, {"c": value}),
                {"x": x})  # fmt: skip
    assert found["z"].tobytes() == value.tobytes()


def test_quantised_conversions_of_float16(tmp_path: Path) -> None:
    """Scales in float16, and an int8 network made of a float16 one."""
    x = rng.normal(size=(4, 16)).astype(F16)
    weights = {"s": np.array(0.05, F16), "z": np.array(128, np.uint8)}
    nodes = [node("QuantizeLinear", "x", "s", "z", output="q"),
             node("DequantizeLinear", "q", "s", "z")]  # fmt: skip
    model = typed_model(nodes, {"x": x}, {"y": F16}, weights)
    model.opset_import[0].version = 19
    found = run(tmp_path, model, {"x": x})["y"]
    levels = np.clip(np.rint(x.astype(F32) / F32(F16(0.05))) + 128, 0, 255) - 128
    np.testing.assert_array_equal(found, (levels.astype(F32) * F32(F16(0.05))).astype(F16))

    weights = {f"w{i}": rng.normal(size=(16, 16)).astype(F16) / 4 for i in (1, 2)}
    nodes = [node("MatMul", "x", "w1", output="h"), node("Relu", "h", output="r"),
             node("MatMul", "r", "w2")]  # fmt: skip
    model = typed_model(nodes, {"x": x}, {"y": F16}, weights)
    samples = [{"x": rng.normal(size=(4, 16)).astype(F16)} for _ in range(32)]
    report = edgert.convert(model, tmp_path / "q.edgert", quantize="int8", calibrate=samples)
    assert report.compression.quality.sqnr > 20
    y = edgert.load(tmp_path / "q.edgert")(x)
    assert y.dtype == F16
    exact = np.maximum(x.astype(F32) @ weights["w1"], 0) @ weights["w2"].astype(F32)
    assert np.square(y - exact).mean() < 0.01 * np.square(exact).mean()


# --- the edge


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """A model in float16, as a file."""
    x = np.zeros((1, 6), F16)
    model = typed_model([node("Gemm", "x", "w")], {"x": x}, {"y": F16},
                        {"w": rng.normal(size=(6, 4)).astype(F16)})  # fmt: skip
    onnx.save(model, tmp_path / "halves.onnx")
    return tmp_path / "halves.onnx"


def test_other_floats_are_no_inputs(halves: Path) -> None:
    edgert.convert(halves)
    model = edgert.load(halves.with_suffix(".edgert"))
    assert "onnx.inputs_as_float32" not in model.metadata
    with pytest.raises(InputError, match=r"expected dtype float16, found float32.*astype"):
        model(np.zeros((1, 6), F32))
    with pytest.raises(InputError, match="expected dtype float16"):
        model.run({"x": np.zeros((1, 6), F16)}, out={"y": np.zeros((1, 4), F32)})
    out = np.zeros((1, 4), F16)
    assert model.run({"x": np.ones((1, 6), F16)}, out={"y": out})["y"] is out
    assert out.any()


def test_the_commands(halves: Path, capsys: pytest.CaptureFixture) -> None:
    """Files of floats of any width are converted to the type of the input."""
    packed, data = str(halves.with_suffix(".edgert")), str(halves.with_name("x.npy"))
    np.save(data, rng.normal(size=(3, 1, 6)))
    assert main(["convert", str(halves), "--json"]) == 0
    check = json.loads(capsys.readouterr().out)["check"]
    assert check["passed"]
    np.save(halves.with_name("one.npy"), np.ones((1, 6), F64))
    assert main(["run", packed, "--input", str(halves.with_name("one.npy")), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outputs"][0]["dtype"] == "float16"
    assert main(["compare", str(halves), packed, "--data", data, "--json"]) == 0
    assert main(["bench", packed, "--runs", "2", "--json"]) == 0
    assert main(["info", packed, "--plan"]) == 0
    assert "float16" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("element", "name"),
    [(TensorProto.BFLOAT16, "BFLOAT16"), (TensorProto.UINT16, "uint16"),
     (TensorProto.UINT32, "uint32"), (TensorProto.UINT64, "uint64"),
     (TensorProto.COMPLEX64, "COMPLEX64"), (TensorProto.STRING, "STRING"),
     (TensorProto.FLOAT8E4M3FN, "FLOAT8E4M3FN")],
)  # fmt: skip
def test_types_that_there_are_not(element: int, name: str) -> None:
    infos = [helper.make_tensor_value_info(n, element, [2, 3]) for n in "xy"]
    graph = helper.make_graph([node("Identity", "x")], "g", infos[:1], infos[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    with pytest.raises((UnsupportedError, FormatError), match=f"'x' has elements of type {name}"):
        edgert.convert(model, "unwritten.edgert")


@pytest.mark.parametrize("dtype", [F16, F64])
@pytest.mark.parametrize("op", ["unary", "binary", "quantize", "softmax", "reduce"])
def test_operators_that_compute_take_float32(op: str, dtype: type) -> None:
    x = np.ones((2, 3), dtype)
    attrs = {
        "unary": {"function": {"fn": 1}},
        "binary": {"fn": 0},
        "quantize": {"dtype": DType.uint8, "scale": 1.0, "zero": 0},
        "softmax": {"axis": 1, "log": 0},
        "reduce": {"fn": 0, "axes": 1, "keep_dims": 1},
    }[op]
    with pytest.raises(FormatError) as info:
        run_op(op, [x, x] if op == "binary" else [x], attrs)
    assert info.value.rule == "DTYPE"
