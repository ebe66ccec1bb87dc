"""Reads recipes: what is wrong in one is refused by its line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from edgert.compress.judge import Target
from edgert.compress.ladder import Form, form_named, known_levels
from edgert.compress.recipe import lines
from edgert.compress.recipe.lines import Document
from edgert.compress.recipe.members import objects, ranges, require_members
from edgert.compress.recipe.old import OLD_FORMAT, read_old
from edgert.compress.recipe.recipe import (
    LEAST_BITS,
    MOST_BITS,
    MOST_SLACK,
    Layer,
    Recipe,
    Step,
)
from edgert.compress.recipe.write import COMMENTS, FORMAT, TARGETS
from edgert.errors import InputError, ModelIOError

_MEMBERS = (
    "format", "forms", "steps", "target", "slack", "levels", "bits", "max_bytes", "tensors",
    "layers", "measured",
)  # fmt: skip
_LAYER_MEMBERS = "form", "why", *COMMENTS


def read_recipe(path: str | os.PathLike[str], kind: str | None = None) -> Recipe:
    """The recipe in a file, of this format or the older one, which leaves the ``kind`` of
    quantisation open.

    Raises ModelIOError if the file cannot be read, InputError if it says what no recipe says.
    """
    name = os.fsdecode(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ModelIOError(f"{name}: {error.strerror or error}", "IO") from None
    except ValueError:
        raise InputError(f"{name} is no recipe: it is not text in UTF-8", "RECIPE") from None
    document = Document(name, text)
    found = document.value.get("format") if isinstance(document.value, dict) else None
    if found == OLD_FORMAT:
        return read_old(document, kind)
    if found != FORMAT:
        document.refuse((), f'no recipe: its "format" is not "{FORMAT}"')
    return _read(document)


def _read(document: Document) -> Recipe:
    data = document.value
    require_members(document, (), data, _MEMBERS)
    for name in "forms", "steps":
        if not isinstance(data.get(name), list) or not data[name]:
            document.refuse((name,) if name in data else (), f'"{name}" is no list of some')
    return Recipe(
        tuple(_form(document, ("forms", i), text) for i, text in enumerate(data["forms"])),
        tuple(_step(document, i, step) for i, step in enumerate(data["steps"])),
        {n: _layer(document, n, layer) for n, layer in objects(document, data, "layers").items()},
        _target(document, objects(document, data, "target")),
        _number(document, data, "slack", 0, MOST_SLACK, Recipe.slack),
        _levels(document, data.get("levels", list(Recipe.levels))),
        ranges(document, data),
        _number(document, data, "bits", LEAST_BITS, MOST_BITS, Recipe.bits),
        _max_bytes(document, data.get("max_bytes")),
        document=document,
    )


def _form(document: Document, path: lines.Path, text: Any) -> Form:
    form = form_named(text) if isinstance(text, str) else None
    if form is None:
        known = [form.text for form in Form]
        document.refuse(path, f"there is no form {text!r}, expected one of {known}")
    return form


def _step(document: Document, i: int, data: Any) -> Step:
    if not isinstance(data, dict) or not isinstance(data.get("step"), str):
        document.refuse(("steps", i), 'a step is an object with a "step", the name of a technique')
    return Step(data["step"], {name: value for name, value in data.items() if name != "step"})


def _target(document: Document, data: dict[str, Any]) -> Target:
    require_members(document, ("target",), data, [f"min_{name}" for name in TARGETS])
    try:
        return Target(**{name[len("min_") :]: value for name, value in data.items()})
    except InputError as error:
        document.refuse(("target",), str(error))


def _number(
    document: Document, data: dict[str, Any], name: str, least: float, most: float, default: Any
) -> Any:
    """The member ``name``; the ``default``, None or a number, if there is none or it says that."""
    value = data.get(name, default)
    if value is None and default is None:
        return None
    if type(value) not in (int, float) or not least <= value <= most:
        document.refuse((name,), f"expected a number from {least} to {most}, found {value!r}")
    return float(value)


def _max_bytes(document: Document, value: Any) -> int | None:
    if value is not None and (type(value) is not int or value < 1):
        document.refuse(("max_bytes",), f"expected a number of bytes, found {value!r}")
    return value


def _levels(document: Document, value: Any) -> tuple[str, ...]:
    known = known_levels()
    if not isinstance(value, list) or not value or not all(name in known for name in value):
        document.refuse(("levels",), f"expected some of {known}, found {value!r}")
    return tuple(value)


def _layer(document: Document, name: str, data: Any) -> Layer:
    path = "layers", name
    require_members(document, path, data, _LAYER_MEMBERS)
    if "form" not in data:
        document.refuse(path, f'the layer {name!r} has no "form"')
    why = data.get("why", Layer.why)
    if not isinstance(why, str):
        document.refuse((*path, "why"), f'"why" is {why!r}, expected text')
    comments = {name: data[name] for name in COMMENTS if name in data}
    return Layer(_form(document, (*path, "form"), data["form"]), why, **comments)
