"""What the importer asks of ONNX's protobufs: domains, subgraphs, and how a node is called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Union

import onnx

from edgert.importer.text import printable, quoted

FunctionKey = tuple[str, str, str]  # domain, name, overload
Body = Union[onnx.GraphProto, onnx.FunctionProto]


def domain_of(proto: onnx.NodeProto | onnx.FunctionProto | onnx.OperatorSetIdProto) -> str:
    """The domain; ONNX's own is "", by both of its names."""
    return "" if proto.domain == "ai.onnx" else proto.domain


def function_key(function: onnx.FunctionProto) -> FunctionKey:
    """What nodes call a function of the model by."""
    return domain_of(function), function.name, function.overload


def called_key(node: onnx.NodeProto) -> FunctionKey:
    """The key of the function of the model that a node calls, if there is one."""
    return domain_of(node), node.op_type, node.overload


def opset_versions(opsets: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    """{domain: version}."""
    return {domain_of(opset): opset.version for opset in opsets}


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs in the attributes of a node."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[tuple[onnx.NodeProto, int]]:
    """The nodes and those of their subgraphs, each with its depth, without recursion."""
    stack = [(iter(nodes), 1)]
    while stack:
        level, depth = stack.pop()
        for node in level:
            yield node, depth
            stack.extend((iter(graph.node), depth + 1) for graph in subgraphs(node))


def stored_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """The initializers of a graph, and what its sparse ones consist of."""
    yield from graph.initializer
    for entry in graph.sparse_initializer:
        yield from (entry.values, entry.indices)


def own_tensors(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    """The tensors in the attributes of a node, and those that its subgraphs store."""
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        sparse = [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
        for entry in (*sparse, *attribute.sparse_tensors):
            yield from (entry.values, entry.indices)
    for graph in subgraphs(node):
        yield from stored_tensors(graph)


def name_of(node: onnx.NodeProto) -> str:
    """The name of a node, else that of its first output, else its operator."""
    return node.name or next(filter(None, node.output), node.op_type)


def describe(node: onnx.NodeProto) -> str:
    """The operator and the name of a node, for messages."""
    return f"{printable(node.op_type)} {quoted(name_of(node))}"
