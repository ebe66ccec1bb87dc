"""``edgert eval``, and the figures that it shows."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import edgert
from edgert.cli import main
from edgert.evaluation import Difference, Score, Share

EXAMPLES = resources.files("edgert") / "examples"
COUNT = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digit classifier in float and on bytes, digits as an array and in folders of classes."""
    path = tmp_path_factory.mktemp("eval")
    with resources.as_file(EXAMPLES / "digits.onnx") as model:
        edgert.convert(model, path / "f32.edgert")
        edgert.convert(model, path / "random.edgert", quantize="int8", check=False)
    digits = np.load(EXAMPLES / "digits_test.npz")
    images = (digits["images"][:COUNT, None] / 16).astype(np.float32)
    labels = digits["labels"][:COUNT].astype(np.int64)
    np.save(path / "images.npy", images)
    np.save(path / "labels.npy", labels)
    for i, (image, label) in enumerate(zip(images, labels)):
        for kind in ("numbers", "words"):
            name = str(label) if kind == "numbers" else f"digit {9 - label}"
            (path / kind / name).mkdir(parents=True, exist_ok=True)
            np.save(path / kind / name / f"{i:03}.npy", image)
    (path / "names.txt").write_text("\n".join(f"digit {9 - i}" for i in range(10)))
    return path


def report(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> dict:
    assert main(["eval", *map(str, words), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_labels_of_all_kinds_say_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = folder / "f32.edgert"
    found = [
        report(capsys, model, "--data", folder / data, *options)["models"][0]
        for data, options in (
            ("images.npy", ["--labels", folder / "labels.npy"]),
            ("numbers", []),
            ("words", ["--labels", folder / "names.txt"]),
        )
    ]
    right = sum(
        int(edgert.load(model)(x[None]).argmax()) == y
        for x, y in zip(np.load(folder / "images.npy"), np.load(folder / "labels.npy"))
    )
    for row in found:
        assert row["top1"]["value"] == pytest.approx(right / COUNT)
        assert row["top1"]["low"] < row["top1"]["value"] <= row["top1"]["high"]
        assert row["top5"]["value"] >= row["top1"]["value"]
        assert row["bytes"] == model.stat().st_size


def test_models_side_by_side(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = [folder / "f32.edgert", folder / "random.edgert"]
    first, second = report(capsys, *models, "--data", folder / "numbers")["models"]
    assert "change" not in first
    assert second["agreement"]["value"] > 0.9
    change = second["top1"]["value"] - first["top1"]["value"]
    assert second["change"]["value"] == pytest.approx(change)
    without = report(capsys, *models, "--data", folder / "images.npy")["models"]
    assert without[1]["agreement"] == second["agreement"]
    assert "top1" not in without[0]
    assert main(["eval", *map(str, models), "--data", str(folder / "numbers")]) == 0
    text = capsys.readouterr().out
    assert "top 1" in text
    assert "as the first" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["f32.edgert", "--data", "images.npy"], "give --labels, or several models"),
        (["f32.edgert", "--data", "images.npy", "--labels", "names.txt"], "has no folder for each"),
        (["f32.edgert", "--data", "images.npy", "--labels", "images.npy"], "whole numbers"),
        (["f32.edgert", "--data", "images.npy", "--labels", "few.npy"], "has 3 labels"),
        (["f32.edgert", "--data", "images.npy", "--labels", "wrong.npy"], "none of 10 classes"),
        (["f32.edgert", "--data", "words", "--labels", "few.txt"], "has no class 'digit"),
        (["f32.edgert", "--data", "words", "--labels", "none.txt"], "none.txt: No such file"),
        (["f32.edgert", "--data", "numbers", "--output", "no"], "there is no output 'no'"),
    ],
)
def test_errors(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    words: list[str], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(folder)
    np.save("few.npy", np.zeros(3, int))
    np.save("wrong.npy", np.full(COUNT, 10))
    Path("few.txt").write_text("digit 1")
    assert main(["eval", *words]) == 2
    assert message in capsys.readouterr().err


def test_intervals() -> None:
    """Those of Wilson; a difference counts the samples of which one model alone is right."""
    half = Share.of(50, 100)
    assert (half.low, half.high) == (pytest.approx(0.404, abs=1e-3), pytest.approx(0.596, abs=1e-3))
    assert Share.of(0, 10).high == pytest.approx(0.278, abs=1e-3)
    assert Share.of(10, 10).low == pytest.approx(1 - 0.278, abs=1e-3)
    same = Difference.of([True, False] * 50, [True, False] * 50)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    better = Difference.of([True] * 10 + [False] * 90, [False] * 100)
    assert better.value == pytest.approx(0.1)
    assert 0 < better.low < 0.1 < better.high


def test_intervals_hold_for_most_data_sets() -> None:
    rng = np.random.default_rng(0)
    inside = [
        (share := Share.of(int(hits), 80)).low <= 0.9 <= share.high
        for hits in rng.binomial(80, 0.9, 400)
    ]
    assert 0.92 <= np.mean(inside) <= 0.98


def test_maps() -> None:
    """Intersections over unions by class, of all samples; pixels without a class do not count."""
    score = Score()
    rng = np.random.default_rng(1)
    both, either = np.zeros(3), np.zeros(3)
    for _ in range(6):
        output = rng.normal(size=(1, 3, 5, 4)).astype(np.float32)
        label = rng.integers(0, 3, (5, 4))
        label[0, 0] = 255
        label[0, 1] = -1
        score.add_map(output, label)
        found, counts = output[0].argmax(0), (label >= 0) & (label < 3)
        for c in range(3):
            both[c] += ((found == c) & (label == c) & counts).sum()
            either[c] += (((found == c) | (label == c)) & counts).sum()
    share = score.mean_overlap()
    assert share.value == pytest.approx((both / either).mean())
    assert share.low < share.value < share.high
    one = Score()
    one.add_map(np.array([[[[0.9, 0.1], [0.8, 0.2]]]]), np.array([[1, 0], [1, 1]]))
    assert one.mean_overlap().value == pytest.approx((2 / 3 + 1 / 2) / 2)
