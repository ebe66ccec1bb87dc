"""The accuracy gate: gives the costliest layers int16, or float, until a target is met."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from edgert.ir import Graph
from edgert.quantize.calibrate import Sample
from edgert.quantize.quality import Results, Target, compare, run_graph

JUDGED_SAMPLES = 4  # for the order of the layers; the target is met on all that are held

# The quantised graph with these layers in float besides those that are, and these on int16.
Build = Callable[[Collection[str], Collection[str]], Graph]
Sketch = Callable[[Collection[str]], Graph]  # these layers in float, weights rounded plainly


class Kept(NamedTuple):
    """What the gate decided: the layers on ``int16`` and in ``floats``, worst first.

    ``graph`` is the one built so.
    """

    int16: list[str]
    floats: list[str]
    graph: Graph


def keep_accurate(
    layers: Sequence[str],
    on_bytes: Sequence[str],
    build: Build,
    sketch: Sketch,
    samples: Sequence[Sample],
    expected: Results,
    target: Target,
) -> Kept:
    """Decides which of the integer ``layers``, named by their outputs, get int16, and which float.

    A layer's cost is the noise that it makes at the outputs when it is the only one on integers. As
    many of the costliest of ``on_bytes``, those that may get int16, do as the target needs, found
    by bisection; where int16 for all of them is not enough, the costliest layers are float.
    """
    accepted: Kept | None = None

    def is_met(int16: list[str], floats: list[str]) -> bool:
        nonlocal accepted
        graph = build(floats, int16)
        met = target.is_met(compare(expected, run_graph(graph, samples)))
        if met:
            accepted = Kept(int16, floats, graph)
        return met

    if is_met([], []):
        return accepted
    few = samples[:JUDGED_SAMPLES]
    noise = {}
    for layer in layers:
        alone = sketch([other for other in layers if other != layer])
        noise[layer] = compare(expected[: len(few)], run_graph(alone, few)).sqnr
    worst = sorted(layers, key=noise.__getitem__)
    candidates = [layer for layer in worst if layer in on_bytes]
    if candidates and is_met(candidates, []):
        _find_least(len(candidates), lambda n: is_met(candidates[:n], []))
    else:
        _find_least(
            len(worst),
            lambda n: is_met([layer for layer in candidates if layer not in worst[:n]], worst[:n]),
        )
    # The last one that was enough is the least. If none was, all layers are in float.
    return accepted or Kept([], worst, build(worst, []))


def _find_least(most: int, is_enough: Callable[[int], bool]) -> None:
    """Asks for numbers between 0 and ``most`` until the least that is enough is known."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
