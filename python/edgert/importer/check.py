"""What must hold for a model before anything in it is interpreted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
from onnx import defs

from edgert.errors import FormatError, LimitError, UnsupportedError

MAX_DEPTH = 32  # subgraphs in subgraphs
MAX_NODES = 1 << 17  # with functions expanded
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
    _check_text(model.producer_name, model.producer_version, model.graph.name)
    _check_text(*(text for p in model.metadata_props for text in (p.key, p.value)))
    _check_opsets(model.opset_import, "the model")
    _check_depth(model.graph.node)
    _check_graph(model.graph, set())
    for function in model.functions:
        _check_opsets(function.opset_import, f"function {function.name!r}")
        _check_depth(function.node)
        _check_scope(function.node, set(function.input), f"function {function.name!r}")
    _check_calls(model)
    try:
        onnx.checker.check_model(_without_weights(model))
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise FormatError(f"the onnx checker: {error}", "CHECK") from error


def opset_versions(opsets: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    """{domain: version}; the default domain is ""."""
    return {"" if o.domain == "ai.onnx" else o.domain: o.version for o in opsets}


def _check_opsets(opsets: Iterable[onnx.OperatorSetIdProto], what: str) -> None:
    _check_text(*(opset.domain for opset in opsets))
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


def all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[tuple[onnx.NodeProto, int]]:
    """The nodes and those of their subgraphs, each with its depth, without recursion."""
    stack = [(iter(nodes), 1)]
    while stack:
        level, depth = stack.pop()
        for node in level:
            yield node, depth
            stack.extend((iter(graph.node), depth + 1) for graph in _subgraphs(node))


def _check_depth(nodes: Iterable[onnx.NodeProto]) -> None:
    if any(depth > MAX_DEPTH for _, depth in all_nodes(nodes)):
        raise LimitError(f"subgraphs are nested more than {MAX_DEPTH} deep", "DEPTH")


def _check_calls(model: onnx.ModelProto) -> None:
    """No function calls itself, and expanding all calls gives at most MAX_NODES nodes."""
    functions = {(f.domain, f.name): f for f in model.functions}
    if len(functions) != len(model.functions):
        raise FormatError("two functions have the same name", "DUPLICATE")
    bodies = {key: [n for n, _ in all_nodes(f.node)] for key, f in functions.items()}
    counts: dict[tuple[str, str], int] = {}
    while len(counts) < len(bodies):
        ready = {
            key: sum(1 + counts.get((n.domain, n.op_type), 0) for n in nodes)
            for key, nodes in bodies.items()
            if key not in counts
            and all(c in counts for n in nodes if (c := (n.domain, n.op_type)) in bodies)
        }
        if not ready:
            names = sorted(name for _, name in bodies.keys() - counts.keys())
            raise LimitError(f"functions call themselves, among {names}", "DEPTH")
        counts.update(ready)
    nodes = (node for node, _ in all_nodes(model.graph.node))
    if sum(1 + counts.get((n.domain, n.op_type), 0) for n in nodes) > MAX_NODES:
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
        _check_text(node.op_type, node.domain, *(a.name for a in node.attribute))
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
    _check_text(name)
    if not name or len(name.encode()) > MAX_NAME_BYTES or "\0" in name:
        raise FormatError(
            f"the name {name[:60]!r} is empty, longer than {MAX_NAME_BYTES} bytes or has a NUL",
            "NAME",
        )


def _check_text(*texts: str | bytes) -> None:
    """Protobuf hands out bytes, or lone surrogates, where a text is no UTF-8."""
    for text in texts:
        try:
            valid = isinstance(text, str) and text.encode() is not None
        except UnicodeEncodeError:
            valid = False
        if not valid:
            raise FormatError(f"the text {text[:60]!r} is not UTF-8", "NAME")


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
    for body in (copy, *copy.functions):
        for opset in body.opset_import:
            opset.domain = "" if opset.domain == "ai.onnx" else opset.domain
    for nodes in (graph.node, *(f.node for f in copy.functions)):
        for node, _ in all_nodes(nodes):
            node.domain = "" if node.domain == "ai.onnx" else node.domain
            for tensor in _own_tensors(node):
                if tensor.data_location == onnx.TensorProto.EXTERNAL:
                    tensor.CopyFrom(onnx.TensorProto(name=tensor.name, data_type=1, dims=[0]))
    return copy


def _own_tensors(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    """The tensors in the attributes of a node and in its subgraphs' initializers."""
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
    for graph in _subgraphs(node):
        yield from graph.initializer
