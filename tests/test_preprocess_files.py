"""What a file says of its inputs and classes: stored once, read strictly, used everywhere."""

from __future__ import annotations

import json
import pickle
from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import pytest
from mutate import ModelFile
from test_preprocess import BAD

import edgert
from edgert.cli import main
from edgert.errors import FormatError, InputError
from edgert.preprocess import (
    LABELS,
    PREPROCESS,
    AudioInput,
    ImageInput,
    labels_text,
    model_labels,
    read_labels,
)
from edgert.schema import Section

EXAMPLES = resources.files("edgert") / "examples"
DESCRIPTION = {"type": "image", "scale": 1 / 240, "mean": 0.0, "resize": "letterbox", "fill": 0}
NAMES = [f"digit {i}" for i in range(10)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the classifier, and images in folders of classes."""
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "digits.onnx").write_bytes((EXAMPLES / "digits.onnx").read_bytes())
    with resources.as_file(EXAMPLES / "digits_test.npz") as path, np.load(path) as arrays:
        images, labels = arrays["images"][:60], arrays["labels"][:60]
    for i, (pixels, label) in enumerate(zip(images, labels)):
        own = tmp_path / "images" / NAMES[label]
        own.mkdir(parents=True, exist_ok=True)
        image.fromarray((pixels * 15).astype(np.uint8)).save(own / f"{i}.PNG")
    (tmp_path / "images" / "classes.txt").write_text("\n".join(NAMES))
    (tmp_path / "p.json").write_text(json.dumps(DESCRIPTION))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def output(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "words",
    [
        ["--scale", "1/0"],
        ["--scale", "0"],
        ["--scale", "x"],
        ["--scale", "nan"],
        ["--mean", "0,0"],
        ["--mean", ""],
        ["--fill", "300"],
        ["--crop-pct", "0"],
        ["--layout", "NHWC"],
        ["--rate", "0"],
        ["--length", "exact"],
        ["--preprocess", "images"],
        ["--preprocess", "digits.onnx"],
        ["--labels", "images"],
        ["--labels", "p.json"],
        ["--preprocess", "p.json", "-o", "p.json"],
        ["--labels", "images/classes.txt", "-o", "images/classes.txt"],
    ],
)
def test_arguments_that_make_no_sense(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """A line that names them, and nothing written or overwritten."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    try:
        code = main(["convert", "digits.onnx", *words])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert words[0].strip("-").split("-")[0] in last or words[1] in last
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


CONVERT = ["convert", "digits.onnx", "--preprocess", "p.json", "--labels", "images/classes.txt"]


def test_stored_once_used_everywhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is enough for the right answer, from Python as from the commands."""
    data = output(capsys, *CONVERT)
    assert data["labels"] == NAMES
    model = edgert.load("digits.edgert")
    expected = ImageInput(scale=1 / 240, resize="letterbox", fill=0)
    assert model.preprocess == {"pixels": expected}
    assert model.labels == tuple(NAMES)
    assert pickle.loads(pickle.dumps(model)).labels == model.labels
    path = next(Path("images/digit 3").iterdir())
    x = model.prepare(path)
    assert model.labels[model(x).argmax()] == "digit 3"
    np.testing.assert_array_equal(model.prepare(path, "pixels"), x)
    output(capsys, "run", "digits.edgert", "-i", str(path), "-o", "out.npz")
    np.testing.assert_array_equal(np.load("out.npz")["probabilities"], model(x))
    found = output(capsys, "eval", "digits.edgert", "--data", "images")
    assert found["models"][0]["top1"]["value"] > 0.9
    assert output(capsys, "info", "digits.edgert")["labels"] == NAMES
    assert main(["info", "digits.edgert"]) == 0
    text = capsys.readouterr().out
    assert "image, RGB, letterbox on 0, bilinear, (pixel * 0.004167 - 0) / 1" in text
    assert "10: digit 0, digit 1, digit 2, ..." in text


def test_a_recipe_repeats_byte_for_byte(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Calibration reads images as the file says, so the ranges are those of its tensors."""
    words = [*CONVERT, "--calibrate", "images", "-o"]
    output(capsys, *words, "a.edgert", "--quantize", "int8")
    output(capsys, *words, "b.edgert", "--recipe", "a.recipe.json")
    assert Path("a.edgert").read_bytes() == Path("b.edgert").read_bytes()
    output(capsys, "convert", "digits.onnx", "--calibrate", "images", "--quantize", "int8",
           "--scale", "1/240", "--resize", "letterbox", "--fill", "0", "-o", "c.edgert",
           "--labels", "images/classes.txt")  # fmt: skip
    assert Path("a.edgert").read_bytes() == Path("c.edgert").read_bytes()
    described = ImageInput(1 / 240, resize="letterbox", fill=0)
    edgert.convert("digits.onnx", "d.edgert", calibrate="images", quantize="int8",
                   preprocess=described, labels=NAMES)  # fmt: skip
    assert Path("a.edgert").read_bytes() == Path("d.edgert").read_bytes()
    main(["compare", "digits.onnx", "a.edgert", "--data", "images"])
    assert "pixels: image, RGB, letterbox" in capsys.readouterr().out
    main(["compare", "digits.onnx", "a.edgert", "--data", "images", "--scale", "2"])
    told = capsys.readouterr().out
    assert "(pixel * 2 - 0) / 1\n  in place of what the file states: image, RGB" in told


def test_the_command_line_overrides(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only members that are given, and that is said."""
    output(capsys, *CONVERT)
    path = str(next(Path("images/digit 3").iterdir()))
    assert main(["run", "digits.edgert", "-i", path, "--scale", "1/255", "-o", "out.npz"]) == 0
    told = capsys.readouterr().out
    assert "pixels: image, RGB, letterbox on 0, bilinear, (pixel * 0.003922 - 0) / 1" in told
    assert "in place of what the file states" in told
    model = edgert.load("digits.edgert")
    expected = model(np.float32(240 / 255) * model.prepare(path))
    np.testing.assert_allclose(np.load("out.npz")["probabilities"], expected, atol=1e-5)
    assert main(["run", "digits.edgert", "-i", path, "--rate", "8000"]) == 2
    assert "no input has rate" in capsys.readouterr().err
    edgert.convert("digits.onnx", "plain.edgert")
    assert main(["eval", "digits.edgert", "plain.edgert", "--data", "images"]) == 2
    assert "plain.edgert makes inputs" in capsys.readouterr().err
    both = ["eval", "digits.edgert", "plain.edgert", "--data", "images", "--preprocess", "p.json"]
    found = output(capsys, *both)["models"]
    assert found[0]["top1"] == found[1]["top1"]


def test_folders_that_are_not_the_classes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three folders of ten classes say nothing of their numbers."""
    edgert.convert("digits.onnx", "plain.edgert")
    for name in NAMES[3:]:
        for path in Path("images", name).iterdir():
            path.unlink()
        Path("images", name).rmdir()
    assert main(["eval", "plain.edgert", "--data", "images"]) == 2
    assert "has 3 folders, the model 10 classes: name those" in capsys.readouterr().err
    edgert.convert("digits.onnx", "labels.edgert", labels=NAMES)
    found = output(capsys, "eval", "labels.edgert", "--data", "images")
    assert found["models"][0]["top1"]["value"] > 0.9


def test_labels_of_the_model(folder: Path) -> None:
    """Those in its metadata are stored, if there is one for each class; what it says in the place
    of edgert is not.
    """
    proto = onnx.load("digits.onnx")
    onnx.helper.set_model_props(proto, {"names": str(dict(enumerate(NAMES))), PREPROCESS: "bad"})
    edgert.convert(proto, "a.edgert")
    assert edgert.load("a.edgert").labels == tuple(NAMES)
    assert not edgert.load("a.edgert").preprocess
    edgert.convert(proto, "a.edgert", labels=NAMES[::-1])
    assert edgert.load("a.edgert").labels == tuple(NAMES[::-1])
    onnx.helper.set_model_props(proto, {"names": str(NAMES[:9])})
    edgert.convert(proto, "a.edgert")
    assert edgert.load("a.edgert").labels == ()
    with pytest.raises(InputError, match="9 labels, but the outputs"):
        edgert.convert(proto, "a.edgert", labels=NAMES[:9])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{0: 'person', 1: 'it\\'s'}", ("person", "it's")),
        ("{1: \"b, c\", 0: 'a',}", ("a", "b, c")),
        ('{"0": "a", "1": "\\u00e9"}', ("a", "é")),
        ("['a', 'b', 'c']", ("a", "b", "c")),
        ('["a"]', ("a",)),
        (r"{0: 'a\d'}", (r"a\d",)),
        (r"{0: 'a\x'}", ()),
        ("{0: 'a', 2: 'c'}", ()),
        ("{0: 'a' 1: 'b'}", ()),
        ("{0: ['a']}", ()),
        ("{0: 1}", ()),
        ("[]", ()),
        ("{}", ()),
        ("a, b", ()),
        ("", ()),
        ("[" * 100000 + "]" * 100000, ()),
        ("{0: '" + "\\" * 99999 + "}", ()),
        ("['" + "a" * 2000 + "']", ()),
    ],
)
def test_labels_of_exports(text: str, expected: tuple[str, ...]) -> None:
    """Lists and dicts as Python or JSON writes them; anything else is none."""
    assert model_labels({"names": text}) == expected


def test_labels_of_files(tmp_path: Path) -> None:
    path = tmp_path / "l.txt"
    for text in ("a\nb c\n\n", "\ufeffa\r\nb c\r\n", '["a", "b c"]', "{0: 'a', 1: 'b c'}"):
        path.write_text(text, encoding="utf-8")
        assert read_labels(path) == ("a", "b c")
    for data in (b"", b"a\n\nb\n", b"\xff", b"x" * 2000):
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"l\.txt"):
            read_labels(path)
    (tmp_path / "l.json").write_text('{"type": "image"}')
    with pytest.raises(InputError, match=r"l\.json is no list of labels"):
        read_labels(tmp_path / "l.json")


