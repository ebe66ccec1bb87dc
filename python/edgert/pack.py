"""The writer of ``.edgert`` files: a graph becomes bytes, bytes a file that is never torn."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Union

import numpy as np

from edgert import _core, ir, schema
from edgert.errors import EdgertError, FormatError
from edgert.files import PathLike, replacing
from edgert.model import load
from edgert.schema import DType, Form, Section

# Of the bytes of a constant that is used where it lies: decoding takes time and private memory.
MOST_CODED = 0.8
# Of what it takes in the shortest form: what kernels look up saves time and memory instead.
MOST_PACKED = 1.03

_Bytes = Union[bytes, bytearray, memoryview]


def pack(graph: ir.Graph) -> bytes:
    """The file that holds ``graph``; the same graph gives the same bytes.

    Constants are stored in the form that their reader wants, equal ones once. Names that may not
    stand in a file are escaped; FormatError if they belong to inputs or outputs.
    """
    return _Packer(graph).pack()


def write_file(path: PathLike, data: bytes) -> None:
    """Writes a file so that ``path`` holds either what it held before or all of ``data``.

    ``data`` is loaded before it takes the place of ``path``. Raises what :func:`edgert.load` does
    if it is no sound model, and ModelIOError if the operating system refuses.
    """
    with replacing(path) as file:
        file.write(data)
        file.flush()
        try:
            load(file.name, threads=1, map=True, verify=True).close()
        except EdgertError as error:
            if error.rule == "MEMORY":  # the device may have what this machine has not
                return
            reason = str(error).split(f"{os.path.basename(file.name)}: ", 1)[-1]
            raise type(error)(f"'{os.fspath(path)}' would not load: {reason}", error.rule) from None


class _Tensor(NamedTuple):
    """A tensor as the file has it: the constants in each form that a reader of them wants."""

    name: str
    wanted: Form = Form.row


class _Payload(NamedTuple):
    """The elements of a constant as they are stored, and what the file claims of them."""

    form: Form
    stored: np.ndarray
    facts: int = 0


class _Packer:
    """Collects the records of the sections, in the order that docs/format.md prescribes."""

    def __init__(self, graph: ir.Graph) -> None:
        self.graph = graph
        self.strings = bytearray()
        # All tensors in the order of their first use, with what constants have.
        self.tensors: dict[_Tensor, _Payload | None] = {}

    def pack(self) -> bytes:
        graph = self.graph
        metadata = [(self.text(k), self.text(v)) for k, v in _entries(graph.metadata).items()]
        inputs = [self.tensor(name) for name in graph.inputs]
        edges: list[_Tensor | None] = []
        for node in graph.nodes:
            edges += self.operands(node)
            edges += [self.tensor(name) for name in node.outputs]
        outputs = [self.tensor(name) for name in graph.outputs]
        # What is decoded needs no alignment: behind all others it costs no padding.
        order = sorted(self.tensors, key=self.is_decoded)
        index: dict[_Tensor | None, int] = {tensor: i for i, tensor in enumerate(order)}
        index[None] = schema.NONE
        records, data = self.records(order)

        def indices(tensors: Iterable[_Tensor | None]) -> bytes:
            return np.array([index[tensor] for tensor in tensors], np.uint32).tobytes()

        nodes = [(schema.OPS[n.op].id, len(n.inputs), len(n.outputs)) for n in graph.nodes]
        dims = [dim for tensor in order for dim in graph.values[tensor.name].shape]
        return _seal(
            {
                Section.strings: [self.strings],
                Section.metadata: [np.array(metadata, schema.MetadataRecord).tobytes()],
                Section.tensors: [np.array(records, schema.TensorRecord).tobytes()],
                Section.dims: [np.array(dims, np.int32).tobytes()],
                Section.nodes: [np.array(nodes, schema.NodeRecord).tobytes()],
                Section.edges: [indices(edges)],
                Section.attrs: [ir.encode_attrs(node.op, node.attrs) for node in graph.nodes],
                Section.inputs: [indices(inputs)],
                Section.outputs: [indices(outputs)],
                Section.data: data,
            }
        )

    def text(self, text: str) -> int:
        """Appends a string and returns its bytes."""
        data = text.encode()
        self.strings += data
        return len(data)

    def operands(self, node: ir.Node) -> list[_Tensor | None]:
        """A node's inputs, whose forms the node chooses if they are constants."""
        forms = ir.constant_forms(self.graph, node)
        packed = ir.packed_forms(self.graph, node)
        return [
            (self.tensor(name, form, others) if name else None)
            for name, form, others in zip(node.inputs, forms, packed)
        ]

    def tensor(self, name: str, wanted: Form = Form.row, packed: Iterable[Form] = ()) -> _Tensor:
        """A value's tensor, which the first call adds."""
        data = self.graph.values[name].data
        tensor = _Tensor(name, Form.row if data is None else wanted)
        if tensor not in self.tensors:
            self.tensors[tensor] = None if data is None else _payload(data, wanted, packed)
        return tensor

    def is_decoded(self, tensor: _Tensor) -> bool:
        """Whether a tensor's elements are decoded when the file is loaded."""
        payload = self.tensors[tensor]
        return payload is not None and _core.is_decoded(payload.form)

    def records(self, order: Sequence[_Tensor]) -> tuple[list[tuple], list[_Bytes]]:
        """The records of the tensors, and the elements of the constants, in parts: no copy of them.

        Equal elements that are used where they lie are stored once: rows of any type, those in
        other forms of one.
        """
        records: list[tuple] = []
        data, end = [], 0
        owners: dict[tuple, int] = {}  # by hash of the elements
        for i, tensor in enumerate(order):
            value, payload = self.graph.values[tensor.name], self.tensors[tensor]
            owner, form, facts = schema.NONE, Form.row, 0
            if payload is not None:
                owner, form, facts = i, payload.form, payload.facts
                if not self.is_decoded(tensor):
                    kind = () if form == Form.row else (form, value.dtype, value.shape)
                    owner = owners.setdefault((hashlib.sha256(payload.stored).digest(), *kind), i)
                if owner == i:
                    padding = bytes(-end % _core.payload_alignment(form))
                    data += [padding, memoryview(payload.stored.reshape(-1).view(np.uint8))]
                    end += len(padding) + payload.stored.nbytes
            name = self.text(self.tensor_name(tensor.name))
            dtype, rank = DType[value.dtype.name], len(value.shape)
            records.append((owner, facts, name, dtype, form, rank, 0))
        return records, data

    def tensor_name(self, name: str) -> str:
        """What the file calls a value; constants have no name there, unless they are outputs."""
        plain = plain_name(name)
        if name in self.graph.inputs or name in self.graph.outputs:
            if plain != name:
                raise FormatError(
                    f"{name!a}, an input or output, has a name unfit for a file", "NAME"
                )
            return name
        return plain if self.graph.values[name].data is None else ""


