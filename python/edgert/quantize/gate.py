"""The accuracy gate: gives the costliest layers int16, or float, until a target is met."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from edgert.ir import Graph
from edgert.quantize.calibrate import Sample
from edgert.quantize.quality import Results, Target, compare, run_graph

JUDGED_SAMPLES = 4  # for the order of the layers; the target is met on all that are held

# The quantised graph with these layers in float besides those that are, and these on int16.
Build = Callable[[Collection[str], Collection[str]], Graph]
Sketch = Callable[[Collection[str]], Graph]  # these layers in float, weights rounded plainly


def keep_accurate(
    layers: Sequence[str],
    on_bytes: Sequence[str],
    build: Build,
    sketch: Sketch,
    samples: Sequence[Sample],
    expected: Results,
    target: Target,
) -> tuple[list[str], list[str]]:
    """Which of the integer ``layers``, named by their outputs, must get int16, and which must stay
    in float; worst first.

    A layer's cost is the noise that it makes at the outputs when it is the only one on integers. As
    many of the costliest of ``on_bytes``, those that may get int16, do as the target needs, found
    by bisection; where int16 for all of them is not enough, the costliest layers are float.
    """

    def is_met(wide: Collection[str], floats: Collection[str]) -> bool:
        return target.is_met(compare(expected, run_graph(build(floats, wide), samples)))

    if is_met([], []):
        return [], []
    few = samples[:JUDGED_SAMPLES]
    noise = {}
    for layer in layers:
        alone = sketch([other for other in layers if other != layer])
        noise[layer] = compare(expected[: len(few)], run_graph(alone, few)).sqnr
    worst = sorted(layers, key=noise.__getitem__)
    widened = [layer for layer in worst if layer in on_bytes]
    if widened and is_met(widened, []):
        return widened[: _least(len(widened), lambda n: is_met(widened[:n], []))], []
    count = _least(len(worst), lambda n: is_met(widened, worst[:n]))
    return [layer for layer in widened if layer not in worst[:count]], worst[:count]


def _least(most: int, is_enough: Callable[[int], bool]) -> int:
    """The least number above 0 that is enough, ``most`` being so."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
