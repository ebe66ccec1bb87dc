"""The recipe: everything that decides what becomes of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from edgert.compress.judge import Target
from edgert.compress.ladder import LEVELS, Form
from edgert.compress.recipe.lines import Document, Path
from edgert.errors import InputError

MOST_SLACK = 10.0  # a network of which more is asked has a target
LEAST_BITS, MOST_BITS = 1.6, 8.0  # of a weight, on average


@dataclass(frozen=True)
class Step:
    """A technique, by its name, and its parameters."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Layer:
    """The form of a layer, and why it has it; what follows from that is a comment.

    ``bytes`` are those of its weights in the file, ``zeros`` the part of them that is zero, if it
    is a large one. ``cost`` is its part of the time of the network with the
    forms that it starts with. ``alone`` is the SQNR in dB of its output if it reads exact values,
    ``carried`` that of the network's outputs if all other layers are exact, as estimated.
    """

    form: Form
    why: str = "the recipe says so"
    bytes: int | None = field(default=None, compare=False)
    zeros: float | None = field(default=None, compare=False)
    cost: float | None = field(default=None, compare=False)
    alone: float | None = field(default=None, compare=False)
    carried: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Recipe:
    """What leads to the same bytes on the same data.

    ``steps`` are the techniques in their order. ``forms`` are what a layer may have of which
    ``layers`` does not state the form: the first one that it can, and one of the later ones where
    that takes away much of the error for little time and room, of which there is ``slack``: parts
    of those of the network, its time on the ``levels`` of CPUs; or if the ``target`` is not met
    otherwise. With ``bits``, so many has a weight on average, more where that takes away most of
    the error; with ``max_bytes`` as many as the whole file has room for, which no target makes
    larger. Layers go by the names of their outputs. ``tensors`` has ranges that take the place of
    the calibrated ones. ``document`` is the file that it was read from, if there is one;
    ``measured`` says what was found on which data, and decides nothing.
    """

    forms: tuple[Form, ...]
    steps: tuple[Step, ...]
    layers: Mapping[str, Layer] = field(default_factory=dict)
    target: Target = Target()  # noqa: RUF009
    slack: float = 0.0
    levels: tuple[str, ...] = LEVELS
    tensors: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    bits: float | None = None
    max_bytes: int | None = None
    measured: Mapping[str, Any] = field(default_factory=dict, compare=False)
    document: Document | None = field(default=None, compare=False, repr=False)

    def refuse(self, path: Path, why: str) -> NoReturn:
        """Raises InputError, which names the line of a part: ("layers", name), ("steps", 0)."""
        if self.document is not None:
            self.document.refuse(path, why)
        raise InputError(f"the recipe: {why}", "RECIPE")
