"""What must hold for a model before anything in it is interpreted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import onnx
from onnx import defs

from edgert import _core
from edgert.errors import FormatError, LimitError, UnsupportedError
from edgert.importer.dynamic import DOMAIN
from edgert.importer.order import in_order
from edgert.importer.protos import (
    Body,
    FunctionKey,
    all_nodes,
    called_key,
    describe,
    domain_of,
    function_key,
    opset_versions,
    own_tensors,
    subgraphs,
)
from edgert.importer.text import printable, quoted
from edgert.schema import MAX_NAME_BYTES

MAX_DEPTH = 32  # subgraphs in subgraphs
MAX_NODES = 1 << 17  # with functions expanded
MAX_NAME_LENGTH = 1 << 14
# ONNX calls the first form of this operator, which has a scale per group, deprecated, and its
# checker refuses it: it sees an operator of a domain that it does not know.
_DEPRECATED = "GroupNormalization", range(18, 21)
_UNKNOWN_DOMAIN = "edgert.unchecked"


def check_model(model: onnx.ModelProto) -> None:
    """Checks versions, names, that nodes can be sorted, and each against ONNX's definition of it.

    Raises FormatError (rules DUPLICATE, ORDER, NAME, CHECK), LimitError (DEPTH, OPS, NAME) or
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
    if not model.graph.output:
        raise FormatError(f"graph {model.graph.name!r} has no outputs", "IO")
    _check_opsets(model.opset_import, "the model")
    _check_depth(model.graph.node)
    _check_graph(model.graph, set())
    for name in (value.name for value in (*model.graph.input, *model.graph.output)):
        _check_interface_name(name)
    for function in model.functions:
        what = f"function {quoted(function.name)}"
        _check_names(function.name, function.domain, function.overload)
        _check_domain(domain_of(function), what)
        _check_opsets(function.opset_import, what)
        _check_depth(function.node)
        _check_unique(function.input, f"inputs of {what}")
        _check_scope(function.node, set(function.input), what)
    _check_calls(model)
    try:
        onnx.checker.check_model(_without_weights(model))
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise FormatError(f"the onnx checker: {printable(error)}", "CHECK") from error


def _check_domain(domain: str, what: str) -> None:
    if domain == DOMAIN:
        raise UnsupportedError(f"{what} uses the domain {DOMAIN!r}, which is edgert's own", "OPSET")


def _check_opsets(opsets: Iterable[onnx.OperatorSetIdProto], what: str) -> None:
    _check_text(*(opset.domain for opset in opsets))
    versions = opset_versions(opsets)
    latest = defs.onnx_opset_version()
    for opset in opsets:
        domain, version = domain_of(opset), opset.version
        _check_domain(domain, what)
        if version != versions[domain]:
            raise UnsupportedError(
                f"{what} imports the operator set {quoted(domain or 'ai.onnx')} in the versions "
                f"{version} and {versions[domain]}, expected one",
                "OPSET",
            )
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


def _check_depth(nodes: Iterable[onnx.NodeProto]) -> None:
    if any(depth > MAX_DEPTH for _, depth in all_nodes(nodes)):
        raise LimitError(f"subgraphs are nested more than {MAX_DEPTH} deep", "DEPTH")


def _check_calls(model: onnx.ModelProto) -> None:
    """No function calls itself, and expanding all calls gives at most MAX_NODES nodes."""
    bodies: dict[FunctionKey, list[onnx.NodeProto]] = {}
    for function in model.functions:
        key = function_key(function)
        if key in bodies:
            raise FormatError(f"two functions have the name {quoted(function.name)}", "DUPLICATE")
        bodies[key] = [node for node, _ in all_nodes(function.node)]
    counts: dict[FunctionKey, int] = {}
    while len(counts) < len(bodies):
        ready = {
            key: sum(1 + counts.get(called_key(n), 0) for n in nodes)
            for key, nodes in bodies.items()
            if key not in counts
            and all(c in counts for n in nodes if (c := called_key(n)) in bodies)
        }
        if not ready:
            names = sorted(name for _, name, _ in bodies.keys() - counts.keys())
            raise LimitError(f"functions call themselves, among {names}", "DEPTH")
        counts.update(ready)
    nodes = (node for node, _ in all_nodes(model.graph.node))
    if sum(1 + counts.get(called_key(n), 0) for n in nodes) > MAX_NODES:
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
        _check_unique(names, f"{kind} of graph {quoted(graph.name)}")
    known = outer | set(weights) | set(inputs)
    _check_scope(graph.node, known, f"graph {quoted(graph.name)}")
    for output in graph.output:
        if output.name not in known:
            raise FormatError(f"output {quoted(output.name)} is never written", "IO")


