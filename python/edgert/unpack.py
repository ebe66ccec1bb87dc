"""The reader of ``.edgert`` files for the host: bytes become the graph that they were made from.

Only for files that the runtime has checked: nothing is checked again here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from edgert import schema
from edgert.encoding import decode
from edgert.ir import Graph, Node, Value
from edgert.model import load
from edgert.pack import from_layout
from edgert.schema import OPS, DType, Encoding, Layout, Section

_OP_NAMES = {op.id: name for name, op in OPS.items()}


def unpack(path: str | os.PathLike[str]) -> Graph:
    """The graph in a file; names of values that occur twice get a number.

    Raises what :func:`edgert.load` raises for a file that is not sound.
    """
    load(path).close()
    data = Path(path).read_bytes()
    sections = _sections(data)
    strings = sections[Section.strings]

    def text(ref: np.void) -> str:
        return strings[ref["offset"] : ref["offset"] + ref["bytes"]].decode()

    graph = Graph()
    for record in np.frombuffer(sections[Section.metadata], schema.MetadataRecord):
        graph.metadata[text(record["key"])] = text(record["value"])
    payloads = np.frombuffer(sections[Section.payloads], schema.PayloadRecord)
    names = []
    for record in np.frombuffer(sections[Section.tensors], schema.TensorRecord):
        name = graph.unique_name(text(record["name"]) or "tensor")
        shape = tuple(record["dims"][: record["rank"]].tolist())
        dtype = np.dtype(DType(record["dtype"]).name)
        constant = None
        if record["payload"] != schema.NONE:
            place = payloads[record["payload"]]
            stored = data[place["offset"] : place["offset"] + place["bytes"]]
            layout = Layout(record["layout"])
            elements = decode(Encoding(place["encoding"]), stored, dtype)
            constant = from_layout(elements, layout, shape)
        graph.values[name] = Value(name, dtype, shape, constant)
        names.append(name)
    edges = np.frombuffer(sections[Section.edges], np.uint32)
    for record in np.frombuffer(sections[Section.nodes], schema.NodeRecord):
        op, first, last = _OP_NAMES[record["op"]], record["first_edge"], record["inputs"]
        *inputs, output = edges[first : first + last + 1]
        attrs = np.frombuffer(
            sections[Section.attrs], OPS[op].attrs, count=1, offset=int(record["attrs"])
        )[0]
        inputs = ["" if i == schema.NONE else names[i] for i in inputs]
        graph.nodes.append(Node(op, inputs, names[output], _fields(attrs), text(record["name"])))
    graph.inputs = [names[i] for i in np.frombuffer(sections[Section.inputs], np.uint32)]
    graph.outputs = [names[i] for i in np.frombuffer(sections[Section.outputs], np.uint32)]
    return graph


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
