"""The accuracy gate: gives the costliest layers int16, or float, until a target is met."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from edgert.ir import Graph
from edgert.quantize.assign import MATRIX, Assignment
from edgert.quantize.calibrate import Sample
from edgert.quantize.quality import Results, Target, compare, run_graph

JUDGED_SAMPLES = 4  # for the order of the layers; the target is met on all that are held

# The quantised graph with some layers in float and some on int16.
Build = Callable[[Collection[str], Collection[str]], Graph]


def keep_accurate(
    graph: Graph,
    assignment: Assignment,
    build: Build,
    sketch: Build,
    samples: Sequence[Sample],
    expected: Results,
    target: Target,
    floats: Collection[str],
) -> tuple[list[str], list[str]]:
    """The layers, by their outputs, that must be on int16 besides those that are, and those that
    must stay in float besides ``floats``; worst first.

    A layer's cost is the noise that it makes at the outputs when it is the only one on integers,
    its weights rounded plainly, as ``sketch`` does. As many of the costliest get int16 as the
    target needs, found by bisection; where int16 for all is not enough, the costliest are float.
    """
    wide = assignment.wide_layers

    def is_met(more_wide: Collection[str], more_floats: Collection[str]) -> bool:
        found = run_graph(build({*floats, *more_floats}, {*wide, *more_wide}), samples)
        return target.is_met(compare(expected, found))

    if is_met([], []):
        return [], []
    layers = [n.output for n in graph.nodes if n.op in MATRIX and n.output in assignment.integer]
    few = samples[:JUDGED_SAMPLES]
    noise = {}
    for layer in layers:
        alone = sketch({*floats, *layers} - {layer}, wide)
        noise[layer] = compare(expected[: len(few)], run_graph(alone, few)).sqnr
    worst = sorted(layers, key=noise.__getitem__)
    bytes_first = [layer for layer in worst if layer not in wide]
    if bytes_first and is_met(bytes_first, []):
        return bytes_first[: _least(len(bytes_first), lambda n: is_met(bytes_first[:n], []))], []
    count = _least(len(worst), lambda n: is_met(bytes_first, worst[:n]))
    return [layer for layer in bytes_first if layer not in worst[:count]], worst[:count]


def _least(most: int, is_enough: Callable[[int], bool]) -> int:
    """The least number above 0 that is enough, ``most`` being so."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
