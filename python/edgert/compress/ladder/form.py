"""The form of a layer: which numbers it multiplies, and which its weights are."""

from __future__ import annotations

from enum import Enum

import numpy as np

from edgert.ir import Graph, Node

_F32, _I16, _U8, _I8 = (np.dtype(name) for name in ("float32", "int16", "uint8", "int8"))


class Form(Enum):
    """What a layer computes on: one value for each layer, named as recipes name it.

    ``reads`` is what its input is kept as, ``weights`` what its weights are, of which each has so
    many ``bits`` in the file: fewer than their type has are codes of a few integers. Five codes of
    three integers share a byte. A dynamic layer reads floats, which it turns into bytes while it
    runs.
    """

    f32 = "f32", _F32, _F32, 32, False
    i16 = "i16", _I16, _I16, 16, False
    i16_w8 = "i16_w8", _I16, _I8, 8, False
    i8 = "i8", _U8, _I8, 8, False
    i8_w7 = "i8_w7", _U8, _I8, 7, False
    i8_w6 = "i8_w6", _U8, _I8, 6, False
    i8_w5 = "i8_w5", _U8, _I8, 5, False
    i8_w4 = "i8_w4", _U8, _I8, 4, False
    i8_w3 = "i8_w3", _U8, _I8, 3, False
    i8_w2 = "i8_w2", _U8, _I8, 2, False
    i8_ternary = "i8_ternary", _U8, _I8, 1.6, False
    i8_dynamic = "i8_dynamic", _F32, _I8, 8, True

    def __init__(
        self, text: str, reads: np.dtype, weights: np.dtype, bits: float, is_dynamic: bool
    ) -> None:
        self.text, self.reads, self.weights = text, reads, weights
        self.bits, self.is_dynamic = bits, is_dynamic

    @property
    def is_integer(self) -> bool:
        """Whether it reads integers, whose scale is known before it runs."""
        return self.reads.kind in "iu"

    @property
    def is_quantized(self) -> bool:
        """Whether its weights are integers."""
        return self.weights.kind in "iu"

    @property
    def runs_as(self) -> Form:
        """The form whose kernels run it."""
        return Form.i8 if self.is_narrow else self

    @property
    def values(self) -> int:
        """How many different weights a layer may have."""
        return int(2**self.bits)

    @property
    def is_narrow(self) -> bool:
        """Whether its weights have fewer bits than their type."""
        return self.bits < 8 * self.weights.itemsize


NARROW = tuple(form for form in Form if form.is_narrow)


def form_named(text: str) -> Form | None:
    """The form that a recipe calls so, None if there is no such form."""
    return next((form for form in Form if form.text == text), None)


def form_of(graph: Graph, node: Node) -> Form:
    """The form of a product in a compressed graph."""
    reads, weights = (graph.values[name].dtype for name in node.inputs[:2])
    is_dynamic = node.op.startswith("dynamic_")
    possible = [
        form
        for form in Form
        if (form.reads, form.weights, form.is_dynamic) == (reads, weights, is_dynamic)
    ]
    data = graph.constant(node.inputs[1])
    if len(possible) == 1 or data is None or not data.size:
        return possible[0]
    values = len(np.unique(data))
    return min(
        (f for f in possible if f.values >= values), key=lambda f: f.bits, default=possible[0]
    )


def more_exact(form: Form) -> tuple[Form, ...]:
    """Other forms for a layer that loses too much in this one, the fastest first."""
    if form is Form.f32:
        return ()
    if form.is_narrow:
        return (
            *reversed([f for f in (Form.i8, *NARROW) if f.bits > form.bits]),
            Form.i16,
            Form.f32,
        )
    return (Form.f32,) if form in (Form.i16, Form.i8_dynamic) else (Form.i16, Form.f32)


def reading(dtype: np.dtype) -> Form:
    """The form of a node without weights that computes on integers of this type."""
    return Form.i16 if dtype == _I16 else Form.i8
