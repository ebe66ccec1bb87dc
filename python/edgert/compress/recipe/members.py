"""What recipes of all versions are made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from edgert.compress.recipe.lines import Document, Path

_LARGEST = 1e30


def require_members(document: Document, path: Path, data: Any, known: Collection[str]) -> None:
    """Refuses what is no object, and what is not ``known`` in it."""
    if not isinstance(data, dict):
        document.refuse(path, f"expected an object with {list(known)}")
    for name in data:
        if name not in known:
            document.refuse((*path, name), f"there is no {name!r} here, expected {list(known)}")


def objects(document: Document, data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object that is the member ``name``; an empty one if there is none."""
    found = data.get(name, {})
    if not isinstance(found, dict):
        document.refuse((name,), f'"{name}" is no object, {{name: ...}}')
    return found


def ranges(document: Document, data: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """The ranges of "tensors"."""
    found = {}
    for name, ends in objects(document, data, "tensors").items():
        is_pair = isinstance(ends, list) and len(ends) == 2
        fine = is_pair and all(type(end) in (int, float) and abs(end) < _LARGEST for end in ends)
        if not fine or not ends[0] <= 0 <= ends[1]:
            document.refuse(
                ("tensors", name), f"{name!r} is {ends!r}, expected [low, high] around zero"
            )
        found[name] = float(ends[0]), float(ends[1])
    return found
