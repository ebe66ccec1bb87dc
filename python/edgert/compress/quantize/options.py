"""The parameters of quantisation, as recipes state them."""

from __future__ import annotations

from dataclasses import dataclass

from edgert.compress.quantize.rounding.i16_sums import FITS
from edgert.compress.quantize.rounding.ranges import METHODS
from edgert.errors import InputError

_KNOWN = {"ranges": tuple(METHODS), "weight_fit": FITS}


@dataclass(frozen=True)
class Options:
    """How layers are quantised.

    ``ranges``: how the range of an activation is chosen, one of ``ranges.METHODS``.
    ``weight_fit``: how many products of the weights AVX2 can add up in 16 bits, one of
    ``i16_sums.FITS``: the more, the faster it multiplies, and the less exact they are. Weights of
    dynamic layers fit pairs where it is ``quads``.
    ``compensate``: let weights make up for the rounding of others, and for errors of the layers
    before (``compensate.py`` and ``layer.py``). ``correct``: take its mean error off each output,
    and what is noise off the last ones (``layer.py``).
    """

    ranges: str = "mse"
    weight_fit: str = "quads"
    compensate: bool = True
    correct: bool = True

    def __post_init__(self) -> None:
        """Refuses what no option is called."""
        for name, known in _KNOWN.items():
            found = getattr(self, name)
            if found not in list(known):
                raise InputError(f"{name} is {found!r}, expected one of {list(known)}", "OPTION")
        for name in ("compensate", "correct"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(
                    f"{name} is {getattr(self, name)!r}, expected true or false", "OPTION"
                )
