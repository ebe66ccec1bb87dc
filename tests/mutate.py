"""Hostile files: a packed model taken apart, changed, and sealed again with right checksums."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from edgert import ir, schema
from edgert.pack import pack
from edgert.schema import Section

RECORDS = {
    Section.strings: np.dtype(np.uint8),
    Section.metadata: schema.MetadataRecord,
    Section.tensors: schema.TensorRecord,
    Section.payloads: schema.PayloadRecord,
    Section.nodes: schema.NodeRecord,
    Section.edges: np.dtype(np.uint32),
    Section.attrs: np.dtype(np.int32),
    Section.inputs: np.dtype(np.uint32),
    Section.outputs: np.dtype(np.uint32),
    Section.data: np.dtype(np.uint8),
}
HEADER_BYTES = schema.FileHeader.itemsize
TABLE_ENTRY = schema.SectionRecord.itemsize


def sample_graph() -> ir.Graph:
    """A small model with packed, depthwise and plain weights, an optional input left out, memory
    shared in every way, two outputs and metadata.
    """
    rng = np.random.default_rng(7)
    activation = {"fn": 1, "alpha": 0.0, "beta": 0.0}

    def weight(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    def conv(groups: int) -> dict:
        return {
            "strides": [1, 1],
            "dilations": [1, 1],
            "pads": [1, 1, 1, 1],
            "groups": groups,
            "activation": activation,
        }

    g = ir.Graph()
    g.metadata = {"producer": "tests", "note": "zwei\nZeilen: äöü"}
    x = g.add_input("image", np.float32, (1, 5, 4, 3))
    i = g.add_input("index", np.int64, (2,))
    y = g.add("conv", [x, g.add_constant("w1", weight(8, 3, 3, 3)), "", ""], conv(1), name="c1")
    b = g.add_constant("b2", weight(8))
    y = g.add("conv", [y, g.add_constant("w2", weight(8, 3, 3, 1)), b], conv(8), name="c2")
    y = g.add("binary", [y, y], {"fn": 0, "activation": activation}, name="double")
    y = g.add("reshape", [y], {"rank": 2, "dims": [20, 8]}, name="flat")
    z = g.add("gather", [y, i], {"axis": 0}, output="rows")
    w = g.add_constant("w3", weight(5, 8))
    g.add(
        "gemm", [y, w, g.add_constant("b3", weight(5))], {"activation": {"fn": 0}}, output="scores"
    )
    g.outputs = ["scores", z]
    return g


def sample_inputs() -> dict[str, np.ndarray]:
    """Inputs for :func:`sample_graph`."""
    image = np.random.default_rng(8).standard_normal((1, 5, 4, 3)).astype(np.float32)
    return {"image": image, "index": np.array([3, -1], np.int64)}


SAMPLE = pack(sample_graph())


def shorts_graph() -> ir.Graph:
    """A model whose constants, ``f`` of float32 and ``i`` of int32, are stored as shorts."""
    rng = np.random.default_rng(9)
    g = ir.Graph()
    for name, dtype, unit in ("f", np.float32, 2.0**-20), ("i", np.int32, 2**16):
        x = g.add_input(f"x_{name}", dtype, (40,))
        shorts = np.append(rng.integers(-(2**15), 2**15, 39), 2**15 - 1)
        c = g.add_constant(name, (shorts * unit).astype(dtype))
        g.add("binary", [x, c], {"fn": 0, "activation": {"fn": 0}}, output=f"y_{name}")
    g.outputs = ["y_f", "y_i"]
    return g


SHORTS = pack(shorts_graph())


class ModelFile:
    """The records of a file as arrays that may be changed at will.

    ``self[Section.tensors]`` is the array of a section; ``bytes()`` places the sections one behind
    the other, as the format asks, moves the payloads along and computes all checksums.
    """

    def __init__(self, data: bytes = SAMPLE) -> None:
        header = np.frombuffer(data, schema.FileHeader, 1)[0]
        table = np.frombuffer(data, schema.SectionRecord, int(header["sections"]), HEADER_BYTES)
        self.header = header.copy()
        self.sections = {}
        for record in table:
            section = Section(int(record["id"]))
            begin, size = int(record["offset"]), int(record["bytes"])
            self.sections[section] = np.frombuffer(
                data[begin : begin + size], RECORDS[section]
            ).copy()
        self._data_offset = int(table[-1]["offset"])

    def __getitem__(self, section: Section) -> np.ndarray:
        """The records of a section."""
        return self.sections[section]

    def __setitem__(self, section: Section, records: np.ndarray) -> None:
        """Replaces the records of a section; their number may change."""
        self.sections[section] = np.asarray(records, RECORDS[section])

    def tensor(self, name: str) -> int:
        """The index of the tensor with this name."""
        return self._named(Section.tensors, name)

    def node(self, name: str) -> int:
        """The index of the node with this name."""
        return self._named(Section.nodes, name)

    def attrs(self, name: str) -> np.ndarray:
        """The attribute record of a node, to be changed in place."""
        record = self[Section.nodes][self.node(name)]
        op = next(o for o in schema.OPS.values() if o.id == record["op"])
        first = int(record["attrs"]) // 4
        words = self[Section.attrs][first : first + int(record["attrs_bytes"]) // 4]
        return words.view(op.attrs)

    def edges(self, name: str) -> np.ndarray:
        """The inputs and the output of a node, to be changed in place."""
        record = self[Section.nodes][self.node(name)]
        return self[Section.edges][int(record["first_edge"]) :][: int(record["inputs"]) + 1]

    def rename(self, section: Section, index: int, name: bytes, field: str = "name") -> None:
        """Gives a record another string and moves those behind it."""
        old = self[section][index][field]
        first, grown = int(old["offset"]), len(name) - int(old["bytes"])
        text = self[Section.strings].tobytes()
        text = text[:first] + name + text[first + int(old["bytes"]) :]
        self[Section.strings] = np.frombuffer(text, np.uint8)
        for other, fields in (
            (Section.metadata, ("key", "value")),
            (Section.tensors, ("name",)),
            (Section.nodes, ("name",)),
        ):
            for key in fields:
                offsets = self[other][key]["offset"]
                offsets[offsets > first] += np.uint32(grown % 2**32)
        self[section][field]["bytes"][index] = len(name)

    def bytes(self) -> bytes:
        """The file, sealed."""
        end = HEADER_BYTES + TABLE_ENTRY * len(self.sections)
        offsets = {}
        for section in self.sections:
            end = _round_up(end, 64 if section == Section.data else 8)
            offsets[section] = end
            end += self.sections[section].nbytes
        payloads = self[Section.payloads].copy()
        payloads["offset"] += np.uint64((offsets[Section.data] - self._data_offset) % 2**64)
        data = self[Section.data]
        first = offsets[Section.data]
        for payload in payloads:
            begin, size = int(payload["offset"]), int(payload["bytes"])
            if first <= begin and begin + size <= end:
                payload["crc"] = zlib.crc32(data[begin - first : begin - first + size].tobytes())
        file = bytearray(end)
        header = self.header.copy()
        header["file_bytes"] = end
        header["sections"] = len(self.sections)
        file[:HEADER_BYTES] = header.tobytes()
        table = np.zeros(len(self.sections), schema.SectionRecord)
        for i, (section, records) in enumerate(self.sections.items()):
            content = (payloads if section == Section.payloads else records).tobytes()
            offset = offsets[section]
            file[offset : offset + len(content)] = content
            table[i] = (section, 0, offset, len(content))
        file[HEADER_BYTES : HEADER_BYTES + table.nbytes] = table.tobytes()
        return seal(file)

    def _named(self, section: Section, name: str) -> int:
        text = self[Section.strings].tobytes()
        for i, ref in enumerate(self[section]["name"]):
            if text[ref["offset"] : ref["offset"] + ref["bytes"]].decode() == name:
                return i
        raise KeyError(name)


def seal(file: bytearray) -> bytes:
    """Computes the checksums of the header and of the sections that lie in the file anew.

    Those of the payloads stay: they do not decide whether a file is loaded.
    """
    if len(file) < HEADER_BYTES:
        return bytes(file)
    count = read_field(header_field("sections"), file)
    count = min(count, (len(file) - HEADER_BYTES) // TABLE_ENTRY)
    for i in range(count):
        entry = HEADER_BYTES + i * TABLE_ENTRY
        section, _, offset, size = struct.unpack_from("<IIQQ", file, entry)
        if section != Section.data and offset + size <= len(file):
            struct.pack_into("<I", file, entry + 4, zlib.crc32(file[offset : offset + size]))
    place, _ = header_field("header_crc")
    struct.pack_into("<I", file, place, 0)
    struct.pack_into("<I", file, place, zlib.crc32(file[: HEADER_BYTES + count * TABLE_ENTRY]))
    return bytes(file)


def header_field(name: str) -> tuple[int, int]:
    """(offset, bytes) of a member of the header."""
    dtype, offset = schema.FileHeader.fields[name][:2]
    return offset, dtype.itemsize


def table_field(section: Section, name: str) -> tuple[int, int]:
    """(offset, bytes) of a member of a section's entry in the section table."""
    dtype, offset = schema.SectionRecord.fields[name][:2]
    return HEADER_BYTES + (section - 1) * TABLE_ENTRY + offset, dtype.itemsize


def patched(field: tuple[int, int], value: int, data: bytes = SAMPLE) -> bytes:
    """``data`` with an integer member replaced, sealed."""
    offset, size = field
    file = bytearray(data)
    file[offset : offset + size] = (value % 2 ** (8 * size)).to_bytes(size, "little")
    return seal(file)


def read_field(field: tuple[int, int], data: bytes = SAMPLE) -> int:
    """The value of an integer member."""
    return int.from_bytes(data[field[0] : field[0] + field[1]], "little")


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
