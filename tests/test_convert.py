"""The conversion as a whole: what it writes, reports and refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.external_data_helper import set_external_data
from onnx_models import make_model, value_info

import edgert
from edgert.cli import main
from edgert.compress import preset, recipe_text
from edgert.converter import STAGES, convert
from edgert.errors import (
    FormatError,
    InputError,
    ModelIOError,
    QualityError,
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
    model = make_model(nodes, [info], outputs, [weight])
    convert(model, tmp_path / "m.edgert", check=False)
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
        convert(small_net(), tmp_path / "m.edgert", check=False)
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


def test_the_report_is_what_the_command_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a network in float, and of a compressed one, whose recipe lies beside it."""
    monkeypatch.chdir(tmp_path)
    onnx.save(small_net(), "net.onnx")
    for words, options in (([], {}), (["--quantize", "int8"], {"quantize": "int8"})):
        main(["convert", "net.onnx", *words, "--force"])
        shown = capsys.readouterr().out
        Path("net.edgert").unlink()
        report = convert("net.onnx", **options, force=True)
        assert f"{report}\n" == f"{report!r}\n" == shown
        assert report.written
        main(["convert", "net.onnx", *words, "--force", "--json"])
        assert json.loads(capsys.readouterr().out) == report.data()
        assert Path("net.recipe.json").exists() == bool(options)
    assert "ONNX Runtime" in str(report) or "reference evaluator" in str(report)
    assert "a model from memory -> m.edgert" in str(convert(small_net(), "m.edgert"))


def test_what_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it is forced, or not checked."""
    onnx.save(small_net(), str(tmp_path / "m.onnx"))
    convert(tmp_path / "m.onnx")
    before = (tmp_path / "m.edgert").read_bytes()
    run = edgert.Model.run
    monkeypatch.setattr(
        edgert.Model, "run", lambda *args: {k: 1.1 * v for k, v in run(*args).items()}
    )
    (tmp_path / "m.edgert").write_bytes(b"old")
    with pytest.raises(QualityError, match="differs from the original") as caught:
        convert(tmp_path / "m.onnx")
    assert not caught.value.report.written
    assert not caught.value.report.passed
    assert "FAILED" in str(caught.value.report)
    assert (tmp_path / "m.edgert").read_bytes() == b"old"
    for options in ({"force": True}, {"check": False}):
        (tmp_path / "m.edgert").unlink()
        assert convert(tmp_path / "m.onnx", **options).passed == ("check" in options)
        assert (tmp_path / "m.edgert").read_bytes() == before


def test_the_check_is_on_the_data(tmp_path: Path) -> None:
    """On its first samples; without a check there is nothing to do with it."""
    x = np.ones((20, 3, 8, 8), np.float32)
    report = convert(small_net(), tmp_path / "m.edgert", data=x)
    assert "the first 16 samples of the data" in str(report)
    with pytest.raises(InputError, match="data: without effect"):
        convert(small_net(), tmp_path / "m.edgert", data=x, check=False)
    with pytest.raises(InputError, match="has shape"):
        convert(small_net(), tmp_path / "m.edgert", data=x[:, :2])


def test_what_another_runtime_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in onnx's own; what none runs is not checked silently."""
    pytest.importorskip("onnxruntime")

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no kernel")

    monkeypatch.setattr("onnxruntime.InferenceSession", refuse)
    assert "reference evaluator" in str(convert(small_net(), tmp_path / "m.edgert"))
    monkeypatch.setattr("onnx.reference.ReferenceEvaluator", refuse)
    with pytest.raises(UnsupportedError, match=r"no kernel; --no-check \(check=False\)"):
        convert(small_net(), tmp_path / "n.edgert")
    assert not (tmp_path / "n.edgert").exists()


def test_compare_knows_the_shapes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the converted model."""
    model = small_net()
    dims = model.graph.input[0].type.tensor_type.shape.dim
    for i, name in ((0, "batch"), (2, "height"), (3, "width")):
        dims[i].dim_param = name
    onnx.save(model, str(tmp_path / "m.onnx"))
    convert(tmp_path / "m.onnx", input_shapes={"x": (1, 3, 8, 8)})
    assert main(["compare", str(tmp_path / "m.onnx"), str(tmp_path / "m.edgert"), "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert layers
    assert all(layer["sqnr"] is None or layer["sqnr"] > 60 for layer in layers)


def test_a_batch_of_one_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And how to have another, unless the caller has said it of another input."""
    infos = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", 3]) for name in "ab"
    ]
    model = make_model([helper.make_node("Add", ["a", "b"], ["y"])], infos, ["y"])
    onnx.save(model, str(tmp_path / "m.onnx"))
    assert main(["convert", str(tmp_path / "m.onnx")]) == 0
    text = capsys.readouterr().out
    assert "samples there are in 'a' and 'b': the file is for 1, --input-shape a=N,3 " in text
    report = convert(tmp_path / "m.onnx", input_shapes={"a": (4, 3)})
    assert not report.assumed
    assert [info.shape for info in edgert.load(report.output).inputs] == [(4, 3), (4, 3)]
