"""The order of work: a recipe and data make a compressed network of an optimised graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgert.budget import FEWER_SAMPLES, require_held
from edgert.compress.data.split import Split
from edgert.compress.judge import Judge, Metric, Quality, Verdict, judged_values, verdict
from edgert.compress.ladder import (
    Costs,
    Form,
    Rung,
    above,
    calibrated,
    choose,
    choose_stored,
    measure_noise,
    why_not_worth,
    within_room,
)
from edgert.compress.probe import Probe, Sample, most_live_bytes
from edgert.compress.prune import prune
from edgert.compress.quantize import equalize, quantize
from edgert.compress.recipe import MOST_BITS, Layer, Recipe
from edgert.compress.share import halve, share
from edgert.compress.statistics import Statistics
from edgert.compress.technique import Forms, Network, Progress, Proposal, Technique
from edgert.errors import InputError
from edgert.ir import Graph
from edgert.ops import PRODUCTS
from edgert.pack import pack
from edgert.parity import decibels

# By the names that the steps of recipes have.
TECHNIQUES: dict[str, Technique] = {
    "equalize": equalize,
    "prune": prune,
    "share": share,
    "halve": halve,
    "quantize": quantize,
}
STAGES = ("calibrate", "compress", "judge")
FIRST = "the first form that the recipe offers"
NEEDED = "the accuracy needs it"
ROOM = "its weights have room for no more bits, or need none"
LEAST_ZEROS = 0.05  # of the weights of a layer, to be told of
PAYS = "it takes away much of the error for little"


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
    the recipe has slack or a target, and those on which the quality is measured, unless there are
    others for ``reporting``. Layers of which the recipe does not state the form get a more exact
    one where that pays, and until the target is met. ``metric`` is measured besides what always is.
    ``is_random``: the samples are made up. ``progress`` is called with each of ``STAGES`` as it
    begins, and as it goes on, with more behind it. The weights of ``graph`` change as the
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
            chooses=_chooses(recipe),
            reporting=reporting,
            progress=lambda count: begin(f"{STAGES[0]} {count}"),
        )
    statistics = Statistics(split.calibrating)
    if _needs_data(recipe) and not statistics.held:
        raise InputError("there are no calibration samples", "CALIBRATION")
    _require_memory(graph, ladders, len(statistics.held))
    with Probe(graph, judged_values(graph)) as original:
        network = Network(graph, calibrated(_forms(recipe)), recipe.tensors)
        begin(STAGES[1])
        offer = Proposal(build=lambda forms, progress: network.graph)
        doubts: list[str] = []
        for step in recipe.steps:
            begin(f"{STAGES[1]}: {step.name}")
            proposal = TECHNIQUES[step.name](network, statistics, step.parameters)
            offer = proposal if proposal.build else offer
            doubts += proposal.doubts
            ladders = _without(graph, ladders, proposal.refused, recipe, reasons)
        if offer.sketch is None and any(form.is_quantized for form in _forms(recipe)):
            recipe.refuse(("steps",), "no step offers the forms of layers: add quantize")
        split.finish()
        _require_samples(split, bool(recipe.target))
        nbytes = sum(graph.values[name].nbytes for name in (*graph.inputs, *judged_values(graph)))
        judged = len(split.choosing) + len(split.reporting)
        require_held(2 * judged * nbytes, f"the outputs of {judged} samples", FEWER_SAMPLES)
        begin(STAGES[2])
        first = Judge(graph, original, split.choosing, metric)
        final = Judge(graph, original, split.reporting, metric)
    final.require_measures(recipe.target)

    def within(stage: str) -> Progress:
        begin(stage)
        return lambda how_far: begin(f"{stage}, {how_far}")

    choosing = split.choosing or statistics.held
    sizes = _weight_sizes(graph)
    rungs = _rungs(graph, ladders, recipe, offer, choosing, within(f"{STAGES[2]}: layers"))
    start = {name: own[0] for name, own in ladders.items()}
    progress = within(f"{STAGES[2]}: forms")
    if recipe.max_bytes is None:
        room = None if recipe.bits is None else _average(recipe, sizes)
        judge = first if recipe.target else None
        forms, compressed = _choose(start, rungs, recipe, offer, room, judge, reasons, progress)
    else:
        room = _average(recipe, sizes)
        forms, compressed = _fit(start, rungs, recipe, offer, room, reasons, progress)
    layers = {
        name: _layer(form, reasons.get(name, FIRST), sizes.get(name, (0, 0)), rungs.get(name, ()))
        for name, form in forms.items()
    }
    begin(f"{STAGES[2]}: result")
    quality = final.measure(compressed)
    doubts = [*split.survey.doubts(), *doubts]
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


def _weight_sizes(graph: Graph) -> dict[str, tuple[int, int]]:
    """The weights of each product, by its output, and those of them that are zero; what is no
    constant does not count.
    """
    found = {}
    for node in graph.nodes:
        weight = graph.constant(node.inputs[1]) if node.op in PRODUCTS else None
        if weight is not None:
            found[node.output] = weight.size, weight.size - np.count_nonzero(weight)
    return found


def _chooses(recipe: Recipe) -> int:
    """How many of eight samples must choose forms: also if all are stated, for the same to
    calibrate. More of them must tell whether a target is met than which layers are noisy.
    """
    return 3 if recipe.target else int(recipe.slack > 0)


def _rungs(
    graph: Graph,
    ladders: Mapping[str, Sequence[Form]],
    recipe: Recipe,
    offer: Proposal,
    samples: Sequence[Sample],
    progress: Progress,
) -> dict[str, list[Rung]]:
    """What the forms of each product cost, and lose on the samples."""
    products = {node.output for node in graph.nodes if node.op in PRODUCTS}
    own = {name: forms for name, forms in ladders.items() if name in products}
    noise = measure_noise(graph, own, offer.sketch, samples, progress)
    start = {name: forms[0] for name, forms in own.items()}
    costs = Costs(graph, start, recipe.levels)
    total = max(sum(noise.nbytes[name][form] for name, form in start.items()), 1)

    def rung(name: str, form: Form) -> Rung:
        nbytes, cost = noise.nbytes[name][form], costs.of(name, form)
        alone, carried = noise.alone[name][form], noise.carried(name, form)
        return Rung(form, alone, carried, cost, nbytes / total, nbytes)

    return {name: [rung(name, form) for form in forms] for name, forms in own.items()}


def _average(recipe: Recipe, sizes: Mapping[str, tuple[int, int]]) -> float:
    """The bytes that the weights may take, by the bits of one."""
    bits = MOST_BITS if recipe.bits is None else recipe.bits
    return bits / 8 * sum(size for size, _ in sizes.values())


def _layer(form: Form, why: str, sizes: tuple[int, int], rungs: Sequence[Rung]) -> Layer:
    """What the recipe says of a layer with so many weights, and zeros among them."""
    size, zeros = sizes
    (rung,) = [rung for rung in rungs if rung.form is form] or [Rung(form, 0, 0, np.inf)]

    def told(value: float, digits: int) -> float | None:
        return float(f"{value:.{digits}g}") if np.isfinite(value) else None

    return Layer(
        form, why, rung.nbytes,
        round(zeros / size, 4) if zeros > LEAST_ZEROS * size else None,
        told(rung.cost, 3), told(decibels(1, rung.alone), 4), told(decibels(1, rung.carried), 4),
    )  # fmt: skip


def _choose(
    start: Forms,
    rungs: Mapping[str, Sequence[Rung]],
    recipe: Recipe,
    offer: Proposal,
    room: float | None,
    judge: Judge | None,
    reasons: dict[str, str],
    progress: Progress,
) -> tuple[Forms, Graph]:
    """The forms with which the target is met on the samples of the judge, if there is one, and the
    network with them; tells the ``reasons``.

    ``room`` is how many bytes the weights may take, but for what a target needs. As many are
    taken, where that is told; else the first forms and what the slack pays for.
    """
    slack, accepted = recipe.slack, None
    if room is not None:
        start = {**start, **within_room(rungs, room / max(_nbytes(rungs), 1), slack)}
        slack = 0.0
        for name, own in rungs.items():
            is_first = start[name].runs_as is own[0].form.runs_as
            reasons[name] = reasons.get(name, ROOM) if is_first else PAYS
    left = {name: above(own, start[name]) for name, own in rungs.items()}

    def is_met(forms: Forms) -> bool:
        nonlocal accepted
        built = offer.build({**start, **forms}, progress)
        met = not recipe.target.missed(judge.measure(built), for_others=True)
        if met:
            accepted = dict(forms), built
        return met

    chosen, within = choose(left, slack, None if judge is None else is_met)
    for name, form in chosen.items():
        if form != start[name]:
            reasons[name] = PAYS if form == within[name] else NEEDED
    forms = {**start, **chosen}
    is_built = accepted is not None and accepted[0] == chosen
    return forms, accepted[1] if is_built else offer.build(forms, progress)


def _nbytes(rungs: Mapping[str, Sequence[Rung]], forms: Forms | None = None) -> int:
    """Those of all weights, in the forms that they start with unless told otherwise."""
    return sum(
        (own[0] if forms is None else above(own, forms[name])[0]).nbytes
        for name, own in rungs.items()
    )


def _fit(
    start: Forms,
    rungs: Mapping[str, Sequence[Rung]],
    recipe: Recipe,
    offer: Proposal,
    room: float,
    reasons: dict[str, str],
    progress: Progress,
) -> tuple[Forms, Graph]:
    """The forms with which the file has as many bytes as the recipe allows at most, and its weights
    take no more than the ``room``, and the network with them. Raises InputError if there are none.
    """
    room = min(room, recipe.max_bytes)
    while True:
        told = dict(reasons)
        forms, built = _choose(start, rungs, recipe, offer, room, None, told, progress)
        size = _file_bytes(built)
        if size <= recipe.max_bytes:
            reasons.update(told)
            return forms, built
        if _nbytes(rungs, forms) <= _nbytes(rungs):
            recipe.refuse(
                ("max_bytes",),
                f"max_bytes is {recipe.max_bytes}, but the smallest file that there can be has "
                f"{size} bytes",
            )
        room = _nbytes(rungs, forms) - (size - recipe.max_bytes)


def _file_bytes(graph: Graph) -> int:
    choose_stored(graph)
    return len(pack(graph))


def _require_samples(split: Split, has_target: bool) -> None:
    """Refuses too few samples for the roles that there must be."""
    if split.count == 0:
        raise InputError("there are no samples to judge with", "CALIBRATION")
    if has_target and not (split.choosing and split.reporting):
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
    return others or calibrated(_forms(recipe)) is not None


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
    if samples:
        nbytes = 2 * samples * most_live_bytes(graph)
        require_held(nbytes, f"the values of {samples} samples", FEWER_SAMPLES)
