"""Weights of fewer than eight bits: what they are rounded to, and which layer gets how many."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import edgert
from edgert import interp
from edgert.cli import main
from edgert.compress.ladder import Form, Rung, form_of, more_exact, within_room
from edgert.compress.quantize.reconstruct.compensate import compensate
from edgert.compress.quantize.rounding.codebook import LARGEST_CODES, TERNARY, fit_codebook
from edgert.compress.quantize.rounding.i16_sums import LARGEST, fits, i16_sums
from edgert.compress.statistics.clusters import nearest
from edgert.errors import InputError
from edgert.importer import import_model
from edgert.ops import PRODUCTS
from edgert.passes import optimize
from edgert.unpack import unpack

EXAMPLES = Path(edgert.__file__).resolve().parent / "examples"
DIGITS = EXAMPLES / "digits.onnx"
ANY = np.empty((0, 4), int)  # no sums of 16 bits


def digits(count: int) -> list[dict[str, np.ndarray]]:
    """Images for the digit classifier."""
    with np.load(EXAMPLES / "digits_test.npz") as data:
        images = data["images"][:count].astype(np.float32)
    return [{"pixels": image.reshape(1, 1, 8, 8)} for image in images]


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("spread", [0.0, 1.5])
def test_a_codebook_is_closer_than_equal_distances(bits: int, spread: float) -> None:
    rng = np.random.default_rng(bits)
    weight = rng.standard_normal((40, 90)) * np.exp(spread * rng.standard_normal((40, 1)))
    levels, scale, data = fit_codebook(weight, 1 << bits, ANY)
    assert len(levels) <= 1 << bits
    assert (np.diff(levels) > 0).all()
    assert np.abs(levels).max() <= (LARGEST if bits > 3 else LARGEST_CODES[0])
    assert np.array_equal(levels, np.rint(levels))
    assert np.array_equal(data, nearest(weight / scale[:, None], levels))
    found = data * scale[:, None]
    largest = (1 << bits - 1) - 1
    steps = [
        np.abs(weight).max(1, keepdims=True) / largest * factor
        for factor in np.linspace(0.3, 1, 15)
    ]
    plain = [np.clip(np.rint(weight / s), -largest, largest) * s for s in steps]
    errors = [np.square(weight - w).sum(1) for w in plain]
    most = 1.1 if bits >= 5 else 1  # integers are at nearly equal distances there
    assert np.square(weight - found).sum() < most * np.min(errors, axis=0).sum()


def test_what_codebooks_must_take() -> None:
    """Zeros, a single value, few values, outliers, and what is pruned stays zero."""
    for weight in (
        np.zeros((3, 4)),
        np.full((3, 4), 0.25),
        np.array([[1e-30, -1e-30], [5.0, 0.0]]),
    ):
        _, scale, data = fit_codebook(weight, 4, ANY)
        assert np.isfinite(scale).all()
        assert (scale > 0).all()
        found = data * scale[:, None]
        np.testing.assert_allclose(found, weight, atol=0.1 * np.abs(weight).max())
    pruned = np.random.default_rng(1).standard_normal((8, 64))
    pruned[:, ::2] = 0
    levels, _, data = fit_codebook(pruned, 8, ANY)
    assert 0 in levels
    assert not data[:, ::2].any()


@pytest.mark.parametrize("bits", [4, 5, 6, 7])
def test_large_codes_keep_the_rule_of_sums(bits: int) -> None:
    """Outliers get codes of their own, as far as sums of 16 bits have room, with and without the
    others making up for them.
    """
    rng = np.random.default_rng(bits)
    weight = rng.standard_normal((24, 64))
    weight[:, ::9] *= 12
    sums = i16_sums("quads", 1, 1, 64)
    levels, scale, data = fit_codebook(weight, 1 << bits, sums)
    assert np.abs(levels).max() > LARGEST_CODES[0]
    assert fits(data, sums)
    assert np.isin(data, levels).all()
    x = rng.standard_normal((500, 64)) @ rng.standard_normal((64, 64))
    moments = x.T @ x / len(x)
    better = compensate(weight[None], scale[None], moments[None], sums, levels)[0]
    assert fits(better, sums)
    assert np.isin(better, levels).all()
    lost = [np.square((d * scale[:, None] - weight) @ x.T).sum() for d in (data, better)]
    assert lost[1] < 0.7 * lost[0]


def test_ternary_weights_have_two_sizes() -> None:
    """Zero, and one size for each sign, with a scale for each output."""
    rng = np.random.default_rng(3)
    weight = rng.standard_normal((30, 80)) * np.exp(rng.standard_normal((30, 1)))
    weight = np.where(weight > 0, 2 * weight, weight)
    levels, scale, data = fit_codebook(weight, TERNARY, ANY)
    assert len(levels) == 3
    assert levels[1] == 0
    assert levels[2] > 1.5 * -levels[0]
    threshold = 0.7 * np.abs(weight).mean(1, keepdims=True)  # one size for both (TWN)
    kept = np.abs(weight) > threshold
    size = np.where(kept, np.abs(weight), 0).sum(1, keepdims=True) / kept.sum(1, keepdims=True)
    twn = np.where(kept, np.sign(weight) * size, 0)
    found = data * scale[:, None]
    assert np.square(weight - found).sum() < np.square(weight - twn).sum()


def test_nearest() -> None:
    levels = np.array([-7.0, -1.0, 4.0])
    assert nearest(np.array([-99, -4.1, -3.9, 1.4, 1.6, 99]), levels).tolist() == [
        -7, -7, -1, -1, 4, 4,
    ]  # fmt: skip


def test_bits_go_where_they_take_away_most() -> None:
    """By noise for room; what there is no room for stops a layer, not the others."""

    def ladder(size: float, noise: float) -> list[Rung]:
        forms = (Form.i8_w2, 2), (Form.i8_w4, 4), (Form.i8, 8), (Form.f32, 32)
        return [
            Rung(f, 0, noise * 4.0**-b if f is not Form.f32 else 0, 1.0, size * b) for f, b in forms
        ]

    ladders = {"small": ladder(1, 1), "large": ladder(100, 1), "quiet": ladder(1, 1e-6)}
    start = sum(own[0].room for own in ladders.values())
    assert set(within_room(ladders, 0).values()) == {Form.i8_w2}
    assert within_room(ladders, start + 2)["small"] is Form.i8_w4
    assert within_room(ladders, start + 6)["small"] is Form.i8
    found = within_room(ladders, start + 206)
    assert found == {"small": Form.i8, "large": Form.i8_w4, "quiet": Form.i8_w2}
    assert set(within_room(ladders, 1e9).values()) == {Form.i8}


def test_the_slack_stays_within_the_room() -> None:
    """What is slower and takes no more room may pay, what has no room may not."""

    def ladder(room: float) -> list[Rung]:
        rungs = (Form.i8_w2, 1.0, 0.5, 2), (Form.i8, 0.5, 0.5, 8), (Form.i16_w8, 0.001, 0.52, room)
        return [Rung(form, 0, noise, cost, size / 20) for form, noise, cost, size in rungs]

    ladders = {"a": ladder(8), "b": ladder(16)}
    assert set(within_room(ladders, 0.8).values()) == {Form.i8}
    assert within_room(ladders, 0.8, 0.1) == {"a": Form.i16_w8, "b": Form.i8}
    assert set(within_room(ladders, 0.2, 0.1).values()) == {Form.i8_w2}
    assert set(within_room(ladders, 0.1, 0.1).values()) == {Form.i8_w2}, "as little as there is"
    ladders["small"] = [Rung(form, 0, noise, 0.1, 0.05) for form, noise in
                        ((Form.i8_w2, 1), (Form.i8, 0.1))]  # fmt: skip
    assert within_room(ladders, 0.1)["small"] is Form.i8, "what takes no room is for free"


def test_more_exact_forms() -> None:
    assert more_exact(Form.i8_w5)[:3] == (Form.i8_w6, Form.i8_w7, Form.i8)
    assert more_exact(Form.i8_w2)[-1] is Form.f32


@pytest.mark.parametrize("bits", [1.6, 2, 3.5, 5])
def test_a_network(tmp_path: Path, bits: float) -> None:
    """Keeps the average, is smaller than bytes, runs as its graph, and can be had again."""
    path = tmp_path / "few.edgert"
    report = edgert.convert(DIGITS, path, bits=bits, calibrate=digits(48), force=True)
    layers = report.compression.layers
    graph = unpack(path)
    sizes = {n.output: graph.constant(n.inputs[1]).size for n in graph.nodes if len(n.inputs) > 1
             and n.output in layers and graph.constant(n.inputs[1]) is not None}  # fmt: skip
    most = max(bits, 1.9)  # tables, and small layers whose codes save nothing
    assert sum(layers[n].form.bits * size for n, size in sizes.items()) <= most * sum(
        sizes.values()
    )
    found = {n.output: form_of(graph, n) for n in graph.nodes if n.output in sizes}
    for name, form in found.items():
        assert form.bits <= layers[name].form.bits
        assert layers[name].form.runs_as is Form.i8
    edgert.convert(DIGITS, tmp_path / "i8.edgert", quantize="int8", slack=0.0,
                   calibrate=digits(48), force=True)  # fmt: skip
    assert path.stat().st_size < 0.85 * (tmp_path / "i8.edgert").stat().st_size
    sample = digits(50)[-1]
    model = edgert.load(path)
    for name, expected in interp.run(graph, sample).items():
        np.testing.assert_allclose(model.run(sample)[name], expected, rtol=1e-5, atol=1e-6)
    again = tmp_path / "again.edgert"
    edgert.convert(
        DIGITS, again, recipe=report.compression.recipe, calibrate=digits(48), force=True
    )
    assert again.read_bytes() == path.read_bytes()


def test_the_error_falls_with_the_bits(tmp_path: Path) -> None:
    found = [
        edgert.convert(DIGITS, tmp_path / "m", bits=b, calibrate=digits(64), force=True)
        for b in (2, 3, 4, 6)
    ]
    sqnr = [report.compression.quality.sqnr for report in found]
    assert all(b > a - 2 for a, b in zip(sqnr, sqnr[1:])), "few samples judge"
    assert sqnr[-1] > sqnr[0] + 12


def test_compensation_pays(tmp_path: Path) -> None:
    """Rounding weights one by one loses more than letting the others make up for it."""
    sqnr = [
        edgert.convert(
            DIGITS, tmp_path / "m", bits=4, steps=steps, calibrate=digits(64), force=True
        ).compression.quality.sqnr
        for steps in (("equalize",), None)
    ]  # fmt: skip
    assert sqnr[1] > sqnr[0] + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bits": 1.5}, "bits is 1.5, expected a number from 1.6 to 8.0"),
        ({"bits": 9}, "bits is 9, expected"),
        ({"bits": float("nan")}, "bits is nan, expected"),
        ({"bits": "four"}, "bits is 'four', expected"),
        ({"bits": True}, "bits is True, expected"),
        ({"bits": 4, "quantize": "int16"}, "bits: without effect unless quantize is 'int8'"),
        ({"bits": 4, "quantize": "dynamic"}, "bits: without effect unless quantize is 'int8'"),
    ],
)
def test_what_bits_cannot_be(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        edgert.convert(DIGITS, tmp_path / "m.edgert", **arguments)
    assert not (tmp_path / "m.edgert").exists()


def test_recipes_say_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "data.npz", pixels=np.concatenate([s["pixels"] for s in digits(40)]))
    target, recipe = tmp_path / "m.edgert", tmp_path / "m.recipe.json"
    words = ["convert", str(DIGITS), "-o", str(target), "--calibrate", str(tmp_path / "data.npz")]
    assert main([*words, "--bits", "4", "--force"]) == 0
    assert "i8_w" in capsys.readouterr().out
    text = json.loads(recipe.read_text())
    assert text["bits"] == 4
    assert all(layer["form"].startswith("i8") for layer in text["layers"].values())
    recipe.write_text(json.dumps({**text, "slack": None}, indent=1))
    assert main([*words, "--recipe", str(recipe)]) == 2
    assert "expected a number from 0 to 10.0, found None" in capsys.readouterr().err
    for wrong in (0, 8.5, "4"):
        recipe.write_text(json.dumps({**text, "bits": wrong}, indent=1))
        assert main([*words, "--recipe", str(recipe)]) == 2
        assert "expected a number from 1.6 to 8.0" in capsys.readouterr().err


@pytest.mark.parametrize("options", [{"bits": 4}, {"share": 16}, {"half": True}])
def test_other_data_judge_without_a_check(tmp_path: Path, options: dict) -> None:
    done = edgert.convert(DIGITS, tmp_path / "m", calibrate=digits(40), data=digits(8), check=False,
                          force=True, **options)  # fmt: skip
    assert done.compression.quality.samples == 8


def test_layers_can_be_stated(tmp_path: Path) -> None:
    """A recipe may name a form of few bits for one layer alone."""
    report = edgert.convert(
        DIGITS, tmp_path / "m", quantize="int8", calibrate=digits(40), force=True
    )
    recipe = report.compression.recipe
    graph = import_model(DIGITS)
    optimize(graph)
    name = next(n.output for n in graph.nodes if n.op in PRODUCTS)
    layer = type(recipe.layers[name])(Form.i8_w3)
    edited = type(recipe)(recipe.forms, recipe.steps, {**recipe.layers, name: layer})
    done = edgert.convert(DIGITS, tmp_path / "e", recipe=edited, calibrate=digits(40), force=True)
    assert done.compression.layers[name].form is Form.i8_w3
