"""The graph between the importer and the file: the operators of ``schema.OPS``, static shapes.

Activations are row-major; images are [batch, height, width, channels].
Types are never typed in: ``Graph.add`` asks the runtime's own inference for them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np

from edgert import _core
from edgert.budget import Budget, require_value
from edgert.errors import EdgertError, FormatError, LimitError
from edgert.schema import MAX_RANK, OPS, DType, Form

MAX_DIM = 2**31 - 1  # what a dimension may be in a file


@dataclass
class Value:
    """A tensor: a graph input, a constant (``data`` is set) or an output of a node."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    data: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass
class Node:
    """One operation. ``inputs`` holds value names, "" for an absent optional input.

    ``outputs`` has as many as the operator. ``attrs`` has the fields of the operator's attribute
    record; see :func:`encode_attrs`.
    """

    op: str
    inputs: list[str]
    outputs: list[str]
    attrs: dict[str, Any] = field(default_factory=dict)
    name: str = ""

    @property
    def output(self) -> str:
        """The first output, as which the file calls the node; of nearly all operators the only."""
        return self.outputs[0]


class Graph:
    """Values by name, nodes in topological order, and the names of the inputs and outputs.

    ``dynamic`` has the names of the products whose inputs are to be quantised at run time,
    ``on_bytes`` those of the nodes by which an operator on bytes is said in floats. ``scales`` has
    those of constants that the model states as integers, as float32. ``forms`` names weights that
    are stored in a sparse form, not in the one that their readers want. What constants take comes
    out of the ``budget``.
    """

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self.values: dict[str, Value] = {}
        self.nodes: list[Node] = []
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.metadata: dict[str, str] = {}
        self.dynamic: set[str] = set()
        self.on_bytes: set[str] = set()
        self.scales: set[float] = set()
        self.forms: dict[str, Form] = {}

    def unique_name(self, hint: str) -> str:
        """A value name that is not taken: ``hint``, or ``hint`` with a number behind it."""
        name, i = hint, 1
        while name in self.values or not name:
            name, i = f"{hint}_{i}", i + 1
        return name

    def add_input(self, name: str, dtype: np.dtype, shape: Iterable[int]) -> str:
        """Declares a graph input and returns its name."""
        self._declare(Value(name, np.dtype(dtype), tuple(map(int, shape))))
        self.inputs.append(name)
        return name

    def add_constant(self, hint: str, data: np.ndarray) -> str:
        """Adds a constant and returns its name. Raises LimitError if the budget is exhausted.

        The elements of an array that ``numpy.broadcast_to`` gave are made here, and nowhere before.
        """
        self.budget.take(np.size(data) * data.dtype.itemsize, f"the constant '{hint}'")
        data = np.ascontiguousarray(data).reshape(np.shape(data))
        name = self.unique_name(hint)
        self._declare(Value(name, data.dtype, data.shape, data))
        return name

    def add(
        self,
        op: str,
        inputs: Iterable[str],
        attrs: Mapping[str, Any] | None = None,
        *,
        name: str = "",
        output: str = "",
        others: Sequence[str] = (),
    ) -> str:
        """Appends a node and returns the name of its output, the first, whose type is inferred.

        ``others`` are names for the outputs after the first, which are those of the last of
        ``nodes``; without them they have that of the first, with a number.
        """
        node = Node(op, list(inputs), [], dict(attrs or {}), name or output or op)
        first = output or node.name
        for hint, (dtype, shape) in zip_longest((first, *others), infer(self, node)):
            node.outputs.append(self.unique_name(hint or first))
            self._declare(Value(node.outputs[-1], dtype, shape))
        self.nodes.append(node)
        return node.outputs[0]

    def rename(self, names: Mapping[str, str]) -> None:
        """Gives the values that ``names`` has these names. No two values may have the same."""
        values = {names.get(name, name): value for name, value in self.values.items()}
        if len(values) != len(self.values):
            raise EdgertError("two values would have one name")
        for name, value in values.items():
            value.name = name
        self.values = values
        for node in self.nodes:
            node.inputs = [names.get(name, name) for name in node.inputs]
            node.outputs = [names.get(name, name) for name in node.outputs]
        self.forms = {names.get(name, name): form for name, form in self.forms.items()}
        self.inputs = [names.get(name, name) for name in self.inputs]
        self.outputs = [names.get(name, name) for name in self.outputs]

    def producers(self) -> dict[str, Node]:
        """The node that writes each value which a node writes."""
        return {name: node for node in self.nodes for name in node.outputs}

    def consumers(self) -> dict[str, list[Node]]:
        """The nodes that read each value, once per reading; graph outputs do not count."""
        readers: dict[str, list[Node]] = {name: [] for name in self.values}
        for node in self.nodes:
            for name in node.inputs:
                if name:
                    readers[name].append(node)
        return readers

    def constant(self, name: str) -> np.ndarray | None:
        """The data of a constant, or None if ``name`` is absent or no constant."""
        return self.values[name].data if name else None

    def prune(self) -> int:
        """Removes nodes and values that no output needs; returns how many nodes went.

        What is left of the budget is what the constants that are left do not take.
        """
        needed, kept = set(self.outputs), []
        for node in reversed(self.nodes):
            if needed.intersection(node.outputs):
                needed.update(node.outputs)
                needed.update(filter(None, node.inputs))
                kept.append(node)
        removed = len(self.nodes) - len(kept)
        self.nodes = kept[::-1]
        needed.update(self.inputs)
        self.values = {name: value for name, value in self.values.items() if name in needed}
        self.forms = {name: form for name, form in self.forms.items() if name in needed}
        constants = (value for value in self.values.values() if value.data is not None)
        self.budget.used = sum(value.nbytes for value in constants)
        return removed

    def _declare(self, value: Value) -> None:
        if value.name in self.values:
            raise FormatError(f"value {value.name!r} is defined twice", "DUPLICATE")
        if len(value.shape) > MAX_RANK:
            raise FormatError(f"value {value.name!r} has rank {len(value.shape)}", "RANK")
        if max(value.shape, default=0) > MAX_DIM:
            raise LimitError(
                f"{value.name!r} has the shape {list(value.shape)}; the largest dimension is "
                f"{MAX_DIM}",
                "TENSOR",
            )
        if value.data is None:
            require_value(value.nbytes, f"{value.name!r}, {value.dtype} {list(value.shape)},")
        self.values[value.name] = value


