"""Chooses the order in which values keep their axes, so that transposes move the fewest bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgert.ir import Graph, Node
from edgert.ops import Trait, having
from edgert.passes.axes import inverse, moves, reshape_attrs
from edgert.passes.base import PassReport, Sweep, sweep
from edgert.passes.mincut import INFINITE, FlowNetwork
from edgert.schema import OPS

_ALL_AXES = having(Trait.ELEMENTWISE, but=Trait.QUANTIZED) | having(Trait.ANY_AXIS)
_LAST_AXIS = having(Trait.LAST_AXIS, but=Trait.QUANTIZED)  # they need their last axis where it is


def assign_axis_order(graph: Graph) -> PassReport:
    """Moves transposes through the nodes that can work in either order of the axes.

    For a permutation p that occurs in the graph, every value is kept either as it is or with p
    undone. A conversion costs its bytes, once per value, whoever reads it. Elementwise nodes,
    concat, slice, pad, tile, expand, softmax and reduce work in both orders; batch_norm, layer_norm
    and gemm do if p keeps the last axis. The cheapest choice is a minimum cut, hence:

    1. The bytes that transposes move never become more.
    2. Of equally cheap choices the one that undoes p the most is taken. Nothing is done if that is
       no cheaper than before, unless p puts the channels of an image first: then what follows an
       image operator sees its output as it is, and can be fused.
    3. Constants are converted at no cost, and values of which p moves no axis longer than one.
    4. A gemm that reads a flattened image takes either order: its weight's columns are permuted.
    5. Not other reshapes, nor windows: they stay as they are.
    """
    total = PassReport("assign_axis_order")
    for perm in _permutations(graph):
        problem = _OrderProblem(graph, perm)
        kept_undone = problem.solve()
        if problem.is_better(kept_undone):
            report = sweep(total.name, graph, _Rewriter(perm, kept_undone).rule)
            total.changed += report.changed
    return total


def _node_perm(graph: Graph, node: Node) -> tuple[int, ...]:
    return tuple(node.attrs["perm"][: len(graph.values[node.output].shape)])


def _permutations(graph: Graph) -> list[tuple[int, ...]]:
    """One of each pair of inverse permutations in the graph, longest first."""
    found = {_node_perm(graph, node) for node in graph.nodes if node.op == "transpose"}
    pairs = {
        max((perm, inverse(perm)), key=lambda p: (p[1:2] == (len(p) - 1,), p)) for perm in found
    }
    return sorted(pairs, key=lambda perm: (-len(perm), perm))


def is_order_free(op: str, perm: Sequence[int]) -> bool:
    """Whether the node works in both orders of axes, with its attributes rewritten."""
    if op in _LAST_AXIS:
        return perm[-1] == len(perm) - 1
    return op in _ALL_AXES


def _operands(op: str) -> slice:
    """The inputs that have the axes of the output; the others are constants per channel."""
    return {"batch_norm": slice(0, 1), "layer_norm": slice(0, 1), "gemm": slice(0, 4, 3)}.get(
        op, slice(None)
    )


def flattened_gemm(graph: Graph, node: Node, readers: dict[str, list[Node]]) -> Node | None:
    """The gemm that alone reads the reshape ``node`` of [B, ...] to [B, K], or None."""
    if node.op != "reshape" or node.output in graph.outputs:
        return None
    source, shape = graph.values[node.inputs[0]].shape, graph.values[node.output].shape
    users = readers[node.output]
    if len(users) != 1 or users[0].op != "gemm" or len(shape) != 2 or len(source) < 3:
        return None
    reads_weight = graph.constant(users[0].inputs[1]) is not None
    if source[0] != shape[0] or not reads_weight or users[0].inputs.count(node.output) != 1:
        return None
    return users[0]


class _OrderProblem:
    """The flow network; the sink's side is kept with p undone, the source's side as it is."""

    def __init__(self, graph: Graph, perm: tuple[int, ...]) -> None:
        self.graph, self.perm, self.inverse = graph, perm, inverse(perm)
        self.network = FlowNetwork()
        self.written: dict[str, int] = {}  # the vertex that decides how a value is kept
        self.read: dict[str, list[int]] = {}  # the vertices that decide how it is read
        self.choices: dict[str, int] = {}  # by the node's output: how the node reads
        self.kinds: dict[str, str] = {}
        self.cost_before = 0
        self.readers = graph.consumers()
        for node in graph.nodes:
            self._add_node(node)
        for name in graph.outputs:
            self._reads(name, FlowNetwork.SOURCE)
        for name, vertices in self.read.items():
            self._add_conversions(name, vertices)

    def solve(self) -> set[str]:
        """The outputs of the nodes that read, or for p itself write, the undone order."""
        source_side = self.network.source_side()
        return {name for name, vertex in self.choices.items() if vertex not in source_side}

    def is_better(self, kept_undone: set[str]) -> bool:
        """Whether the choice is cheaper than the graph as it is, or as cheap and for images."""
        if self.network.flow < self.cost_before:
            return True
        channels_first = self.perm == (0, len(self.perm) - 1, *range(1, len(self.perm) - 1))
        ambiguous = self.perm == self.inverse
        moved = any(self.kinds[name] not in ("p", "undo") for name in kept_undone)
        return moved and channels_first and not ambiguous

    def _cost(self, name: str, perm: Sequence[int]) -> int:
        value = self.graph.values[name]
        return 1 + value.nbytes if moves(value.shape, perm) else 1

    def _reads(self, name: str, vertex: int) -> None:
        if self.graph.constant(name) is None:
            self.read.setdefault(name, []).append(vertex)

    def _add_node(self, node: Node) -> None:
        kind = self._kind(node)
        if kind == "fixed":
            self.written.update(dict.fromkeys(node.outputs, FlowNetwork.SOURCE))
            for name in filter(None, node.inputs):
                self._reads(name, FlowNetwork.SOURCE)
            return
        vertex = self.network.vertex()
        self.choices[node.output] = vertex
        self.kinds[node.output] = kind
        self.written[node.output] = vertex if kind in ("p", "free") else FlowNetwork.SOURCE
        source = node.inputs[0]
        if kind == "p":  # kept as it is: the transpose is needed
            self._reads(source, FlowNetwork.SOURCE)
            self._pay_unless_undone(vertex, self._cost(node.output, self.perm))
        elif kind == "undo":  # reads as it is: the transpose is needed
            self._reads(source, vertex)
            self._pay_unless_undone(vertex, self._cost(source, self.inverse))
        elif kind == "transpose":  # reads the undone order: another transpose is needed
            self._reads(source, vertex)
            perm = _node_perm(self.graph, node)
            undone = tuple(self.perm[axis] for axis in perm)
            shape = [self.graph.values[source].shape[axis] for axis in self.inverse]
            cost = self.graph.values[source].nbytes + 1
            self._pay_unless_undone(vertex, self._cost(source, perm))
            self.network.edge(FlowNetwork.SOURCE, vertex, cost if moves(shape, undone) else 1)
        elif kind == "reduce":
            self._reads(source, vertex)
            if moves(self.graph.values[node.output].shape, self._order_left(node)):
                cost = 1 + self.graph.values[node.output].nbytes
                self.network.edge(FlowNetwork.SOURCE, vertex, cost)
        elif kind == "flatten":
            self._reads(source, vertex)
        else:
            self._add_free_node(node, vertex)

    def _pay_unless_undone(self, vertex: int, cost: int) -> None:
        self.network.edge(vertex, FlowNetwork.SINK, cost)
        self.cost_before += cost

    def _add_free_node(self, node: Node, vertex: int) -> None:
        rank = len(self.perm)
        operands = node.inputs[_operands(node.op)]
        for name in filter(None, node.inputs):
            value = self.graph.values[name]
            if name not in operands:
                if value.data is None:
                    self._reads(name, FlowNetwork.SOURCE)
            elif len(value.shape) == rank:
                self._reads(name, vertex)
            elif value.data is None:  # to be converted for this node alone
                self._reads(name, FlowNetwork.SOURCE)
                shape = (1,) * (rank - len(value.shape)) + value.shape
                cost = 1 + value.nbytes if moves(shape, self.inverse) else 1
                self.network.edge(FlowNetwork.SOURCE, vertex, cost)

    def _kind(self, node: Node) -> str:
        source = self.graph.values[node.inputs[0]].shape
        shape = self.graph.values[node.output].shape
        rank = len(self.perm)
        if node.op == "transpose" and len(shape) == rank:
            perm = _node_perm(self.graph, node)
            if perm == self.inverse and (perm != self.perm or node.inputs[0] in self.choices):
                return "undo"
            return "p" if perm == self.perm else "transpose"
        if node.op == "reduce" and not node.attrs["keep_dims"]:
            return "reduce" if len(source) == rank else "fixed"
        if (
            self.perm[0] == 0
            and len(source) == rank
            and flattened_gemm(self.graph, node, self.readers)
        ):
            return "flatten"
        is_free = len(node.outputs) == 1 and is_order_free(node.op, self.perm)
        if len(shape) == rank and is_free:
            return "free"
        return "fixed"

    def _order_left(self, node: Node) -> list[int]:
        return order_left(node, self.perm)

    def _add_conversions(self, name: str, readers: list[int]) -> None:
        """Pays once if some reader wants another order than the value is kept in."""
        kept = self.written.get(name, FlowNetwork.SOURCE)
        readers = [vertex for vertex in readers if vertex != kept]
        if len(self.graph.values[name].shape) != len(self.perm) or not readers:
            return
        cost = self._cost(name, self.inverse)
        undone, plain = self.network.vertex(), self.network.vertex()
        self.network.edge(kept, undone, cost)
        self.network.edge(plain, kept, cost)
        for vertex in readers:
            self.network.edge(undone, vertex, INFINITE)
            self.network.edge(vertex, plain, INFINITE)


def order_left(node: Node, perm: Sequence[int]) -> list[int]:
    """How the axes that a reduction leaves must be transposed if it reads the undone order."""
    left = [axis for axis in range(len(perm)) if not node.attrs["axes"] >> axis & 1]
    undone = [axis for axis in inverse(perm) if axis in left]
    return [undone.index(axis) for axis in left]


class _Rewriter:
    """Rewrites the graph for the chosen orders. ``undone`` has the values in the undone order."""

    def __init__(self, perm: tuple[int, ...], kept_undone: set[str]) -> None:
        self.perm, self.inverse, self.kept_undone = perm, inverse(perm), kept_undone
        self.undone: dict[str, str] = {}
        self.columns: dict[str, tuple[int, ...]] = {}  # flattened value: shape of its source

    def rule(self, sweep: Sweep, node: Node) -> str | None:
        """Rewrites a node that reads or writes the undone order."""
        if node.op == "gemm" and node.inputs[0] in self.columns:
            return self._permute_columns(sweep, node)
        if node.output not in self.kept_undone:
            return None
        rank = len(self.perm)
        if node.op == "transpose":
            return self._transpose(sweep, node)
        if node.op == "reshape":
            source = sweep.shape(node.inputs[0])
            self.columns[node.output] = source
            flat = reshape_attrs(sweep.shape(node.output))
            return sweep.add("reshape", [self._undo(sweep, node.inputs[0], node)], flat, node)
        if node.op == "reduce" and not node.attrs["keep_dims"]:
            x = self._undo(sweep, node.inputs[0], node)
            y = sweep.add("reduce", [x], self._attrs(node, rank), node)
            return sweep.add("transpose", [y], {"perm": order_left(node, self.perm)}, node)
        operands = _operands(node.op)
        inputs = list(node.inputs)
        inputs[operands] = [name and self._undo(sweep, name, node) for name in inputs[operands]]
        y = sweep.add(node.op, inputs, self._attrs(node, rank), node)
        self.undone[node.output] = y
        return sweep.add("transpose", [y], {"perm": self.perm}, node)

    def _transpose(self, sweep: Sweep, node: Node) -> str | None:
        perm = _node_perm(sweep.graph, node)
        source = node.inputs[0]
        if perm == self.inverse and source in self.undone:
            return self.undone[source]
        if perm in (self.perm, self.inverse):  # stays for those who read it as it is
            if perm == self.inverse:
                self.undone[source] = node.output
            if perm == self.perm:
                self.undone[node.output] = source
            return None
        x = self._undo(sweep, source, node)
        composed = [self.perm[axis] for axis in perm]
        return sweep.add("transpose", [x], {"perm": composed}, node)

    def _undo(self, sweep: Sweep, name: str, node: Node) -> str:
        """A value in the undone order, with leading axes of one if it has fewer."""
        if name in self.undone:
            return self.undone[name]
        shape = sweep.shape(name)
        full = (1,) * (len(self.perm) - len(shape)) + shape
        data = sweep.constant(name)
        if data is not None:
            if data.size == 1 and node.op == "binary":
                return name
            y = sweep.add_constant(name, data.reshape(full).transpose(self.inverse))
        else:
            y = name
            if full != shape:
                y = sweep.add("reshape", [y], reshape_attrs(full), node)
            y = sweep.add("transpose", [y], {"perm": self.inverse}, node)
        self.undone[name] = y
        return y

    def _attrs(self, node: Node, rank: int) -> dict:
        """The attributes for the undone order: axis a is axis perm[a] of it."""
        attrs = dict(node.attrs)
        if "axis" in OPS[node.op].attrs.names:
            attrs["axis"] = self.perm[attrs["axis"]]
        elif node.op == "reduce":
            attrs["axes"] = sum(1 << self.perm[a] for a in range(rank) if attrs["axes"] >> a & 1)
        else:
            for key in ("starts", "steps", "sizes", "before", "after", "repeats", "dims"):
                if key in attrs:
                    attrs[key] = [attrs[key][axis] for axis in self.inverse]
        return attrs

    def _permute_columns(self, sweep: Sweep, node: Node) -> str:
        source = self.columns[node.inputs[0]]
        weight = sweep.constant(node.inputs[1])
        columns = weight.reshape(weight.shape[0], *source[1:]).transpose(self.inverse)
        data = np.ascontiguousarray(columns).reshape(weight.shape)
        inputs = [node.inputs[0], sweep.add_constant(node.inputs[1], data), *node.inputs[2:]]
        return sweep.add("gemm", inputs, node.attrs, node)


def transposed_bytes(graph: Graph) -> int:
    """The bytes that the transposes of the graph move."""
    values = graph.values
    return sum(
        values[node.output].nbytes
        for node in graph.nodes
        if node.op == "transpose"
        and moves(values[node.inputs[0]].shape, _node_perm(graph, node))
        and math.prod(values[node.output].shape)
    )
