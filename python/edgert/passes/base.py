"""What a pass is, and the sweep that most of them are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Protocol

import numpy as np

from edgert import ir
from edgert.errors import EdgertError, LimitError
from edgert.ir import Graph, Node
from edgert.schema import UnaryFn

_ALWAYS_BYTES = 1 << 16


@dataclass
class PassReport:
    """What a pass did: how often it changed the graph, and why it left which nodes alone."""

    name: str
    changed: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def skip(self, node: Node, reason: str) -> None:
        """Notes that the pass looked at ``node`` and did not fire."""
        self.skipped.append((node.name, reason))


class Pass(Protocol):
    """Rewrites a graph in place; what it computes and the names and types of its outputs stay."""

    def __call__(self, graph: Graph) -> PassReport:
        """Runs the pass once; running it again changes nothing more."""


class Sweep:
    """A walk over the nodes in topological order that builds the graph anew.

    A rule sees each node with one output, after its inputs were rewritten. It looks backwards, at
    what produces the inputs, appends nodes with :meth:`add`, and returns the value that takes the
    place of the node's output, or None. What nobody reads any more is removed.
    """

    def __init__(self, graph: Graph, report: PassReport) -> None:
        self.graph = graph
        self.report = report
        self._producers: dict[str, Node] = {}
        self._renamed: dict[str, str] = {}
        self._readings = dict.fromkeys(graph.values, 0)
        graph.prune()
        for node in graph.nodes:
            self._count(node.inputs, 1)
        self._count(graph.outputs, 1)

    def run(self, rules: Iterable[Rule]) -> None:
        """Walks over the graph once; the first rule that fires on a node wins.

        A rule does not fire for which the budget of the graph is too small.
        """
        rules, nodes, self.graph.nodes = list(rules), self.graph.nodes, []
        for node in nodes:
            node.inputs = list(map(self._current, node.inputs))
            first_new = len(self.graph.nodes)
            fired = (rule(self, node) for rule in rules) if len(node.outputs) == 1 else ()
            try:
                value = next(filter(None, fired), None)
            except LimitError as error:  # what the rule has added is not read and will be removed
                self.report.skip(node, str(error))
                value = None
            if value is None or not self._replace(node, self._current(value), first_new):
                self._append(node)
        self.graph.prune()

    def add(self, op: str, inputs: Iterable[str], attrs: Mapping[str, Any], like: Node) -> str:
        """Appends a node that is named like another one; returns the name of its output."""
        inputs = map(self._current, inputs)
        output = self.graph.add(op, inputs, attrs, name=like.name, output=f"{like.output}_")
        node = self.graph.nodes[-1]
        self._producers[output] = node
        self._readings[output] = 0
        self._count(node.inputs, 1)
        return output

    def add_constant(self, hint: str, data: np.ndarray) -> str:
        """Adds a constant and returns its name."""
        name = self.graph.add_constant(hint, data)
        self._readings[name] = 0
        return name

    def grows(self, nbytes: int, *names: str) -> bool:
        """Whether a constant of so many bytes would be larger than the constants among ``names``,
        which it is made of, and larger than 64 KiB: more than a node less is worth.
        """
        data = (self.constant(name) for name in names)
        return nbytes > max(sum(d.nbytes for d in data if d is not None), _ALWAYS_BYTES)

    def producer(self, name: str, *ops: str) -> Node | None:
        """The node that writes ``name``, if there is one and it is one of ``ops`` (if given)."""
        node = self._producers.get(name)
        return node if node and (not ops or node.op in ops) else None

    def is_shared(self, name: str) -> bool:
        """Whether the value is read more than once; an output of the graph counts as a reading."""
        return self._readings[name] > 1

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a value."""
        return self.graph.values[name].shape

    def dtype(self, name: str) -> np.dtype:
        """The dtype of a value."""
        return self.graph.values[name].dtype

    def constant(self, name: str) -> np.ndarray | None:
        """The data of a constant, or None."""
        return self.graph.constant(name)

    def scalar(self, name: str) -> float | None:
        """The number which every element of a float constant is, or None."""
        data = self.constant(name)
        if data is None or data.dtype != np.float32 or data.size == 0:
            return None
        first = data.flat[0]
        return float(first) if (data == first).all() else None

    def _current(self, name: str) -> str:
        """What a value is called now, if another one took its place."""
        return self._renamed.get(name, name)

    def _count(self, names: Iterable[str], step: int) -> None:
        for name in filter(None, names):
            self._readings[name] += step

    def _append(self, node: Node) -> None:
        self.graph.nodes.append(node)
        self._producers.update(dict.fromkeys(node.outputs, node))

    def _replace(self, node: Node, value: str, first_new: int) -> bool:
        """Lets ``value`` take the place of the node's output; False if the node must stay."""
        old, new = self.graph.values[node.output], self.graph.values[value]
        if (old.dtype, old.shape) != (new.dtype, new.shape):
            raise EdgertError(f"{self.report.name}: {node.name!r} {old.shape} became {new.shape}")
        recent = self.graph.nodes[first_new:]
        if any(added.output == value for added in recent):
            self._rename(value, node.output, recent)
        elif node.output not in self.graph.outputs:
            self._renamed[node.output] = value
            self._readings[value] += self._readings[node.output]
        elif value in self._producers and value not in self.graph.outputs:
            self._rename(value, node.output, self.graph.nodes)
            self._renamed = {k: node.output if v == value else v for k, v in self._renamed.items()}
            self._renamed[value] = node.output
        else:
            self.report.skip(node, "two outputs, or an input and an output, would be one value")
            return False
        self.report.changed += 1
        self._release(node)
        return True

    def _rename(self, old: str, new: str, readers: Iterable[Node]) -> None:
        """Lets the value ``old``, which at most ``readers`` read, take over the name ``new``.

        The names are exchanged: ``old`` stays taken, so that no value that is added later has the
        name under which nodes further down still read this one.
        """
        values = self.graph.values
        values[old], values[new] = values[new], values[old]
        values[old].name, values[new].name = old, new
        self._readings[new] += self._readings[old]
        self._readings[old] = 0
        self._producers[new] = self._producers.pop(old)
        writer = self._producers[new]
        writer.outputs = [new if name == old else name for name in writer.outputs]
        for node in readers:
            node.inputs = [new if name == old else name for name in node.inputs]

    def _release(self, node: Node) -> None:
        """Gives up the node's readings, and those of the nodes that nobody reads then."""
        unread = [node]
        while unread:
            for name in map(self._current, filter(None, unread.pop().inputs)):
                self._readings[name] -= 1
                if self._readings[name] == 0 and name in self._producers:
                    unread.append(self._producers[name])


