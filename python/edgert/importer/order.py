"""The order in which nodes can run. ONNX wants them sorted; not all who write it do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import onnx

from edgert.errors import FormatError
from edgert.importer.protos import describe, subgraphs
from edgert.importer.text import quoted


def reads(node: onnx.NodeProto) -> set[str]:
    """The names around a node that it reads, or that a node of its subgraphs does."""
    names = set(filter(None, node.input))
    for graph in subgraphs(node):
        inner = {output.name for output in graph.output}.union(*map(reads, graph.node))
        inner.difference_update(*(inside.output for inside in graph.node))
        inner.difference_update(tensor.name for tensor in (*graph.input, *graph.initializer))
        inner.difference_update(sparse.values.name for sparse in graph.sparse_initializer)
        names |= inner
    return names


def in_order(nodes: Sequence[onnx.NodeProto], what: str) -> list[onnx.NodeProto]:
    """The nodes, each behind those whose outputs it reads; else in the order that they have.

    Raises FormatError, rule ORDER, if a node of ``what`` depends on itself.
    """
    writers = {name: i for i, node in enumerate(nodes) for name in node.output if name}
    ordered: list[onnx.NodeProto] = []
    waiting, done = set(), set()  # for what they read; and those that are in order
    for i in range(len(nodes)):
        stack = [i]
        while stack:
            current = stack[-1]
            if current in done:
                stack.pop()
                continue
            needed = sorted(writers[name] for name in reads(nodes[current]) if name in writers)
            needed = [writer for writer in needed if writer not in done]
            cycle = [writer for writer in needed if writer in waiting or writer == current]
            if cycle:
                names = sorted(reads(nodes[current]).intersection(nodes[cycle[0]].output))
                raise FormatError(
                    f"{describe(nodes[current])} in {what} reads {quoted(names[0])}, which depends "
                    "on the node's own result: a cycle",
                    "ORDER",
                )
            if needed:
                waiting.add(current)
                stack.extend(reversed(needed))
            else:
                waiting.discard(current)
                done.add(current)
                ordered.append(nodes[current])
                stack.pop()
    return ordered


def live_nodes(
    nodes: Sequence[onnx.NodeProto], outputs: Iterable[str], what: str
) -> list[onnx.NodeProto]:
    """The nodes that the outputs depend on, in an order in which they can run."""
    writers = {name: i for i, node in enumerate(nodes) for name in node.output if name}
    live: set[int] = set()
    needed = list(outputs)
    while needed:
        i = writers.get(needed.pop())
        if i is not None and i not in live:
            live.add(i)
            needed.extend(reads(nodes[i]))
    return in_order([nodes[i] for i in sorted(live)], what)
