"""What a caller may choose about quantisation."""

from __future__ import annotations

from dataclasses import dataclass

from edgert.errors import InputError
from edgert.quantize.ranges import METHODS


@dataclass(frozen=True)
class Options:
    """How a graph is quantised.

    ``ranges``: how the range of an activation is chosen, one of ``ranges.METHODS``.
    ``fits_int16``: choose weights for which AVX2 multiplies fastest; see ``weights.py``.
    """

    ranges: str = "mse"
    fits_int16: bool = True

    def __post_init__(self) -> None:
        """Refuses what no option is called."""
        if self.ranges not in METHODS:
            raise InputError(
                f"ranges is {self.ranges!r}, expected one of {list(METHODS)}", "RANGES"
            )