Rule = Callable[[Sweep, Node], Optional[str]]


def sweep(name: str, graph: Graph, *rules: Rule) -> PassReport:
    """Runs one sweep of ``rules`` as the pass ``name``."""
    report = PassReport(name)
    Sweep(graph, report).run(rules)
    return report


def run_pipeline(graph: Graph, passes: Iterable[Pass], max_rounds: int = 8) -> list[PassReport]:
    """Runs the passes in turn until none changes the graph; verifies the graph after each change.

    The reports of the rounds are added up, one per pass; reasons are those of the last round.
    """
    totals: dict[str, PassReport] = {}
    for _ in range(max_rounds):
        changed = 0
        for run_pass in passes:
            report = run_pass(graph)
            if report.changed:
                ir.verify(graph)
            changed += report.changed
            total = totals.setdefault(report.name, PassReport(report.name))
            total.changed += report.changed
            total.skipped = report.skipped
        if not changed:
            break
    return list(totals.values())


def parameters(node: Node, field_name: str = "activation") -> tuple[float, float]:
    """alpha and beta of an activation attribute."""
    function = node.attrs.get(field_name, {})
    return float(function.get("alpha", 0)), float(function.get("beta", 0))


def activation(node: Node, field_name: str = "activation") -> UnaryFn:
    """The function of an activation attribute."""
    return UnaryFn(node.attrs.get(field_name, {}).get("fn", UnaryFn.identity))
