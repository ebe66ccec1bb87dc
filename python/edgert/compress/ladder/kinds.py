"""The forms that a kind of quantisation gives to layers, the fastest first."""

from __future__ import annotations

from collections.abc import Collection

from edgert.compress.ladder.form import NARROW, Form

KINDS = "int8", "int16", "dynamic"
WEIGHTS = "int8", "int16"  # of layers on int16
SLACK = 0.1  # how much slower and larger a network on bytes may become where that pays


def forms_of(
    kind: str | None, weights: str | None = None, is_limited: bool = False
) -> tuple[Form, ...]:
    """The forms of one of ``KINDS``, whose layers on int16 have weights of one of ``WEIGHTS``; of
    none float alone. If their room ``is_limited``, they start with those of the fewest bits.
    """
    if kind is None:
        return (Form.f32,)
    if kind == "dynamic":
        return Form.i8_dynamic, Form.f32
    if kind == "int16":
        return on_int16(weights or "int8"), Form.f32
    between = [Form.i16_w8, Form.i16] if weights is None else [on_int16(weights)]
    narrow = sorted(NARROW, key=lambda form: form.bits) if is_limited else ()
    return *narrow, Form.i8, Form.i8_dynamic, *between, Form.f32


def on_int16(weights: str) -> Form:
    """The form of layers on int16 whose weights are of one of ``WEIGHTS``."""
    return Form.i16 if weights == "int16" else Form.i16_w8


def calibrated(forms: Collection[Form]) -> Form | None:
    """Of forms that layers may have, the one for which the ranges of values are found."""
    on_integers = [form for form in Form if form in forms and form.is_integer]
    return min(on_integers, key=lambda form: form.reads.itemsize, default=None)
