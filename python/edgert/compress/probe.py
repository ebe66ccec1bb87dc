"""Runs a graph in edgert's own runtime and shows tensors in the middle of it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

import numpy as np

from edgert.ir import Graph, Node, Value
from edgert.model import load
from edgert.pack import pack

Sample = Mapping[str, np.ndarray]  # arrays by input name


class Probe:
    """A graph, loaded, whose outputs are chosen values: inputs, outputs of nodes or both.

    A context manager. There may be no values.
    """

    def __init__(self, graph: Graph, values: Iterable[str]) -> None:
        self._inputs = {name: f"i{i}" for i, name in enumerate(graph.inputs)}
        wanted = list(dict.fromkeys(values))
        self._copied = [name for name in wanted if name in self._inputs]
        self._outputs = {n: f"o{i}" for i, n in enumerate(wanted) if n not in self._inputs}
        self._model = None
        if self._outputs:
            self._model = load(pack(_renamed(graph, {**self._inputs, **self._outputs})))

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The chosen values for one set of inputs."""
        values = {name: inputs[name] for name in self._copied}
        if self._model is not None:
            found = self._model.run({own: inputs[name] for name, own in self._inputs.items()})
            values.update((name, found[own]) for name, own in self._outputs.items())
        return values

    def __enter__(self) -> Probe:
        """The probe itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Lets go of the model."""
        if self._model is not None:
            self._model.close()


def cut(graph: Graph, outputs: Sequence[str], known: Container[str]) -> Graph:
    """What computes ``outputs`` from values that are ``known``, which become its inputs."""
    part, wanted = Graph(), set(outputs)
    for node in reversed(graph.nodes):
        if wanted.intersection(node.outputs):
            part.nodes.append(node)
            wanted.update(name for name in node.inputs if name and name not in known)
    part.nodes.reverse()
    made = [name for node in part.nodes for name in node.outputs if name]
    read = dict.fromkeys(name for node in part.nodes for name in node.inputs if name)
    part.values = {name: graph.values[name] for name in (*read, *made)}
    part.inputs = [n for n in read if n not in made and graph.constant(n) is None]
    part.outputs = list(outputs)
    return part


def run_node(
    graph: Graph, node: Node, arrays: Mapping[str, Sequence[np.ndarray]], count: int
) -> dict[str, list[np.ndarray]]:
    """The outputs of a node for each of ``count`` samples, whose values are given by name."""
    single = cut(graph, node.outputs, node.inputs)
    with Probe(single, single.outputs) as probe:
        results = [
            probe.run({name: arrays[name][i] for name in single.inputs}) for i in range(count)
        ]
    return {name: [result[name] for result in results] for name in node.outputs}


def most_live_bytes(graph: Graph) -> int:
    """The most bytes of values that nodes are still to read at a time, those of constants aside."""
    values = graph.values
    last = {name: node.output for node in graph.nodes for name in node.inputs}
    live = most = sum(values[name].nbytes for name in graph.inputs)
    for node in graph.nodes:
        live += values[node.output].nbytes
        most = max(most, live)
        for name in {*node.inputs} - {""}:
            if last[name] == node.output and values[name].data is None:
                live -= values[name].nbytes
    return most


def _renamed(graph: Graph, names: Mapping[str, str]) -> Graph:
    """The part of the graph that the values in ``names`` need, all under names of their own."""
    copy = Graph()
    new = {name: names.get(name, f"t{i}") for i, name in enumerate(graph.values)}
    copy.values = {new[n]: Value(new[n], v.dtype, v.shape, v.data) for n, v in graph.values.items()}
    copy.inputs = [new[name] for name in graph.inputs]
    copy.outputs = [own for name, own in names.items() if name not in graph.inputs]
    copy.nodes = [
        Node(n.op, [i and new[i] for i in n.inputs], [new[o] for o in n.outputs], n.attrs, n.name)
        for n in graph.nodes
    ]
    copy.prune()
    return copy
