"""The parameters of weight sharing, as recipes state them."""

from __future__ import annotations

from dataclasses import dataclass

from edgert.errors import InputError

MOST_VALUES = 256  # that a layer's weights can share: those of 8 bits


@dataclass(frozen=True)
class Options:
    """How many ``values`` the weights of a layer may have, 2 to 256; ``weighted``: those that
    multiply strong inputs count more.
    """

    values: int
    weighted: bool = True

    def __post_init__(self) -> None:
        """Refuses what no option is called."""
        if type(self.values) is not int or not 2 <= self.values <= MOST_VALUES:
            raise InputError(
                f"values is {self.values!r}, expected a whole number from 2 to {MOST_VALUES}",
                "OPTION",
            )
        if not isinstance(self.weighted, bool):
            raise InputError(f"weighted is {self.weighted!r}, expected true or false", "OPTION")
