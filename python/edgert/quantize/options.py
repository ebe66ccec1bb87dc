"""What a caller may choose about quantisation."""

from __future__ import annotations

from dataclasses import dataclass

from edgert.errors import InputError
from edgert.quantize.ranges import METHODS
from edgert.quantize.short_sums import FITS

STEPS = "equalize", "compensate", "correct"
ACTIVATIONS = "int8", "int16"


@dataclass(frozen=True)
class Options:
    """How a graph is quantised.

    ``ranges``: how the range of an activation is chosen, one of ``ranges.METHODS``.
    ``steps``: any of ``equalize`` (let all channels of a tensor use its levels, ``rotate.py`` and
    ``equalize.py``), ``compensate`` (let weights make up for the rounding of others, and for errors
    of the layers before, ``compensate.py`` and ``fit.py``) and ``correct`` (take its mean error off
    each output, and what is noise off the last ones, ``fit.py``).
    ``weight_fit``: how many products of the weights AVX2 can add up in 16 bits, one of
    ``short_sums.FITS``: the more, the faster it multiplies, and the less exact they are.
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
        unknown = [step for step in self.steps if step not in STEPS]
        if unknown:
            raise InputError(f"unknown steps {unknown}, expected some of {list(STEPS)}", "OPTION")
