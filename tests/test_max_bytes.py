"""Files of so many bytes at most: of the real file, with the bits for each layer that fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_few_bits import DIGITS, digits

import edgert
from edgert import interp
from edgert.cli import main
from edgert.compress.ladder import Form
from edgert.errors import InputError, QualityError
from edgert.preprocess import ImageInput
from edgert.unpack import unpack


def converted(path: Path, **options) -> edgert.Report:
    return edgert.convert(DIGITS, path, calibrate=digits(48), force=True, **options)


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, int]:
    """The files of the fewest bits, and of bytes."""
    path = tmp_path_factory.mktemp("sizes") / "m.edgert"
    converted(path, bits=1.6)
    least = path.stat().st_size
    converted(path, quantize="int8", slack=0.0)
    return least, path.stat().st_size


@pytest.mark.parametrize("share", [0.05, 0.3, 0.62, 0.9])
def test_the_file_has_no_more(tmp_path: Path, sizes: tuple[int, int], share: float) -> None:
    """And little less; a layer more would not fit, and the recipe leads to the same bytes."""
    most = int(sizes[0] + share * (sizes[1] - sizes[0]))
    path = tmp_path / "m.edgert"
    done = converted(path, max_bytes=most)
    assert 0.85 * most < path.stat().st_size <= most
    recipe = done.compression.recipe
    assert recipe.max_bytes == most
    sample = digits(50)[-1]
    for name, expected in interp.run(unpack(path), sample).items():
        found = edgert.load(path).run(sample)[name]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    converted(tmp_path / "again.edgert", recipe=recipe)
    assert (tmp_path / "again.edgert").read_bytes() == path.read_bytes()


def test_what_the_file_has_besides_counts(tmp_path: Path, sizes: tuple[int, int]) -> None:
    """Labels and descriptions of inputs, too."""
    most = (sizes[0] + sizes[1]) // 2
    labels = [f"{'a long name ' * 40}{i}" for i in range(10)]
    done = converted(tmp_path / "m.edgert", max_bytes=most, labels=labels, preprocess=ImageInput())
    assert (tmp_path / "m.edgert").stat().st_size <= most
    assert done.after.bytes <= most


def test_much_room_is_not_used_up(tmp_path: Path, sizes: tuple[int, int]) -> None:
    done = converted(tmp_path / "m.edgert", max_bytes=10**9)
    assert 0.8 * sizes[1] < (tmp_path / "m.edgert").stat().st_size <= sizes[1]
    assert {layer.form.runs_as for layer in done.compression.layers.values()} == {Form.i8}


def test_both_limits_hold(tmp_path: Path, sizes: tuple[int, int]) -> None:
    converted(tmp_path / "bits.edgert", bits=3)
    for most in (10**9, (sizes[0] + (tmp_path / "bits.edgert").stat().st_size) // 2):
        converted(tmp_path / "m.edgert", bits=3, max_bytes=most)
        found = (tmp_path / "m.edgert").stat().st_size
        assert found <= min(most, (tmp_path / "bits.edgert").stat().st_size)


def test_no_target_makes_it_larger(tmp_path: Path, sizes: tuple[int, int]) -> None:
    """It only judges."""
    most = (sizes[0] + sizes[1]) // 2
    path = tmp_path / "m.edgert"
    done = converted(path, max_bytes=most, min_sqnr=90)
    assert path.stat().st_size <= most
    assert done.compression.verdict.word == "bad"
    with pytest.raises(QualityError, match="90"):
        edgert.convert(DIGITS, tmp_path / "n", calibrate=digits(48), max_bytes=most, min_sqnr=90)
    assert not (tmp_path / "n").exists()


def test_what_does_not_fit_is_refused(
    tmp_path: Path, sizes: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the size that would."""
    path = tmp_path / "m.edgert"
    with pytest.raises(InputError, match="max_bytes is 2000, but the smallest") as error:
        converted(path, max_bytes=2000)
    least = int(str(error.value).split()[-2])
    assert least <= sizes[0]
    with pytest.raises(InputError, match=f"has {least} bytes"):
        converted(path, max_bytes=least - 1)
    assert not path.exists()
    converted(path, max_bytes=least)
    assert path.stat().st_size == least
    np.savez(tmp_path / "data.npz", pixels=np.concatenate([s["pixels"] for s in digits(40)]))
    words = ["convert", str(DIGITS), "-o", str(tmp_path / "n"), "--calibrate",
             str(tmp_path / "data.npz"), "--force", "--max-bytes"]  # fmt: skip
    assert main([*words, "2k"]) == 2
    assert "the recipe: max_bytes is 2000, but" in capsys.readouterr().err
    assert not (tmp_path / "n").exists()
    assert main([*words, f"{sizes[1] / 1000}kB"]) == 0
    recipe = tmp_path / "n.recipe.json"
    text = json.loads(recipe.read_text())
    assert text["max_bytes"] == sizes[1]
    for wrong in (0, 1e6, "1k", True):
        recipe.write_text(json.dumps({**text, "max_bytes": wrong}, indent=1))
        assert main([*words[:-1], "--recipe", str(recipe)]) == 2
        assert f"expected a number of bytes, found {wrong!r}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_bytes": 0}, "max_bytes is 0, expected a number of bytes"),
        ({"max_bytes": 1e6}, "max_bytes is 1000000.0, expected"),
        ({"max_bytes": "1MB"}, "max_bytes is '1MB', expected"),
        ({"max_bytes": True}, "max_bytes is True, expected"),
        ({"max_bytes": 10**6, "quantize": "int16"}, "max_bytes: without effect unless quantize"),
        ({"max_bytes": 10**6, "quantize": "dynamic"}, "max_bytes: without effect unless"),
    ],
)
def test_what_it_cannot_be(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        edgert.convert(DIGITS, tmp_path / "m.edgert", **arguments)
    assert not (tmp_path / "m.edgert").exists()
