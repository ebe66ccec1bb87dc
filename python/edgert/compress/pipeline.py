"""The order of work: a recipe and data make a compressed network of an optimised graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgert.budget import FEWER_SAMPLES, require_held
from edgert.compress.judge import Quality, Target, compare, run_graph
from edgert.compress.ladder import Form, choose, why_not_worth
from edgert.compress.probe import most_live_bytes
from edgert.compress.quantize import equalize, quantize
from edgert.compress.recipe import Layer, Recipe
from edgert.compress.statistics import HELD_SAMPLES, Sample, Statistics
from edgert.compress.technique import Forms, Network, Proposal, Technique
from edgert.errors import InputError
from edgert.ir import Graph
from edgert.ops import PRODUCTS

# By the names that the steps of recipes have.
TECHNIQUES: dict[str, Technique] = {"equalize": equalize, "quantize": quantize}
STAGES = ("calibrate", "compress", "judge")
JUDGED_SAMPLES = 4  # for the order of the layers; a target is met on all that are held
FIRST = "the first form that the recipe offers"
NEEDED = "the accuracy needs it"


@dataclass(frozen=True)
class Compression:
    """What a compression did.

    ``layers`` says of each product, and of what else stays in float because of its values, which
    form it has and why; ``recipe`` says it, too, and would lead to the same bytes again.
    ``quality`` was measured on the first ``HELD_SAMPLES`` of ``samples``. ``skipped`` names the
    files that could not be read. ``reached``: whether the target, if there was one, is met.
    """

    samples: int
    layers: Mapping[str, Layer]
    quality: Quality
    recipe: Recipe
    reached: bool = True
    skipped: tuple[str, ...] = ()
    data_free: bool = False

    @property
    def needs_ranges(self) -> bool:
        """Whether a layer reads integers, whose ranges the samples had to show."""
        return any(layer.form.is_integer for layer in self.layers.values())

    @property
    def judged(self) -> int:
        """The samples on which the quality was measured, the first ones."""
        return min(self.samples, HELD_SAMPLES)


def compress(
    graph: Graph,
    samples: Iterable[Sample],
    recipe: Recipe,
    target: Target = Target(),  # noqa: B008
    progress: Callable[[str], None] | None = None,
) -> tuple[Graph, Compression]:
    """The graph as a recipe makes it; its inputs and outputs stay as they are.

    ``samples`` are read once. If ``target`` is not met, the layers that cost most, and of which the
    recipe does not state the form, get one that is more exact. ``progress`` is called with each of
    ``STAGES`` as it begins, and as samples pass, with a number behind it. The weights of ``graph``
    change as the steps change them. Raises InputError for a recipe that the network cannot have.
    """
    begin = progress or (lambda stage: None)
    _check(graph, recipe)
    begin(STAGES[0])
    stream = _Counted(samples, begin)
    statistics = Statistics(stream)
    held = statistics.held
    if not held:
        raise InputError("there are no calibration samples", "CALIBRATION")
    ladders, reasons = _start(graph, recipe)
    _require_memory(graph, ladders, len(held))
    expected = run_graph(graph, held)
    network = Network(graph, {name: own[0] for name, own in ladders.items()}, recipe.tensors)
    begin(STAGES[1])
    offer = Proposal()
    for step in recipe.steps:
        found = TECHNIQUES[step.name](network, statistics, step.parameters)
        offer = found if found.build else offer
        ladders = _without(graph, ladders, found.refused, recipe, reasons)
        network.forms = {name: own[0] for name, own in ladders.items()}
    if offer.build is None or offer.sketch is None:
        recipe.refuse(("steps",), "no step offers forms for layers")
    begin(STAGES[2])
    accepted: list[tuple[Forms, Graph]] = []

    def is_met(forms: Forms) -> bool:
        built = offer.build(forms)
        met = target.is_met(compare(expected, run_graph(built, held)))
        if met:
            accepted[:] = [(dict(forms), built)]
        return met

    def exactness(layer: str) -> float:
        alone = {n: own if n == layer else Form.f32 for n, own in network.forms.items()}
        few = held[:JUDGED_SAMPLES]
        return compare(expected[: len(few)], run_graph(offer.sketch(alone), few)).sqnr

    forms = choose(recipe.forms, ladders, is_met, exactness) if target else network.forms
    if not accepted or accepted[0][0] != forms:
        accepted = [(forms, offer.build(forms))]
    compressed = accepted[0][1]
    quality = compare(expected, run_graph(compressed, held))
    for name, form in forms.items():
        if form != ladders[name][0]:
            reasons[name] = NEEDED
    layers = {name: Layer(form, reasons.get(name, FIRST)) for name, form in forms.items()}
    decided = Recipe(recipe.forms, recipe.steps, layers, recipe.tensors)
    return compressed, Compression(stream.count, layers, quality, decided, target.is_met(quality))


def _check(graph: Graph, recipe: Recipe) -> None:
    """Refuses a recipe that names what there is not."""
    made = {node.output: node for node in graph.nodes}
    for i, step in enumerate(recipe.steps):
        if step.name not in TECHNIQUES:
            known = list(TECHNIQUES)
            recipe.refuse(("steps", i), f"there is no step {step.name!r}, expected one of {known}")
    for name, layer in recipe.layers.items():
        if name not in made:
            recipe.refuse(("layers", name), f"the model has no layer {name!r}")
        if made[name].op not in PRODUCTS and layer.form is not Form.f32:
            recipe.refuse(
                ("layers", name),
                f"{name!r} has no weights: its form follows from others",
            )
    for name in recipe.tensors:
        if name not in graph.values:
            recipe.refuse(("tensors", name), f"the model has no tensor {name!r}")
        if not any(form.is_integer for form in _forms(recipe)):
            recipe.refuse(
                ("tensors", name),
                f"the range of {name!r} is found when the model runs, as no layer has a form "
                "for which it must be known before",
            )


def _forms(recipe: Recipe) -> set[Form]:
    """All that layers may have."""
    return {*recipe.forms, *(layer.form for layer in recipe.layers.values())}


def _start(graph: Graph, recipe: Recipe) -> tuple[dict[str, Sequence[Form]], dict[str, str]]:
    """The forms that each layer may have as far as the recipe tells, and reasons for what it may
    not.
    """
    ladders: dict[str, Sequence[Form]] = {}
    reasons = {name: layer.why for name, layer in recipe.layers.items()}
    for node in graph.nodes:
        name = node.output
        if name in recipe.layers:
            ladders[name] = [recipe.layers[name].form]
        elif node.op in PRODUCTS:
            ladders[name] = recipe.forms
    return ladders, reasons


def _without(
    graph: Graph,
    ladders: Mapping[str, Sequence[Form]],
    refused: Mapping[str, Mapping[Form, str]],
    recipe: Recipe,
    reasons: dict[str, str],
) -> dict[str, Sequence[Form]]:
    """The ladders without what layers cannot have, or gain nothing by; tells the ``reasons``."""
    left = dict(ladders)
    for node in graph.nodes:
        name, why = node.output, dict(refused.get(node.output, {}))
        if name not in ladders:
            if why:
                left[name] = [Form.f32]
                reasons[name] = next(iter(why.values()))
            continue
        if name in recipe.layers:
            form = recipe.layers[name].form
            if form in why:
                recipe.refuse(("layers", name), f"{name!r} cannot be {form.text}: {why[form]}")
            continue
        for form in ladders[name]:
            if form not in why and (idle := why_not_worth(graph, node, form)):
                why[form] = idle
        left[name] = [form for form in ladders[name] if form not in why] or [Form.f32]
        if left[name][0] != ladders[name][0]:
            reasons[name] = why[ladders[name][0]]
    return left


def _require_memory(graph: Graph, ladders: Mapping[str, Sequence[Form]], samples: int) -> None:
    """Raises LimitError if the values of the samples that are held would take too much."""
    if any(form.is_integer for own in ladders.values() for form in own):
        nbytes, what = most_live_bytes(graph), "values"
    else:
        names = (*graph.inputs, *graph.outputs)
        nbytes, what = sum(graph.values[name].nbytes for name in names), "outputs"
    require_held(2 * samples * nbytes, f"the {what} of {samples} samples", FEWER_SAMPLES)


class _Counted:
    """An iterable that counts what is taken from it, and says so."""

    def __init__(self, items: Iterable[Sample], begin: Callable[[str], None]) -> None:
        self.items, self.begin, self.count = items, begin, 0

    def __iter__(self) -> Iterator[Sample]:
        """The items."""
        for item in self.items:
            self.count += 1
            self.begin(f"{STAGES[0]} {self.count}")
            yield item
