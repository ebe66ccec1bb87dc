"""The reader of ``.edgert`` files for the host: bytes become the graph that they were made from.

Only for files that the runtime has checked: nothing is checked again here.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from edgert import _core, schema
from edgert.ir import Graph, Node, Value
from edgert.model import Source, load
from edgert.schema import OPS, DType, Form, Section

_OP_NAMES = {op.id: name for name, op in OPS.items()}


def unpack(source: Source) -> Graph:
    """The graph in a file; names that occur twice get a number, those of outputs last.

    Raises what :func:`edgert.load` raises for a file that is not sound.
    """
    with load(source) as model:
        sections = _sections(model.file())
    # Records take what lies in these one after the other.
    strings, dims, attrs, edges = (
        io.BytesIO(sections[section])
        for section in (Section.strings, Section.dims, Section.attrs, Section.edges)
    )
    graph = Graph()
    for record in np.frombuffer(sections[Section.metadata], schema.MetadataRecord):
        key = strings.read(record["key_bytes"]).decode()
        graph.metadata[key] = strings.read(record["value_bytes"]).decode()
    payloads = _Payloads(sections[Section.data])
    values: list[Value] = []
    forms: list[Form] = []  # of the values
    for record in np.frombuffer(sections[Section.tensors], schema.TensorRecord):
        name = strings.read(record["name_bytes"]).decode() or "constant"
        shape = tuple(np.frombuffer(dims.read(4 * record["rank"]), np.int32).tolist())
        dtype = np.dtype(DType(record["dtype"]).name)
        values.append(Value(name, dtype, shape, payloads.constant(record, shape)))
        forms.append(Form(record["form"]))
    inputs, outputs = (
        np.frombuffer(sections[section], np.uint32).tolist()
        for section in (Section.inputs, Section.outputs)
    )
    for i in dict.fromkeys((*inputs, *outputs, *range(len(values)))):
        values[i].name = graph.unique_name(values[i].name)
        graph.values[values[i].name] = values[i]
    names = [value.name for value in values]
    graph.forms = {n: form for n, form in zip(names, forms) if _core.is_sparse(form)}
    for record in np.frombuffer(sections[Section.nodes], schema.NodeRecord):
        op = _OP_NAMES[record["op"]]
        operands, results = (
            [
                "" if i == schema.NONE else names[i]
                for i in np.frombuffer(edges.read(4 * n), np.uint32)
            ]
            for n in (int(record["inputs"]), int(record["outputs"]))
        )
        (fields,) = np.frombuffer(attrs.read(OPS[op].attrs.itemsize), OPS[op].attrs)
        graph.nodes.append(Node(op, operands, results, _fields(fields), results[0]))
    graph.inputs = [names[i] for i in inputs]
    graph.outputs = [names[i] for i in outputs]
    return graph


class _Payloads:
    """The elements of the constants, for their records in order."""

    def __init__(self, data: bytes) -> None:
        self.data, self.end = data, 0
        self.stored: list[bytes] = []  # for each tensor so far, nothing if it has none of its own

    def constant(self, record: np.void, shape: tuple[int, ...]) -> np.ndarray | None:
        """The constant of the next record; None if it is of no constant."""
        owner, own = record["payload"], b""
        if owner == schema.NONE:
            self.stored.append(own)
            return None
        form = int(record["form"])
        constant = np.empty(shape, np.dtype(DType(record["dtype"]).name))
        if owner == len(self.stored):
            begin = self.end + -self.end % _core.payload_alignment(form)
            self.end = begin + _core.payload_bytes(constant, form, int(record["facts"]))
            own = self.data[begin : self.end]
        self.stored.append(own)
        _core.unpack_weight(self.stored[owner], form, constant, int(record["facts"]))
        return constant


def _sections(data: bytes) -> dict[Section, bytes]:
    header = np.frombuffer(data, schema.FileHeader, count=1)[0]
    table = np.frombuffer(
        data, schema.SectionRecord, count=header["sections"], offset=schema.FileHeader.itemsize
    )
    return {Section(s["id"]): data[s["offset"] : s["offset"] + s["bytes"]] for s in table}


def _fields(record: np.void) -> dict[str, Any]:
    """An attribute record as a dict, the records in it too."""
    fields = {}
    for name in record.dtype.names:
        value = record[name]
        if value.dtype.names:
            fields[name] = _fields(value)
        else:
            fields[name] = value.tolist()
    return fields
