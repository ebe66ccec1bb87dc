"""Floats that take less room in the file: shared values, and floats of 16 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_few_bits import DIGITS, digits

import edgert
from edgert.cli import main
from edgert.compress.share.weights import halves, shared
from edgert.errors import InputError
from edgert.ops import PRODUCTS
from edgert.unpack import unpack


def weights(path: Path) -> list[np.ndarray]:
    """Those of the products of a file."""
    graph = unpack(path)
    return [graph.constant(n.inputs[1]) for n in graph.nodes if n.op in PRODUCTS]


@pytest.mark.parametrize("values", [2, 16, 256])
def test_shared_values(tmp_path: Path, values: int) -> None:
    path, plain = tmp_path / "m.edgert", tmp_path / "plain.edgert"
    report = edgert.convert(DIGITS, path, share=values, calibrate=digits(48), force=True)
    edgert.convert(DIGITS, plain)
    assert all(len(np.unique(w)) <= values for w in weights(path))
    assert path.stat().st_size < plain.stat().st_size * (0.2 if values <= 16 else 0.6)
    again = tmp_path / "again.edgert"
    edgert.convert(
        DIGITS, again, recipe=report.compression.recipe, calibrate=digits(48), force=True
    )
    assert again.read_bytes() == path.read_bytes()


def test_more_values_are_closer(tmp_path: Path) -> None:
    sqnr = [
        edgert.convert(DIGITS, tmp_path / "m", share=values, calibrate=digits(64), force=True)
        .compression.quality.sqnr
        for values in (4, 16, 256)
    ]  # fmt: skip
    assert sqnr[0] + 6 < sqnr[1] < sqnr[2] - 10


def test_what_multiplies_more_is_closer() -> None:
    rng = np.random.default_rng(2)
    weight = rng.standard_normal((30, 40)).astype(np.float32)
    weight[:, :3] *= 4
    strong = np.ones_like(weight)
    strong[:, :3] = 100.0
    errors = [
        (strong * np.square(shared(weight, 8, importance) - weight)).sum()
        for importance in (np.ones_like(weight), strong)
    ]
    assert errors[1] < 0.9 * errors[0]


def test_pruned_weights_stay_zero() -> None:
    weight = np.random.default_rng(3).standard_normal((20, 30)).astype(np.float32)
    weight[:, ::3] = 0
    found = shared(weight, 4, np.ones_like(weight))
    assert not found[:, ::3].any()
    assert len(np.unique(found)) <= 4


def test_halves(tmp_path: Path) -> None:
    """Half the file, and the same bits as the widened weights give."""
    path, plain = tmp_path / "m.edgert", tmp_path / "plain.edgert"
    report = edgert.convert(DIGITS, path, half=True)
    edgert.convert(DIGITS, plain)
    assert path.stat().st_size < 0.6 * plain.stat().st_size
    assert report.compression.quality.sqnr > 50
    for found, exact in zip(weights(path), weights(plain)):
        np.testing.assert_array_equal(found, halves(exact))


def test_halves_have_a_range() -> None:
    found = halves(np.array([1e9, -1e9, 65504, 1e-9, 0.1], np.float32))
    assert found[:3].tolist() == [65504, -65504, 65504]
    assert found[3] == 0
    assert found[4] == np.float32(np.float16(0.1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"share": 1}, "values is 1, expected a whole number from 2 to 256"),
        ({"share": 257}, "values is 257, expected"),
        ({"share": 4.0}, "values is 4.0, expected"),
        ({"share": 16, "quantize": "int8"}, "share: without effect unless the network stays"),
        ({"half": True, "quantize": "dynamic"}, "half: without effect unless the network stays"),
        ({"share": 16, "ranges": "mse"}, "ranges: without effect"),
    ],
)
def test_what_it_cannot_be(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        edgert.convert(DIGITS, tmp_path / "m.edgert", **arguments)


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.edgert"
    assert main(["convert", str(DIGITS), "-o", str(path), "--share", "16", "--force"]) == 0
    assert (
        '{"step": "share", "values": 16, "weighted": false}'
        in (tmp_path / "m.recipe.json").read_text()
    )
    assert main(["convert", str(DIGITS), "-o", str(path), "--half"]) == 0
    assert "verdict" in capsys.readouterr().out
    assert main(["convert", str(DIGITS), "-o", str(path), "--share", "few"]) == 2
