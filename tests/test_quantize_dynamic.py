"""``edgert convert --quantize dynamic``: which layers, how exact, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_models import make_model, value_info

import edgert
from edgert import interp
from edgert.cli import main
from edgert.compress.quantize.rounding.i16_sums import fits, i16_sums
from edgert.converter import convert
from edgert.errors import InputError
from edgert.importer import import_model
from edgert.passes import optimize
from edgert.unpack import unpack

F = np.float32


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a network, and samples for it.

    Convolutions of three and of one tap, a depthwise one, a residual, a matrix product of tokens.
    """
    rng = np.random.default_rng(0)

    def weight(name: str, *shape: int) -> onnx.TensorProto:
        scale = np.sqrt(2 / np.prod(shape[1:])) * rng.uniform(
            0.3, 3, (shape[0], *[1] * (len(shape) - 1))
        )
        return numpy_helper.from_array((rng.normal(size=shape) * scale).astype(F), name)

    weights = [weight("w1", 96, 16, 3, 3), weight("b1", 96), weight("w2", 96, 1, 3, 3),
               weight("w3", 96, 96, 1, 1), weight("w4", 128, 96), weight("b4", 128),
               numpy_helper.from_array(np.array([0, 96, 64]), "tokens")]  # fmt: skip
    pads = {"pads": [1] * 4}
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["a"], "first", **pads),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["c"], "depthwise", group=96, **pads),
        helper.make_node("Conv", ["c", "w3"], ["d"], "pointwise"),
        helper.make_node("Add", ["d", "b"], ["e"]),
        helper.make_node("Reshape", ["e", "tokens"], ["f"]),
        helper.make_node("Transpose", ["f"], ["g"], perm=[0, 2, 1]),
        helper.make_node("Gemm", ["h", "w4", "b4"], ["y"], "last", transB=1),
    ]
    nodes.insert(7, helper.make_node("ReduceMean", ["g"], ["h"], axes=[1], keepdims=0))
    x = rng.normal(size=(12, 2, 16, 8, 8)).astype(F)
    onnx.save(make_model(nodes, [value_info("x", x[0])], ["y"], weights), tmp_path / "net.onnx")
    np.save(tmp_path / "data.npy", x)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def report(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


DYNAMIC = ["convert", "net.onnx", "--quantize", "dynamic"]


def test_convert(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What gains is on bytes; no data is asked for; the file is smaller."""
    convert("net.onnx", "float.edgert")
    done = report(capsys, *DYNAMIC)
    operators = report(capsys, "info", "net.edgert")["operators"]
    assert operators["dynamic_conv"] == 2
    assert operators["dynamic_gemm"] == 1
    assert operators["conv"] == 1
    layers = done["compression"]["layers"].values()
    assert [x["why"] for x in layers if x["form"] == "f32"] == ["it is too small to gain"]
    assert done["compression"]["sqnr"] > 30
    assert done["check"]["outputs"][0]["sqnr"] > 30
    assert Path("net.edgert").stat().st_size < 0.35 * Path("float.edgert").stat().st_size
    assert main(DYNAMIC) == 0
    assert "WARNING" not in capsys.readouterr().out


def test_the_file_computes_what_the_graph_means(folder: Path) -> None:
    convert("net.onnx", quantize="dynamic")
    graph, x = unpack("net.edgert"), np.load("data.npy")[0]
    (expected,) = interp.run(graph, {"x": x}).values()
    (found,) = edgert.load("net.edgert").run({"x": x}).values()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("weight_fit", [None, "pairs", "any"])
def test_weights(folder: Path, weight_fit: str) -> None:
    """The nearest bytes with a scale for each output; pairs fit 16 bits unless told otherwise."""
    convert("net.onnx", quantize="dynamic", weight_fit=weight_fit)
    original = import_model("net.onnx")
    optimize(original)
    wanted = {n.output: original.constant(n.inputs[1]) for n in original.nodes if len(n.inputs) > 1}
    rule = []
    for node in unpack("net.edgert").nodes:
        if node.op.startswith("dynamic"):
            graph = unpack("net.edgert")
            data, scale = (graph.constant(name) for name in node.inputs[1:3])
            exact = wanted[node.output]
            error = data * scale.reshape(-1, *[1] * (data.ndim - 1)) - exact
            assert np.abs(data).max() <= 127
            assert np.square(error).mean() < 1e-3 * np.square(exact).mean()
            sums = i16_sums("pairs", 1, data[0].size // data.shape[-1], data.shape[-1])
            rule.append(fits(data.reshape(len(data), -1), sums))
    assert len(rule) == 3
    assert all(rule) == (weight_fit != "any")


def test_gate_and_recipe(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Layers stay in float until the target holds; the recipe gives the same file."""
    words = [*DYNAMIC, "--calibrate", "data.npy"]
    plain = report(capsys, *words)["compression"]
    assert plain["samples"] == 12
    target = str(plain["sqnr"] + 1)
    gated = report(capsys, *words, "--min-sqnr", target, "-o", "gated.edgert")["compression"]
    assert gated["sqnr"] >= plain["sqnr"] + 1
    assert "the accuracy needs it" in [layer["why"] for layer in gated["layers"].values()]
    again = [*DYNAMIC, "--recipe", "gated.recipe.json", "-o", "again.edgert"]
    report(capsys, *again)
    assert Path("again.edgert").read_bytes() == Path("gated.edgert").read_bytes()


def test_compare(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Layers are floats: they have no levels, but an error."""
    main(DYNAMIC)
    capsys.readouterr()
    rows = report(capsys, "compare", "net.onnx", "net.edgert", "--data", "data.npy")["layers"]
    assert {"dynamic_conv", "dynamic_gemm"} <= {row["op"] for row in rows}
    for row in rows:
        assert row["dtype"] == "float32"
        assert row["used"] is None
        assert row["sqnr"] is None or row["sqnr"] > 25


@pytest.mark.parametrize(
    "words",
    [["--ranges", "minmax"], ["--steps", "none"], ["--weights", "int8"], ["--weight-fit", "quads"],
     ["--recipe", "ranges.json"], ["--recipe", "unknown.json"], ["--calibrate", "absent.npy"]],
)  # fmt: skip
def test_errors(folder: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """One line, exit code 2, no file."""
    recipe = {"format": "edgert-recipe-1"}
    Path("ranges.json").write_text(json.dumps({**recipe, "tensors": {"a": [-1, 1]}}))
    Path("unknown.json").write_text(json.dumps({**recipe, "float": ["nothing"]}))
    assert main([*DYNAMIC, *words]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not Path("net.edgert").exists()


def test_a_target_without_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As for the other kinds, random inputs judge, and the text says so."""
    assert main([*DYNAMIC, "--min-sqnr", "20", "--no-check"]) == 0
    text = capsys.readouterr().out
    assert "the samples are random numbers" in text
    assert "16 random inputs that decided nothing" in text


def test_ranges_of_a_recipe_are_refused_by_name(folder: Path) -> None:
    name = import_model("net.onnx").nodes[-1].output
    Path("r.json").write_text(json.dumps({"format": "edgert-recipe-1", "tensors": {name: [-1, 1]}}))
    with pytest.raises(InputError, match="the range of"):
        convert("net.onnx", quantize="dynamic", recipe="r.json")


def test_data_that_is_not_finite_gives_no_number(folder: Path) -> None:
    """The image with a NaN is lost, the other one is not."""
    convert("net.onnx", quantize="dynamic")
    x = np.load("data.npy")[0].copy()
    model = edgert.load("net.edgert")
    (exact,) = model.run({"x": x}).values()
    x[0, 3, 2, 1] = np.nan
    (found,) = edgert.load("net.edgert").run({"x": x}).values()
    assert np.isnan(found[0]).all()
    np.testing.assert_array_equal(found[1], exact[1])
