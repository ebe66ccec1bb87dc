"""The accuracy gate: lifts the costliest layers to more exact forms, until a target is met."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edgert.compress.ladder.form import Form

Forms = Mapping[str, Form]


def choose(
    order: Sequence[Form],
    ladders: Mapping[str, Sequence[Form]],
    is_met: Callable[[Forms], bool],
    exactness: Callable[[str], float],
) -> dict[str, Form]:
    """The form of each layer with which a target is met.

    ``ladders`` has the forms that each layer may have, the one that it starts with first and then
    more exact ones, in the common ``order``. ``exactness`` of a layer is the quality of the network
    if all other layers are exact.

    Of the layers that have a next form, the costliest ones get it, as many as the target needs,
    found by bisection; where it is not enough for all of them, they have it, and the next form is
    tried. If nothing is enough, all have their last form.
    """
    forms = {layer: ladder[0] for layer, ladder in ladders.items()}
    if is_met(forms):
        return forms
    errors = {layer: exactness(layer) for layer, own in ladders.items() if len(own) > 1}
    worst = sorted(errors, key=errors.__getitem__)
    rest = [form for form in order if any(form in own[1:] for own in ladders.values())]
    for i, form in enumerate(rest):
        able = [layer for layer in worst if form in ladders[layer][1:]]

        def lifted(
            count: int, form: Form = form, able: Sequence[str] = able, forms: Forms = forms
        ) -> dict[str, Form]:
            return {**forms, **dict.fromkeys(able[:count], form)}

        if i == len(rest) - 1 or (able and is_met(lifted(len(able)))):
            return lifted(_least(len(able), lambda count: is_met(lifted(count))))
        forms = lifted(len(able))
    return forms


def _least(most: int, is_enough: Callable[[int], bool]) -> int:
    """The least number up to ``most`` that is enough, by asking for some; ``most`` if none is."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
