"""What a caller may choose about quantisation."""

from __future__ import annotations

from dataclasses import dataclass

from edgert.errors import InputError
from edgert.quantize.ranges import METHODS
from edgert.quantize.short_sums import FITS

STEPS = "equalize", "compensate", "correct"


@dataclass(frozen=True)
class Options:
    """How a graph is quantised.

    ``ranges``: how the range of an activation is chosen, one of ``ranges.METHODS``.
    ``steps``: any of ``equalize`` (let all channels of a tensor use its levels, ``equalize.py``),
    ``compensate`` (let weights make up for the rounding of others, ``compensate.py``) and
    ``correct`` (take its mean error, and what is noise, off each output, ``fit.py``).
    ``weight_fit``: how many products of the weights AVX2 can add up in 16 bits, one of
    ``short_sums.FITS``: the more, the faster it multiplies, and the less exact they are.
    """

    ranges: str = "mse"
    steps: tuple[str, ...] = STEPS
    weight_fit: str = "quads"

    def __post_init__(self) -> None:
        """Refuses what no option is called."""
        if self.ranges not in list(METHODS):
            raise InputError(
                f"ranges is {self.ranges!r}, expected one of {list(METHODS)}", "OPTION"
            )
        if self.weight_fit not in FITS:
            raise InputError(
                f"weight_fit is {self.weight_fit!r}, expected one of {list(FITS)}", "OPTION"
            )
        unknown = [step for step in self.steps if step not in STEPS]
        if unknown:
            raise InputError(f"unknown steps {unknown}, expected some of {list(STEPS)}", "OPTION")
