"""The walk over an ONNX model: every node becomes constants, or nodes of the graph.

Names are looked up in a Scope, which holds a Constant or a graph value for each. A node with known
inputs is computed; an operator of the registry is handed to its function; a function, be it the
model's own or the definition that ONNX gives of an operator, is entered like a subgraph.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, defs, helper

from edgert import ir
from edgert._core import __version__
from edgert.errors import FormatError, LimitError, UnsupportedError
from edgert.importer.check import MAX_DEPTH, MAX_NODES, opset_versions
from edgert.importer.dynamic import join_dynamic_products
from edgert.importer.fold import Folder
from edgert.importer.inputs import Input
from edgert.importer.registry import HANDLERS
from edgert.importer.tensors import TensorReader
from edgert.importer.values import Constant, Tensor, UnsupportedNodeError
from edgert.schema import DType

# The operator set in which handlers express themselves by other ONNX operators.
MODERN_OPSET = 18

_RANDOM = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike"}
_RANDOM |= {"Bernoulli", "Multinomial"}


def lower_model(model: onnx.ModelProto, inputs: Sequence[Input], tensors: TensorReader) -> ir.Graph:
    """The graph of a checked model with the given inputs."""
    return _Lowering(model, tensors).run(inputs)


@dataclass(frozen=True)
class UnsupportedNode:
    """A node that edgert cannot run."""

    name: str
    op: str
    domain: str
    opset: int
    why: str


class Call:
    """One ONNX node under import: what it states, and the means to say it in edgert's operators."""

    def __init__(
        self,
        lowering: _Lowering,
        op: str,
        opset: int,
        name: str,
        inputs: Sequence[Tensor | None],
        attrs: Mapping[str, Any],
        outputs: int = 1,
    ) -> None:
        self._lowering = lowering
        self.op = op
        self.opset = opset
        self.name = name
        self.inputs = list(inputs)
        self.attrs = attrs
        self.outputs = outputs  # how many are asked for, up to the last one

    def input(self, i: int) -> Tensor | None:
        """Input ``i``, or None if it is left out."""
        return self.inputs[i] if i < len(self.inputs) else None

    def constant(self, i: int, what: str) -> np.ndarray | None:
        """The data of input ``i``, which must be known now; None if it is left out."""
        tensor = self.input(i)
        if isinstance(tensor, ir.Value):
            raise UnsupportedNodeError(f"its input '{what}' is computed while the model runs")
        return tensor.data if tensor is not None else None

    def ints(self, i: int, name: str) -> list[int] | None:
        """A list of integers that is an attribute in old operator sets and input ``i`` in new."""
        if name in self.attrs:
            return list(self.attrs[name])
        data = self.constant(i, name)
        return [int(v) for v in data.reshape(-1)] if data is not None else None

    def attr(self, name: str, default: Any) -> Any:
        """An attribute, or its default."""
        return self.attrs.get(name, default)

    def emit(
        self, op: str, inputs: Iterable[Tensor | None], attrs: Mapping[str, Any] | None = None
    ) -> ir.Value:
        """Adds a node to the graph and returns its output."""
        return self._lowering.emit(op, inputs, attrs, self.name)

    def call(self, op: str, inputs: Iterable[Tensor | None], **attrs: Any) -> Tensor:
        """What another ONNX operator, of MODERN_OPSET, makes of ``inputs``."""
        call = Call(self._lowering, op, MODERN_OPSET, self.name, list(inputs), attrs)
        return self._lowering.apply(call, "")[0]

    def const(self, data: Any, dtype: Any = None) -> Constant:
        """A new constant."""
        return Constant(f"{self.name}/constant", np.asarray(data, dtype))

    def note_dynamic(self) -> None:
        """The products of this node shall have their inputs quantised at run time."""
        self._lowering.note_dynamic(self.name)

    def read(self, tensor: onnx.TensorProto | onnx.SparseTensorProto) -> np.ndarray:
        """The elements of an attribute of this node."""
        return self._lowering.read(tensor)

    def branch(self, graph: onnx.GraphProto) -> list[Tensor]:
        """The outputs of a subgraph of this node, which has no inputs."""
        return self._lowering.enter_subgraph(graph)


