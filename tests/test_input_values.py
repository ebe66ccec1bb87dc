"""Inputs that become constants when a model is converted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import edgert
from edgert.cli import main
from edgert.errors import InputError
from edgert.importer import import_model

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def branching() -> onnx.ModelProto:
    """What becomes of x depends on sr; gain, of any length, multiplies it."""

    def branch(op: str) -> onnx.GraphProto:
        node = helper.make_node(op, ["x"], [op])
        return helper.make_graph([node], op, [], [helper.make_tensor_value_info(op, FLOAT, None)])

    nodes = [
        helper.make_node("Constant", [], ["k"], value_int=16000),
        helper.make_node("Equal", ["sr", "k"], ["is_16k"]),
        helper.make_node("If", ["is_16k"], ["z"], then_branch=branch("Relu"),
                         else_branch=branch("Neg")),
        helper.make_node("Mul", ["z", "gain"], ["y"]),
    ]  # fmt: skip
    inputs = [
        helper.make_tensor_value_info("x", FLOAT, [2, 3]),
        helper.make_tensor_value_info("sr", INT64, []),
        helper.make_tensor_value_info("gain", FLOAT, ["n"]),
    ]
    output = helper.make_tensor_value_info("y", FLOAT, [2, 3])
    graph = helper.make_graph(nodes, "g", inputs, [output])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


X = np.array([[-1, 2, -3], [4, -5, 6]], np.float32)


@pytest.mark.parametrize(("rate", "expected"), [(16000, np.maximum(X, 0)), (8000, -X)])
def test_a_condition_is_decided(tmp_path: Path, rate: int, expected: np.ndarray) -> None:
    model = branching()
    before = model.SerializeToString()
    edgert.convert(model, tmp_path / "m.edgert", input_values={"sr": rate, "gain": [2.0, 1.0, 0.5]})
    loaded = edgert.load(tmp_path / "m.edgert")
    assert [info.name for info in loaded.inputs] == ["x"]
    np.testing.assert_array_equal(loaded.run({"x": X})["y"], expected * [2, 1, 0.5])
    assert model.SerializeToString() == before


def test_a_number_stands_for_all_elements(tmp_path: Path) -> None:
    graph = import_model(branching(), {"gain": (3,)}, {"sr": 1, "gain": 3})
    assert graph.inputs == ["x"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": 1}, "no input 'rate'"),
        ({"sr": 0.5}, "'sr' cannot be 0.5, expected int64"),
        ({"sr": "16k"}, "'sr' cannot be '16k'"),
        ({"sr": float("nan")}, "cannot be nan"),
        ({"sr": [1, 2]}, "does not fit"),
        ({"gain": 2.0}, "one number stands for all elements only"),
        ({"gain": [[1.0]]}, "does not fit"),
    ],
)
def test_values_that_do_not_fit(values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        import_model(branching(), None, values)


def test_an_open_leading_dimension_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx.save(branching(), tmp_path / "m.onnx")
    assert main(["convert", str(tmp_path / "m.onnx"), "--input-value", "sr=1"]) == 0
    assert "how many samples there are in 'gain': the file is for 1" in capsys.readouterr().out


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The check gives the original what it still asks for."""
    path = tmp_path / "m.onnx"
    onnx.save(branching(), path)
    words = ["--input-value", "sr=16000", "--input-value", "gain=2", "--input-shape", "gain=3"]
    assert main(["convert", str(path), *words]) == 0
    assert "exact" in capsys.readouterr().out
    assert main(["convert", str(path), *words, "--quantize", "dynamic"]) == 0
    for wrong in (["sr"], ["sr="], ["=1"], ["sr=x"], ["sr=1", "--input-value", "sr=1"]):
        assert main(["convert", str(path), "--input-value", *wrong]) == 2
        assert "expected NAME=NUMBER" in capsys.readouterr().err
