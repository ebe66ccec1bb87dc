"""``edgert convert --quantize`` and ``edgert compare``, on the digit classifier."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import edgert
from edgert import interp
from edgert.cli import main
from edgert.compress import preset, recipe_text
from edgert.compress.quantize import quantizer
from edgert.errors import InputError, UnsupportedError
from edgert.parity import OutputParity, Parity
from edgert.unpack import unpack

EXAMPLES = resources.files("edgert") / "examples"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the classifier and its held-out images as samples."""
    (tmp_path / "digits.onnx").write_bytes((EXAMPLES / "digits.onnx").read_bytes())
    with resources.as_file(EXAMPLES / "digits_test.npz") as path, np.load(path) as arrays:
        np.save(tmp_path / "data.npy", (arrays["images"][:, None] / 16).astype(np.float32))
        np.save(tmp_path / "labels.npy", arrays["labels"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def report(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def forms(done: dict) -> set[str]:
    """The forms that layers have."""
    return {layer["form"] for layer in done["layers"].values()}


def test_convert(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Smaller, as accurate, and the report says what was done."""
    main(["convert", "digits.onnx", "-o", "float.edgert"])
    capsys.readouterr()
    words = ["convert", "digits.onnx", "--quantize", "int8", "--calibrate", "data.npy"]
    done = report(capsys, *words, "--slack", "0")
    quantization = done["compression"]
    assert quantization["samples"] == 360
    assert forms(quantization) == {"i8"}
    assert not quantization["data_free"]
    assert quantization["sqnr"] > 30
    assert done["check"]["outputs"][0]["sqnr"] > 30
    assert Path(quantization["recipe"]).is_file()
    labels = np.load("labels.npy")
    right = [
        sum(int(model(x[None]).argmax()) == y for x, y in zip(np.load("data.npy"), labels))
        for model in map(edgert.load, ("float.edgert", "digits.edgert"))
    ]
    assert abs(right[0] - right[1]) <= 3
    sizes = [Path(name).stat().st_size for name in ("float.edgert", "digits.edgert")]
    assert sizes[1] < 0.5 * sizes[0]


def test_text_names_the_data_free_mode(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It cannot be overlooked."""
    assert main(["convert", "digits.onnx", "--quantize", "int8", "--no-check"]) == 0
    text = capsys.readouterr().out
    assert "verdict: check" in text
    assert "the samples are random numbers" in text
    assert re.search("calibrated on +[0-9]+ random inputs", text)


def test_skipped_files_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken image in a folder stands in the report."""
    image = pytest.importorskip("PIL.Image")
    (folder / "images").mkdir()
    for i, pixels in enumerate(np.load("data.npy")[:4]):
        image.fromarray((pixels.reshape(8, 8) * 255).astype(np.uint8)).save(f"images/{i}.png")
    Path("images/broken.png").write_bytes(b"no image")
    words = ["convert", "digits.onnx", "--quantize", "int8", "--calibrate", "images"]
    assert main(words) == 0
    assert "broken.png" in capsys.readouterr().out
    assert len(report(capsys, *words)["compression"]["skipped"]) == 1


def test_gate_and_recipe(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Layers are named; the recipe gives the same file."""
    words = ["convert", "digits.onnx", "--quantize", "int8", "--calibrate", "data.npy"]
    plain = report(capsys, *words, "--slack", "0")["compression"]["sqnr"]
    done = report(capsys, *words, "--min-sqnr", str(plain + 6), "-o", "gated.edgert")
    assert done["compression"]["sqnr"] >= plain + 6
    reasons = {layer["why"] for layer in done["compression"]["layers"].values()}
    assert "it takes away much of the error for little" in reasons
    again = [*words, "--recipe", "gated.recipe.json", "-o", "again.edgert"]
    assert report(capsys, *again)["compression"]["layers"] == done["compression"]["layers"]
    assert Path("again.edgert").read_bytes() == Path("gated.edgert").read_bytes()


@pytest.mark.parametrize(("weights", "least"), [("int8", 25), ("int16", 55)])
def test_int16(
    folder: Path, capsys: pytest.CaptureFixture[str], weights: str, least: float
) -> None:
    """All layers, and what compare and info say of them."""
    words = ["--quantize", "int16", "--weights", weights, "--calibrate", "data.npy"]
    done = report(capsys, "convert", "digits.onnx", *words)["compression"]
    assert forms(done) == {"i16" if weights == "int16" else "i16_w8"}
    assert done["sqnr"] > least
    words = ["compare", "digits.onnx", "digits.edgert", "--data", "data.npy"]
    layers = report(capsys, *words)["layers"]
    int16 = [layer for layer in layers if layer["dtype"] == "int16"]
    assert int16
    assert all(0 < layer["used"] <= 1 and layer["saturated"] < 0.01 for layer in int16)
    assert main(["info", "digits.edgert", "--plan"]) == 0
    assert "gemm_i16" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["--calibrate", "data.npy"],
        ["--min-sqnr", "20"],
        ["--weights", "int16"],
        ["--ranges", "minmax"],
        ["--steps", "none"],
        ["--weight-fit", "any"],
        ["--quantize", "int8", "--mean", "100"],
        ["--std", "0"],
        ["--rate", "16000"],
        ["--preprocess", "absent.json"],
        ["--labels", "absent.txt"],
        ["--quantize", "int16", "--recipe", "int16.json", "--ranges", "minmax"],
        ["--quantize", "int8", "--steps", "nonsense"],
        ["--quantize", "int8", "--calibrate", "absent.npy"],
        ["--quantize", "int8", "--recipe", "absent.json"],
        ["--quantize", "int8", "--calibrate", "labels.npy"],
        ["--quantize", "int8", "--min-agreement", "1.5"],
        ["--quantize", "int8", "--min-sqnr", "nan"],
        ["--quantize", "int8", "--recipe", "int16.json"],
        ["-o", "./digits.onnx"],
    ],
)
def test_errors(folder: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """One line, exit code 2, no file, and the original is as it was."""
    Path("int16.json").write_text(recipe_text(preset("int16")))
    original = Path("digits.onnx").read_bytes()
    assert main(["convert", "digits.onnx", *words]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not Path("digits.edgert").exists()
    assert Path("digits.onnx").read_bytes() == original


@pytest.mark.parametrize("words", [["--no-check"], []])
def test_a_target_out_of_reach(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """The report says so, and so does the exit code; what was there stays, unless it is forced."""
    Path("digits.edgert").write_bytes(b"earlier")
    Path("digits.recipe.json").write_bytes(b"earlier")
    quantized = ["--quantize", "int8", "--calibrate", "data.npy", "--min-sqnr", "900"]
    assert main(["convert", "digits.onnx", *quantized, *words]) == 1
    text = capsys.readouterr().out
    assert "verdict: bad" in text
    assert "900 were asked for" in text
    assert Path("digits.edgert").read_bytes() == b"earlier"
    assert Path("digits.recipe.json").read_bytes() == b"earlier"
    assert main(["convert", "digits.onnx", *quantized, *words, "--force"]) == 1
    assert len(edgert.load("digits.edgert").inputs) == 1
    assert "earlier" not in Path("digits.recipe.json").read_text()


def test_a_bad_network_from_python(folder: Path) -> None:
    """The error has the report."""
    words = {"quantize": "int8", "calibrate": "data.npy", "min_sqnr": 900.0}
    with pytest.raises(edgert.QualityError, match="900 were asked for") as error:
        edgert.convert("digits.onnx", "bad.edgert", **words)
    assert error.value.report.compression.verdict.word == "bad"
    assert error.value.report.parity.passed
    assert not Path("bad.edgert").exists()
    edgert.convert("digits.onnx", "bad.edgert", **words, force=True)
    assert Path("bad.edgert").exists()


def test_an_import_that_differs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not compressed, from Python as on the command line."""
    wrong = Parity("nothing", [OutputParity("y", 1.0, 3.0, 60.0, True)])
    monkeypatch.setattr("edgert.converter.check_parity", lambda *_, **__: wrong)
    monkeypatch.setattr("edgert.converter.compress", lambda *_: pytest.fail("it was compressed"))
    words = {"quantize": "int8", "calibrate": "data.npy"}
    with pytest.raises(edgert.QualityError, match="differs from the original") as error:
        edgert.convert("digits.onnx", "bad.edgert", **words)
    assert error.value.report.parity == wrong
    command = ["convert", "digits.onnx", "--quantize", "int8", "--calibrate", "data.npy"]
    assert main(command) == 1
    assert not Path("digits.edgert").exists()


def test_a_metric_of_the_working_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is found, and what is none is refused."""
    name = "metric_of_the_working_folder"
    Path(f"{name}.py").write_text("def same(a, b):\n    return 7\n\nnumber = 3\n")
    words = ["convert", "digits.onnx", "--quantize", "dynamic", "--no-check", "--metric"]
    assert report(capsys, *words, f"{name}:same")["compression"]["metric"] == 7
    for other in (f"{name}:other", f"{name}:number", name, "absent_module:same", ":", ""):
        assert main([*words, other]) == 2
        assert "--metric" in capsys.readouterr().err


def test_a_recipe_that_was_given_is_not_overwritten(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was decided from it lies beside it."""
    words = ["convert", "digits.onnx", "--quantize", "int8", "--calibrate", "data.npy"]
    plain = report(capsys, *words)["compression"]
    given, target = Path(plain["recipe"]), str(plain["sqnr"] + 2)
    recipe = json.loads(given.read_text())
    del recipe["layers"]
    given.write_text(json.dumps(recipe))
    before = given.read_bytes()
    done = report(capsys, *words, "--recipe", str(given), "--min-sqnr", target)["compression"]
    assert given.read_bytes() == before
    assert Path(done["recipe"]).read_bytes() != before


@pytest.mark.parametrize("other", ["digits.onnx", "data.npy", "check.npy"])
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_the_recipe_takes_the_place_of_no_input(
    folder: Path, capsys: pytest.CaptureFixture[str], other: str, link: Callable[[str, str], None]
) -> None:
    """Where its name leads to one, it is called otherwise; where both do, it is not written."""
    np.save("check.npy", np.load("data.npy")[:2])
    np.save("data.npy", np.load("data.npy")[:4])
    before = Path(other).read_bytes()
    link(other, "out.recipe.json")
    words = ["convert", "digits.onnx", "-o", "out.edgert", "--quantize", "int8", "--calibrate",
             "data.npy", "--data", "check.npy"]  # fmt: skip
    assert report(capsys, *words)["compression"]["recipe"] == "out.decided.recipe.json"
    assert Path("out.decided.recipe.json").read_text().startswith("{")
    Path("out.decided.recipe.json").unlink()
    link(other, "out.decided.recipe.json")
    assert main(words) == 2
    assert "is the input" in capsys.readouterr().err
    assert Path(other).read_bytes() == before


def test_the_check_data_is_not_written_over(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither by name nor by default; nothing is converted then."""
    Path("check").mkdir()
    for name in ("check/x.npy", "digits.edgert"):
        with open(name, "wb") as file:
            np.save(file, np.load("data.npy")[0])
    for words in (
        ["-o", "check/x.npy", "--data", "check"],
        ["-o", "check/../check/x.npy", "--data", "check/x.npy"],
        ["--data", "digits.edgert"],
    ):
        before = {name: Path(name).read_bytes() for name in ("check/x.npy", "digits.edgert")}
        assert main(["convert", "digits.onnx", *words]) == 2
        assert "is the input" in capsys.readouterr().err
        assert {name: Path(name).read_bytes() for name in before} == before


def test_api(folder: Path) -> None:
    """The same from Python, with any iterable of samples."""
    samples = (row for row in np.load("data.npy"))
    result = edgert.convert("digits.onnx", "a.edgert", quantize="int8", calibrate=samples)
    assert result.compression.samples == 360
    edgert.convert("digits.onnx", "b.edgert", quantize="int8", calibrate="data.npy")
    assert Path("a.edgert").read_bytes() == Path("b.edgert").read_bytes()
    with pytest.raises(UnsupportedError, match="int3"):
        edgert.convert("digits.onnx", quantize="int3")
    with pytest.raises(InputError, match="no samples"):
        edgert.convert("digits.onnx", quantize="int8", calibrate=[])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": 5}, "model is 5, expected a path"),
        ({"output": 5}, "output is 5, expected a path"),
        ({"input_shapes": {"pixels": 5}}, r"input_shapes is \{'pixels': 5\}, expected \{name"),
        ({"input_shapes": [1]}, r"input_shapes is \[1\], expected"),
        ({"progress": 5}, "progress is 5, expected a function"),
        ({"quantize": "int8", "steps": 5}, "steps is 5, expected some of"),
        ({"quantize": "int8", "steps": "equalize"}, "steps is 'equalize', expected some of"),
        ({"quantize": "int8", "recipe": 5}, "recipe is 5, expected a path or a Recipe"),
        ({"quantize": "int8", "calibrate": 5}, "the data is a int"),
        ({"preprocess": 5}, "preprocess is 5, expected an ImageInput"),
        ({"preprocess": {"no": {"type": "image"}}}, "there is no input 'no', but"),
        ({"preprocess": {"type": "audio", "rate": 1}}, r"float32\[1, 1, 8, 8\], is no sound"),
        ({"labels": 5}, "labels: expected a list of labels, found 5"),
        ({"labels": ["a"]}, r"1 labels, but the outputs \['probabilities'\] have \[10\] classes"),
        ({"calibrate": [], "ranges": "mse"}, "^ranges, calibrate: without effect unless quantize"),
        ({"quantize": "dynamic", "steps": ()}, "^steps: without effect on dynamic"),
        ({"quantize": "dynamic", "weight_fit": "quads"}, "weight_fit is 'quads'"),
        ({"quantize": "int8", "recipe": "r", "weights": "int8"}, "^weights: without effect beside"),
    ],
)
def test_arguments_of_the_api(folder: Path, arguments: dict, message: str) -> None:
    """Those of another kind, and those without effect, are named with what was expected."""
    with pytest.raises(InputError, match=message):
        edgert.convert(**{"model": "digits.onnx", **arguments})


def test_what_the_gate_accepts_is_not_built_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights are fitted once if the first graph is good enough."""
    fitted = []

    def reconstruct(*arguments: object) -> dict:
        fitted.append(arguments)
        return reconstruct_weights(*arguments)

    reconstruct_weights = quantizer.reconstruct_weights
    monkeypatch.setattr(quantizer, "reconstruct_weights", reconstruct)
    words = {"quantize": "int8", "calibrate": "data.npy"}
    edgert.convert("digits.onnx", "plain.edgert", **words)
    assert len(fitted) == 1
    edgert.convert("digits.onnx", "gated.edgert", **words, min_sqnr=10.0)
    assert len(fitted) == 2


@pytest.mark.parametrize("options", [{}, {"quantize": "int8"}])
def test_unpack(folder: Path, options: dict) -> None:
    """The graph of a file computes what the file does."""
    edgert.convert("digits.onnx", "m.edgert", **options)
    graph, model = unpack("m.edgert"), edgert.load("m.edgert")
    inputs = {model.inputs[0].name: np.load("data.npy")[0][None]}
    for name, array in interp.run(graph, inputs).items():
        np.testing.assert_allclose(array, model.run(inputs)[name], rtol=1e-4, atol=1e-5)


def test_compare(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every layer with how far it is off; floats have no levels."""
    words = ["convert", "digits.onnx", "--quantize", "int8", "--calibrate", "data.npy"]
    main([*words, "--slack", "0"])
    assert main(["compare", "digits.onnx", "digits.edgert", "--data", "data.npy"]) == 0
    assert "saturated" in capsys.readouterr().out
    layers = report(capsys, "compare", "digits.onnx", "digits.edgert", "--data", "data.npy")
    rows = layers["layers"]
    assert len(rows) >= 3
    info = report(capsys, "info", "digits.edgert", "--plan")
    assert {row["name"] for row in rows} <= {step["step"] for step in info["plan"]}
    assert len(info["metadata"]["edgert.scales"]) > 60
    assert main(["info", "digits.edgert"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) < 160
    alone = [row["alone"] for row in rows]
    known = [value for value in alone if value is not None]
    assert alone[: len(known)] == sorted(known)
    products = [row for row in rows if row["form"]]
    assert {(row["form"], row["next_form"]) for row in products} == {("i8", "i16")}
    for row in products:
        assert row["alone"] is None or row["alone"] > row["sqnr"] - 1
    assert sum(row["alone"] is not None for row in products) >= len(products) - 1
    for row in rows:
        if row["dtype"] == "uint8":
            assert 0 < row["used"] <= 1
            assert 0 <= row["saturated"] < 0.1
        if row["sqnr"] is not None:
            assert row["sqnr"] > 25
            assert row["cosine"] > 0.99
    assert {row["used"] for row in rows if row["dtype"] == "float32"} == {None}