def constant_bytes(data: np.ndarray, wanted: Form, may_code: bool = True) -> int:
    """What a constant that is wanted in a form takes in a file, as codes if it ``may_code``."""
    return _payload(data, wanted, may_code=may_code).stored.nbytes


def _payload(
    data: np.ndarray, wanted: Form, packed: Iterable[Form] = (), may_code: bool = True
) -> _Payload:
    """A constant as the file has it, in the shortest form that gives what is wanted, bit by bit.

    What kernels look up themselves is preferred to what is decoded when the file is loaded.
    """
    data = np.ascontiguousarray(data, data.dtype.newbyteorder("<"))
    plain = _Payload(wanted, data) if wanted == Form.row else _packed(data, wanted)
    if not may_code or _core.is_sparse(wanted):
        return plain
    coded = _core.encode_weight(data, wanted, plain.facts)
    if coded is None or len(coded[2]) > MOST_CODED * plain.stored.nbytes:
        return plain
    form, facts, payload = coded
    for other in packed:
        if _core.holds_weight(data, other):
            looked_up = _packed(data, other)
            if looked_up.stored.nbytes <= MOST_PACKED * len(payload):
                return looked_up
    return _Payload(Form(form), np.frombuffer(payload, np.uint8), facts)


def _packed(data: np.ndarray, form: Form) -> _Payload:
    stored = _core.pack_weight(data, form)
    return _Payload(form, stored, _core.weight_facts(data, stored, form))


def _seal(sections: Mapping[Section, Sequence[_Bytes]]) -> bytes:
    """Places the sections, whose contents come in parts, and computes the checksums."""
    end = schema.FileHeader.itemsize + schema.SectionRecord.itemsize * len(sections)
    table, parts = [], []
    for section, content in sections.items():
        aligned = schema.PAYLOAD_ALIGNMENT if section == Section.data else schema.RECORD_ALIGNMENT
        padding = bytes(-end % aligned)
        begin = end + len(padding)
        crc, end = 0, begin
        for part in content:
            crc, end = zlib.crc32(part, crc), end + len(part)
        table.append((section, crc, begin, end - begin))
        parts += [padding, *content]
    header = np.zeros((), schema.FileHeader)
    header["magic"] = np.frombuffer(schema.MAGIC, np.uint8)
    header["version"] = schema.VERSION
    header["endian"] = schema.ENDIAN_TAG
    header["file_bytes"] = end
    header["sections"] = len(sections)
    records = np.array(table, schema.SectionRecord).tobytes()
    header["header_crc"] = zlib.crc32(records, zlib.crc32(header.tobytes()))
    return b"".join([header.tobytes(), records, *parts])


def _entries(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata by key, as it may stand in a file: escaped, and no key empty or given twice."""
    entries: dict[str, str] = {}
    for key, value in sorted(metadata.items()):
        plain, i = plain_name(key) or "unnamed", 1
        while plain in entries:
            plain, i = f"{plain_name(key)[: schema.MAX_NAME_BYTES // 8]}_{i}", i + 1
        entries[plain] = _escaped(value, multiline=True)
    return dict(sorted(entries.items()))


def plain_name(name: str) -> str:
    """``name``, escaped and cut if it may not stand in a file as it is."""
    name = _escaped(name)
    return (
        name if len(name.encode()) <= schema.MAX_NAME_BYTES else name[: schema.MAX_NAME_BYTES // 4]
    )


def _escaped(text: str, multiline: bool = False) -> str:
    """``text`` with all characters escaped that may not stand in a file."""

    def is_clean(part: str) -> bool:
        return _core.is_clean_text(part.encode("utf-8", "surrogatepass"), multiline)

    if is_clean(text):
        return text
    return "".join(c if is_clean(c) else ascii(c)[1:-1] for c in text)
