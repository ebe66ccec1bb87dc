"""Hostile files: a packed model taken apart, changed, and sealed again with right checksums."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np

import edgert
from edgert import ir, schema
from edgert.interp.signs import pack_bits
from edgert.pack import pack
from edgert.schema import Section

RECORDS = {
    Section.strings: np.dtype(np.uint8),
    Section.metadata: schema.MetadataRecord,
    Section.tensors: schema.TensorRecord,
    Section.dims: np.dtype(np.int32),
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


def coded_graph() -> ir.Graph:
    """Products by weights of few values, or of 16 bits: codes in rows and panels, and halves."""
    rng = np.random.default_rng(10)
    g = ir.Graph()
    few = rng.choice(np.array([-7, -2, 0, 3, 7], np.int8), (33, 45))
    output = {"dtype": schema.DType.float32, "scale": 1.0, "low": 0, "high": 0, "zero": 0}
    attrs = {"residual_zero": 0, "residual_scale": 0.0, "output": output}
    constants = [few, np.arange(33, dtype=np.int32), np.full(33, 1e-2, np.float32)]
    x = g.add_input("x_i", np.uint8, (2, 45))
    operands = [x, *(g.add_constant(f"i_{i}", c) for i, c in enumerate(constants))]
    g.outputs.append(g.add("qgemm", operands, attrs, output="y_i"))
    x = g.add_input("x", np.float32, (2, 45))
    floats = {
        "c": rng.choice(rng.standard_normal(200), (33, 45)).astype(np.float32),
        "h": rng.standard_normal((33, 45)).astype(np.float16).astype(np.float32),
        "t": rng.choice(np.array([-0.3, 0, 0.7], np.float32), (33, 43)),
    }
    for name, w in floats.items():
        if w.shape[1] != 45:
            x = g.add_input(f"x_{name}", np.float32, (2, w.shape[1]))
        operands = [x, g.add_constant(f"{name}_w", w)]
        attrs = {"activation": {"fn": 0}}
        g.outputs.append(g.add("gemm", operands, attrs, output=f"y_{name}"))
    rows = g.add_constant("rows", rng.choice(np.arange(9, dtype=np.int64) - 4, (2, 45, 3)))
    index = g.add_input("index", np.int64, (2,))
    g.outputs.append(g.add("gather", [rows, index], {"axis": 1}, output="y_rows"))
    return g


CODED = pack(coded_graph())


def packed_graph(rows: int = 2) -> ir.Graph:
    """Products by weights of few bits that stay codes, of bytes, of floats, and in blocks."""
    rng = np.random.default_rng(12)
    g = ir.Graph()
    output = {"dtype": schema.DType.float32, "scale": 1.0, "low": 0, "high": 0, "zero": 0}
    ends = {"residual_zero": 0, "residual_scale": 0.0, "output": output}
    bias, multiplier = np.arange(160, dtype=np.int32), np.full(160, 1e-2, np.float32)
    tables = {"4": np.arange(-30, 33, 4), "2": [-32, -1, 1, 31], "any": np.arange(-127, 128, 17)}
    for name, table in tables.items():
        w = rng.choice(np.array(table, np.int8), (160, 127))
        x = g.add_input(f"x_{name}", np.uint8, (rows, 127))
        operands = [x, *(g.add_constant(f"{name}_w", c) for c in (w, bias, multiplier))]
        g.outputs.append(g.add("qgemm", operands, ends, output=f"y_{name}"))
    x = g.add_input("x", np.float32, (rows, 127))
    w = rng.choice(np.array(tables["4"], np.int8), (160, 127))
    operands = [x, g.add_constant("d_w", w), g.add_constant("d_m", multiplier)]
    g.outputs.append(g.add("dynamic_gemm", operands, {"activation": {"fn": 0}}, output="y_d"))
    for bits, outputs in ((8, 37), (4, 157), (2, 157)):
        x = g.add_input(f"x_b{bits}", np.float32, (rows, 144))
        constants = [
            rng.integers(0, 2**bits, (outputs, 144)).astype(np.uint8),
            rng.normal(size=(3, outputs)).astype(np.float32),
        ]
        operands = [x, *(g.add_constant(f"b{bits}", c) for c in constants)]
        attrs = {"block": 64, "zero": 2, "activation": {"fn": 1}}
        g.outputs.append(g.add("block_gemm", operands, attrs, output=f"y_b{bits}"))
    return g


PACKED = pack(packed_graph())


def rows_graph() -> ir.Graph:
    """A softmax and a layer normalisation on bytes."""
    g = ir.Graph()
    x = g.add_input("x", np.uint8, (5, 33))
    table = g.add_constant("table", np.arange(1, 257, dtype=np.int32) * 31337)
    scale = g.add_constant("scale", np.linspace(1, 60, 33, dtype=np.float32))
    g.outputs = [
        g.add("qsoftmax", [x, table], {"dtype": schema.DType.uint8, "scale": 0.01, "zero": 3}),
        g.add("qlayer_norm", [x, scale, scale], {"epsilon": 0.1, "zero": 99}),
    ]
    return g


ROWS = pack(rows_graph())


def signs_graph() -> ir.Graph:
    """Products of signs: bits that stay bits, channels that fill no byte, both kinds of pads."""
    rng = np.random.default_rng(11)
    g = ir.Graph()
    window = {"strides": [1, 2], "dilations": [1, 1], "pads": [1, 0, 1, 1], "groups": 1}

    def constants(*shape: int, dtype: type = np.float32) -> list[str]:
        w = pack_bits(rng.integers(0, 2, shape).astype(bool))
        end = rng.integers(-5, 6, shape[0]).astype(dtype)
        return [g.add_constant("w", w), g.add_constant("end", end)]

    x = g.add_input("x", np.float32, (2, 3, 5, 19))
    y = g.add("signs", [x], {"zero": 1, "nan": -1}, output="bits")
    attrs = {**window, "channels": 19, "pad": 1}
    y = g.add("bconv", [y, *constants(37, 3, 2, 19, dtype=np.int16)], attrs, output="y_bits")
    attrs = {**window, "channels": 37, "pad": 0, "activation": {"fn": 1}}
    z = g.add("bconv", [y, *constants(9, 2, 2, 37)], attrs, output="y_conv")
    g.outputs = [y, z, g.add("bgemm", [y, *constants(11, 37)], {"channels": 37}, output="y_gemm")]
    return g


SIGNS = pack(signs_graph())


def panels_graph() -> ir.Graph:
    """Products of bytes, two by the same weights, and of 16 bits, with claims of how they fit."""
    g = ir.Graph()
    weights = np.zeros((17, 20), np.int8)
    weights[:, ::4], weights[3, :5] = 40, [100, 27, 0, 0, 90]
    words = np.arange(32767 - 340, 32767, dtype=np.int16).reshape(17, 20)
    output = {"dtype": schema.DType.uint8, "scale": 1.0, "low": 0, "high": 255}
    for kind, dtype, w in ("u8", np.uint8, weights), ("i16", np.int16, words):
        if dtype == np.int16:
            output = {**output, "dtype": schema.DType.int16, "low": -(2**15), "high": 2**15 - 1}
        x = g.add_input(f"x_{kind}", dtype, (2, 20))
        constants = [w, np.zeros(17, np.int32), np.full(17, 1e-4, np.float32)]
        operands = [x, *(g.add_constant(f"{kind}_{i}", c) for i, c in enumerate(constants))]
        for name in (f"y_{kind}", f"y_{kind}_again"):
            attrs = {"residual_zero": 0, "residual_scale": 0.0, "output": {**output, "zero": 0}}
            g.outputs.append(g.add("qgemm", operands, attrs, output=name))
            operands[1] = g.add_constant("again", w)
    return g


PANELS = pack(panels_graph())


def sparse_graph() -> ir.Graph:
    """Products by weights in every sparse form: of floats and bytes, with rows that are empty, full
    and have gaps of more than 255 blocks, outputs and depths that blocks do not divide.
    """
    rng = np.random.default_rng(10)
    g = ir.Graph()
    output = {"dtype": schema.DType.uint8, "scale": 1.0, "low": 0, "high": 255, "zero": 0}
    ends = {"residual_zero": 0, "residual_scale": 0.0, "output": output}
    window = {"strides": [1, 1], "dilations": [1, 1], "pads": [1, 1, 1, 1], "groups": 1}

    def weight(dtype: type, *shape: int) -> np.ndarray:
        w = rng.integers(-60, 60, shape) * (rng.random(shape) < 0.2)
        w[0], w[1] = 0, rng.integers(1, 9, shape[1:])
        w[2].flat[5:-1] = 0
        w[2].flat[-1] = 5
        return w.astype(dtype)

    def constants(name: str, w: np.ndarray, form: schema.Form) -> list[str]:
        weights = g.add_constant(f"{name}_w", w)
        g.forms[weights] = form
        n = len(w)
        rest = [rng.integers(-99, 99, n).astype(np.int32), np.full(n, 1e-3, np.float32)]
        return [weights, *(g.add_constant(f"{name}_{i}", c) for i, c in enumerate(rest))]

    x = g.add_input("x_f", np.float32, (2, 3, 5, 6))
    w = constants("f", weight(np.float32, 7, 3, 3, 6), schema.Form.csr)[0]
    y = g.add("conv", [x, w], {**window, "activation": {"fn": 1}}, output="y_f")
    g.outputs.append(y)
    x = g.add_input("x_i", np.uint8, (3, 1500))
    w = weight(np.int8, 5, 1500)
    g.outputs.append(g.add("qgemm", [x, *constants("i", w, schema.Form.csr)], ends, output="y_i"))
    for form in (schema.Form.bsr1x4, schema.Form.bsr4x4):
        x = g.add_input(f"x_{form.name}", np.uint8, (1, 4, 5, 6))
        w = constants(form.name, weight(np.int8, 9, 3, 3, 6), form)
        attrs = {**ends, **window, "x_zero": 3}
        g.outputs.append(g.add("qconv", [x, *w], attrs, output=f"y_{form.name}"))
    return g


SPARSE = pack(sparse_graph())


class ModelFile:
    """The records of a file as arrays that may be changed at will.

    ``self[Section.tensors]`` is the array of a section; ``bytes()`` places the sections one behind
    the other, as the format asks, and computes all checksums.
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

    def __getitem__(self, section: Section) -> np.ndarray:
        """The records of a section."""
        return self.sections[section]

    def __setitem__(self, section: Section, records: np.ndarray) -> None:
        """Replaces the records of a section; their number may change."""
        self.sections[section] = np.asarray(records, RECORDS[section])

    def tensor(self, name: str, i: int | None = None) -> int:
        """The index of the tensor with this name, or of input ``i`` of the node that writes it."""
        if i is not None:
            return int(self.edges(name)[i])
        names = np.split(self[Section.strings], np.cumsum(self._string_bytes()))
        first = 2 * len(self[Section.metadata])
        return [text.tobytes().decode() for text in names[first:-1]].index(name)

    def node(self, name: str) -> int:
        """The index of the node that writes the tensor with this name."""
        return int(np.flatnonzero(self[Section.edges][self._outputs()] == self.tensor(name))[0])

    def attrs(self, name: str) -> np.ndarray:
        """The attribute record of a node, to be changed in place."""
        ops = [next(o for o in schema.OPS.values() if o.id == i) for i in self[Section.nodes]["op"]]
        node = self.node(name)
        first = sum(op.attrs.itemsize for op in ops[:node]) // 4
        words = self[Section.attrs][first : first + ops[node].attrs.itemsize // 4]
        return words.view(ops[node].attrs)

    def edges(self, name: str) -> np.ndarray:
        """The inputs and the output of a node, to be changed in place."""
        node = self.node(name)
        last = self._outputs()[node]
        return self[Section.edges][last - int(self[Section.nodes]["inputs"][node]) : last + 1]

    def dims(self, tensor: int) -> np.ndarray:
        """The dimensions of a tensor, to be changed in place."""
        ends = np.cumsum(self[Section.tensors]["rank"], dtype=int)
        return self[Section.dims][
            ends[tensor] - self[Section.tensors]["rank"][tensor] : ends[tensor]
        ]

    def reshape(self, tensor: int, dims: Sequence[int]) -> None:
        """Gives a tensor another shape and moves the dimensions of those behind it."""
        ranks = self[Section.tensors]["rank"]
        first = int(ranks[:tensor].sum())
        parts = np.split(self[Section.dims], [first, first + int(ranks[tensor])])
        self[Section.dims] = np.concatenate([parts[0], dims, parts[2]])
        ranks[tensor] = len(dims)

    def rename(self, section: Section, index: int, name: bytes, field: str = "name_bytes") -> None:
        """Gives a record another string and moves those behind it."""
        place = 2 * index + (field == "value_bytes")
        if section == Section.tensors:
            place = 2 * len(self[Section.metadata]) + index
        sizes = self._string_bytes()
        first = int(sizes[:place].sum())
        text = self[Section.strings].tobytes()
        text = text[:first] + name + text[first + int(sizes[place]) :]
        self[Section.strings] = np.frombuffer(text, np.uint8)
        self[section][field][index] = len(name)

    def bytes(self) -> bytes:
        """The file, sealed."""
        end = HEADER_BYTES + TABLE_ENTRY * len(self.sections)
        table = np.zeros(len(self.sections), schema.SectionRecord)
        body = b""
        for i, (section, records) in enumerate(self.sections.items()):
            body += bytes(-(end + len(body)) % (64 if section == Section.data else 8))
            table[i] = (section, 0, end + len(body), records.nbytes)
            body += records.tobytes()
        header = self.header.copy()
        header["file_bytes"] = end + len(body)
        header["sections"] = len(self.sections)
        return seal(bytearray(header.tobytes() + table.tobytes() + body))

    def _string_bytes(self) -> np.ndarray:
        """The sizes of all strings in their order."""
        pairs = self[Section.metadata].view(np.uint32)
        return np.concatenate([pairs, self[Section.tensors]["name_bytes"]]).astype(int)

    def _outputs(self) -> np.ndarray:
        """Where in the edges the output of each node stands."""
        return np.cumsum(self[Section.nodes]["inputs"].astype(int) + 1) - 1


def seal(file: bytearray) -> bytes:
    """Computes the checksums of the header and of the sections that lie in the file anew."""
    if len(file) < HEADER_BYTES:
        return bytes(file)
    count = read_field(header_field("sections"), file)
    count = min(count, (len(file) - HEADER_BYTES) // TABLE_ENTRY)
    for i in range(count):
        entry = HEADER_BYTES + i * TABLE_ENTRY
        _, _, offset, size = struct.unpack_from("<IIQQ", file, entry)
        if offset + size <= len(file):
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


MEMORY_LIMIT = 1 << 24


def attempt(data: bytes) -> str:
    """Loads bytes and runs the model if there is one; returns the rule that was broken, or ""."""
    try:
        with edgert.load(data, threads=1, memory_limit=MEMORY_LIMIT) as model:
            memory = model.memory()
            private = sum(memory.values()) - memory["weights_mapped"] - memory["scratch"]
            assert private <= MEMORY_LIMIT
            model.run(any_inputs(model))
    except edgert.EdgertError as error:
        return error.rule or "no rule"
    return ""


def any_inputs(model: edgert.Model) -> dict[str, np.ndarray]:
    """Ones for the inputs of a model; large ones share one element."""
    return {
        t.name: np.ones(t.shape, t.dtype)
        if np.prod(t.shape, dtype=float) < 1e6
        else np.broadcast_to(np.ones((), t.dtype), t.shape)
        for t in model.inputs
    }
