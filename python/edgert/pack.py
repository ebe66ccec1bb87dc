"""The writer of ``.edgert`` files: a graph becomes bytes, bytes a file that is never torn."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
import zlib

import numpy as np

from edgert import _core, ir, schema
from edgert.encoding import encode
from edgert.errors import FormatError, ModelIOError
from edgert.schema import DType, Encoding, Layout, Section


def pack(graph: ir.Graph) -> bytes:
    """The file that holds ``graph``; the same graph gives the same bytes.

    Constants are stored in the layout that their reader wants, equal ones once. Names that may not
    stand in a file are escaped; FormatError if they belong to inputs or outputs.
    """
    return _Packer(graph).pack()


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file so that ``path`` holds either what it held before or all of ``data``.

    Raises ModelIOError if the operating system refuses; no other file is left behind then.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".edgert-{secrets.token_hex(8)}.tmp")
    try:
        if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
            raise OSError(0, "not a regular file")
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_folder(folder)
    except OSError as error:
        raise ModelIOError(f"cannot write {target}: {error.strerror}", "IO") from error


def _sync_folder(folder: str) -> None:
    """Makes a rename in ``folder`` last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def to_layout(data: np.ndarray, layout: Layout) -> np.ndarray:
    """The elements of a constant in the order in which ``layout`` stores them, C-contiguous."""
    if layout == Layout.row:
        return np.ascontiguousarray(data)
    n, k = data.shape[0], int(np.prod(data.shape[1:], dtype=np.int64))
    if layout == Layout.kn:
        return np.ascontiguousarray(data.reshape(n, k).T)
    panels = -(-n // 16)
    if layout in (Layout.k2n16, Layout.k4n16):
        side = 2 if layout == Layout.k2n16 else 4
        last = -(-data.shape[-1] // side)
        taps = k // data.shape[-1] if k else 0
        padded = np.zeros((panels * 16, taps, last * side), data.dtype)
        padded[:n, :, : data.shape[-1]] = data.reshape(n, taps, data.shape[-1])
        return np.ascontiguousarray(
            padded.reshape(panels, 16, taps, last, side).transpose(0, 2, 3, 1, 4)
        )
    padded = np.zeros((panels * 16, k), data.dtype)
    padded[:n] = data.reshape(n, k)
    return np.ascontiguousarray(padded.reshape(panels, 16, k).transpose(0, 2, 1))


def from_layout(stored: np.ndarray, layout: Layout, shape: tuple[int, ...]) -> np.ndarray:
    """The constant of a shape whose elements :func:`to_layout` has stored."""
    order = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int64).reshape(shape) + 1
    places = to_layout(order, layout).reshape(-1)
    constant = np.empty(order.size, stored.dtype)
    constant[places[places > 0] - 1] = stored[places > 0]
    return constant.reshape(shape)


class _Packer:
    """Collects the records of the sections, in the order that docs/format.md prescribes."""

    def __init__(self, graph: ir.Graph) -> None:
        self.graph = graph
        self.strings = bytearray()
        self.tensors: list[tuple] = []
        self.tensor_index: dict[tuple[str, Layout], int] = {}
        self.payloads: list[tuple[Encoding, np.ndarray]] = []
        self.payload_index: dict[bytes, int] = {}  # by hash of the content

    def pack(self) -> bytes:
        graph = self.graph
        metadata = [(self.text(k), self.text(v)) for k, v in sorted(graph.metadata.items())]
        inputs = [self.tensor(name) for name in graph.inputs]
        edges: list[int] = []
        attrs = bytearray()
        nodes = []
        for node in graph.nodes:
            record = ir.encode_attrs(node.op, node.attrs)
            op = schema.OPS[node.op].id
            nodes.append([node.name, op, len(node.inputs), len(edges), len(attrs), len(record)])
            edges += [self.operand(node, i) for i in range(len(node.inputs))]
            edges.append(self.tensor(node.output))
            attrs += record
        outputs = [self.tensor(name) for name in graph.outputs]
        for record in nodes:  # the names of the nodes stand behind those of the tensors
            record[0] = self.text(_plain(record[0]))
        return self.seal(
            {
                Section.strings: bytes(self.strings),
                Section.metadata: np.array(metadata, schema.MetadataRecord).tobytes(),
                Section.tensors: np.array(self.tensors, schema.TensorRecord).tobytes(),
                Section.nodes: np.array([*map(tuple, nodes)], schema.NodeRecord).tobytes(),
                Section.edges: np.array(edges, np.uint32).tobytes(),
                Section.attrs: bytes(attrs),
                Section.inputs: np.array(inputs, np.uint32).tobytes(),
                Section.outputs: np.array(outputs, np.uint32).tobytes(),
            }
        )

    def text(self, text: str) -> tuple[int, int]:
        """Appends a string and returns its StringRef."""
        data = text.encode()
        self.strings += data
        return len(self.strings) - len(data), len(data)

    def operand(self, node: ir.Node, i: int) -> int:
        """The tensor index of a node's input, whose layout the node chooses if it is constant."""
        name = node.inputs[i]
        if not name:
            return schema.NONE
        if i == 1 and self.graph.values[name].data is not None:
            return self.tensor(name, ir.weight_layout(self.graph, node))
        return self.tensor(name)

    def tensor(self, name: str, layout: Layout = Layout.row) -> int:
        """The index of a value's tensor record, which the first call adds."""
        if (name, layout) in self.tensor_index:
            return self.tensor_index[name, layout]
        value = self.graph.values[name]
        public = name in self.graph.inputs or name in self.graph.outputs
        if public and _plain(name) != name:
            raise FormatError(f"{name!a}, an input or output, has a name unfit for a file", "NAME")
        payload = schema.NONE if value.data is None else self.payload(value.data, layout)
        dims = value.shape + (0,) * (schema.MAX_RANK - len(value.shape))
        rank = len(value.shape)
        ref = self.text(_plain(name))
        dtype = DType[value.dtype.name]
        self.tensors.append((ref, dtype, layout, rank, 0, payload, dims))
        self.tensor_index[name, layout] = len(self.tensors) - 1
        return len(self.tensors) - 1

    def payload(self, data: np.ndarray, layout: Layout) -> int:
        """The index of the payload of a constant; those in the plain encoding share equal ones."""
        stored = to_layout(data.astype(data.dtype.newbyteorder("<"), copy=False), layout)
        encoding, stored = encode(stored) if layout == Layout.row else (Encoding.plain, stored)
        if encoding != Encoding.plain:
            self.payloads.append((encoding, stored))
            return len(self.payloads) - 1
        digest = hashlib.sha256(stored).digest()
        if digest not in self.payload_index:
            self.payload_index[digest] = len(self.payloads)
            self.payloads.append((encoding, stored))
        return self.payload_index[digest]

    def seal(self, sections: dict[Section, bytes]) -> bytes:
        """Places the sections and the payloads and computes the checksums."""
        count = len(Section)
        sections[Section.payloads] = bytes(schema.PayloadRecord.itemsize * len(self.payloads))
        end = schema.FileHeader.itemsize + schema.SectionRecord.itemsize * count
        offsets = {}
        for section in sorted(sections):
            offsets[section] = end
            end = _round_up(end + len(sections[section]), schema.RECORD_ALIGNMENT)
        data_offset = end = _round_up(end, schema.PAYLOAD_ALIGNMENT)
        records = []
        for encoding, payload in self.payloads:
            records.append((end, payload.nbytes, encoding, zlib.crc32(payload)))
            end = _round_up(end + payload.nbytes, schema.PAYLOAD_ALIGNMENT)
        sections[Section.payloads] = np.array(records, schema.PayloadRecord).tobytes()

        table = [
            (s, zlib.crc32(sections[s]), offsets[s], len(sections[s])) for s in sorted(sections)
        ]
        table.append((Section.data, 0, data_offset, end - data_offset))
        header = np.zeros((), schema.FileHeader)
        header["magic"] = np.frombuffer(schema.MAGIC, np.uint8)
        header["version"] = schema.VERSION
        header["endian"] = schema.ENDIAN_TAG
        header["file_bytes"] = end
        header["sections"] = count
        table_bytes = np.array(table, schema.SectionRecord).tobytes()
        header["header_crc"] = zlib.crc32(table_bytes, zlib.crc32(header.tobytes()))

        file = bytearray(end)
        file[: header.nbytes] = header.tobytes()
        file[header.nbytes : header.nbytes + len(table_bytes)] = table_bytes
        for section, offset in offsets.items():
            file[offset : offset + len(sections[section])] = sections[section]
        for (offset, size, _, _), (_, payload) in zip(records, self.payloads):
            file[offset : offset + size] = payload.tobytes()
        return bytes(file)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _plain(name: str) -> str:
    """``name``, escaped and cut if it may not stand in a file as it is."""
    if not _core.is_clean_text(name.encode("utf-8", "surrogatepass")):
        name = ascii(name)[1:-1]
    return (
        name if len(name.encode()) <= schema.MAX_NAME_BYTES else name[: schema.MAX_NAME_BYTES // 4]
    )
