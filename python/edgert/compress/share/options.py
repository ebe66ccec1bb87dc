"""The parameters of weight sharing, as recipes state them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

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


def options_of(parameters: Mapping[str, Any]) -> Options:
    """The options that the parameters of a step say. Raises InputError for others."""
    known = [field.name for field in fields(Options)]
    for name in parameters:
        if name not in known:
            raise InputError(f"share has no parameter {name!r}, expected some of {known}", "OPTION")
    if "values" not in parameters:
        raise InputError("share needs a number of values", "OPTION")
    return Options(**parameters)
