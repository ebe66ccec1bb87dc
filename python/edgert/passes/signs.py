"""Products of numbers that are 1 or -1, times some number: bit by bit, as bconv and bgemm."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from edgert import interp
from edgert.errors import FormatError
from edgert.interp.signs import pack_bits
from edgert.ir import Graph, Node
from edgert.ops import Trait, having
from edgert.passes.base import PassReport, Sweep, activation, sweep
from edgert.schema import PadMode, UnaryFn

# What a function of the sign can tell apart.
_KINDS = np.array([-1, -0.0, 0, 1, np.nan], np.float32)
_POINTWISE = having(Trait.ELEMENTWISE, but=Trait.QUANTIZED) | {"batch_norm"}
_MOST_STEPS = 16  # nodes that a sign is spelled in, one behind the other


class _OfSigns(NamedTuple):
    """A value of which each element is a function of the sign of an element of another.

    ``perms`` are the transpositions between them, ``values`` the function of ``_KINDS``.
    """

    source: str
    perms: tuple[tuple[int, ...], ...]
    values: np.ndarray


def recognise_signs(graph: Graph) -> PassReport:
    """Turns conv and gemm of signs by signs into bconv and bgemm; expects all else to be fused.

    1. The input is a function of signs: of what sign() and comparisons with zero give, whatever
       nodes make of that element by element, with numbers. It is -s for negative values, s for
       positive ones, and one of the two for zero. Where it is NaN for a NaN, that counts as -s.
    2. The weights are constant, those of an output plus or minus one number.
    3. A pad before a conv is one of s, and becomes its own.
    4. Not if zero gives zero, as sign() alone does: bits have no zero. Not if a sum is too long, or
       groups are no whole bytes and panels.
    """
    return sweep("recognise_signs", graph, partial(_product, {}))


def _product(packed: dict[tuple, str], sweep: Sweep, node: Node) -> str | None:
    if node.op not in ("conv", "gemm"):
        return None
    x, pads, fill = _operand(sweep, node)
    signs = _SignFunctions(sweep).find(x)
    weight = sweep.constant(node.inputs[1])
    if signs is None or weight is None:
        return None
    negative, _, zero, scale, nan = signs.values
    if zero == 0:
        sweep.report.skip(node, "the sign of zero is zero, which bits have not")
        return None
    if not np.isfinite(scale) or negative != -scale or abs(zero) != abs(scale):
        return None
    sizes = np.abs(weight.reshape(len(weight), -1))
    if not np.isfinite(sizes).all() or (sizes != sizes[:, :1]).any() or fill not in (0, scale):
        return None
    meaning = {"zero": int(zero / scale), "nan": 1 if nan == scale else -1}
    key = (signs.source, signs.perms, *meaning.values())
    if key not in packed:  # those that several products read are packed once
        value = signs.source
        for perm in signs.perms:
            value = sweep.add("transpose", [value], {"perm": perm}, node)
        packed[key] = sweep.add("signs", [value], meaning, node)
    weights = sweep.add_constant(f"{node.output}.signs", pack_bits(weight < 0))
    multiplier = sweep.add_constant(f"{node.output}.multiplier", sizes[:, 0] * scale)
    groups = node.attrs.get("groups", 1)
    attrs = {**node.attrs, "channels": groups * weight.shape[-1]}
    if node.op == "conv":
        attrs.update(pads=pads, pad=int(fill != 0))
    try:
        return sweep.add(
            f"b{node.op}", [packed[key], weights, multiplier, *node.inputs[2:]], attrs, node
        )
    except FormatError as error:
        sweep.report.skip(node, str(error))
        return None


def _operand(sweep: Sweep, node: Node) -> tuple[str, list[int], float]:
    """What a node multiplies, what is around it, and what that holds: a pad is no node then."""
    x, pads = node.inputs[0], node.attrs.get("pads", [])
    pad = sweep.producer(x, "pad") if node.op == "conv" and not any(pads) else None
    if pad is None or PadMode(pad.attrs["mode"]) is not PadMode.constant:
        return x, pads, 0.0
    before, after = list(pad.attrs["before"])[:4], list(pad.attrs["after"])[:4]
    if any(before[axis] or after[axis] for axis in (0, 3)):
        return x, pads, 0.0
    return pad.inputs[0], [*before[1:3], *after[1:3]], float(pad.attrs.get("value", 0.0))


class _SignFunctions:
    """Finds functions of signs among the values of a graph."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._known: dict[str, _OfSigns | None] = {}

    def find(self, name: str, steps: int = _MOST_STEPS) -> _OfSigns | None:
        """What the value ``name`` is of signs, if it is; it may be spelled in so many nodes."""
        if name not in self._known:
            node = self._sweep.producer(name)
            self._known[name] = self._of_node(node, steps) if node and steps else None
        return self._known[name]

    def _of_node(self, node: Node, steps: int) -> _OfSigns | None:
        if node.op == "transpose":
            moved = self.find(node.inputs[0], steps - 1)
            perm = tuple(node.attrs["perm"])
            return moved and moved._replace(perms=(*moved.perms, perm))
        if node.op not in _POINTWISE:
            return None
        operands: list[np.ndarray] = []
        sources = set()
        for name in node.inputs:
            found = self._number(name)
            if found is None:
                signs = self.find(name, steps - 1) or self._signed(node, name)
                if signs is None or self._sweep.shape(name) != self._sweep.shape(node.output):
                    return None
                sources.add(signs[:2])
                found = signs.values
            operands.append(found)
        if len(sources) != 1:
            return None
        return _OfSigns(*sources.pop(), interp.run_node(node, operands)[0])

    def _number(self, name: str) -> np.ndarray | None:
        """The number that all elements of a constant are."""
        data = self._sweep.constant(name)
        uniform = data is not None and data.size > 0 and (data == data.flat[0]).all()
        return data.reshape(-1)[0] if uniform else None

    def _signed(self, node: Node, name: str) -> _OfSigns | None:
        """Any floats, of which ``node`` sees only the signs."""
        if self._sweep.dtype(name) != np.float32:
            return None
        if node.op == "unary":
            sees = activation(node, "function") is UnaryFn.sign
        else:
            others = [self._number(other) for other in node.inputs if other != name]
            sees = node.op == "compare" and others == [0]
        return _OfSigns(name, (), _KINDS) if sees else None
