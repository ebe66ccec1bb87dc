"""The accuracy gate: keeps the layers that cost most accuracy in float until a target is met."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from edgert.ir import Graph
from edgert.quantize.assign import MATRIX, Assignment
from edgert.quantize.calibrate import Sample
from edgert.quantize.quality import Results, Target, compare, run_graph

JUDGED_SAMPLES = 4  # for the order of the layers; the target is met on all that are held

Build = Callable[[Collection[str]], Graph]  # the quantised graph, with these layers in float


def keep_float(
    graph: Graph,
    assignment: Assignment,
    build: Build,
    sketch: Build,
    samples: Sequence[Sample],
    expected: Results,
    target: Target,
    fixed: Collection[str],
) -> list[str]:
    """The layers, by their outputs, that must stay in float besides ``fixed``, worst first.

    A layer's cost is the noise that it makes at the outputs when it is the only one on bytes, its
    weights rounded plainly, as ``sketch`` does. As many of the costliest are kept as the target
    needs, found by bisection.
    """

    def is_met(floats: Collection[str]) -> bool:
        found = run_graph(build({*fixed, *floats}), samples)
        return target.is_met(compare(expected, found))

    if is_met([]):
        return []
    layers = [n.output for n in graph.nodes if n.op in MATRIX and n.output in assignment.integer]
    few = samples[:JUDGED_SAMPLES]
    noise = {}
    for layer in layers:
        alone = sketch({*fixed, *layers} - {layer})
        noise[layer] = compare(expected[: len(few)], run_graph(alone, few)).sqnr
    worst = sorted(layers, key=noise.__getitem__)
    low, high = 0, len(worst)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_met(worst[:middle]) else (middle, high)
    return worst[:high]
