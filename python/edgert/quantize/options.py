"""What a caller may choose about quantisation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from edgert.errors import InputError
from edgert.quantize.i16_sums import FITS
from edgert.quantize.ranges import METHODS

STEPS = "equalize", "compensate", "correct"
ACTIVATIONS = "int8", "int16"
# By kind of quantisation, where they are others than those of Options.
_DEFAULTS = {
    "int16": {"activations": "int16", "weights": "int8"},
    "dynamic": {"weight_fit": "pairs"},
}


@dataclass(frozen=True)
class Options:
    """How a graph is quantised.

    ``ranges``: how the range of an activation is chosen, one of ``ranges.METHODS``.
    ``steps``: any of ``equalize`` (let all channels of a tensor use its levels, ``rotate.py`` and
    ``equalize.py``), ``compensate`` (let weights make up for the rounding of others, and for errors
    of the layers before, ``compensate.py`` and ``reconstruct.py``) and ``correct`` (take its mean
    error off each output, and what is noise off the last ones, ``reconstruct.py``).
    ``weight_fit``: how many products of the weights AVX2 can add up in 16 bits, one of
    ``i16_sums.FITS``: the more, the faster it multiplies, and the less exact they are.
    ``activations``: the type of activations, one of ``ACTIVATIONS``; layers that are not accurate
    enough on int8 may get int16. ``weights``: the type of the weights of layers on int16.
    """

    ranges: str = "mse"
    steps: tuple[str, ...] = STEPS
    weight_fit: str = "quads"
    activations: str = "int8"
    weights: str = "int16"

    def __post_init__(self) -> None:
        """Refuses what no option is called."""
        if self.ranges not in list(METHODS):
            raise InputError(
                f"ranges is {self.ranges!r}, expected one of {list(METHODS)}", "OPTION"
            )
        for name, known in (
            ("weight_fit", FITS),
            ("activations", ACTIVATIONS),
            ("weights", ACTIVATIONS),
        ):
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}, expected one of {list(known)}", "OPTION"
                )
        fine = isinstance(self.steps, (tuple, list)) and all(step in STEPS for step in self.steps)
        if not fine:
            raise InputError(f"steps is {self.steps!r}, expected some of {list(STEPS)}", "OPTION")
        object.__setattr__(self, "steps", tuple(self.steps))


def choose(quantize: str | None, choices: Mapping[str, Any], rest: Collection[str]) -> Options:
    """The options that a caller chose for a kind of quantisation; None leaves one open.

    ``rest`` names the other arguments about quantisation that were given. Raises InputError for
    those that would have no effect.
    """
    chosen = {name: value for name, value in choices.items() if value is not None}
    given = [*chosen, *rest]
    idle = [name for name in chosen if name != "weight_fit"]
    if quantize is None and given:
        _refuse(given, "unless quantize is 'int8', 'int16' or 'dynamic'")
    if "image" in rest and "calibrate" not in rest:
        _refuse(["image"], "unless there are images to calibrate with")
    if quantize == "dynamic" and idle:
        _refuse(idle, "on dynamic quantisation, whose ranges are those that values have in a run")
    if "recipe" in rest and chosen:
        _refuse([*chosen], "beside a recipe, which decides that; edit it, or leave it out")
    if quantize == "dynamic" and chosen.get("weight_fit") == "quads":
        raise InputError(
            "weight_fit is 'quads', which needs calibration; dynamic quantisation has 'any' and "
            "'pairs'",
            "OPTION",
        )
    return Options(**{**_DEFAULTS.get(quantize, {}), **chosen})


def _refuse(arguments: Sequence[str], why: str) -> NoReturn:
    raise InputError(f"{', '.join(arguments)}: without effect {why}", "ARGUMENT")
