"""The recipes that options stand for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

from edgert.compress.ladder import KINDS, LEVELS, SLACK, WEIGHTS, forms_of, known_levels
from edgert.compress.prune import Options as PruneOptions
from edgert.compress.quantize.options import Options
from edgert.compress.recipe.recipe import MOST_SLACK, Recipe, Step
from edgert.errors import InputError

STEPS = "equalize", "compensate", "correct"


def preset(
    kind: str | None = "int8",
    ranges: str | None = None,
    steps: Sequence[str] | None = None,
    weight_fit: str | None = None,
    weights: str | None = None,
    slack: float | None = None,
    levels: Sequence[str] | None = None,
    prune: float | None = None,
    pattern: str | None = None,
    method: str | None = None,
) -> Recipe:
    """The recipe of one of ``KINDS``, or None for floats; None leaves an option as it is there.

    ``steps`` are some of ``STEPS``: equalisation is a step of the recipe, what else is done to lose
    less accuracy are parameters of quantisation. ``weights``, "int8" or "int16", are those of
    layers on int16. ``slack`` is how much slower, on the ``levels``, and larger the network may
    become where more exact forms take away much of the error. ``prune`` is the part of the weights
    that become zero, in a ``pattern`` and by a ``method`` of
    :class:`edgert.compress.prune.Options`; by magnitude nothing is repaired. Raises InputError for
    what no option is called.
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
    fine = isinstance(chosen, (tuple, list)) and all(step in STEPS for step in chosen)
    if not fine or len(set(chosen)) < len(chosen):
        raise InputError(f"steps is {steps!r}, expected some of {list(STEPS)}, each once", "OPTION")
    forms = forms_of(kind, weights)
    if kind in (None, "dynamic"):
        options = {"weight_fit": "pairs" if weight_fit is None else weight_fit}
    else:
        options = {
            "ranges": Options.ranges if ranges is None else ranges,
            "weight_fit": Options.weight_fit if weight_fit is None else weight_fit,
            "compensate": "compensate" in chosen,
            "correct": "correct" in chosen,
        }
    Options(**options)
    equalizes = kind in ("int8", "int16") and "equalize" in chosen
    before = [Step("equalize")] if equalizes else []
    if prune is not None:
        before.append(_pruning(kind, prune, pattern, method))
    after = [] if kind is None else [Step("quantize", options)]
    return Recipe(forms, (*before, *after), slack=float(slack), levels=tuple(levels))


def _pruning(kind: str | None, sparsity: float, pattern: str | None, method: str | None) -> Step:
    """The step that prunes: in blocks where integers are multiplied, as their kernels do."""
    chosen = PruneOptions(
        sparsity,
        pattern or (PruneOptions.pattern if kind is None else "1x4"),
        method or PruneOptions.method,
        repair=method not in ("magnitude", "random"),
    )
    told = {name: getattr(chosen, name) for name in ("sparsity", "pattern", "method", "repair")}
    return Step("prune", told)


def chosen_preset(
    kind: str | None, choices: Mapping[str, Any], rest: Collection[str]
) -> Recipe | None:
    """The recipe that a caller chose by options; None of them leaves one open.

    ``rest`` names the other arguments about compression that were given. Raises InputError for
    those that would have no effect. None: nothing is to be compressed, or a recipe says how.
    """
    chosen = {name: value for name, value in choices.items() if value is not None}
    given = ["target" if name == "levels" else name for name in (*chosen, *rest)]
    idle = [n for n in chosen if n not in ("weight_fit", "prune", "pattern", "method")]
    for name in "pattern", "method":
        if name in chosen and "prune" not in chosen:
            _refuse([name], "unless there is something to prune")
    if kind is None and "prune" in chosen and "recipe" not in rest:
        others = [name for name in chosen if name not in ("prune", "pattern", "method")]
        if others:
            _refuse(others, "unless quantize is 'int8', 'int16' or 'dynamic'")
        return preset(None, **_without_data(chosen, rest))
    if kind is None and "recipe" not in rest and given:
        _refuse(given, "unless quantize is 'int8', 'int16' or 'dynamic', or there is a recipe")
    if kind is None and "recipe" not in rest:
        return None
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
    return None if "recipe" in rest else preset(kind, **_without_data(chosen, rest))


def _without_data(chosen: Mapping[str, Any], rest: Collection[str]) -> dict[str, Any]:
    """The options; without data nothing tells which weights others can make up for."""
    if "prune" in chosen and "method" not in chosen and "calibrate" not in rest:
        return {**chosen, "method": "magnitude"}
    return dict(chosen)


def require_kind(recipe: Recipe, kind: str | None) -> None:
    """Refuses a recipe that starts with other forms than those of a kind, if one was named."""
    if kind is not None and recipe.forms[0] not in {forms_of(kind, w)[0] for w in WEIGHTS}:
        found = recipe.forms[0].text
        recipe.refuse(("forms", 0), f"the recipe starts with {found}: it is none for {kind}")


def _refuse(arguments: Sequence[str], why: str) -> NoReturn:
    raise InputError(f"{', '.join(arguments)}: without effect {why}", "ARGUMENT")
