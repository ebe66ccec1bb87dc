"""Recipes of the first version, which named only the layers that were not on bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edgert.compress.ladder import forms_of, on_int16
from edgert.compress.recipe.lines import Document
from edgert.compress.recipe.members import ranges, require_members
from edgert.compress.recipe.presets import preset
from edgert.compress.recipe.recipe import Layer, Recipe
from edgert.errors import InputError

OLD_FORMAT = "edgert-recipe-1"
_OPTIONS = "ranges", "steps", "weight_fit"
_KINDS = "int8", "int16"  # of "activations"
_MEMBERS = "format", *_OPTIONS, "activations", "weights", "int16", "float", "tensors"


def read_old(document: Document, kind: str | None) -> Recipe:
    """The recipe of a document; ``kind`` is that of the quantisation that it is for, if told.

    Raises InputError, which names the line, for what it must not say.
    """
    data = document.value
    require_members(document, (), data, _MEMBERS)
    activations = data.get("activations", _KINDS[0])
    if activations not in _KINDS:
        document.refuse(("activations",), f'"activations" is {activations!r}, expected {_KINDS}')
    if kind in _KINDS and kind != activations:
        document.refuse(("activations",), f"the recipe is one for {activations}, not for {kind}")
    weights = data.get("weights", _KINDS[1])
    options = {name: data[name] for name in _OPTIONS if name in data}
    if kind == "dynamic":
        options.pop("ranges", None)
        options.pop("steps", None)
        options["weight_fit"] = "any" if options.get("weight_fit") == "any" else "pairs"
    try:
        chosen = preset(kind or activations, **options, weights=weights)
    except InputError as error:
        document.refuse((), str(error))
    exact = forms_of("int8")[-1]
    layers = {name: Layer(on_int16(weights)) for name in _names(document, data, "int16")}
    layers.update((name, Layer(exact)) for name in _names(document, data, "float"))
    tensors = ranges(document, data)
    return replace(chosen, layers=layers, tensors=tensors, document=document)


def _names(document: Document, data: dict[str, Any], name: str) -> list[str]:
    found = data.get(name, [])
    if not isinstance(found, list) or not all(isinstance(layer, str) for layer in found):
        document.refuse((name,), f'"{name}" is not a list of names')
    return found
