"""The recipe of a quantisation: what was decided, as a file that can be edited and fed back."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from edgert.errors import InputError, ModelIOError
from edgert.quantize.options import STEPS, Options

FORMAT = "edgert-recipe-1"


@dataclass(frozen=True)
class Recipe:
    """What leads to the same decisions on the same data.

    ``float_layers`` are those that stay in float, ``int16_layers`` those that are on int16 whatever
    the others are, by the names of their outputs; ``tensors`` has ranges that take the place of the
    calibrated ones.
    """

    options: Options = field(default_factory=Options)
    float_layers: tuple[str, ...] = ()
    tensors: dict[str, tuple[float, float]] = field(default_factory=dict)
    int16_layers: tuple[str, ...] = ()

    def text(self) -> str:
        """The recipe as JSON."""
        data = {
            "format": FORMAT,
            "ranges": self.options.ranges,
            "steps": list(self.options.steps),
            "weight_fit": self.options.weight_fit,
            "activations": self.options.activations,
            "weights": self.options.weights,
            "int16": list(self.int16_layers),
            "float": list(self.float_layers),
            "tensors": {name: list(ends) for name, ends in self.tensors.items()},
        }
        return json.dumps(data, indent=2) + "\n"


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """The recipe in a file; what it leaves out is as by default.

    Raises ModelIOError if the file cannot be read, InputError if it says what no recipe says.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelIOError(f"{path}: {error.strerror or error}", "IO") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}", "RECIPE") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(f'{path} is no recipe: its "format" is not "{FORMAT}"', "RECIPE")
    unknown = set(data) - {
        "format", "ranges", "steps", "weight_fit", "activations", "weights", "int16", "float",
        "tensors",
    }  # fmt: skip
    if unknown:
        raise InputError(f"{path}: a recipe has no {sorted(unknown)}", "RECIPE")
    tensors = data.get("tensors", {})
    for key in ("float", "int16"):
        layers = data.get(key, [])
        if not isinstance(layers, list) or not all(isinstance(name, str) for name in layers):
            raise InputError(f'{path}: "{key}" is not a list of names', "RECIPE")
    if not isinstance(tensors, dict) or not all(map(_is_range, tensors.values())):
        raise InputError(f'{path}: "tensors" is not {{name: [low, high]}}', "RECIPE")
    steps = data.get("steps", list(STEPS))
    if not isinstance(steps, list):
        raise InputError(f'{path}: "steps" is not a list', "RECIPE")
    options = Options(
        ranges=data.get("ranges", "mse"),
        steps=tuple(steps),
        weight_fit=data.get("weight_fit", Options.weight_fit),
        activations=data.get("activations", Options.activations),
        weights=data.get("weights", Options.weights),
    )
    return Recipe(
        options,
        tuple(data.get("float", [])),
        {k: (float(a), float(b)) for k, (a, b) in tensors.items()},
        tuple(data.get("int16", [])),
    )


def _is_range(ends: object) -> bool:
    if not isinstance(ends, list) or len(ends) != 2:
        return False
    numbers = all(isinstance(e, (int, float)) and abs(e) < 1e30 for e in ends)
    return numbers and ends[0] <= 0 <= ends[1]
