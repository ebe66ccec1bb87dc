"""The forms that a kind of quantisation gives to layers, the fastest first."""

from __future__ import annotations

from edgert.compress.ladder.form import Form

KINDS = "int8", "int16", "dynamic"
WEIGHTS = "int8", "int16"  # of layers on int16


def forms_of(kind: str, weights: str | None = None) -> tuple[Form, ...]:
    """The forms of one of ``KINDS``, whose layers on int16 have weights of one of ``WEIGHTS``."""
    if kind == "dynamic":
        return Form.i8_dynamic, Form.f32
    if kind == "int16":
        return _on_int16(weights or "int8"), Form.f32
    return Form.i8, _on_int16(weights or "int16"), Form.f32


def _on_int16(weights: str) -> Form:
    return Form.i16 if weights == "int16" else Form.i16_w8
