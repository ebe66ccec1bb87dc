"""The only choice among the forms of layers: by how much noise a form takes away for its price."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from edgert.compress.ladder.form import Form

Forms = Mapping[str, Form]

# What part of all noise a more exact form must take away for each part of the time and the room
# that it costs: a layer that is as noisy and as large as others is left as it is.
WORTH = 3.0
LEAST_GAIN = 0.01  # of all noise, that a form must take away even if it costs nothing


@dataclass(frozen=True)
class Rung:
    """A form that a layer can have.

    ``alone`` is the noise of the layer's output, ``carried`` what the outputs of the network get of
    it, both as energies over those of the values; ``cost`` is a part of the network's time,
    ``room`` one of the bytes that its weights take in the forms that layers start with, and
    ``nbytes`` are the layer's.
    """

    form: Form
    alone: float
    carried: float
    cost: float
    room: float = 0.0
    nbytes: int = 0

    def price(self, other: Rung) -> float:
        """What is spent beyond another form, time and room alike: saved room pays for no time."""
        return self.cost - other.cost + max(self.room - other.room, 0.0)


@dataclass(frozen=True)
class _Step:
    """From one form of a layer to a more exact one."""

    layer: str
    rung: Rung
    less_noise: float
    price: float

    @property
    def worth(self) -> float:
        return self.less_noise / self.price if self.price > 0 else float("inf")


def within_room(
    ladders: Mapping[str, Sequence[Rung]], room: float, slack: float = 0.0
) -> dict[str, Form]:
    """The forms whose weights take ``room`` at most, or as little as there is.

    Those run by the same kernels as the first ones are gone in the order of the noise that they
    take away for their room; the ``slack`` is spent on others as :func:`choose` does, within the
    room.
    """
    least, left = sum(own[0].room for own in ladders.values()), room
    while True:
        forms = _most_exact(ladders, left)
        lifted, _ = choose(
            {layer: above(own, forms[layer]) for layer, own in ladders.items()}, slack
        )
        taken, over = room_of(ladders, forms), room_of(ladders, lifted) - room
        if over <= 0 or taken <= least:
            return lifted if over <= 0 else forms
        left = taken - over


def above(ladder: Sequence[Rung], form: Form) -> Sequence[Rung]:
    """The part of a ladder from a form on."""
    return ladder[[rung.form for rung in ladder].index(form) :]


def room_of(ladders: Mapping[str, Sequence[Rung]], forms: Forms) -> float:
    """What the weights take in these forms."""
    return sum(above(own, forms[layer])[0].room for layer, own in ladders.items())


def _most_exact(ladders: Mapping[str, Sequence[Rung]], room: float) -> dict[str, Form]:
    """The forms, run by the same kernels as the first ones, for which there is room; those that
    take none beyond the first are always had.
    """
    fast = {
        layer: [replace(r, cost=0.0) for r in own if r.form.runs_as is own[0].form.runs_as]
        for layer, own in ladders.items()
    }
    forms = {layer: own[0].form for layer, own in ladders.items()}
    room -= sum(own[0].room for own in ladders.values())
    steps = [step for layer, own in fast.items() for step in _hull(layer, own)]
    passed: set[str] = (
        set()
    )  # layers of which there is no room for a step: none that follows counts
    for step in sorted(steps, key=lambda step: -step.worth):
        if step.layer in passed or step.price > max(room, 0):
            passed.add(step.layer)
            continue
        forms[step.layer] = step.rung.form
        room -= step.price
    return forms


def choose(
    ladders: Mapping[str, Sequence[Rung]],
    slack: float,
    is_met: Callable[[Forms], bool] | None = None,
) -> tuple[dict[str, Form], dict[str, Form]]:
    """The forms with which a target is met, if ``is_met`` asks for one, and those before.

    Layers start with the first form of their ladder. The steps to more exact forms are gone in the
    order of the noise that they take away for what they cost, along the lower hull of a ladder. As
    many are taken as make the network slower and larger by the part ``slack`` at most, and are
    ``WORTH`` it; none without slack. For a target as many more are taken as it needs,
    found by bisection: all, if nothing is enough.
    """
    start = {layer: ladder[0].form for layer, ladder in ladders.items()}
    steps = sorted(
        (step for layer, own in ladders.items() for step in _hull(layer, own)),
        key=lambda step: -step.worth,
    )
    noise = sum(ladder[0].carried for ladder in ladders.values())
    within, left = dict(start), []
    for step in steps:
        is_next = slack > 0 and not any(other.layer == step.layer for other in left)
        is_worth = step.less_noise > noise * max(WORTH * step.price, LEAST_GAIN)
        if is_next and is_worth and step.price <= slack:
            within[step.layer] = step.rung.form
            slack -= step.price
            noise -= step.less_noise
        else:
            left.append(step)
    if is_met is None or not left or is_met(within):
        return within, within

    def forms(count: int) -> dict[str, Form]:
        return {**within, **{step.layer: step.rung.form for step in left[:count]}}

    return forms(_least(len(left), lambda count: is_met(forms(count)))), within


def _hull(layer: str, ladder: Sequence[Rung]) -> list[_Step]:
    """The steps from the first form on, each to that which takes away most noise for its cost."""
    steps, at = [], ladder[0]
    while True:
        ways = [
            _Step(layer, rung, at.carried - rung.carried, rung.price(at))
            for rung in ladder[1:]
            if rung.carried < at.carried and rung.cost < float("inf")
        ]
        if not ways:
            return steps
        best = max(ways, key=lambda way: (way.worth, way.less_noise))
        steps.append(best)
        at = best.rung


def _least(most: int, is_enough: Callable[[int], bool]) -> int:
    """The least number up to ``most`` that is enough, by asking for some; ``most`` if none is."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