class _Scope:
    """Names visible to a list of nodes, and the attributes of the function they stand in."""

    def __init__(
        self,
        values: ChainMap[str, Tensor | None],
        opsets: Mapping[str, int],
        attrs: Mapping[str, Any],
    ) -> None:
        self.values = values
        self.opsets = opsets
        self.attrs = attrs


class _Lowering:
    def __init__(self, model: onnx.ModelProto, tensors: TensorReader) -> None:
        self._model = model
        self._tensors = tensors
        self._folder = Folder()
        self._graph = ir.Graph()
        self._functions = {(f.domain, f.name): f for f in model.functions}
        self._unsupported: list[UnsupportedNode] = []
        self._scopes: list[_Scope] = []
        self._constants: dict[int, tuple[Constant, str]] = {}  # id -> constant, its value's name
        self._nodes = 0
        proto = model.graph
        self._reserved = {name for node in proto.node for name in node.output}
        self._reserved.update(t.name for t in proto.initializer)
        self._reserved.update(i.name for i in (*proto.input, *proto.output))

    def run(self, inputs: Sequence[Input]) -> ir.Graph:
        proto, graph = self._model.graph, self._graph
        values: ChainMap[str, Tensor | None] = ChainMap()
        for item in inputs:
            name = graph.add_input(item.name, _run_dtype(item.dtype, item.name), item.shape)
            values[name] = graph.values[name]
        self._scopes.append(_Scope(values, opset_versions(self._model.opset_import), {}))
        outputs = [output.name for output in proto.output]
        live = _live_nodes(join_dynamic_products(proto.node), outputs)
        self._read_initializers(proto, {n for node in live for n in _reads(node)} | set(outputs))
        self._run_nodes(live)
        if self._unsupported:
            raise _unsupported_error(self._unsupported)
        for name in outputs:
            self._add_output(name, values[name])
        graph.metadata = self._metadata(inputs)
        graph.prune()
        return graph

    def emit(
        self,
        op: str,
        inputs: Iterable[Tensor | None],
        attrs: Mapping[str, Any] | None,
        name: str,
        output: str = "",
    ) -> ir.Value:
        names = ["" if tensor is None else self._value_name(tensor) for tensor in inputs]
        output = output or self._fresh(f"{name}/{op}")
        try:
            output = self._graph.add(op, names, attrs, name=name, output=output)
        except FormatError as error:
            if error.rule == "DTYPE":  # well-formed, but no kernel computes in this type
                raise UnsupportedNodeError(str(error)) from error
            raise
        return self._graph.values[output]

    def apply(self, call: Call, domain: str) -> list[Tensor]:
        """The outputs of one node."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise LimitError(f"the model grows to more than {MAX_NODES} nodes", "OPS")
        function = self._functions.get((domain, call.op))
        if function is not None:
            return self._enter_function(function, call)
        if domain and (domain, call.op) not in HANDLERS:
            raise UnsupportedNodeError("edgert has no such operator")
        known = all(t is None or isinstance(t, Constant) for t in call.inputs)
        if known and not domain and self._folder.folds(call.op, call.opset):
            return self._fold(call)
        handler = HANDLERS.get((domain, call.op))
        if handler is None:
            return self._enter_function(self._definition(call), call)
        result = handler(call)
        return [result] if isinstance(result, (Constant, ir.Value)) else list(result)

    def note_dynamic(self, name: str) -> None:
        self._graph.dynamic.add(name)

    def enter_subgraph(self, graph: onnx.GraphProto) -> list[Tensor]:
        if graph.input:
            raise UnsupportedNodeError("its subgraph has inputs")
        outer = self._scopes[-1]
        scope = _Scope(outer.values.new_child(), outer.opsets, outer.attrs)
        names = [output.name for output in graph.output]
        return self._enter(scope, graph, names)

    def _enter_function(self, function: onnx.FunctionProto, call: Call) -> list[Tensor]:
        if len(call.inputs) > len(function.input):
            raise FormatError(f"{call.op} {call.name!r} has too many inputs", "ARITY")
        attrs = {a.name: self._attribute(a) for a in function.attribute_proto}
        attrs.update(call.attrs)
        inputs = call.inputs + [None] * (len(function.input) - len(call.inputs))
        scope = _Scope(
            ChainMap(dict(zip(function.input, inputs))),
            {"": call.opset, **opset_versions(function.opset_import)},
            attrs,
        )
        return self._enter(scope, function, list(function.output))

    def _enter(
        self, scope: _Scope, body: onnx.GraphProto | onnx.FunctionProto, outputs: list[str]
    ) -> list[Tensor]:
        if len(self._scopes) > MAX_DEPTH:
            raise LimitError(f"functions and subgraphs are nested more than {MAX_DEPTH}", "DEPTH")
        self._scopes.append(scope)
        try:
            live = _live_nodes(join_dynamic_products(body.node), outputs)
            if isinstance(body, onnx.GraphProto):
                self._read_initializers(body, {n for node in live for n in _reads(node)})
            failures = len(self._unsupported)
            self._run_nodes(live)
            if len(self._unsupported) > failures:
                raise _Reported
            return [self._lookup(name) for name in outputs]
        finally:
            self._scopes.pop()

    def _definition(self, call: Call) -> onnx.FunctionProto:
        """ONNX's own definition of an operator by other operators."""
        schema = self._schema(call.op, call.opset)
        defaults = {name: a.default_value for name, a in schema.attributes.items()}
        stated = {n: self._attribute(a) for n, a in defaults.items() if a.name}
        call.attrs = {**stated, **call.attrs}
        if schema.has_function:
            return schema.function_body
        if schema.has_context_dependent_function:
            body = self._context_dependent_definition(schema, call)
            if body is not None:
                return body
        raise UnsupportedNodeError("edgert has no such operator")

    def _context_dependent_definition(
        self, schema: defs.OpSchema, call: Call
    ) -> onnx.FunctionProto | None:
        names = ["" if t is None else f"i{k}" for k, t in enumerate(call.inputs)]
        node = helper.make_node(
            call.op, names, [f"o{k}" for k in range(call.outputs)], **call.attrs
        )
        types = [
            onnx.TypeProto()
            if t is None
            else helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(t.dtype), t.shape)
            for t in call.inputs
        ]
        versions = [v for v in schema.context_dependent_function_opset_versions if v <= call.opset]
        if not versions:
            return None
        body = schema.get_context_dependent_function_with_opset_version(
            max(versions), node.SerializeToString(), [t.SerializeToString() for t in types]
        )
        return onnx.FunctionProto.FromString(body)

    def _run_nodes(self, nodes: Iterable[onnx.NodeProto]) -> None:
        scope = self._scopes[-1]
        for node in nodes:
            outputs = list(node.output)
            while outputs and not outputs[-1]:
                outputs.pop()
            inputs = [self._lookup(name) if name else None for name in node.input]
            first = len(self._graph.nodes)
            try:
                if any(isinstance(tensor, _Unknown) for tensor in inputs):
                    results = [self._behind_unsupported(node, inputs)] * len(outputs)
                else:
                    results = self._apply_node(node, inputs, len(outputs))
            except (UnsupportedNodeError, UnsupportedError) as error:
                self._report(node, str(error))
                results = [_UNKNOWN] * len(outputs)
            except _Reported:
                results = [_UNKNOWN] * len(outputs)
            if len(results) < len(outputs):
                self._report(node, f"its output {len(results)} is used")
                results = [*results, *[_UNKNOWN] * (len(outputs) - len(results))]
            for name, tensor in zip(outputs, results):
                if name:
                    scope.values[name] = self._named(tensor, name, first)

    def _apply_node(
        self, node: onnx.NodeProto, inputs: list[Tensor | None], outputs: int
    ) -> list[Tensor]:
        scope = self._scopes[-1]
        domain = "" if node.domain == "ai.onnx" else node.domain
        name = node.name or next(filter(None, node.output), node.op_type)
        try:
            attrs = {}
            for attribute in node.attribute:
                if not attribute.ref_attr_name:
                    attrs[attribute.name] = self._attribute(attribute)
                elif attribute.ref_attr_name in scope.attrs:
                    attrs[attribute.name] = scope.attrs[attribute.ref_attr_name]
            opset = scope.opsets.get(domain, 0)
            return self.apply(Call(self, node.op_type, opset, name, inputs, attrs, outputs), domain)
        except (FormatError, LimitError) as error:
            if node.op_type in str(error) and name in str(error):
                raise
            raise type(error)(f"{node.op_type} {name!r}: {error}", error.rule) from error
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # Attributes and shapes that make no sense show in many ways.
            raise FormatError(
                f"{node.op_type} {name!r} is malformed: {type(error).__name__}: {error}", "NODE"
            ) from error

    def _fold(self, call: Call) -> list[Tensor]:
        data = [None if t is None else t.data for t in call.inputs]
        results = self._folder.evaluate(call.op, call.opset, data, dict(call.attrs), call.outputs)
        return [Constant(call.name, result) for result in results]

    def _attribute(self, attribute: AttributeProto) -> Any:
        if attribute.type == AttributeProto.TENSOR:
            return attribute.t
        if attribute.type == AttributeProto.STRING:
            return attribute.s.decode("utf-8", "replace")
        if attribute.type == AttributeProto.SPARSE_TENSOR:
            return attribute.sparse_tensor
        return helper.get_attribute_value(attribute)

    def read(self, tensor: onnx.TensorProto | onnx.SparseTensorProto) -> np.ndarray:
        """The elements of a tensor of the model."""
        if isinstance(tensor, onnx.SparseTensorProto):
            return self._tensors.read_sparse(tensor)
        return self._tensors.read(tensor)

    def _read_initializers(self, graph: onnx.GraphProto, needed: set[str]) -> None:
        values = self._scopes[-1].values
        for tensor in graph.initializer:
            if tensor.name in needed:
                values[tensor.name] = Constant(tensor.name, self._tensors.read(tensor))
        for sparse in graph.sparse_initializer:
            name = sparse.values.name
            if name in needed:
                values[name] = Constant(name, self._tensors.read_sparse(sparse))

    def _lookup(self, name: str) -> Tensor:
        try:
            return self._scopes[-1].values[name]
        except KeyError:
            raise FormatError(f"nothing writes {name!r}", "ORDER") from None

    def _named(self, tensor: Tensor, name: str, first_node: int) -> Tensor:
        """Gives the value the model's name for it, if it was made by the node at hand."""
        if isinstance(tensor, Constant):
            return Constant(name, tensor.data) if tensor.data.size else tensor
        if not isinstance(tensor, ir.Value) or name in self._graph.values:
            return tensor
        nodes = self._graph.nodes[first_node:]
        if tensor.name in self._reserved or all(n.output != tensor.name for n in nodes):
            return tensor
        self._graph.rename(tensor.name, name, nodes)
        return tensor

    def _value_name(self, tensor: Tensor) -> str:
        if isinstance(tensor, ir.Value):
            return tensor.name
        if id(tensor) not in self._constants:
            data = tensor.data.astype(_run_dtype(tensor.dtype, tensor.name), copy=False)
            hint = tensor.name if tensor.name in self._reserved else self._fresh(tensor.name)
            self._constants[id(tensor)] = (tensor, self._graph.add_constant(hint, data))
        return self._constants[id(tensor)][1]

    def _fresh(self, hint: str) -> str:
        """A name that no value has or will have."""
        name, i = hint, 1
        while name in self._graph.values or name in self._reserved:
            name, i = f"{hint}_{i}", i + 1
        return name

    def _add_output(self, name: str, tensor: Tensor) -> None:
        if not isinstance(tensor, ir.Value) or tensor.name != name:
            # A constant, an input or a value that has another name: the output is a copy of it.
            shape = {"rank": len(tensor.shape), "dims": tensor.shape}
            self.emit("reshape", [tensor], shape, name, name)
        elif name in self._graph.inputs:
            raise UnsupportedError(f"{name!r} is an input and an output", "IO")
        self._graph.outputs.append(name)

    def _behind_unsupported(self, node: onnx.NodeProto, inputs: list[Tensor | None]) -> _Unknown:
        """Reports a node behind an unsupported one if its operator alone rules it out."""
        domain = "" if node.domain == "ai.onnx" else node.domain
        op, opset = node.op_type, self._scopes[-1].opsets.get(domain, 0)
        if (domain, op) in self._functions:
            return _UNKNOWN
        if domain:
            if (domain, op) not in HANDLERS:
                raise UnsupportedNodeError("edgert has no such operator")
            return _UNKNOWN
        if op in ("Shape", "Size") or (
            self._folder.folds(op, opset)
            and all(t is None or t is _UNKNOWN_CONSTANT or isinstance(t, Constant) for t in inputs)
        ):
            return _UNKNOWN_CONSTANT
        if (domain, op) in HANDLERS:
            return _UNKNOWN
        schema = self._schema(op, opset)
        if not (schema.has_function or schema.has_context_dependent_function):
            raise UnsupportedNodeError("edgert has no such operator")
        return _UNKNOWN

    def _schema(self, op: str, opset: int) -> defs.OpSchema:
        if op in _RANDOM:
            raise UnsupportedNodeError("its result is random")
        try:
            return defs.get_schema(op, opset, "")
        except defs.SchemaError:
            raise UnsupportedNodeError("no such operator") from None

    def _report(self, node: onnx.NodeProto, why: str) -> None:
        name = node.name or next(filter(None, node.output), "")
        opset = self._scopes[-1].opsets.get(node.domain, 0)
        self._unsupported.append(UnsupportedNode(name, node.op_type, node.domain, opset, why))

    def _metadata(self, inputs: Sequence[Input]) -> dict[str, str]:
        model = self._model
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        opsets = opset_versions(model.opset_import)
        metadata["edgert.version"] = __version__
        metadata["onnx.graph"] = model.graph.name
        metadata["onnx.producer"] = f"{model.producer_name} {model.producer_version}".strip()
        metadata["onnx.opset"] = ",".join(f"{d or 'ai.onnx'}={opsets[d]}" for d in sorted(opsets))
        widened = [f"{i.name}={i.dtype}" for i in inputs if i.dtype.name not in DType.__members__]
        if widened:  # inputs that the model declares with a type no kernel computes in
            metadata["onnx.inputs_as_float32"] = ",".join(widened)
        return metadata