def _check_scope(nodes: Sequence[onnx.NodeProto], known: set[str], what: str) -> None:
    """Nodes can be sorted and write each name once; adds what they write to ``known``."""
    written: set[str] = set()
    for node in nodes:
        _check_names(node.name, node.op_type, node.domain, node.overload, *node.input, *node.output)
        _check_attributes(node)
        for name in filter(None, node.output):
            if name in known or name in written:
                raise FormatError(f"{quoted(name)} in {what} is written twice", "DUPLICATE")
            written.add(name)
    for node in in_order(nodes, what):
        for name in node.input:
            if name and name not in known:
                raise FormatError(
                    f"{describe(node)} in {what} reads {quoted(name)}, which nothing writes",
                    "ORDER",
                )
        for graph in subgraphs(node):
            _check_graph(graph, known)
        known.update(filter(None, node.output))


def _check_attributes(node: onnx.NodeProto) -> None:
    names = [attribute.name for attribute in node.attribute]
    _check_names(*names, *(attribute.ref_attr_name for attribute in node.attribute))
    (twice, count), *_ = Counter(names).most_common(1) or [("", 0)]
    if count > 1:
        raise FormatError(f"{describe(node)} has the attribute {quoted(twice)} twice", "DUPLICATE")


def _check_unique(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        _check_names(name)
        if not name:
            raise FormatError(f"one of the {what} has no name", "NAME")
        if name in seen:
            raise FormatError(f"two {what} have the name {quoted(name)}", "DUPLICATE")
        seen.add(name)


def _check_interface_name(name: str) -> None:
    """Inputs and outputs are called in the file what they are called in the model."""
    if len(name.encode()) > MAX_NAME_BYTES or not _core.is_clean_text(name.encode()):
        raise FormatError(
            f"the name {quoted(name)} of an input or output is longer than {MAX_NAME_BYTES} bytes "
            "or has characters that move the cursor or change the direction of writing",
            "NAME",
        )


def _check_names(*names: str) -> None:
    """Names are text that is short enough to be read again in each call of a function."""
    _check_text(*names)
    for name in names:
        if len(name) > MAX_NAME_LENGTH:
            raise LimitError(
                f"the name {quoted(name)} has {len(name)} characters; the limit is "
                f"{MAX_NAME_LENGTH}",
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
            raise FormatError(f"the text {quoted(text)} is not UTF-8", "NAME")


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model for the onnx checker: sorted, and with its initializers turned into inputs, which
    makes it small and free of external data.
    """
    copy = onnx.ModelProto(ir_version=model.ir_version, functions=model.functions)
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
    op, opsets = _DEPRECATED
    for body, versions in zip((copy, *copy.functions), map(_versions, (model, *model.functions))):
        del body.opset_import[:]
        body.opset_import.extend(versions)
        body.opset_import.append(onnx.helper.make_opsetid(_UNKNOWN_DOMAIN, 1))
    for function in copy.functions:
        function.domain = domain_of(function)
    for body, proto in ((graph, copy), *((f, f) for f in copy.functions)):
        _sort(body)
        is_old = opset_versions(proto.opset_import).get("") in opsets
        for node, _ in all_nodes(body.node):
            node.domain = domain_of(node)
            if is_old and not node.domain and node.op_type == op:
                node.domain = _UNKNOWN_DOMAIN
            for tensor in own_tensors(node):
                if tensor.data_location == onnx.TensorProto.EXTERNAL:
                    tensor.CopyFrom(onnx.TensorProto(name=tensor.name, data_type=1, dims=[0]))
    return copy


def _versions(
    body: onnx.ModelProto | onnx.FunctionProto,
) -> list[onnx.OperatorSetIdProto]:
    """The operator sets that a model or function imports, each once."""
    versions = opset_versions(body.opset_import)
    return [onnx.helper.make_opsetid(*item) for item in versions.items()]


def _sort(body: Body) -> None:
    """Sorts the nodes, in subgraphs too."""
    nodes = list(body.node)
    ordered = in_order(nodes, quoted(body.name))
    if any(a is not b for a, b in zip(nodes, ordered)):
        del body.node[:]
        body.node.extend(ordered)
    for node in body.node:
        for graph in subgraphs(node):
            _sort(graph)
