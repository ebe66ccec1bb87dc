"""The walk over an ONNX model: every node becomes constants, or nodes of the graph.

Names are looked up in a Scope, which holds a Constant or a graph value for each. A node with known
inputs is computed; an operator of the registry is handed to its function; a function, be it the
model's own or the definition that ONNX gives of an operator, is entered like a subgraph. What the
model calls a tensor is a key of its scope and nothing else: see :mod:`edgert.importer.names`.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, defs, helper

from edgert import ir
from edgert._core import __version__
from edgert.errors import FormatError, LimitError, UnsupportedError
from edgert.importer.call import Call
from edgert.importer.check import MAX_DEPTH, MAX_NODES
from edgert.importer.dynamic import join_dynamic_products
from edgert.importer.fold import Folder
from edgert.importer.inputs import Input
from edgert.importer.names import Labels, UniqueNames
from edgert.importer.order import live_nodes, reads
from edgert.importer.protos import (
    Body,
    FunctionKey,
    called_key,
    describe,
    domain_of,
    function_key,
    name_of,
    opset_versions,
)
from edgert.importer.registry import OPERATORS, Operator
from edgert.importer.tensors import TensorReader, element_type
from edgert.importer.text import printable, quoted
from edgert.importer.values import Constant, Tensor, UnsupportedNodeError
from edgert.ops import Trait, having
from edgert.schema import MAX_NAME_BYTES, MAX_RANK, DType

_RANDOM = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike"}
_RANDOM |= {"Bernoulli", "Multinomial"}
# Operators of the graph that take any type; others take floats as float32 only.
_ANY_FLOATS = {"cast", *having(Trait.MOVES)}  # what computes reads float32


def lower_model(model: onnx.ModelProto, inputs: Sequence[Input], tensors: TensorReader) -> ir.Graph:
    """The graph of a checked model with the given inputs."""
    return Lowering(model, tensors).run(inputs)


@dataclass(frozen=True)
class UnsupportedNode:
    """A node that edgert cannot run."""

    name: str
    op: str
    domain: str
    opset: int
    why: str


@dataclass(frozen=True)
class _Scope:
    """What a list of nodes sees: names, operator sets, functions of the model, and the attributes
    of the function that they stand in. ``prefix`` goes before the names of what they make.
    """

    values: ChainMap[str, Tensor | None]
    opsets: Mapping[str, int]
    functions: Mapping[FunctionKey, onnx.FunctionProto]
    attrs: Mapping[str, Any]
    prefix: str

    def label(self, name: str) -> str:
        """What to call something of this scope; a long name costs memory once, not per call."""
        return f"{self.prefix}{name}"[:MAX_NAME_BYTES]


class Lowering:
    """A model under import; ``run`` gives its graph, once."""

    def __init__(self, model: onnx.ModelProto, tensors: TensorReader) -> None:
        self._model = model
        self._tensors = tensors
        self.graph = ir.Graph(tensors.budget)
        self._folder = Folder(tensors.budget)
        self._unsupported: list[UnsupportedNode] = []
        self._scopes: list[_Scope] = []
        self._distinct = ir.DistinctArrays()
        self._constants: dict[int, tuple[Constant, str]] = {}  # id -> constant, its value
        self._float32: dict[str, ir.Value] = {}  # of values of other floats, by name
        self._nodes = 0
        self._node_names, self._value_names, self._labels = UniqueNames(), UniqueNames(), Labels()
        self._wrapped: Exception | None = None  # the last error that got the name of a node

    def run(self, inputs: Sequence[Input]) -> ir.Graph:
        proto, graph = self._model.graph, self.graph
        values: ChainMap[str, Tensor | None] = ChainMap()
        interface: dict[str, str] = {}  # name by value
        for item in inputs:
            _check_rank(item.shape, f"input {quoted(item.name)}")
            name = self._value_names.new(item.name)
            _check_dtype(item.dtype, f"input {quoted(item.name)}")
            graph.add_input(name, item.dtype, item.shape)
            values[item.name] = graph.values[name]
            interface[name] = item.name
        functions = {function_key(f): f for f in self._model.functions}
        opsets = opset_versions(self._model.opset_import)
        self._scopes.append(_Scope(values, opsets, functions, {}, ""))
        outputs = [output.name for output in proto.output]
        self._run_body(proto, outputs)
        if self._unsupported:
            raise _unsupported_error(self._unsupported)
        for output in proto.output:
            tensor = self._declared(values[output.name], output)
            value = self._output(output.name, tensor, interface)
            interface[value] = output.name
            graph.outputs.append(value)
        graph.metadata = self._metadata()
        graph.prune()
        self._labels.name_values(graph, interface)
        return graph

    def emit(
        self,
        op: str,
        inputs: Iterable[Tensor | None],
        attrs: Mapping[str, Any] | None,
        name: str,
    ) -> list[ir.Value]:
        """Adds a node called ``name`` to the graph and returns its outputs."""
        inputs = self._computable(op, list(inputs))
        operands = ["" if tensor is None else self._value(tensor) for tensor in inputs]
        label = f"{name}/{op}"
        try:
            self.graph.add(op, operands, attrs, name=name, output=self._value_names.new(label))
        except FormatError as error:
            if error.rule == "DTYPE":  # well-formed, but no kernel computes in this type
                raise UnsupportedNodeError(str(error)) from error
            raise
        outputs = self.graph.nodes[-1].outputs
        for output in outputs:
            self._labels.suggest(output, label)
        return [self.graph.values[output] for output in outputs]

    def _computable(self, op: str, inputs: list[Tensor | None]) -> list[Tensor | None]:
        """The inputs of an operator of the graph; where it computes, floats are float32."""
        types = {_graph_dtype(t) for t in inputs if t is not None and t.dtype.kind == "f"}
        if types <= {np.dtype(np.float32)} or (op in _ANY_FLOATS and len(types) == 1):
            return inputs
        return [
            self._as_float32(tensor)
            if isinstance(tensor, ir.Value) and tensor.dtype.kind == "f"
            else tensor
            for tensor in inputs
        ]

    def _as_float32(self, value: ir.Value) -> ir.Value:
        """A value of floats in the type in which they are computed with."""
        if value.dtype == np.float32:
            return value
        if value.name not in self._float32:
            name = self._node_names.new(f"{value.name}/float32")
            (cast,) = self.emit("cast", [value], {"dtype": DType.float32}, name)
            self._float32[value.name] = cast
        return self._float32[value.name]

    def apply(self, call: Call, domain: str) -> list[Tensor]:
        """The outputs of one node of an operator that is not a function of the model."""
        self._count_node()
        operator = OPERATORS.get((domain, call.op))
        if domain and operator is None:
            raise UnsupportedNodeError("edgert has no such operator")
        known = all(t is None or isinstance(t, Constant) for t in call.inputs)
        if known and not domain and self._folder.folds(call.op, call.opset):
            return self._fold(call)
        if operator is None:
            return self._enter_definition(call)
        self._check_attributes(operator, call, domain)
        result = operator.run(call)
        return [result] if isinstance(result, (Constant, ir.Value)) else list(result)

    def _count_node(self) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise LimitError(f"the model grows to more than {MAX_NODES} nodes", "OPS")

    def _check_attributes(self, operator: Operator, call: Call, domain: str) -> None:
        """What the operator's function does not know may only have the value that ONNX assumes."""
        for name, value in call.attrs.items():
            if not operator.knows(name) and not (
                domain == "" and value == self._default(call, name)
            ):
                raise UnsupportedNodeError(
                    f"its attribute {quoted(name)}, which edgert does not know, is "
                    + printable(repr(value))
                )

    def _default(self, call: Call, name: str) -> Any:
        """What ONNX assumes where a node lacks an attribute; None if it assumes nothing."""
        attribute = self._schema(call.op, call.opset).attributes.get(name)
        stated = attribute is not None and attribute.default_value.name
        return self._attribute(attribute.default_value) if stated else None

    def enter_subgraphs(self, graphs: Sequence[onnx.GraphProto]) -> list[list[Tensor]]:
        """The outputs of subgraphs of one node; what is unsupported in any of them is reported."""
        results, reported, first = [], False, len(self.graph.nodes)
        for graph in graphs:
            try:
                results.append(self._enter_subgraph(graph))
            except _Reported:
                reported = True
        if reported:
            raise _Reported
        if len(graphs) > 1 and any(map(self._may_fail, self.graph.nodes[first:])):
            raise UnsupportedNodeError(
                "an index in a branch is computed while the model runs: it may be out of range "
                "where the branch is not taken"
            )
        return results

    def _may_fail(self, node: ir.Node) -> bool:
        """Whether what a node computes may be an error."""
        return node.op == "gather" and self.graph.constant(node.inputs[1]) is None

    def _enter_subgraph(self, graph: onnx.GraphProto) -> list[Tensor]:
        if graph.input:
            raise UnsupportedNodeError("its subgraph has inputs")
        scope = replace(self._scopes[-1], values=self._scopes[-1].values.new_child())
        return self._enter(scope, graph, [output.name for output in graph.output])

    def _enter_function(self, function: onnx.FunctionProto, call: Call) -> list[Tensor]:
        """What a function of the model makes of the inputs."""
        scope = self._scopes[-1]
        opsets = opset_versions(function.opset_import)
        return self._enter_body(function, call, opsets, scope.functions)

    def _enter_definition(self, call: Call) -> list[Tensor]:
        """What the operators make of the inputs by which ONNX defines an operator.

        They are ONNX's own, even if the model has functions of these names.
        """
        function = self._definition(call)
        opsets = {"": call.opset, **opset_versions(function.opset_import)}
        return self._enter_body(function, call, opsets, {})

    def _enter_body(
        self,
        function: onnx.FunctionProto,
        call: Call,
        opsets: Mapping[str, int],
        functions: Mapping[FunctionKey, onnx.FunctionProto],
    ) -> list[Tensor]:
        if len(call.inputs) > len(function.input):
            raise FormatError(
                f"it has {len(call.inputs)} inputs, the function {len(function.input)}", "ARITY"
            )
        attrs = {a.name: self._attribute(a) for a in function.attribute_proto}
        attrs.update(call.attrs)
        inputs = call.inputs + [None] * (len(function.input) - len(call.inputs))
        values = ChainMap(dict(zip(function.input, inputs)))
        scope = _Scope(values, opsets, functions, attrs, f"{call.name}/")
        # A definition that depends on the node writes only what is asked for.
        return self._enter(scope, function, list(function.output)[: call.outputs])

    def _enter(self, scope: _Scope, body: Body, outputs: list[str]) -> list[Tensor]:
        if len(self._scopes) > MAX_DEPTH:
            raise LimitError(f"functions and subgraphs are nested more than {MAX_DEPTH}", "DEPTH")
        self._scopes.append(scope)
        try:
            failures = len(self._unsupported)
            self._run_body(body, outputs)
            if len(self._unsupported) > failures:
                raise _Reported
            results = [self._lookup(name) for name in outputs]
            for name, result in zip(outputs, results):
                if result is None:
                    raise FormatError(
                        f"its result {quoted(name)} is left out by the caller", "ARITY"
                    )
            return results
        finally:
            self._scopes.pop()

    def _run_body(self, body: Body, outputs: list[str]) -> None:
        """Runs the nodes that the outputs need."""
        nodes = join_dynamic_products(body.node, self._scopes[-1].functions)
        live = live_nodes(nodes, outputs, quoted(body.name))
        if isinstance(body, onnx.GraphProto):
            self._read_initializers(body, set(outputs).union(*map(reads, live)))
        self._run_nodes(live)

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
        if self._folder.folds(call.op, call.opset):
            raise UnsupportedNodeError(
                "its inputs are computed while the model runs; only the converter computes it"
            )
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
                    scope.values[name] = self._bound(tensor, scope.label(name))

    def _bound(self, tensor: Tensor | _Unknown, label: str) -> Tensor | _Unknown:
        """What the current scope knows by a name, which becomes the label of it."""
        if isinstance(tensor, Constant):
            return Constant(label, tensor.data)
        if isinstance(tensor, ir.Value):
            self._labels.bind(tensor.name, len(self._scopes), label)
        return tensor

    def _apply_node(
        self, node: onnx.NodeProto, inputs: list[Tensor | None], outputs: int
    ) -> list[Tensor]:
        scope, domain = self._scopes[-1], domain_of(node)
        name = self._node_names.new(scope.label(name_of(node)))
        try:
            attrs = self._attributes(node, scope.attrs)
            call = Call(
                self, node.op_type, scope.opsets.get(domain, 0), name, inputs, attrs, outputs
            )
            function = scope.functions.get(called_key(node))
            if function is None:
                return self.apply(call, domain)
            self._count_node()
            return self._enter_function(function, call)
        except (FormatError, LimitError) as error:
            if error is self._wrapped:  # it names the node of the body that was entered
                raise
            self._wrapped = type(error)(f"{describe(node)}: {error}", error.rule)
            raise self._wrapped from error
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # Attributes and shapes that make no sense show in many ways.
            self._wrapped = FormatError(
                f"{describe(node)} is malformed: {type(error).__name__}: {printable(error)}", "NODE"
            )
            raise self._wrapped from error

    def _attributes(self, node: onnx.NodeProto, outer: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes of a node; ``outer`` are those of the function that it stands in."""
        attrs = {}
        for attribute in node.attribute:
            if not attribute.ref_attr_name:
                attrs[attribute.name] = self._attribute(attribute)
            elif attribute.ref_attr_name in outer:
                attrs[attribute.name] = outer[attribute.ref_attr_name]
        return attrs

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
            raise FormatError(f"nothing writes {quoted(name)}", "ORDER") from None

    def _value(self, tensor: Tensor) -> str:
        """The value of the graph that a tensor is; a constant becomes one when it is first used."""
        if isinstance(tensor, ir.Value):
            return tensor.name
        if id(tensor) not in self._constants:
            _check_rank(tensor.shape, quoted(tensor.name))
            _check_dtype(tensor.dtype, quoted(tensor.name))
            data = tensor.data.astype(_graph_dtype(tensor), copy=False)
            name = value = self._value_names.new(tensor.name)
            # Weights that many nodes share become one constant, though each node makes its own.
            if 0 not in data.strides:
                value = self._distinct.find(name, data)
            if value == name:
                self.graph.add_constant(name, data)
                self._labels.suggest(value, tensor.name)
            if data.dtype == tensor.dtype:
                tensor.data = self.graph.values[value].data
            self._constants[id(tensor)] = tensor, value
        return self._constants[id(tensor)][1]

    def _declared(self, tensor: Tensor, output: onnx.ValueInfoProto) -> Tensor:
        """What becomes an output of the model, as the type of float that it is declared to be."""
        data_type = output.type.tensor_type.elem_type
        if data_type == TensorProto.UNDEFINED or tensor.dtype.kind != "f":
            return tensor
        dtype = element_type(data_type, f"output {quoted(output.name)}")
        if dtype.kind != "f" or dtype == _graph_dtype(tensor):
            return tensor
        if isinstance(tensor, Constant):
            data = tensor.data.astype(dtype)
            value = self.graph.add_constant(self._value_names.new(output.name), data)
            self._labels.suggest(value, output.name)
            return self.graph.values[value]
        name = self._node_names.new(output.name)
        return self.emit("cast", [tensor], {"dtype": DType[dtype.name]}, name)[0]

    def _output(self, name: str, tensor: Tensor, interface: Mapping[str, str]) -> str:
        """The value that becomes the output ``name``: a copy where another name is taken for it."""
        value = self._value(tensor)
        if interface.get(value, name) == name:
            return value
        shape = {"rank": len(tensor.shape), "dims": tensor.shape}
        return self.emit("reshape", [tensor], shape, self._node_names.new(name))[0].name

    def _behind_unsupported(self, node: onnx.NodeProto, inputs: list[Tensor | None]) -> _Unknown:
        """Reports a node behind an unsupported one if its operator alone rules it out."""
        scope, domain, op = self._scopes[-1], domain_of(node), node.op_type
        opset = scope.opsets.get(domain, 0)
        if called_key(node) in scope.functions:
            return _UNKNOWN
        if domain:
            if (domain, op) not in OPERATORS:
                raise UnsupportedNodeError("edgert has no such operator")
            return _UNKNOWN
        if op in ("Shape", "Size") or (
            self._folder.folds(op, opset)
            and all(t is None or t is _UNKNOWN_CONSTANT or isinstance(t, Constant) for t in inputs)
        ):
            return _UNKNOWN_CONSTANT
        if (domain, op) in OPERATORS:
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
        scope = self._scopes[-1]
        name, opset = scope.label(name_of(node)), scope.opsets.get(domain_of(node), 0)
        self._unsupported.append(UnsupportedNode(name, node.op_type, node.domain, opset, why))

    def _metadata(self) -> dict[str, str]:
        model = self._model
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        # What edgert says of a file is not what somebody else says of a model.
        metadata = {key: text for key, text in metadata.items() if not key.startswith("edgert.")}
        opsets = opset_versions(model.opset_import)
        metadata["edgert.version"] = __version__
        metadata["onnx.graph"] = model.graph.name
        metadata["onnx.producer"] = f"{model.producer_name} {model.producer_version}".strip()
        metadata["onnx.opset"] = ",".join(f"{d or 'ai.onnx'}={opsets[d]}" for d in sorted(opsets))
        return metadata


class _Reported(Exception):  # noqa: N818 (not an error: control flow to the enclosing node)
    """The unsupported node that causes this is in the list already."""


class _Unknown:
    """The output of an unsupported node, or of one behind it."""


_UNKNOWN = _Unknown()
_UNKNOWN_CONSTANT = _Unknown()  # one that would be known at conversion, such as a shape


def _check_rank(shape: Sequence[int], what: str) -> None:
    if len(shape) > MAX_RANK:
        raise FormatError(f"{what} has rank {len(shape)}; the largest is {MAX_RANK}", "RANK")


def _graph_dtype(tensor: Tensor) -> np.dtype:
    """The type that a tensor has in the graph: constants are floats of one type."""
    is_float = isinstance(tensor, Constant) and tensor.dtype.kind == "f"
    return np.dtype(np.float32) if is_float else tensor.dtype


def _check_dtype(dtype: np.dtype, what: str) -> None:
    if dtype.name not in DType.__members__:
        raise UnsupportedError(
            f"{what} has elements of type {dtype}; at run time there are "
            + ", ".join(DType.__members__),
            "DTYPE",
        )


def _unsupported_error(nodes: Sequence[UnsupportedNode]) -> UnsupportedError:
    groups: dict[tuple[str, int, str, str], list[str]] = {}
    for node in nodes:
        key = (node.domain or "ai.onnx", node.opset, node.op, node.why)
        groups.setdefault(key, []).append(node.name)
    lines = [f"edgert cannot run {len(nodes)} node{'s' * (len(nodes) > 1)} of the model:"]
    for (domain, opset, op, why), names in sorted(groups.items()):
        listed = ", ".join(map(quoted, names))
        lines.append(f"  {printable(op)} ({printable(domain)} {opset}), {why}: {listed}")
    error = UnsupportedError("\n".join(lines), "OP")
    error.nodes = list(nodes)
    return error
