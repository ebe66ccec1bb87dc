"""Recipes as text: JSON with a line for each step, tensor and layer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from edgert.compress.judge import Target
from edgert.compress.recipe.recipe import Layer, Recipe, Step

FORMAT = "edgert-recipe-2"
COMMENTS = "bytes", "zeros", "cost", "alone", "carried"  # of a layer, besides why
TARGETS = tuple(field.name for field in fields(Target))


def recipe_text(recipe: Recipe) -> str:
    """The recipe as JSON."""
    tensors = [_member(name, list(ends)) for name, ends in recipe.tensors.items()]
    layers = [_member(name, _layer(layer)) for name, layer in recipe.layers.items()]
    members = [
        _member("format", FORMAT),
        _member("forms", [form.text for form in recipe.forms]),
        f'"steps": {_lines("[]", map(_step, recipe.steps))}',
        _member("target", _target(recipe.target)),
        _member("slack", recipe.slack),
        _member("levels", list(recipe.levels)),
        _member("bits", recipe.bits),
        _member("max_bytes", recipe.max_bytes),
        f'"tensors": {_lines("{}", tensors)}',
        f'"layers": {_lines("{}", layers)}',
        f'"measured": {_lines("{}", itertools.starmap(_member, recipe.measured.items()))}',
    ]
    return "{\n" + ",\n".join(f"  {member}" for member in members) + "\n}\n"


def _step(step: Step) -> str:
    return json.dumps({"step": step.name, **step.parameters})


def _target(target: Target) -> dict[str, float]:
    found = {f"min_{name}": getattr(target, name) for name in TARGETS}
    return {name: value for name, value in found.items() if value is not None}


def _layer(layer: Layer) -> dict[str, Any]:
    told = {"form": layer.form.text, "why": layer.why}
    found = {name: getattr(layer, name) for name in COMMENTS}
    return {**told, **{name: value for name, value in found.items() if value is not None}}


def _member(name: str, value: Any) -> str:
    return f"{json.dumps(name)}: {json.dumps(value)}"


def _lines(brackets: str, items: Iterable[str]) -> str:
    text = ",\n".join(f"    {item}" for item in items)
    return f"{brackets[0]}\n{text}\n  {brackets[1]}" if text else brackets