# Hostile files ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model with both keys, of an input `image` of three channels."""
    from onnx import TensorProto, helper

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])
    others = [helper.make_tensor_value_info("state", TensorProto.FLOAT, [2, 1, 128]),
              helper.make_tensor_value_info("n", TensorProto.INT64, [1])]  # fmt: skip
    nodes = [helper.make_node("Relu", ["image"], ["y"]), helper.make_node("Relu", ["state"], ["z"]),
             helper.make_node("Identity", ["n"], ["m"])]  # fmt: skip
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
               helper.make_tensor_value_info("z", TensorProto.FLOAT, None),
               helper.make_tensor_value_info("m", TensorProto.INT64, None)]  # fmt: skip
    graph = helper.make_graph(nodes, "g", [image, *others], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = tmp_path_factory.mktemp("packed") / "m.edgert"
    edgert.convert(model, path, preprocess={"image": ImageInput()}, labels=["a", "b"])
    return path.read_bytes()


def with_text(packed: bytes, key: str, text: str) -> bytes:
    """The file with another text for a key, and right checksums."""
    file = ModelFile(packed)
    keys = list(edgert.load(packed).metadata)
    file.rename(Section.metadata, keys.index(key), text.encode(), "value_bytes")
    return file.bytes()


@pytest.mark.parametrize(("text", "message"), BAD)
def test_hostile_descriptions(packed: bytes, text: str, message: str) -> None:
    """The file is refused, by the name of what is wrong in it."""
    with pytest.raises(FormatError, match=message) as caught:
        edgert.load(with_text(packed, PREPROCESS, text))
    assert caught.value.rule == "PREPROCESS"
    assert PREPROCESS in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text",
    ["", "5", "{}", "[]", "[5]", '[""]', '["a", null]', "[[]]", "[" * 99999, "['a']", '"ab"',
     '["%s"]' % ("x" * 1025)],
)  # fmt: skip
def test_hostile_labels(packed: bytes, text: str) -> None:
    with pytest.raises(FormatError, match=LABELS) as caught:
        edgert.load(with_text(packed, LABELS, text))
    assert caught.value.rule == "LABELS"


def test_mutations(packed: bytes) -> None:
    """Every character of both texts replaced: a typed error, or sound objects."""
    rng = np.random.default_rng(5)
    for key, rule in ((PREPROCESS, "PREPROCESS"), (LABELS, "LABELS")):
        text = edgert.load(packed).metadata[key]
        for place in range(len(text)):
            for new in rng.choice(list('"{}[]:,0e-9x\u00e9'), 3):
                data = with_text(packed, key, text[:place] + new + text[place + 1 :])
                try:
                    model = edgert.load(data)
                except FormatError as error:
                    assert error.rule == rule  # noqa: PT017
                else:
                    assert all(isinstance(one, (ImageInput, AudioInput))
                               for one in model.preprocess.values())  # fmt: skip
                    assert labels_text(model.labels)


def test_prepare_says_what_it_needs(packed: bytes) -> None:
    model = edgert.load(packed)
    assert model.prepare(np.zeros((8, 8, 3), np.uint8)).shape == (1, 3, 8, 8)
    with pytest.raises(InputError, match="there is no input 'no'"):
        model.prepare("a.png", "no")
    with pytest.raises(InputError, match="no image of 1, 3 or 4 channels"):
        model.prepare(np.zeros((8, 8, 3), np.uint8), "n")
