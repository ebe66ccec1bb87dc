"""Cross-layer equalisation: every channel of a tensor gets to use the levels that all share.

A channel is divided by a factor where it is made and multiplied where it is read; where nothing
lies between but sums of products, its mean is taken off too. All of this is a change of weights,
which have a scale per output anyway, and of biases: the network computes the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from edgert.compress.quantize.rounding.i16_sums import LARGEST
from edgert.compress.quantize.rounding.weights import as_stored, float_weights
from edgert.compress.statistics import Channels, Statistics
from edgert.ir import Graph, Node
from edgert.ops import PRODUCTS, Trait, having
from edgert.passes.base import activation, parameters
from edgert.schema import BinaryFn, ReduceFn, UnaryFn

# Of the channels' sizes, as factors: 1 would give each channel all levels, at the cost of the
# weights that multiply it afterwards, and leave no channel room for values larger than any that
# were seen: beyond one half, unseen samples lose up to 3 dB.
_EXPONENTS = 0.0, 0.25, 0.5
_SMALLEST = 1 / 16  # factor of a channel, the largest being 1
_MARGIN = 1.25  # between the largest value seen and a bound that must not be reached
_WEIGHT_ERROR = 0.5  # what error compensation leaves of the error of rounding weights
_POOLS = having(Trait.POOL, but=Trait.QUANTIZED)
_HOMOGENEOUS = UnaryFn.identity, UnaryFn.relu, UnaryFn.leaky_relu


@dataclass
class _Spread:
    """Of a value, per channel: extremes, mean and variance."""

    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    def shifted(self) -> _Spread:
        """Those of the value without its mean."""
        return _Spread(
            self.low - self.mean, self.high - self.mean, np.zeros_like(self.mean), self.variance
        )


@dataclass
class Group:
    """Values whose channels have one factor, and the nodes that make and read them.

    ``can_shift``: all of these are sums of products, so that any linear map of the values that is
    undone where they are read, and any constant, leaves the network as it is.
    """

    values: list[str] = field(default_factory=list)
    makers: list[Node] = field(default_factory=list)
    readers: list[Node] = field(default_factory=list)
    can_shift: bool = True


def equalize(graph: Graph, statistics: Statistics, fixed: Iterable[str] = ()) -> list[str]:
    """Rewrites the weights in place; returns the tensors that were equalised.

    The values in ``fixed`` stay as they are. The clip of a ReLU6 becomes one at six times the
    factor; it lies above what was seen.
    """
    groups = find_groups(graph, fixed)
    names = [name for group in groups for name in group.values]
    spread = _measure(graph, names, statistics)
    changed: list[str] = []
    for group in groups:
        shifts = {}
        if group.can_shift:
            shifts = {name: spread[name].mean for name in group.values}
            spread.update((name, spread[name].shifted()) for name in group.values)
        factors = _choose(graph, group, spread)
        if factors is not None and (shifts or (factors != 1).any()):
            _apply(graph, group, factors, shifts)
            changed += group.values
    return changed


def find_groups(graph: Graph, kept: Iterable[str]) -> list[Group]:
    """The sets of values that could be scaled together."""
    parent = {name: name for name in graph.values}
    fixed = {*graph.inputs, *graph.outputs, *kept}
    fixed.update(name for name, value in graph.values.items() if value.data is not None)

    def find(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for node in graph.nodes:
        joined, free = _roles(graph, node)
        for name in filter(None, [*node.inputs, *node.outputs]):
            if name not in joined and name not in free:
                fixed.add(name)
        for name in joined[1:]:
            parent[find(name)] = find(joined[0])
    blocked = {find(name) for name in fixed}
    groups: dict[str, Group] = {}
    for node in graph.nodes:
        for name in (node.output, node.inputs[0]):
            if find(name) in blocked:
                continue
            group = groups.setdefault(find(name), Group())
            if name not in group.values:
                group.values.append(name)
            if node.op in PRODUCTS:
                (group.makers if name == node.output else group.readers).append(node)
            group.can_shift &= _can_shift(node, name)
    return [group for group in groups.values() if group.makers and group.readers]


def _roles(graph: Graph, node: Node) -> tuple[list[str], list[str]]:
    """The values of a node that must have the same factors, and those that may have any."""
    values, x, y = graph.values, node.inputs[0], node.output
    same_channels = values[x].shape[-1:] == values[y].shape[-1:]
    fn, (alpha, _) = activation(node), parameters(node)
    homogeneous = fn in _HOMOGENEOUS or (fn is UnaryFn.clip and alpha == 0 and node.op in PRODUCTS)
    if node.op in PRODUCTS and graph.constant(node.inputs[1]) is not None:
        constants = [name for name in node.inputs[1:3] if name]
        if any(graph.constant(name) is None for name in constants):
            return [], []
        if not homogeneous:
            return [], [x, *constants]
        return [y, *filter(None, node.inputs[3:])], [x, *constants]
    if node.op in _POOLS:
        return [x, y], []
    if node.op == "reduce":
        last = 1 << (len(values[x].shape) - 1)
        keeps = not node.attrs["axes"] & last and node.attrs["fn"] == ReduceFn.mean
        return ([x, y] if keeps else []), []
    if node.op == "reshape":
        return ([x, y] if same_channels else []), []
    if node.op == "binary" and homogeneous:
        a, b = node.inputs
        alike = values[a].shape[-1:] == values[b].shape[-1:] == values[y].shape[-1:]
        if node.attrs["fn"] in (BinaryFn.add, BinaryFn.sub):
            return ([y, a, b] if alike else []), []
        if node.attrs["fn"] == BinaryFn.mul and a != b and values[a].shape == values[y].shape:
            return [y, a], []
    return [], []


def _can_shift(node: Node, name: str) -> bool:
    """Whether a constant may be added to the value ``name``, which the node makes or reads."""
    if node.op not in PRODUCTS:
        return False
    if name == node.output:
        return activation(node) is UnaryFn.identity
    # Of a transposed convolution, not all outputs have the same taps.
    return node.op != "conv_transpose" and not any(node.attrs.get("pads", ()))


def _measure(graph: Graph, names: list[str], statistics: Statistics) -> dict[str, _Spread]:
    channels = Channels(names)
    statistics.gather(graph, channels)
    return {
        name: _Spread(
            *(of(name) for of in (channels.low, channels.high, channels.mean, channels.variance))
        )
        for name in names
    }


def _choose(graph: Graph, group: Group, spread: dict[str, _Spread]) -> np.ndarray | None:
    """The factors of least expected error, or None for values that are zero or not finite."""
    sizes = []
    for name in group.values:
        s = spread[name]
        size = np.maximum(s.high, -s.low)
        if not np.isfinite(size).all() or size.max() == 0:
            return None
        sizes.append(size / size.max())
    largest = np.maximum(np.exp(np.mean(np.log(np.maximum(sizes, 1e-6)), axis=0)), 1e-6)
    relative = np.maximum(largest / largest.max(), _SMALLEST)
    bounds = _clip_bounds(group, spread)
    costs = {}
    for exponent in _EXPONENTS:
        factors = np.maximum(relative**exponent, bounds)
        costs[exponent] = _cost(graph, group, spread, factors)
    best = min(costs, key=costs.get)
    factors = np.maximum(relative**best, bounds)
    return factors


def _clip_bounds(group: Group, spread: dict[str, _Spread]) -> np.ndarray:
    """The least factors for which no clip at a bound would be felt."""
    least = np.array(0.0)
    for node in group.makers:
        if activation(node) is UnaryFn.clip:
            bound = parameters(node)[1]
            least = np.maximum(least, _MARGIN * spread[node.output].high / bound)
    return np.minimum(least, 1.0)


def _cost(graph, group: Group, spread, factors: np.ndarray) -> float:
    """The sum over the readers of noise over signal, activations and weights rounded."""
    total = 0.0
    for node in group.readers:
        s = spread[node.inputs[0]]
        step = ((s.high / factors).max(initial=0) - (s.low / factors).min(initial=0)) / 255
        weight, _ = float_weights(graph, node)
        columns, channel = _columns(graph, node, weight)
        f = factors[channel]  # [groups, channels of a group]
        scaled = np.abs(columns) * f[:, None, None]
        energy = np.square(columns).sum((1, 2))
        signal = (energy * s.variance[channel]).sum()
        rounding = step**2 * (energy * f**2).sum()
        steps = np.square(scaled.max((2, 3)) / LARGEST).sum(1)
        taps = columns.shape[2]
        weights = (steps[:, None] * taps * s.variance[channel] / f**2).sum()
        total += (rounding + _WEIGHT_ERROR * weights) / max(signal, 1e-30)
    return float(total)


def _columns(graph: Graph, node: Node, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weight as [groups, outputs, taps, channels] and the input channels [groups, channels]."""
    groups = node.attrs.get("groups", 1)
    channels = weight.shape[-1]
    columns = weight.reshape(groups, len(weight) // groups, -1, channels)
    return columns, np.arange(groups * channels).reshape(groups, channels)


def _apply(graph: Graph, group: Group, factors: np.ndarray, shifts: dict[str, np.ndarray]) -> None:
    for node in group.makers:
        weight, bias = float_weights(graph, node)
        if shifts:
            bias = bias - shifts[node.output]
            if len(node.inputs) > 3 and node.inputs[3]:
                bias = bias + shifts[node.inputs[3]]
        rows = factors.reshape(-1, *[1] * (weight.ndim - 1))
        replace_weights(graph, node, weight / rows, bias / factors)
    for node in group.readers:
        weight, bias = float_weights(graph, node)
        columns, channel = _columns(graph, node, weight)
        if shifts:
            shift = shifts[node.inputs[0]][channel]
            bias = bias + (columns * shift[:, None, None]).sum((2, 3)).reshape(-1)
        scaled = columns * factors[channel][:, None, None]
        replace_weights(graph, node, scaled.reshape(weight.shape), bias)


def replace_weights(graph: Graph, node: Node, weight: np.ndarray, bias: np.ndarray) -> None:
    """Gives a matrix product other constants."""
    constants = [
        graph.add_constant(f"{node.output}.{part}", data.astype(np.float32))
        for part, data in (("weight", as_stored(node, weight)), ("bias", bias))
    ]
    node.inputs[1:3] = constants
