"""The recipes that options stand for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

from edgert.compress.ladder import KINDS, LEVELS, SLACK, WEIGHTS, forms_of, known_levels
from edgert.compress.quantize.options import Options
from edgert.compress.recipe.recipe import MOST_SLACK, Recipe, Step
from edgert.errors import InputError

STEPS = "equalize", "compensate", "correct"


def preset(
    kind: str = "int8",
    ranges: str | None = None,
    steps: Sequence[str] | None = None,
    weight_fit: str | None = None,
    weights: str | None = None,
    slack: float | None = None,
    levels: Sequence[str] | None = None,
) -> Recipe:
    """The recipe of one of ``KINDS``; None leaves an option as it is there.

    ``steps`` are some of ``STEPS``: equalisation is a step of the recipe, what else is done to lose
    less accuracy are parameters of quantisation. ``weights``, "int8" or "int16", are those of
    layers on int16. ``slack`` is how much slower, on the ``levels``, and larger the network may
    become where more exact forms take away much of the error. Raises InputError for what no option
    is called.
    """
    if slack is None:
        slack = SLACK if kind == KINDS[0] else 0.0
    if (
        isinstance(slack, bool)
        or not isinstance(slack, (int, float))
        or not 0 <= slack <= MOST_SLACK
    ):
        raise InputError(f"slack is {slack!r}, expected a part from 0 to {MOST_SLACK}", "OPTION")
    levels = LEVELS if levels is None else levels
    known = known_levels()
    if not isinstance(levels, (tuple, list)) or not levels or not all(n in known for n in levels):
        raise InputError(f"target is {levels!r}, expected some of {known}", "OPTION")
    if weights not in (None, *WEIGHTS):
        raise InputError(f"weights is {weights!r}, expected one of {list(WEIGHTS)}", "OPTION")
    chosen = STEPS if steps is None else steps
    if not isinstance(chosen, (tuple, list)) or not all(step in STEPS for step in chosen):
        raise InputError(f"steps is {steps!r}, expected some of {list(STEPS)}", "OPTION")
    forms = forms_of(kind, weights)
    if kind == "dynamic":
        options = {"weight_fit": "pairs" if weight_fit is None else weight_fit}
    else:
        options = {
            "ranges": Options.ranges if ranges is None else ranges,
            "weight_fit": Options.weight_fit if weight_fit is None else weight_fit,
            "compensate": "compensate" in chosen,
            "correct": "correct" in chosen,
        }
    Options(**options)
    equalizes = kind != "dynamic" and "equalize" in chosen
    before = [Step("equalize")] if equalizes else []
    steps_of = (*before, Step("quantize", options))
    return Recipe(forms, steps_of, slack=float(slack), levels=tuple(levels))


def chosen_preset(
    kind: str | None, choices: Mapping[str, Any], rest: Collection[str]
) -> Recipe | None:
    """The recipe that a caller chose by options; None of them leaves one open.

    ``rest`` names the other arguments about compression that were given. Raises InputError for
    those that would have no effect. None: nothing is to be compressed, or a recipe says how.
    """
    chosen = {name: value for name, value in choices.items() if value is not None}
    given = ["target" if name == "levels" else name for name in (*chosen, *rest)]
    idle = [name for name in chosen if name != "weight_fit"]
    if kind is None and "recipe" not in rest and given:
        _refuse(given, "unless quantize is 'int8', 'int16' or 'dynamic', or there is a recipe")
    if kind is None and "recipe" not in rest:
        return None
    if "image" in rest and not {"calibrate", "data"} & {*rest}:
        _refuse(["image"], "unless there are images to calibrate with")
    if kind == "dynamic" and "levels" in idle:
        _refuse(["target"], "on dynamic quantisation, which chooses nothing by cost")
    if kind == "dynamic" and idle:
        _refuse(idle, "on dynamic quantisation, whose ranges are those that values have in a run")
    if "recipe" in rest and chosen:
        _refuse(
            given[: len(chosen)], "beside a recipe, which decides that; edit it, or leave it out"
        )
    if kind == "dynamic" and chosen.get("weight_fit") == "quads":
        raise InputError(
            "weight_fit is 'quads', which needs calibration; dynamic quantisation has 'any' and "
            "'pairs'",
            "OPTION",
        )
    return None if "recipe" in rest else preset(kind, **chosen)


def require_kind(recipe: Recipe, kind: str | None) -> None:
    """Refuses a recipe that starts with other forms than those of a kind, if one was named."""
    if kind is not None and recipe.forms[0] not in {forms_of(kind, w)[0] for w in WEIGHTS}:
        found = recipe.forms[0].text
        recipe.refuse(("forms", 0), f"the recipe starts with {found}: it is none for {kind}")


def _refuse(arguments: Sequence[str], why: str) -> NoReturn:
    raise InputError(f"{', '.join(arguments)}: without effect {why}", "ARGUMENT")