class DistinctArrays:
    """Arrays by their elements, to find those that are the same bits."""

    def __init__(self) -> None:
        self._first: dict[tuple, tuple[str, np.ndarray]] = {}
        self._by_digest: dict[tuple, str] = {}

    def find(self, name: str, data: np.ndarray) -> str:
        """The name of the first array that is equal to ``data``, which is ``name`` if none was."""
        elements = data.reshape(-1).view(np.uint8)
        some = elements[:: max(elements.size // 64, 1)].tobytes()  # tells most of them apart
        kind = data.dtype, data.shape, some
        first, equal = self._first.setdefault(kind, (name, elements))
        if equal is elements or np.array_equal(elements, equal):
            return first
        return self._by_digest.setdefault((*kind, hashlib.sha256(elements).digest()), name)


def encode_attrs(op: str, attrs: Mapping[str, Any]) -> bytes:
    """The attribute record of a node as it stands in the file.

    Every field must be given, but for ``activation``, ``shifted``, ``reserved``, ``shift`` and the
    fields of records in the record, which default to zero. Lists shorter than their field are
    filled up with zeros. A record in the record is a dict: an activation of ``fn``, ``alpha`` and
    ``beta``. Raises FormatError for a field that is unknown, missing or too long.
    """
    dtype = OPS[op].attrs
    record = np.zeros((), dtype)
    unknown = set(attrs) - set(dtype.names)
    if unknown:
        raise FormatError(f"{op} has no attribute {sorted(unknown)}", "ATTR")
    for name in dtype.names:
        if name in attrs:
            _set_field(record, name, attrs[name], op)
        elif name not in ("activation", "shifted", "reserved", "shift"):
            raise FormatError(f"{op} lacks the attribute '{name}'", "ATTR")
    return record.tobytes()


def _set_field(record: np.ndarray, name: str, value: Any, op: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _set_field(record[name], key, item, op)
    elif np.size(value) > record[name].size:
        raise FormatError(f"{op}: {name} has more than {record[name].size} entries", "ATTR")
    elif record[name].dtype.kind == "i" and not _has_32_bits(value):
        raise LimitError(f"{op}: {name} {value} does not fit 32 bits", "ATTR")
    elif np.ndim(value) == 0:
        record[name] = value
    else:
        record[name][: len(value)] = value


def _has_32_bits(value: Any) -> bool:
    return all(-(2**31) <= int(v) < 2**31 for v in np.atleast_1d(value))


def infer(graph: Graph, node: Node) -> list[tuple[np.dtype, tuple[int, ...]]]:
    """The dtypes and shapes of a node's outputs, as the runtime infers them."""
    return [(np.dtype(DType(dtype).name), tuple(shape)) for dtype, shape in _ask(graph, node)[0]]


def possible_forms(graph: Graph, node: Node) -> list[list[Form]]:
    """For each input of a node the forms that it can be stored in if it is a constant: the one that
    the runtime wants, and sparse ones that it can read.
    """
    return [
        [Form(first), *(Form(form) for form in others if _core.is_sparse(form))]
        for first, *others in _ask(graph, node)[1]
    ]


def packed_forms(graph: Graph, node: Node) -> list[list[Form]]:
    """For each input of a node the packed forms that it can be stored in if it is a constant."""
    return [
        [Form(form) for form in others if not _core.is_sparse(form)]
        for _, *others in _ask(graph, node)[1]
    ]


def constant_forms(graph: Graph, node: Node) -> list[Form]:
    """For each input of a node the form in which it is stored if it is a constant.

    Raises FormatError if the node cannot read a weight in the form that ``graph.forms`` has for it.
    """
    forms, weights = [], OPS[node.op].weight_inputs
    for i, (name, possible) in enumerate(zip(node.inputs, possible_forms(graph, node))):
        form = graph.forms.get(name, possible[0]) if weights >> i & 1 else possible[0]
        if form not in possible:
            raise FormatError(
                f"{node.op} {node.name!r}: input {i}, {name!r}, shall have the form {form.name}, "
                f"expected {' or '.join(p.name for p in possible)}",
                "FORM",
            )
        forms.append(form)
    return forms


def _ask(graph: Graph, node: Node) -> tuple[list[tuple[int, tuple[int, ...]]], list[list[int]]]:
    types = [_type(graph.values[name]) if name else None for name in node.inputs]
    schema = OPS[node.op]
    if not schema.min_inputs <= len(types) <= schema.max_inputs:
        raise FormatError(f"{node.op} {node.name!r} has {len(types)} inputs", "ARITY")
    record = encode_attrs(node.op, node.attrs)
    name = repr(node.name)[1:-1]  # may be any text, and stands in messages
    return _core.infer(name, schema.id, types, record)


def verify(graph: Graph) -> None:
    """Checks the whole graph: names, order, and that every type is what the runtime infers."""
    known = set(graph.inputs) | {n for n, v in graph.values.items() if v.data is not None}
    for node in graph.nodes:
        missing = [name for name in node.inputs if name and name not in known]
        if missing:
            raise FormatError(f"{node.op} {node.name!r} reads {missing} too early", "ORDER")
        found = infer(graph, node)
        declared = [(graph.values[name].dtype, graph.values[name].shape) for name in node.outputs]
        if found != declared:
            raise EdgertError(f"{node.op} {node.name!r}: declared {declared}, inferred {found}")
        for name in node.outputs:
            if name in known:
                raise FormatError(f"{name!r} is written twice", "WRITER")
            known.add(name)
    missing = [name for name in graph.outputs if name not in known]
    if missing:
        raise FormatError(f"outputs {missing} are never written", "IO")


def _type(value: Value) -> tuple[int, tuple[int, ...]]:
    try:
        return int(DType[value.dtype.name]), value.shape
    except KeyError:
        raise FormatError(f"{value.name!r} has dtype {value.dtype}", "DTYPE") from None
