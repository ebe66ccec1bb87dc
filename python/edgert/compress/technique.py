"""What a technique of compression is: a function with one signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from typing import Any, TypeVar

from edgert.compress.ladder import Form, Sketch
from edgert.compress.statistics import Statistics
from edgert.errors import InputError
from edgert.ir import Graph

Options = TypeVar("Options")  # a dataclass
Forms = Mapping[str, Form]  # by the names of the outputs of nodes
Progress = Callable[[str], None]  # is told how far something is: "layer 3 of 33"


class Change(Enum):
    """How the values of a tensor came to differ from the model's, which its readers make up for."""

    scaled = "each channel by its own factor"
    mixed = "all channels by a matrix"


@dataclass
class Network:
    """A network on its way: what the steps before have made of it.

    ``reads_integers`` is the form for which the ranges of values are to be found, whichever of the
    forms on integers layers get in the end; None if none of them does. ``ranges`` are what a recipe
    states of tensors, which stay as they are then. ``changes`` says of which tensors the values are
    others than in the model.
    """

    graph: Graph
    reads_integers: Form | None = None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    changes: dict[str, Change] = field(default_factory=dict)


@dataclass
class Proposal:
    """What a technique offers, besides the better values that it puts into the graph.

    ``doubts`` are reasons, in words, to check the network. ``refused`` says of nodes which forms
    they cannot have, and why. ``build`` makes the network of which each layer has the form that it
    is given, and tells how far it is; ``sketch`` that of a part of the graph, with weights that
    nothing was done for unless there are samples. None: the technique has no forms to offer.
    """

    doubts: tuple[str, ...] = ()
    refused: dict[str, dict[Form, str]] = field(default_factory=dict)
    build: Callable[[Forms, Progress], Graph] | None = None
    sketch: Sketch | None = None


# The network, what is known of its data, and the parameters of the step in the recipe. Raises
# InputError for parameters that the technique does not have.
Technique = Callable[[Network, Statistics, Mapping[str, Any]], Proposal]


def options_of(kind: type[Options], step: str, parameters: Mapping[str, Any]) -> Options:
    """The options, a dataclass of this kind, that the parameters of a step say.

    Raises InputError for parameters that the step does not have, and for one that it lacks.
    """
    known = {field.name: field for field in fields(kind)}
    for name in parameters:
        if name not in known:
            raise InputError(
                f"{step} has no parameter {name!r}, expected some of {list(known)}", "OPTION"
            )
    for name, option in known.items():
        if option.default is MISSING and name not in parameters:
            raise InputError(f"{step} needs the parameter {name!r}", "OPTION")
    return kind(**parameters)
