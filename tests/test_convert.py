"""The conversion as a whole: what it writes, reports and refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_models import make_model, value_info

import edgert
from edgert.converter import STAGES, convert
from edgert.errors import InputError, ModelIOError, UnsupportedError
from edgert.importer import import_model


def small_net() -> onnx.ModelProto:
    """A convolution, a normalisation, an activation, shape arithmetic and a product."""
    random = np.random.default_rng(3)
    weights = {
        "w": random.standard_normal((8, 3, 3, 3), np.float32),
        "s": np.float32(1) + random.random(8, np.float32),
        "b": random.standard_normal(8, np.float32),
        "m": random.standard_normal(8, np.float32),
        "v": np.float32(1) + random.random(8, np.float32),
        "first": np.array([0], np.int64),
        "minus": np.array([-1], np.int64),
        "k": random.standard_normal((8 * 36, 10), np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv"),
        helper.make_node("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"], "norm"),
        helper.make_node("Relu", ["n"], ["r"], "relu"),
        helper.make_node("Shape", ["r"], ["shape"], "shape"),
        helper.make_node("Gather", ["shape", "first"], ["batch"], "gather"),
        helper.make_node("Concat", ["batch", "minus"], ["flat"], "concat", axis=0),
        helper.make_node("Reshape", ["r", "flat"], ["f"], "reshape"),
        helper.make_node("MatMul", ["f", "k"], ["y"], "matmul"),
    ]
    tensors = [numpy_helper.from_array(data, name) for name, data in weights.items()]
    info = value_info("x", np.zeros((1, 3, 8, 8), np.float32))
    return make_model(nodes, [info], ["y"], tensors, producer_name="test", producer_version="1.0")


def test_report_and_file(tmp_path: Path) -> None:
    """Sizes before and after, passes, stages in their order; shape arithmetic is gone."""
    path, stages = tmp_path / "net.onnx", []
    onnx.save(small_net(), str(path))
    report = convert(path, progress=stages.append)
    assert report.output == str(tmp_path / "net.edgert")
    assert tuple(stages) == STAGES
    assert report.before.nodes == 8
    assert report.before.bytes == path.stat().st_size
    assert report.before.parameters == 8 * 27 + 4 * 8 + 2 + 2880
    assert report.after.bytes == (tmp_path / "net.edgert").stat().st_size
    assert report.after.nodes <= 4
    assert sum(p.changed for p in report.passes) > 0
    steps = edgert.load(report.output).plan()
    assert {step.op for step in steps} <= {"transpose", "conv", "reshape", "gemm"}


def test_same_bytes(tmp_path: Path) -> None:
    """From a path, from bytes, from a proto, and again."""
    path, model = tmp_path / "net.onnx", small_net()
    onnx.save(model, str(path))
    contents = set()
    for i, source in enumerate((path, str(path), path.read_bytes(), model, model)):
        convert(source, tmp_path / f"{i}.edgert")
        contents.add((tmp_path / f"{i}.edgert").read_bytes())
    assert len(contents) == 1


def test_the_proto_is_not_changed(tmp_path: Path) -> None:
    """A ModelProto belongs to the caller."""
    model = small_net()
    before = model.SerializeToString(deterministic=True)
    convert(model, tmp_path / "m.edgert")
    assert model.SerializeToString(deterministic=True) == before


def test_metadata(tmp_path: Path) -> None:
    """The model's own entries, and where it comes from; nothing about when or where."""
    model = small_net()
    helper.set_model_props(model, {"labels": "cat\ndog", "überschrift": "日本語"})
    convert(model, tmp_path / "m.edgert")
    metadata = edgert.load(tmp_path / "m.edgert").metadata
    assert metadata == {
        "labels": "cat\ndog",
        "überschrift": "日本語",
        "edgert.version": edgert.__version__,
        "onnx.graph": "test",
        "onnx.producer": "test 1.0",
        "onnx.opset": "ai.onnx=17",
    }


def test_outputs_that_no_node_computes(tmp_path: Path) -> None:
    """Constants, an input under another name, one value under two names."""
    nodes = [
        helper.make_node("Identity", ["x"], ["same"]),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Relu", ["x"], ["first"]),
        helper.make_node("Identity", ["first"], ["second"]),
    ]
    info = value_info("x", np.zeros((2, 3), np.float32))
    outputs = ["same", "shape", "first", "second", "w"]
    weight = numpy_helper.from_array(np.arange(4, dtype=np.float32), "w")
    convert(make_model(nodes, [info], outputs, [weight]), tmp_path / "m.edgert")
    x = np.array([[-1, 2, -3], [4, -5, 6]], np.float32)
    found = edgert.load(tmp_path / "m.edgert").run({"x": x})
    assert list(found) == outputs
    expected = (x, np.array([2, 3]), np.maximum(x, 0), np.maximum(x, 0), np.arange(4.0))
    for name, wanted in zip(outputs, expected):
        np.testing.assert_array_equal(found[name], wanted)


def test_weights_that_are_inputs_too() -> None:
    """Up to IR version 3 every initializer is listed as an input; it stays a constant."""
    model = small_net()
    for weight in model.graph.initializer:
        model.graph.input.append(value_info(weight.name, numpy_helper.to_array(weight)))
    model.ir_version = 3
    assert import_model(model).inputs == ["x"]


def test_refusals(tmp_path: Path) -> None:
    """Nothing is written then, and an older file stays."""
    model, target = small_net(), tmp_path / "m.edgert"
    with pytest.raises(InputError):
        convert(model)
    with pytest.raises(ModelIOError):
        convert(model, tmp_path / "missing" / "m.edgert")
    target.write_bytes(b"older")
    model.graph.node[2].op_type = "Det"
    with pytest.raises(UnsupportedError):
        convert(model, target)
    assert target.read_bytes() == b"older"
    assert [path.name for path in tmp_path.iterdir()] == ["m.edgert"]
