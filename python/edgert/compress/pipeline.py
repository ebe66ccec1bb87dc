"""The order of work: a recipe and data make a compressed network of an optimised graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from edgert.budget import FEWER_SAMPLES, require_held
from edgert.compress.judge import MARGIN, Judge, Metric, Quality, Verdict, verdict
from edgert.compress.ladder import Form, choose, why_not_worth
from edgert.compress.probe import Probe, Sample, most_live_bytes
from edgert.compress.quantize import equalize, quantize
from edgert.compress.recipe import Layer, Recipe
from edgert.compress.split import Split
from edgert.compress.statistics import Statistics
from edgert.compress.technique import Forms, Network, Proposal, Technique
from edgert.errors import InputError
from edgert.ir import Graph
from edgert.ops import PRODUCTS

# By the names that the steps of recipes have.
TECHNIQUES: dict[str, Technique] = {"equalize": equalize, "quantize": quantize}
STAGES = ("calibrate", "compress", "judge")
JUDGED_SAMPLES = 4  # for the order of the layers; a target is met on all that choose
FIRST = "the first form that the recipe offers"
NEEDED = "the accuracy needs it"


@dataclass(frozen=True)
class Compression:
    """What a compression did.

    ``layers`` says of each product, and of what else stays in float because of its values, which
    form it has and why; ``recipe`` says it, too, and would lead to the same bytes again. So many
    samples ``calibrated``, so many others ``chose`` forms, and on again others the ``quality`` was
    measured. ``skipped`` names the files that could not be read; ``data_free``: the samples are
    random numbers.
    """

    layers: Mapping[str, Layer]
    recipe: Recipe
    quality: Quality
    verdict: Verdict
    calibrated: int
    chose: int
    skipped: tuple[str, ...] = ()
    data_free: bool = False

    @property
    def samples(self) -> int:
        """All that were read."""
        return self.calibrated + self.chose + self.quality.samples


def compress(
    graph: Graph,
    samples: Iterable[Sample] | Split,
    recipe: Recipe,
    *,
    reporting: Iterable[Sample] | None = None,
    metric: Metric | None = None,
    is_random: bool = False,
    progress: Callable[[str], None] | None = None,
) -> tuple[Graph, Compression]:
    """The graph as a recipe makes it; its inputs and outputs stay as they are.

    ``samples`` are read once, and dealt out: to those that calibrate, those that choose forms if
    the recipe has a target, and those on which the quality is measured, unless there are others for
    ``reporting``. If the target is not met, the layers that cost most, and of which the recipe does
    not state the form, get one that is more exact. ``metric`` is measured besides what always is.
    ``is_random``: the samples are made up. ``progress`` is called with each of ``STAGES`` as it
    begins, and as samples pass, with a number behind it. The weights of ``graph`` change as the
    steps change them. Raises InputError for a recipe that the network cannot have, and if there are
    too few samples.
    """
    begin = progress or (lambda stage: None)
    _check(graph, recipe)
    begin(STAGES[0])
    ladders, reasons = _start(graph, recipe)
    split = samples
    if not isinstance(samples, Split):
        split = Split(
            samples,
            calibrates=_needs_data(recipe),
            chooses=bool(recipe.target),
            reporting=reporting,
            progress=lambda count: begin(f"{STAGES[0]} {count}"),
        )
    statistics = Statistics(split.calibrating)
    if _needs_data(recipe) and not statistics.held:
        raise InputError("there are no calibration samples", "CALIBRATION")
    _require_memory(graph, ladders, len(statistics.held))
    with Probe(graph, graph.outputs) as original:
        network = Network(graph, {name: own[0] for name, own in ladders.items()}, recipe.tensors)
        begin(STAGES[1])
        offer = Proposal()
        for step in recipe.steps:
            proposal = TECHNIQUES[step.name](network, statistics, step.parameters)
            offer = proposal if proposal.build else offer
            ladders = _without(graph, ladders, proposal.refused, recipe, reasons)
            network.forms = {name: own[0] for name, own in ladders.items()}
        if offer.build is None or offer.sketch is None:
            recipe.refuse(("steps",), "no step offers forms for layers")
        split.finish()
        _require_samples(split)
        nbytes = sum(graph.values[name].nbytes for name in (*graph.inputs, *graph.outputs))
        judged = len(split.choosing) + len(split.reporting)
        require_held(2 * judged * nbytes, f"the outputs of {judged} samples", FEWER_SAMPLES)
        begin(STAGES[2])
        first = Judge(graph, original, split.choosing, metric)
        final = Judge(graph, original, split.reporting, metric)
    final.require_measures(recipe.target)
    forms, compressed = _choose(network, ladders, recipe, offer, first if split.chooses else None)
    for name, form in forms.items():
        if form != ladders[name][0]:
            reasons[name] = NEEDED
    sizes = _weight_sizes(graph)
    layers = {
        name: Layer(form, reasons.get(name, FIRST), sizes.get(name, 0) * form.weights.itemsize)
        for name, form in forms.items()
    }
    quality = final.measure(compressed)
    doubts = split.survey.doubts()
    judged = verdict(quality, recipe.target, split.count, is_random, doubts)
    measured = {
        "data": "random numbers" if is_random else "samples",
        "calibrated": split.calibrated,
        "chose": len(split.choosing),
        "judged": quality.samples,
        **quality.figures(),
        "verdict": judged.word,
    }
    decided = replace(recipe, layers=layers, measured=measured, document=None)
    return compressed, Compression(
        layers, decided, quality, judged, split.calibrated, len(split.choosing), data_free=is_random
    )


def _weight_sizes(graph: Graph) -> dict[str, int]:
    """The weights of each product, by its output; those that are no constants do not count."""
    found = {}
    for node in graph.nodes:
        weight = graph.constant(node.inputs[1]) if node.op in PRODUCTS else None
        if weight is not None:
            found[node.output] = weight.size
    return found


def _choose(
    network: Network,
    ladders: Mapping[str, Sequence[Form]],
    recipe: Recipe,
    offer: Proposal,
    judge: Judge | None,
) -> tuple[Mapping[str, Form], Graph]:
    """The forms with which the target is met on the samples of the judge, if there is one, and the
    network with them.
    """
    accepted: tuple[Mapping[str, Form], Graph] | None = None

    def is_met(forms: Forms) -> bool:
        nonlocal accepted
        built = offer.build(forms)
        met = not recipe.target.missed(judge.measure(built), MARGIN)
        if met:
            accepted = dict(forms), built
        return met

    def exactness(layer: str) -> float:
        alone = {n: own if n == layer else Form.f32 for n, own in network.forms.items()}
        return judge.measure(offer.sketch(alone), JUDGED_SAMPLES).sqnr

    if judge is None:
        return network.forms, offer.build(network.forms)
    forms = choose(recipe.forms, ladders, is_met, exactness)
    if accepted is None or accepted[0] != forms:
        accepted = forms, offer.build(forms)
    return accepted


def _require_samples(split: Split) -> None:
    """Refuses too few samples for the roles that there are."""
    if split.count == 0:
        raise InputError("there are no samples to judge with", "CALIBRATION")
    if split.chooses and not (split.choosing and split.reporting):
        raise InputError(
            f"{split.count} samples are too few for a target: others must calibrate, choose and "
            "show that it is met; give 32 or more",
            "CALIBRATION",
        )


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


def _needs_data(recipe: Recipe) -> bool:
    """Whether samples must calibrate: for the ranges of integers, or for a step that may ask."""
    others = any(TECHNIQUES[step.name] is not quantize for step in recipe.steps)
    return others or any(form.is_integer for form in _forms(recipe))


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
        nbytes = 2 * samples * most_live_bytes(graph)
        require_held(nbytes, f"the values of {samples} samples", FEWER_SAMPLES)
