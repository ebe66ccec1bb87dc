"""``edgert run``: what it says first, folders, the standard input and output."""

from __future__ import annotations

import io
import json
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import edgert
from edgert.cli import main
from edgert.commands.run import _folder_text, _text, summarize

pytest.importorskip("onnx")
image = pytest.importorskip("PIL.Image")
EXAMPLES = resources.files("edgert") / "examples"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the shipped model, and digits in a folder with one for each class."""
    monkeypatch.chdir(tmp_path)
    with resources.as_file(EXAMPLES / "digits.onnx") as path:
        edgert.convert(path, "digits.edgert", check=False)
    digits = np.load(EXAMPLES / "digits_test.npz")
    for i, (pixels, label) in enumerate(zip(digits["images"][:5], digits["labels"])):
        (tmp_path / "digits" / str(label)).mkdir(parents=True, exist_ok=True)
        path = tmp_path / "digits" / str(label) / f"{i}"
        if i % 2:
            np.save(path.with_suffix(".npy"), (pixels[None, None] / 16).astype(np.float32))
        else:
            image.fromarray((pixels * 15).astype(np.uint8)).save(path.with_suffix(".PNG"))
    (tmp_path / "digits" / ".hidden").write_bytes(b"not an image")
    return tmp_path


def answers(text: str) -> list[list[str]]:
    """The rows of the first table."""
    table = text.split("\n\n")[0].splitlines()
    return [line.split() for line in table if "---" not in line]


def test_the_answer_comes_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The classes and how likely they are, then details."""
    (path,) = (folder / "digits").glob("*/0.PNG")
    assert main(["run", "digits.edgert", "-i", str(path), "--top", "2"]) == 0
    text = capsys.readouterr().out
    header, first, second = answers(text)
    assert header == ["class", "probability"]
    assert first[0] == path.parent.name
    assert first[2] == second[2] == "%"
    assert float(first[1]) > 90 > 10 > float(second[1])
    assert text.index("probability") < text.index("not finite") < text.index("One cold run")


def test_folders(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each file, those of folders in them too; what is no input is told of."""
    files = sorted((folder / "digits").glob("*/*"))
    for name in ("digits", "digits/", "pixels=digits/"):
        assert main(["run", "digits.edgert", "-i", name, "-o", "out.npz"]) == 0
        header, *rows = answers(capsys.readouterr().out)
        assert header == ["file", "class", "probability"]
        assert [row[0] for row in rows] == [str(f.relative_to(folder)) for f in files]
        assert [row[1] for row in rows] == [f.parent.name for f in files]
    with np.load("out.npz") as arrays:
        found = arrays["probabilities"]
    assert found.shape == (5, 10)
    assert [str(i) for i in found.argmax(1)] == [f.parent.name for f in files]
    (folder / "digits" / "bad.png").write_bytes(b"garbage")
    assert main(["run", "digits.edgert", "-i", "digits", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data["runs"]) == 5
    assert data["runs"][0]["file"] == str(files[0].relative_to(folder))
    assert len(data["skipped"]) == 1
    assert "bad.png" in data["skipped"][0]


def test_folders_without_inputs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to run on is an error, and so are two folders; inputs are not written over."""
    (folder / "empty").mkdir()
    assert main(["run", "digits.edgert", "-i", "empty"]) == 2
    assert "empty has no file that the model runs on" in capsys.readouterr().err
    (folder / "empty" / "bad.png").write_bytes(b"garbage")
    assert main(["run", "digits.edgert", "-i", "empty"]) == 2
    assert "not an image" in capsys.readouterr().err
    assert main(["run", "digits.edgert", "-i", "digits", "-i", "empty"]) == 2
    assert "one input may be a folder" in capsys.readouterr().err
    (path,) = (folder / "digits").glob("*/1.npy")
    before = path.read_bytes()
    assert main(["run", "digits.edgert", "-i", "digits", "-o", str(path)]) == 2
    assert "is the input" in capsys.readouterr().err
    assert path.read_bytes() == before


def given(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Gives bytes on the standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize("kind", ["npy", "npz", "png"])
@pytest.mark.parametrize("spec", ["-", "pixels=-"])
def test_standard_input(
    kind: str,
    spec: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Arrays and images, by what they begin with."""
    (picture,) = (folder / "digits").glob("*/0.PNG")
    pixels = np.asarray(image.open(picture))[None, None] / np.float32(255)
    buffer = io.BytesIO()
    if kind == "png":
        buffer.write(picture.read_bytes())
    else:
        np.save(buffer, pixels) if kind == "npy" else np.savez(buffer, pixels=pixels)
    given(monkeypatch, buffer.getvalue())
    assert main(["run", "digits.edgert", "-i", spec]) == 0
    assert answers(capsys.readouterr().out)[1][0] == picture.parent.name


def test_nothing_on_the_standard_input(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing, no input, closed, or given twice."""
    for data, words in ((b"", "nothing on"), (b"garbage", "not an image")):
        given(monkeypatch, data)
        assert main(["run", "digits.edgert", "-i", "-"]) == 2
        assert words in capsys.readouterr().err
    assert main(["run", "digits.edgert", "-i", "-", "-i", "pixels=-"]) == 2
    assert "given twice" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["run", "digits.edgert", "-i", "-"]) == 2


def test_standard_output(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The array, and nothing else; JSON cannot be there at the same time."""
    (path,) = (folder / "digits").glob("*/1.npy")
    expected = edgert.load("digits.edgert")(np.load(path))
    words = ["run", "digits.edgert", "-i", str(path), "-o"]
    assert main([*words, "-"]) == 0
    said = capfdbinary.readouterr()
    np.testing.assert_array_equal(np.load(io.BytesIO(said.out)), expected)
    assert said.err == b""
    assert main([*words, "out.npy"]) == 0
    assert (folder / "out.npy").read_bytes() == said.out
    capfdbinary.readouterr()
    assert main([*words, "-", "--json"]) == 2
    said = capfdbinary.readouterr()
    assert said.out == b""
    assert b"--json" in said.err


def test_labels_and_scores() -> None:
    """A class is called by its label if there is one, scores are no probabilities."""
    scores = np.array([[-1.0, 3.0, 2.0]], np.float32)
    likely = np.array([[0.25, 0.5, 0.25]], np.float32)
    for array, shown in ((scores, "3"), (likely, "50.0 %")):
        run = {"file": "a", "outputs": [summarize("y", array, 2)], "milliseconds": 1.0}
        for text in (_text(run, ["cat", "dog"]), _folder_text([run], [], ["cat", "dog"])):
            assert "dog" in text
            assert shown in text
            assert ("probability" in text) == (array is likely)
        assert answers(_text(run, ["cat", "dog"]))[2][0] == ("2" if array is scores else "cat")


def test_outputs_that_are_no_classes() -> None:
    """Are told of in numbers, file by file."""
    y = np.arange(8, dtype=np.float32).reshape(2, 4)
    run = {"file": "a.npy", "outputs": [summarize("y", y, 5)], "milliseconds": 1.0}
    assert answers(_text(run))[1][:3] == ["y", "float32", "2x4"]
    assert answers(_folder_text([run, run], []))[2][:4] == ["a.npy", "y", "float32", "2x4"]
