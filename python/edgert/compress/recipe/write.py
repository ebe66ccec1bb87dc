"""Recipes as text: JSON with a line for each step, tensor and layer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from edgert.compress.recipe.recipe import Layer, Recipe, Step

FORMAT = "edgert-recipe-2"


def recipe_text(recipe: Recipe) -> str:
    """The recipe as JSON."""
    tensors = [_member(name, list(ends)) for name, ends in recipe.tensors.items()]
    layers = [_member(name, _layer(layer)) for name, layer in recipe.layers.items()]
    members = [
        _member("format", FORMAT),
        _member("forms", [form.text for form in recipe.forms]),
        f'"steps": {_lines("[]", map(_step, recipe.steps))}',
        f'"tensors": {_lines("{}", tensors)}',
        f'"layers": {_lines("{}", layers)}',
    ]
    return "{\n" + ",\n".join(f"  {member}" for member in members) + "\n}\n"


def _step(step: Step) -> str:
    return json.dumps({"step": step.name, **step.parameters})


def _layer(layer: Layer) -> dict[str, Any]:
    return {"form": layer.form.text, "why": layer.why}


def _member(name: str, value: Any) -> str:
    return f"{json.dumps(name)}: {json.dumps(value)}"


def _lines(brackets: str, items: Iterable[str]) -> str:
    text = ",\n".join(f"    {item}" for item in items)
    return f"{brackets[0]}\n{text}\n  {brackets[1]}" if text else brackets
