"""What must hold for a model before anything in it is interpreted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
from onnx import defs

from edgert.errors import FormatError, LimitError, UnsupportedError

MAX_DEPTH = 32  # subgraphs in subgraphs
MAX_NODES = 1 << 20
MAX_NAME_BYTES = 1024


def check_model(model: onnx.ModelProto) -> None:
    """Checks versions, names, order and each node against ONNX's own definition of it.

    Raises FormatError (rules DUPLICATE, ORDER, NAME, CHECK), LimitError (DEPTH, OPS) or
    UnsupportedError (OPSET, IR).
    """
    if not 1 <= model.ir_version <= onnx.IR_VERSION:
        raise UnsupportedError(
            f"the model has IR version {model.ir_version}; the installed onnx package reads 1 to "
            f"{onnx.IR_VERSION}",
            "IR",
        )
    _check_opsets(model.opset_import, "the model")
    for function in model.functions:
        _check_opsets(function.opset_import, f"function {function.name!r}")
        _check_depth(function.node)
        _check_scope(function.node, set(function.input), f"function {function.name!r}")
    _check_depth(model.graph.node)
    _check_graph(model.graph, set())
    try:
        onnx.checker.check_model(_without_weights(model))
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise FormatError(f"the onnx checker: {error}", "CHECK") from error


def opset_versions(opsets: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    """{domain: version}; the default domain is ""."""
    return {"" if o.domain == "ai.onnx" else o.domain: o.version for o in opsets}


def _check_opsets(opsets: Iterable[onnx.OperatorSetIdProto], what: str) -> None:
    versions = opset_versions(opsets)
    latest = defs.onnx_opset_version()
    if len(versions) != len(list(opsets)):
        raise UnsupportedError(f"{what} imports an operator set twice: {list(opsets)}", "OPSET")
    if any(version < 1 for version in versions.values()):
        raise UnsupportedError(f"{what} imports operator sets {versions}", "OPSET")
    if versions.get("", 1) > latest:
        raise UnsupportedError(
            f"{what} uses operator set {versions['']}; the installed onnx package knows 1 to "
            f"{latest}",
            "OPSET",
        )
    if not versions:
        raise UnsupportedError(f"{what} states no operator set", "OPSET")


def _subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _check_depth(nodes: Iterable[onnx.NodeProto]) -> None:
    """Walks all subgraphs without recursion; what comes later may recurse to MAX_DEPTH."""
    stack, count = [(nodes, 1)], 0
    while stack:
        level, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise LimitError(f"subgraphs are nested more than {MAX_DEPTH} deep", "DEPTH")
        for node in level:
            count += 1
            stack.extend((graph.node, depth + 1) for graph in _subgraphs(node))
    if count > MAX_NODES:
        raise LimitError(f"the model has more than {MAX_NODES} nodes", "OPS")


def _check_graph(graph: onnx.GraphProto, outer: set[str]) -> None:
    """Names of one graph and its subgraphs; ``outer`` holds the names visible from outside."""
    weights = [t.name for t in graph.initializer]
    weights += [t.values.name for t in graph.sparse_initializer]
    inputs = [i.name for i in graph.input]
    for kind, names in (
        ("initializers", weights),
        ("inputs", inputs),
        ("outputs", [o.name for o in graph.output]),
    ):
        _check_unique(names, f"{kind} of graph {graph.name!r}")
    known = outer | set(weights) | set(inputs)
    _check_scope(graph.node, known, f"graph {graph.name!r}")
    for output in graph.output:
        if output.name not in known:
            raise FormatError(f"output {output.name!r} is never written", "IO")


def _check_scope(nodes: Iterable[onnx.NodeProto], known: set[str], what: str) -> None:
    """Single assignment and topological order of ``nodes``; adds their outputs to ``known``."""
    _check_unique([node.name for node in nodes if node.name], f"nodes of {what}")
    written = {name for node in nodes for name in node.output}
    for node in nodes:
        for name in node.input:
            if name and name not in known:
                hint = "before it is written; is there a cycle?" if name in written else ""
                raise FormatError(
                    f"{node.op_type} {node.name!r} in {what} reads {name!r} "
                    + (hint or "which nothing writes"),
                    "ORDER",
                )
        for graph in _subgraphs(node):
            _check_graph(graph, known)
        for name in filter(None, node.output):
            _check_name(name)
            if name in known:
                raise FormatError(f"{name!r} in {what} is written twice", "DUPLICATE")
            known.add(name)


def _check_unique(names: list[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        _check_name(name)
        if name in seen:
            raise FormatError(f"two {what} have the name {name!r}", "DUPLICATE")
        seen.add(name)


def _check_name(name: str) -> None:
    if not name or len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES or "\0" in name:
        raise FormatError(
            f"the name {name[:60]!r} is empty, longer than {MAX_NAME_BYTES} bytes or has a NUL",
            "NAME",
        )


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its initializers turned into inputs: small, and free of external data."""
    copy = onnx.ModelProto(
        ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions
    )
    graph = copy.graph
    graph.name = model.graph.name or "graph"
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    declared = {i.name for i in graph.input}
    weights = [(t.name, t) for t in model.graph.initializer]
    weights += [(t.values.name, t.values) for t in model.graph.sparse_initializer]
    for name, tensor in weights:
        if name not in declared:
            info = onnx.helper.make_tensor_value_info(name, tensor.data_type, None)
            graph.input.append(info)
    for info in (*graph.input, *graph.output):
        if info.type.HasField("tensor_type"):
            info.type.tensor_type.shape.SetInParent()  # the checker wants one, edgert does not
    for nodes in (graph.node, *(f.node for f in copy.functions)):
        for tensor in _attribute_tensors(nodes):
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                tensor.CopyFrom(onnx.TensorProto(name=tensor.name, data_type=1, dims=[0]))
    return copy


def _attribute_tensors(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    """The tensors in the attributes and subgraphs of ``nodes``."""
    stack = list(nodes)
    while stack:
        node = stack.pop()
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
        for graph in _subgraphs(node):
            yield from graph.initializer
            stack.extend(graph.node)
