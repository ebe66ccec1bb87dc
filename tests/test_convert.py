"""The conversion as a whole: what it writes, reports and refuses."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.external_data_helper import set_external_data
from onnx_models import make_model, value_info

import edgert
from edgert.compress import preset, recipe_text
from edgert.converter import STAGES, convert
from edgert.errors import (
    FormatError,
    InputError,
    ModelIOError,
    UnsupportedError,
)
from edgert.importer import import_model
from edgert.pack import pack


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
    weight = model.graph.initializer[0]
    with pytest.raises(InputError, match=f"no input.*{weight.name}"):
        import_model(model, {weight.name: weight.dims})


def test_text_that_may_not_stand_in_a_file(tmp_path: Path) -> None:
    """Is escaped in the metadata, whose keys stay different ones; the rest of a text is kept."""
    model = small_net()
    model.graph.name = "é\x1b[31m\u202e"
    model.producer_name = "a\x07"
    entries = {
        "": "no key", "a\x1b": "1", "a\\x1b": "2", "line\nbreak": "3", "k" * 2000: "4",
        "k" * 2001: "5", "control": "tab\tand\nline, bell\x07", "direction": "\u2066",
    }  # fmt: skip
    for key, value in entries.items():
        model.metadata_props.add(key=key, value=value)
    convert(model, tmp_path / "m.edgert")
    metadata = edgert.load(tmp_path / "m.edgert").metadata
    assert metadata["onnx.graph"] == "é\\x1b[31m\\u202e"
    assert metadata["onnx.producer"] == "a\\x07 1.0"
    assert metadata["unnamed"] == "no key"
    assert metadata["line\\nbreak"] == "3"
    assert metadata["control"] == "tab\tand\nline, bell\\x07"
    assert metadata["direction"] == "\\u2066"
    assert {metadata["a\\x1b"], metadata["a\\x1b_1"]} == {"1", "2"}
    assert {value for key, value in metadata.items() if key.startswith("kk")} == {"4", "5"}


def test_no_outputs(tmp_path: Path) -> None:
    """A model that gives nothing is no model."""
    model = small_net()
    del model.graph.output[:]
    with pytest.raises(FormatError, match="graph 'test' has no outputs"):
        convert(model, tmp_path / "m.edgert")
    assert list(tmp_path.iterdir()) == []


def test_what_would_not_load_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loader has the last word, before the file takes its place."""
    monkeypatch.setattr("edgert.converter.pack", lambda graph: pack(graph)[:-1])
    with pytest.raises(FormatError, match=r"m\.edgert' would not load: .*cut off"):
        convert(small_net(), tmp_path / "m.edgert")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def with_data(tmp_path: Path) -> Path:
    """The model, with a weight in w.bin that is read and one in dead.bin that is not."""
    model = small_net()
    for tensor in model.graph.initializer:
        if tensor.name == "w":
            set_external_data(tensor, "w.bin")
            (tmp_path / "w.bin").write_bytes(tensor.raw_data)
            tensor.ClearField("raw_data")
    dead = model.graph.initializer.add(name="dead", data_type=1, dims=[1], raw_data=bytes(4))
    set_external_data(dead, "./dead.bin")
    (tmp_path / "dead.bin").write_bytes(dead.raw_data)
    dead.ClearField("raw_data")
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    return tmp_path


@pytest.mark.parametrize(
    "name", ["m.onnx", "w.bin", "dead.bin", "recipe.json", "data/1.npy", "x.npy"]
)
@pytest.mark.parametrize("via", ["path", "symlink", "hardlink", "folder", "relative"])
def test_inputs_are_not_written_over(
    with_data: Path, name: str, via: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the output is called, it is none of the files that are read for it."""
    (with_data / "data").mkdir()
    sample = np.zeros((1, 3, 8, 8), np.float32)
    for path in (with_data / "data" / "1.npy", with_data / "x.npy"):
        np.save(path, sample)
    (with_data / "recipe.json").write_text(recipe_text(preset()))
    path = with_data / name
    output = {
        "path": path,
        "symlink": with_data / "link",
        "hardlink": with_data / "data" / "link",
        "folder": with_data / "folder" / name,
        "relative": Path(name),
    }[via]
    monkeypatch.chdir(with_data)
    (with_data / "folder").symlink_to(".")
    if via == "symlink":
        output.symlink_to(path)
    elif via == "hardlink":
        os.link(path, output)
    before = path.read_bytes()
    calibrate = with_data / ("x.npy" if name == "x.npy" else "data")
    with pytest.raises((InputError, FormatError), match=r"is the input|hard link"):
        convert(with_data / "m.onnx", output, quantize="int8", calibrate=calibrate,
                recipe=with_data / "recipe.json")  # fmt: skip
    assert path.read_bytes() == before


def test_a_new_file_among_the_inputs(with_data: Path) -> None:
    """Is none of them."""
    np.save(with_data / "x.npy", np.zeros((2, 3, 8, 8), np.float32))
    report = convert(
        with_data / "m.onnx", with_data / "y.npy", quantize="int8", calibrate=with_data / "x.npy"
    )
    edgert.load(report.output)
    assert set(report.inputs) == {
        str(with_data / name) for name in ("m.onnx", "w.bin", "dead.bin", "x.npy")
    }
    assert report.before.bytes == (with_data / "m.onnx").stat().st_size + 8 * 27 * 4 + 4


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