class _Reported(Exception):  # noqa: N818 (not an error: control flow to the enclosing node)
    """The unsupported node that causes this is in the list already."""


class _Unknown:
    """The output of an unsupported node, or of one behind it."""


_UNKNOWN = _Unknown()
_UNKNOWN_CONSTANT = _Unknown()  # one that would be known at conversion, such as a shape


def _run_dtype(dtype: np.dtype, name: str) -> np.dtype:
    """The type in which values of ``dtype`` are computed at run time."""
    if dtype.name in DType.__members__:
        return dtype
    if dtype.kind == "f":
        return np.dtype(np.float32)
    raise UnsupportedError(
        f"{name!r} has elements of type {dtype}; at run time there are "
        + ", ".join(DType.__members__),
        "DTYPE",
    )


def _reads(node: onnx.NodeProto) -> set[str]:
    """The names that a node reads, those of its subgraphs' nodes included."""
    names, stack = set(), [node]
    while stack:
        current = stack.pop()
        names.update(filter(None, current.input))
        for attribute in current.attribute:
            for graph in (attribute.g, *attribute.graphs):
                stack.extend(graph.node)
                names.update(output.name for output in graph.output)
    return names


def _live_nodes(nodes: Sequence[onnx.NodeProto], outputs: Iterable[str]) -> list[onnx.NodeProto]:
    """The nodes that the outputs depend on, in order."""
    needed, live = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(_reads(node))
            live.append(node)
    return live[::-1]


def _unsupported_error(nodes: Sequence[UnsupportedNode]) -> UnsupportedError:
    groups: dict[tuple[str, int, str, str], list[str]] = {}
    for node in nodes:
        key = (node.domain or "ai.onnx", node.opset, node.op, node.why)
        groups.setdefault(key, []).append(node.name)
    lines = [f"edgert cannot run {len(nodes)} node{'s' * (len(nodes) > 1)} of the model:"]
    for (domain, opset, op, why), names in sorted(groups.items()):
        listed = ", ".join(repr(name) for name in names)
        lines.append(f"  {op} ({domain} {opset}), {why}: {listed}")
    error = UnsupportedError("\n".join(lines), "OP")
    error.nodes = list(nodes)
    return error
