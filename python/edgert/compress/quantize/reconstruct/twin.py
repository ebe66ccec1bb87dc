"""A graph and its quantised form, run side by side, node after node, on the same samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgert.compress.probe import Sample, run_node
from edgert.compress.quantize.lowering.lower import Lowering
from edgert.ir import Graph, Node


class Twin:
    """The values of both graphs that are still to be read: for each name, one array per sample."""

    def __init__(self, graph: Graph, lowering: Lowering, samples: Sequence[Sample]) -> None:
        self.graph, self.lowering = graph, lowering
        self.count = len(samples)
        self._exact = {name: [sample[name] for sample in samples] for name in graph.inputs}
        self._found = dict(self._exact)
        self._done = 0
        self._last_reader = {name: node.output for node in graph.nodes for name in node.inputs}

    def exact(self, name: str) -> list[np.ndarray]:
        """A value of the graph in float32."""
        constant = self.graph.constant(name)
        return self._exact[name] if constant is None else [constant] * self.count

    def found(self, node: Node, i: int) -> list[np.ndarray]:
        """What the quantised form of an integer node reads as input ``i``, in float32."""
        form = self.lowering.operand(node, i)
        new = self.lowering.integer_value(node.inputs[i], form)
        self.run_found()
        constant = self.lowering.new.constant(new)
        arrays = self._found[new] if constant is None else [constant] * self.count
        return [form.dequantize(array) for array in arrays]

    def run_exact(self, node: Node) -> None:
        """Computes a node of the graph."""
        self._exact.update(run_node(self.graph, node, self._exact, self.count))

    def run_found(self) -> None:
        """Computes the nodes that the lowering has appended meanwhile."""
        nodes = self.lowering.new.nodes
        for node in nodes[self._done :]:
            self._found.update(run_node(self.lowering.new, node, self._found, self.count))
        self._done = len(nodes)

    def forget(self, node: Node) -> None:
        """Drops the values that nothing behind ``node`` reads."""
        for name in set(filter(None, node.inputs)):
            if self._last_reader.get(name) == node.output:
                self._exact.pop(name, None)
                lowering = self.lowering
                forms = [lowering.integers, lowering.floats]
                names = [form[name] for form in forms if name in form]
                names += [new for (old, _), new in lowering.converted.items() if old == name]
                kept = [form.get(node.output) for form in forms]
                for new in names:
                    if new not in kept:
                        self._found.pop(new, None)
