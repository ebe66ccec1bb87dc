"""Recipes as files: what is written is read, older ones too, and what is wrong is named by line."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from edgert.compress import Layer, Recipe, Step, Target, preset, read_recipe, recipe_text
from edgert.compress.ladder import Form
from edgert.compress.pipeline import TECHNIQUES
from edgert.compress.quantize.options import Options
from edgert.compress.quantize.rounding.i16_sums import FITS
from edgert.compress.quantize.rounding.ranges import METHODS
from edgert.errors import InputError, ModelIOError

ROOT = Path(__file__).resolve().parent.parent
OLD = {
    "format": "edgert-recipe-1",
    "ranges": "minmax",
    "steps": ["correct"],
    "weight_fit": "pairs",
    "activations": "int8",
    "weights": "int8",
    "int16": ["c"],
    "float": ["a", "b"],
    "tensors": {"t": [-1, 2.5]},
}


def read(folder: Path, text: str, kind: str | None = None) -> Recipe:
    (folder / "r.json").write_text(text)
    return read_recipe(folder / "r.json", kind)


def test_round_trip(tmp_path: Path) -> None:
    """Strange names among them."""
    recipe = Recipe(
        (Form.i8, Form.f32),
        (Step("equalize"), Step("quantize", {"ranges": "mse", "correct": False})),
        {"a": Layer(Form.f32, 'it "must"\n'), "\u00e9/\U0001f600": Layer(Form.i8_dynamic)},
        Target(sqnr=0, agreement=0.5),
        0.25,
        ("avx2", "neon"),
        {"t": (-1.0, 2.5)},
    )
    text = recipe_text(recipe)
    assert read(tmp_path, text) == recipe
    assert recipe_text(read(tmp_path, text)) == text


def test_a_layer_is_a_line(tmp_path: Path) -> None:
    """So that a change of one is a line of a diff."""
    layers = {name: Layer(Form.i8) for name in "abc"}
    recipe = Recipe((Form.i8,), preset().steps, layers)
    lines = recipe_text(recipe).splitlines()
    layers["b"] = Layer(Form.f32)
    other = recipe_text(Recipe((Form.i8,), preset().steps, layers)).splitlines()
    assert sum(a != b for a, b in zip(lines, other)) == 1
    assert len(lines) == len(other)


def test_old_recipes(tmp_path: Path) -> None:
    """What the first version said, in the words of this one."""
    recipe = read(tmp_path, json.dumps(OLD))
    expected = preset("int8", "minmax", ("correct",), "pairs", "int8")
    assert (recipe.forms, recipe.steps) == (expected.forms, expected.steps)
    forms = {name: layer.form for name, layer in recipe.layers.items()}
    assert forms == {"c": Form.i16_w8, "a": Form.f32, "b": Form.f32}
    assert recipe.tensors == {"t": (-1.0, 2.5)}
    assert read(tmp_path, json.dumps(OLD), "dynamic").forms == preset("dynamic").forms
    with pytest.raises(InputError, match="one for int8, not for int16"):
        read(tmp_path, json.dumps(OLD), "int16")


@pytest.mark.parametrize(
    "change",
    [
        {"layers": []},
        {"float": "a"},
        {"float": [1]},
        {"int16": {"a": 1}},
        {"int16": [1]},
        {"weights": 8},
        {"activations": []},
        {"tensors": {"a": [1, 2]}},
        {"tensors": {"a": [-1]}},
        {"steps": ["none"]},
        {"steps": 3},
        {"ranges": 3},
        {"ranges": []},
        {"weight_fit": True},
        {"weight_fit": []},
        {"fits_int16": True},
    ],
)
def test_bad_old_recipes(tmp_path: Path, change: dict) -> None:
    with pytest.raises(InputError, match=r"r\.json:1: "):
        read(tmp_path, json.dumps({**OLD, **change}))


TEXT = """{
  "format": "edgert-recipe-2",
  "forms": ["i8", "f32"],
  "steps": [
    {"step": "equalize"},
    {"step": "quantize", "ranges": "mse"}
  ],
  "tensors": {
    "t": [-1, 2.5]
  },
  "layers": {
    "a": {"form": "i8", "why": "so"},
    "b": {"form": "f32"}
  }
}
"""


@pytest.mark.parametrize(
    ("line", "old", "new", "message"),
    [
        (3, '"i8", "f32"]', '"i8", "f33"]', "there is no form 'f33'"),
        (3, '["i8", "f32"]', "[]", '"forms" is no list of some'),
        (3, '["i8", "f32"]', "8", '"forms" is no list of some'),
        (5, '{"step": "equalize"}', "{}", "a step is an object"),
        (6, '{"step"', '{"stop"', "a step is an object"),
        (9, "2.5", '"2.5"', r"'t' is \[-1, '2.5'\], expected \[low, high\]"),
        (9, "-1", "true", "'t' is"),
        (9, "-1", "NaN", "not JSON"),
        (9, "-1", "1" * 5000, "not JSON"),
        (9, "[-1, 2.5]", "[-1, 1e999]", "not JSON"),
        (12, '"i8",', '"int8",', "there is no form 'int8', expected one of"),
        (12, '"i8",', "[[]],", r"there is no form \[\[\]\]"),
        (12, '"why": "so"', '"why": 3', '"why" is 3, expected text'),
        (12, '"why": "so"', '"wy": "so"', "there is no 'wy' here"),
        (13, '"b"', '"a"', "'a' stands twice"),
        (13, '{"form": "f32"}', "{}", "the layer 'b' has no \"form\""),
        (13, '{"form": "f32"}', '"f32"', "expected an object with"),
        (13, '"form": "f32"}', '"form": "f32",}', "not JSON: Expecting a name"),
        (13, '"so"},', '"so"}', "not JSON: Expecting ','"),
        (11, '"layers"', '"layer"', "there is no 'layer' here"),
        (1, "edgert-recipe-2", "edgert-recipe-9", 'its "format" is not'),
        (16, "}\n}\n", "}\n}\n}", "not JSON: Extra data"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(
    tmp_path: Path, line: int, old: str, new: str, message: str
) -> None:
    """Each mistake alone in a sound recipe."""
    read(tmp_path, TEXT)
    start = sum(len(row) + 1 for row in TEXT.splitlines()[: line - 1])
    start = max(TEXT.find(old, start), 0) or TEXT.index(old)
    text = TEXT[:start] + new + TEXT[start + len(old) :]
    assert text != TEXT
    with pytest.raises(InputError, match=message) as error:
        read(tmp_path, text)
    assert f"r.json:{line}: " in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "[" * 100_000, "\ufeff{}", '{"a": "\t"}'])
def test_what_is_no_recipe(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"r\.json:1: "):
        read(tmp_path, text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        read_recipe(tmp_path / "r.json")
    with pytest.raises(ModelIOError):
        read_recipe(tmp_path / "absent.json")


def test_the_schema_is_that_of_the_code() -> None:
    """Forms, steps, their parameters and what these may be."""
    schema = json.loads((ROOT / "docs" / "recipe.schema.json").read_text())
    members = schema["properties"]
    assert schema["$defs"]["form"]["enum"] == [form.text for form in Form]
    assert list(members) == list(json.loads(recipe_text(preset())))
    assert members["format"]["const"] == json.loads(recipe_text(preset()))["format"]
    assert list(members["target"]["properties"]) == [f"min_{f.name}" for f in fields(Target)]
    layer = members["layers"]["additionalProperties"]["properties"]
    assert list(layer) == [f.name for f in fields(Layer)]
    steps = {}
    for step in members["steps"]["items"]["anyOf"]:
        steps[step["properties"].pop("step")["const"]] = step["properties"]
    assert list(steps) == list(TECHNIQUES)
    assert list(steps["quantize"]) == [f.name for f in fields(Options)]
    assert steps["quantize"]["ranges"]["enum"] == list(METHODS)
    assert steps["quantize"]["weight_fit"]["enum"] == list(FITS)
