"""The recipes that options stand for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

from edgert.compress.ladder import KINDS, LEVELS, SLACK, WEIGHTS, forms_of, known_levels
from edgert.compress.prune import Options as PruneOptions
from edgert.compress.quantize.options import Options
from edgert.compress.recipe.recipe import LEAST_BITS, MOST_BITS, MOST_SLACK, Recipe, Step
from edgert.compress.share import Options as ShareOptions
from edgert.errors import InputError

STEPS = "equalize", "compensate", "correct"
_ON_FLOATS = "prune", "pattern", "method", "share", "half"  # what networks on floats can have


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
    bits: float | None = None,
    max_bytes: int | None = None,
    share: int | None = None,
    half: bool | None = None,
    weighted: bool = True,
) -> Recipe:
    """The recipe of one of ``KINDS``, or None for floats; None leaves an option as it is there.

    ``steps`` are some of ``STEPS``: equalisation is a step of the recipe, what else is done to lose
    less accuracy are parameters of quantisation. ``weights``, "int8" or "int16", are those of
    layers on int16. ``slack`` is how much slower, on the ``levels``, and larger the network may
    become where more exact forms take away much of the error. ``prune`` is the part of the weights
    that become zero, in a ``pattern`` and by a ``method`` of
    :class:`edgert.compress.prune.Options`; by magnitude nothing is repaired. ``bits`` are those
    that a weight has on average, 1.6 to 8, ``max_bytes`` those of the whole file at most.
    ``share`` is how many values the weights of a layer on floats may have, ``weighted`` by what
    they multiply; ``half`` rounds them to 16 bits. Raises InputError for what no option is called.
    """
    is_limited = bits is not None or max_bytes is not None
    if slack is None:
        slack = SLACK if kind == KINDS[0] and not is_limited else 0.0
    _require_number("slack", slack, 0, MOST_SLACK)
    if bits is not None:
        _require_number("bits", bits, LEAST_BITS, MOST_BITS)
    is_count = isinstance(max_bytes, int) and not isinstance(max_bytes, bool) and max_bytes > 0
    if max_bytes is not None and not is_count:
        raise InputError(f"max_bytes is {max_bytes!r}, expected a number of bytes", "OPTION")
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
    forms = forms_of(kind, weights, is_limited)
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
    if share is not None:
        told = ShareOptions(share, weighted)
        before.append(Step("share", {"values": told.values, "weighted": told.weighted}))
    if half:
        before.append(Step("halve"))
    after = [] if kind is None else [Step("quantize", options)]
    return Recipe(
        forms, (*before, *after), slack=float(slack), levels=tuple(levels),
        bits=None if bits is None else float(bits), max_bytes=max_bytes,
    )  # fmt: skip


def _require_number(name: str, value: Any, least: float, most: float) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:
        raise InputError(f"{name} is {value!r}, expected a number from {least} to {most}", "OPTION")


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
    limits = [name for name in ("bits", "max_bytes") if name in chosen]
    if limits and kind is None and "recipe" not in rest:
        kind = KINDS[0]
    if limits and kind in KINDS[1:]:
        _refuse(limits, "unless quantize is 'int8'")
    given = ["target" if name == "levels" else name for name in (*chosen, *rest)]
    for name in "share", "half":
        if name in chosen and kind is not None:
            _refuse([name], "unless the network stays on floats; see bits for one on bytes")
    idle = [n for n in chosen if n not in ("weight_fit", *_ON_FLOATS)]
    for name in "pattern", "method":
        if name in chosen and "prune" not in chosen:
            _refuse([name], "unless there is something to prune")
    if kind is None and {"prune", "share", "half"} & {*chosen} and "recipe" not in rest:
        others = [name for name in chosen if name not in _ON_FLOATS]
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
    """The options; without data nothing tells what weights multiply."""
    options = dict(chosen)
    if "calibrate" not in rest:
        if "prune" in chosen:
            options.setdefault("method", "magnitude")
        options["weighted"] = False
    return options


def require_kind(recipe: Recipe, kind: str | None) -> None:
    """Refuses a recipe that starts with other forms than those of a kind, if one was named."""
    if kind is not None and recipe.forms[0].runs_as not in {forms_of(kind, w)[0] for w in WEIGHTS}:
        found = recipe.forms[0].text
        recipe.refuse(("forms", 0), f"the recipe starts with {found}: it is none for {kind}")


def _refuse(arguments: Sequence[str], why: str) -> NoReturn:
    raise InputError(f"{', '.join(arguments)}: without effect {why}", "ARGUMENT")
