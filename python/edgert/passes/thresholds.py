"""Lets products of signs write bits where only the signs of their results are read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edgert import interp
from edgert.interp.signs import finish, is_negative, pack_bits
from edgert.ir import Graph, Node
from edgert.ops import Trait, having
from edgert.passes.base import PassReport, Sweep, sweep

_BY_CHANNEL = {"batch_norm", *having(Trait.ELEMENTWISE, but=Trait.QUANTIZED)}
_ELEMENTS_AT_A_TIME = 1 << 22


class _Function(NamedTuple):
    """A node of one variable, and its constants, channel by channel; None in its place."""

    node: Node
    constants: list[np.ndarray | None]

    def __call__(self, x: np.ndarray, channels: slice) -> np.ndarray:
        operands = [x if c is None else c[channels] for c in self.constants]
        return interp.run_node(self.node, operands)[0]


def keep_bits(graph: Graph) -> PassReport:
    """Makes thresholds of what lies between the sums of a bconv or bgemm and the signs of it.

    1. That is multiplier, bias and activation, and nodes behind, channel by channel, with
       constants. It is computed for every sum that there can be: the bits stay what they were.
    2. Signs that rise with the sum are a threshold, and so are those that fall, of weights with
       the other sign.
    3. Not if the floats are read elsewhere, too, not with a residual, nor if signs rise and fall.
    """
    return sweep("keep_bits", graph, _threshold)


def _threshold(sweep: Sweep, node: Node) -> str | None:
    if node.op != "signs":
        return None
    between: list[_Function] = []  # from the signs to the sums
    name = node.inputs[0]
    while (writer := sweep.producer(name)) is not None and not sweep.is_shared(name):
        if writer.op in ("bconv", "bgemm"):
            return _bits(sweep, writer, between[::-1], node)
        constants = [_by_channel(sweep, operand, writer) for operand in writer.inputs]
        variables = [x for x, constant in zip(writer.inputs, constants) if constant is None]
        if writer.op not in _BY_CHANNEL or len(variables) != 1:
            return None
        (name,) = variables
        if sweep.shape(name) != sweep.shape(writer.output) or sweep.dtype(name) != np.float32:
            return None
        between.append(_Function(writer, constants))
    return None


def _by_channel(sweep: Sweep, name: str, node: Node) -> np.ndarray | None:
    """The numbers of a constant that has one, or one for each channel of the node's output."""
    data, channels = sweep.constant(name), sweep.shape(node.output)[-1]
    if data is None or (data.size != 1 and (data.size, data.shape[-1]) != (channels, channels)):
        return None
    return np.broadcast_to(data.reshape(-1), channels)


def _bits(sweep: Sweep, product: Node, between: list[_Function], signs: Node) -> str | None:
    x, *operands = product.inputs
    weight, multiplier, bias = ([*map(sweep.constant, operands), None])[:3]
    has_unknown = len(operands) > 3 or (bias is None and any(operands[2:]))
    if weight is None or multiplier is None or has_unknown:
        return None
    inner = product.attrs["channels"] // product.attrs.get("groups", 1)
    depth = inner * int(np.prod(weight.shape[1:-1]))
    record = interp.record_of(product)
    negative = np.empty((2 * depth + 1, len(weight)), bool)  # of each sum, by output
    sums = np.arange(-depth, depth + 1, dtype=np.int16)[:, None]
    step = max(1, _ELEMENTS_AT_A_TIME // len(sums))
    for first in range(0, len(weight), step):
        part = slice(first, first + step)
        ends = [None if end is None else end[part] for end in (multiplier, bias)]
        with np.errstate(all="ignore"):
            y = finish(sums, record, [None, None, *ends])
        for function in between:
            y = function(y, part)
        negative[:, part] = is_negative(y, signs.attrs)
    rises = (negative[:-1] >= negative[1:]).all(0)
    if not (rises | (negative[:-1] <= negative[1:]).all(0)).all():
        sweep.report.skip(product, "the signs of its results rise and fall with the sums")
        return None
    rises = rises.reshape(-1, *[1] * (weight.ndim - 1))
    kept = np.where(rises, weight, weight ^ pack_bits(np.ones(inner, bool)))
    thresholds = (negative.sum(0) - depth).astype(np.int16)
    constants = {"signs": kept, "thresholds": thresholds}
    names = [sweep.add_constant(f"{product.output}.{n}", data) for n, data in constants.items()]
    return sweep.add(product.op, [x, *names], {**product.attrs, "activation": {}}, product)
