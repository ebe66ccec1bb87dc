"""Attribute records of resize, from what an ONNX model states."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from edgert.importer.handlers.resize import source_places
from edgert.schema import ResizeMode


def resize_attrs(
    mode: ResizeMode,
    image: Sequence[int],
    size: Sequence[int],
    coordinate: str = "half_pixel",
    rounding: str = "round_prefer_floor",
    cubic_coefficient: float = -0.75,
    exclude_outside: int = 0,
) -> dict[str, Any]:
    """The record that makes an image, [height, width], one of ``size``."""
    rounds = rounding if mode is ResizeMode.nearest else None
    places = [
        source_places(int(dim), int(to), Fraction(int(to), int(dim)), coordinate, rounds)
        for dim, to in zip(image, size)
    ]
    first, step, unit = zip(*places)
    return {
        "mode": mode, "size": list(map(int, size)), "first": first, "step": step, "unit": unit,
        "cubic_coefficient": cubic_coefficient, "exclude_outside": exclude_outside,
    }  # fmt: skip
