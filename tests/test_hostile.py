"""Files made to hurt: every one gives a typed error or a model that runs inside its memory.

``python tools/check.py --only sanitizers`` runs this under AddressSanitizer and UBSan.
"""

from __future__ import annotations

import numpy as np
import pytest
from mutate import (
    HEADER_BYTES,
    MEMORY_LIMIT,
    ROWS,
    SAMPLE,
    SIGNS,
    ModelFile,
    attempt,
    header_field,
    patched,
    read_field,
    sample_graph,
    sample_inputs,
    seal,
    table_field,
)

import edgert
from edgert import ir, schema
from edgert.pack import pack
from edgert.schema import OPS, DType, Form, Section

METADATA_END = read_field(table_field(Section.data, "offset"))
EXTREMES = (0x00, 0x01, 0x7F, 0x80, 0xFF)
NUMBERS = [
    0,
    1,
    2,
    7,
    63,
    64,
    255,
    2**15,
    2**16,
    2**24,
    2**31 - 1,
    2**31,
    2**31 + 1,
    2**32 - 8,
    2**32 - 1,
    2**33,
    2**40,
    2**48,
    2**62,
    2**63 - 1,
    2**63,
    2**64 - 64,
    2**64 - 1,
]


def test_truncated_at_every_length() -> None:
    for length in range(len(SAMPLE)):
        assert attempt(SAMPLE[:length]) == "TRUNCATED", length


@pytest.mark.parametrize("value", EXTREMES)
def test_every_byte_of_the_metadata(value: int) -> None:
    """Set or flipped, the damage is found; with checksums made right, it does no harm."""
    for place in range(METADATA_END):
        for new in (value, SAMPLE[place] ^ value):
            if new == SAMPLE[place]:
                continue
            damaged = bytearray(SAMPLE)
            damaged[place] = new
            assert attempt(bytes(damaged)), place
            attempt(seal(damaged))


@pytest.mark.parametrize("value", EXTREMES)
def test_every_aligned_word_of_the_metadata(value: int) -> None:
    """Four equal bytes: large, negative and absent numbers."""
    for place in range(0, METADATA_END, 4):
        damaged = bytearray(SAMPLE)
        damaged[place : place + 4] = bytes([value]) * 4
        attempt(seal(damaged))


def test_damaged_weights() -> None:
    """Every byte of the payloads and of their padding."""
    for place in range(METADATA_END, len(SAMPLE)):
        damaged = bytearray(SAMPLE)
        damaged[place] ^= 0x10
        with pytest.raises(edgert.IntegrityError, match="'data'"):
            edgert.load(damaged, threads=1)


def test_random_records() -> None:
    """Several members of several records replaced at once, by numbers of the awkward kind."""
    rng = np.random.default_rng(3)
    outcomes: dict[str, int] = {}
    sections = [s for s in Section if s not in (Section.strings, Section.data)]
    for _ in range(4000):
        file = ModelFile()
        for _ in range(rng.integers(1, 4)):
            records = file[sections[rng.integers(len(sections))]]
            words = records.view(np.uint32)
            place = rng.integers(len(words))
            choice = rng.integers(3)
            if choice == 0:
                words[place] = NUMBERS[rng.integers(len(NUMBERS))] % 2**32
            elif choice == 1:
                words[place] = words[rng.integers(len(words))]
            else:
                words[place] = (int(words[place]) + int(rng.integers(-2, 3))) % 2**32
        rule = attempt(file.bytes())
        outcomes[rule] = outcomes.get(rule, 0) + 1
    assert len(outcomes) > 12, outcomes  # the changes reach deep into the validator


# A: the container ------------------------------------------------------------------------------

A_FIELDS = {
    "A3 version": (header_field("version"), {"VERSION"}),
    "A4 endian": (header_field("endian"), {"ENDIAN"}),
    "A6 file size": (header_field("file_bytes"), {"TRUNCATED", "TRAILING"}),
    "A7 reserved": ((header_field("reserved")[0] + 8, 8), {"RESERVED"}),
    "A10 sections": (header_field("sections"), {"COUNT", "CHECKSUM", "SECTION"}),
}


@pytest.mark.parametrize("name", A_FIELDS)
def test_header_numbers(name: str) -> None:
    field, rules = A_FIELDS[name]
    for number in NUMBERS:
        if number % 2 ** (8 * field[1]) != read_field(field):
            assert attempt(patched(field, number)) in rules, number


def test_a2_magic_of_other_formats() -> None:
    heads = [
        b"GGUF",
        b"PK\3\4",
        b"\x1f\x8b\x08",
        b"\x80\x04",
        b"\x08\x07\x12",
        b"\x89HDF",
        b"\x7fELF",
        b"edgert\r\n",
        b"EDGERT\n\n",
        b"EDGERS\r\n",
        b"\0" * 8,
        b"\xff" * 8,
        b"BM",
        b"%PDF-1.7",
        b'{"a":1}',
        b"<?xml",
        b"RIFF",
        b"\x28\xb5\x2f\xfd",
        b"\x93NUMPY",
        b"TFL3",
    ]
    for head in heads:
        assert attempt(head + SAMPLE[len(head) :]) == "MAGIC", head


@pytest.mark.parametrize("section", Section)
def test_section_table_numbers(section: Section) -> None:
    """A5, A8, A9, A10: offsets, sizes and ids of sections."""
    for field, rules in (
        ("offset", {"ALIGN", "RANGE", "OVERLAP", "HOLE"}),
        ("bytes", {"RANGE", "OVERLAP", "HOLE", "TRAILING", "SIZE", "RESERVED", "COUNT"}),
        ("id", {"DUPLICATE", "SECTION"}),
    ):
        place = table_field(section, field)
        for number in NUMBERS:
            if number % 2 ** (8 * place[1]) == read_field(place):
                continue
            rule = attempt(patched(place, number))
            # A size may be changed within the padding behind a section; then its content is judged.
            assert rule in rules or (field == "bytes" and abs(number - read_field(place)) < 8), rule


def test_a11_checksums() -> None:
    for section in Section:
        if section == Section.data or not read_field(table_field(section, "bytes")):
            continue
        first = read_field(table_field(section, "offset"))
        for bit in range(8):
            damaged = bytearray(SAMPLE)
            damaged[first] ^= 1 << bit
            assert attempt(bytes(damaged)) == "CHECKSUM"


# B: offsets and tensors ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [("image",), ("c1", 1), ("c2", 1), ("c2", 2), ("rows",), ("c1",)], ids=str
)
def test_tensor_numbers(name: tuple) -> None:
    """B1 to B11, B17: ranks, dimensions, element types, forms, and where elements are."""
    of_elements = {"INDEX", "SIZE", "RANGE", "RESERVED", "EXPONENT", "PADDING", "TRAILING"}
    rules = {
        "rank": {"RANK", "DIMS", "SHAPE", "DTYPE", "FORM", "OVERFLOW", *of_elements},
        "dtype": {"DTYPE", "SHAPE", "FORM", *of_elements},
        "form": {"FORM", *of_elements},
        "facts": {"FACTS", "RESERVED"},
        "payload": {"WRITER", "IO", "FORM", "ORDER", *of_elements},
    }
    for field, expected in rules.items():
        for number in NUMBERS if field == "payload" else range(256):
            file = ModelFile()
            record = file[Section.tensors][file.tensor(*name)]
            number %= 2 ** (8 * record[field].itemsize)
            if number == record[field]:
                continue
            record[field] = number
            assert attempt(file.bytes()) in expected, (field, number)
    for axis in range(len(ModelFile().dims(ModelFile().tensor(*name)))):
        for number in NUMBERS:
            file = ModelFile()
            dims = file.dims(file.tensor(*name)).view(np.uint32)
            value = number % 2**32
            if value == dims[axis]:
                continue
            dims[axis] = value
            rule = attempt(file.bytes())
            assert rule in {"SHAPE", "OVERFLOW", "LIMIT", "ATTR", "MEMORY", *of_elements}, rule


def test_b8_products_that_wrap() -> None:
    for dims in (
        [2**16] * 4,
        [2**31 - 1] * 8,
        [2**31 - 1, 2**31 - 1, 4],
        [2**30, 2**30, 2**4],
        [2**20, 2**21],
        [0] + [2**31 - 1] * 7,
        [2**31 - 1] * 7 + [0],
        [3] * 5 + [2**31 - 1] * 3,
        [2**21] * 3,
        [1, 2**31 - 1, 1, 2**10],
    ):
        for name in ("image", "rows"):
            file = ModelFile()
            file.reshape(file.tensor(name), dims)
            assert attempt(file.bytes()) == "OVERFLOW", dims


def test_b13_names() -> None:
    bad = [
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
        b"a\0b",
        b"\n",
        b"\r",
        b"\x1b[31m",
        b"\x7f",
        b"\xc2\x85",
        "\u202e".encode(),
        "\u2066".encode(),
        "\u200f".encode(),
        "\u2028".encode(),
        "\u061c".encode(),
        b"x" * 1025,
        b"x" * 5000,
        b"\x80",
        b"\xf8\x88\x80\x80\x80",
    ]
    for name in bad:
        for tensor in ("image", "double"):
            file = ModelFile()
            file.rename(Section.tensors, file.tensor(tensor), name)
            assert attempt(file.bytes()) == "NAME", name
    for name in ("äöü", "名前", "🙂", "a/b:0", "x" * 1024):
        file = ModelFile()
        file.rename(Section.tensors, file.tensor("double"), name.encode())
        assert attempt(file.bytes()) == ""


def test_b16_strings() -> None:
    for section, field in (
        (Section.tensors, "name_bytes"),
        (Section.metadata, "key_bytes"),
        (Section.metadata, "value_bytes"),
    ):
        for number in NUMBERS:
            file = ModelFile()
            value = number % 2 ** (8 * file[section][field].itemsize)
            if value == file[section][field][1]:
                continue
            file[section][field][1] = value
            assert attempt(file.bytes()) in {"STRINGS", "NAME", "DUPLICATE"}, (field, number)


# E: the graph ----------------------------------------------------------------------------------


def test_e1_operators() -> None:
    known = {op.id for op in OPS.values()}
    for number in [*range(64), *NUMBERS]:
        file = ModelFile()
        number %= 2**16
        if number == file[Section.nodes]["op"][2]:
            continue
        file[Section.nodes]["op"][2] = number
        assert (attempt(file.bytes()) == "OP") == (number not in known), number


def test_e2_indices() -> None:
    count = len(ModelFile()[Section.tensors])
    for number in (count, count + 1, 2**16, 2**31 - 1, 2**31, 2**32 - 2):
        for section in (Section.edges, Section.inputs, Section.outputs):
            for place in range(len(ModelFile()[section])):
                file = ModelFile()
                file[section][place] = number
                assert attempt(file.bytes()) == "INDEX", (section, place)


def test_e3_e4_order_and_writers() -> None:
    """Every edge pointed at every tensor: reads too early, cycles, second writers."""
    count = len(ModelFile()[Section.tensors])
    allowed = {"", "ORDER", "WRITER", "SHAPE", "DTYPE", "FORM", "IO", "INDEX", "ATTR"}
    seen = set()
    for place in range(len(ModelFile()[Section.edges])):
        for tensor in range(count):
            file = ModelFile()
            file[Section.edges][place] = tensor
            seen.add(attempt(file.bytes()))
    assert seen <= allowed
    assert {"ORDER", "WRITER", "SHAPE", "FORM"} <= seen


def test_e3_nodes_in_any_other_order() -> None:
    """With their edges and attributes; only the last two may stand the other way round."""
    rng = np.random.default_rng(1)
    names = [node.output for node in sample_graph().nodes]
    file = ModelFile()
    nodes = file[Section.nodes].copy()
    edges = [file.edges(name).copy() for name in names]
    attrs = [file.attrs(name).view(np.int32).copy() for name in names]
    swapped = [*range(len(names) - 2), len(names) - 1, len(names) - 2]
    for order in (swapped, *(rng.permutation(len(names)) for _ in range(60))):
        file[Section.nodes] = nodes[order]
        file[Section.edges] = np.concatenate([edges[i] for i in order])
        file[Section.attrs] = np.concatenate([attrs[i] for i in order])
        sound = list(order) in (swapped, sorted(swapped))
        assert attempt(file.bytes()) == ("" if sound else "ORDER"), order


def test_e5_arity() -> None:
    for node in range(len(ModelFile()[Section.nodes])):
        for number in [*range(8), *NUMBERS]:
            file = ModelFile()
            number %= 2**8
            if number == file[Section.nodes]["inputs"][node]:
                continue
            file[Section.nodes]["inputs"][node] = number
            assert attempt(file.bytes()) in {
                "ARITY",
                "EDGES",
                "INDEX",
                "ORDER",
                "WRITER",
                "SHAPE",
                "DTYPE",
                "FORM",
                "IO",
            }


def test_e7_attributes_of_the_sample() -> None:
    """Strides, dilations, pads, groups, functions, axes and shapes that make no sense."""
    for place in range(len(ModelFile()[Section.attrs])):
        for number in NUMBERS:
            file = ModelFile()
            file[Section.attrs].view(np.uint32)[place] = number % 2**32
            assert attempt(file.bytes()) in {"", "ATTR", "SHAPE", "LIMIT", "OVERFLOW", "MEMORY"}
    for name, field, value in (
        ("c1", "strides", 0),
        ("c1", "strides", -1),
        ("c1", "dilations", 0),
        ("c1", "pads", -1),
        ("c1", "groups", 0),
        ("c1", "groups", -8),
        ("c1", "groups", 2),
        ("c2", "groups", 2**31 - 1),
        ("double", "fn", 99),
        ("double", "fn", -1),
        ("flat", "rank", 9),
        ("flat", "rank", -1),
        ("flat", "dims", -1),
        ("rows", "axis", 2),
        ("rows", "axis", -1),
    ):
        file = ModelFile()
        file.attrs(name)[field] = value
        assert attempt(file.bytes()) == "ATTR", (name, field, value)


def test_e7_attributes_of_every_operator() -> None:
    """All operators, each member of the attributes and each input dimension at its extremes."""
    from random_graphs import random_graph

    tried: set[str] = set()
    for seed in range(60):
        graph = random_graph(np.random.default_rng(seed), 12)
        data = pack(graph)
        assert attempt(data) == ""
        tried |= {node.op for node in graph.nodes}
        rng = np.random.default_rng(seed)
        for _ in range(60):
            file = ModelFile(data)
            attrs = file[Section.attrs].view(np.uint32)
            dims = file[Section.dims].view(np.uint32)
            number = NUMBERS[rng.integers(len(NUMBERS))] % 2**32
            if rng.integers(2):
                attrs[rng.integers(len(attrs))] = number
            else:
                dims[rng.integers(len(dims))] = number
            attempt(file.bytes())
    assert len(tried) > 12, tried


def test_e8_reshape_that_lies() -> None:
    for dims in (
        [20, 9],
        [19, 8],
        [160, 2],
        [1],
        [161],
        [2**31 - 1, 8],
        [0, 8],
        [20, 8, 2],
        [4, 4, 9],
        [2**16, 2**16],
        [2**16, 2**16, 2**16, 2**16],
        [5, 31],
        [159],
        [80],
        [320],
        [1, 1],
        [21, 8],
        [20, 7],
        [2, 2, 2],
        [10, 15],
    ):
        file = ModelFile()
        attrs = file.attrs("flat")
        attrs["rank"], attrs["dims"] = len(dims), dims + [0] * (8 - len(dims))
        file.reshape(file.tensor("flat"), dims)
        assert attempt(file.bytes()) in {"SHAPE", "OVERFLOW"}, dims


def test_e9_indices_out_of_range() -> None:
    """In a constant when the model is loaded, given by a caller when it runs."""
    for value in (20, 21, -21, -22, 2**31 - 1, 2**31, -(2**31), 2**32, 2**62, 2**63 - 1, -(2**63)):
        inputs = {**sample_inputs(), "index": np.array([0, value], np.int64)}
        with pytest.raises(edgert.InputError) as caught:
            edgert.load(SAMPLE).run(inputs)
        assert caught.value.rule == "INDEX"
        graph = ir.Graph()
        x = graph.add_input("x", np.float32, (20, 8))
        index = graph.add_constant("index", np.array([0, value], np.int64))
        graph.outputs = [graph.add("gather", [x, index], {"axis": 0})]
        with pytest.raises(edgert.FormatError) as caught:
            edgert.load(pack(graph))
        assert caught.value.rule == "INDEX"


def test_e10_many_nodes() -> None:
    """A long chain of nodes runs; rule F20 bounds their number."""
    graph = ir.Graph()
    name = graph.add_input("x", np.float32, (1,))
    for _ in range(300):
        name = graph.add("unary", [name], {"function": {"fn": 1}})
    graph.outputs = [name]
    assert attempt(pack(graph)) == ""


@pytest.mark.parametrize("size", [2**23, 2**26, 2**29 - 1])
def test_e11_memory_is_refused_before_it_is_taken(size: int) -> None:
    """A small file with a huge intermediate, a huge input or a huge output."""
    relu = {"function": {"fn": 1}}
    for kind in ("inner", "input", "output"):
        graph = ir.Graph()
        x = graph.add_input("x", np.float32, (size,) if kind == "input" else (1,))
        if kind != "input":
            x = graph.add("expand", [x], {"rank": 1, "dims": [size]})
        if kind != "output":
            x = graph.add("reduce", [x], {"fn": 1, "axes": 1, "keep_dims": 1})
        graph.outputs = [graph.add("unary", [x], relu)]
        with pytest.raises(edgert.LimitError) as caught:
            edgert.load(pack(graph), memory_limit=MEMORY_LIMIT)
        assert caught.value.rule == "MEMORY"


def test_e13_inputs_and_outputs() -> None:
    count = len(ModelFile()[Section.tensors])
    for section in (Section.inputs, Section.outputs):
        for place in range(2):
            for tensor in range(count):
                file = ModelFile()
                if file[section][place] == tensor:
                    continue
                file[section][place] = tensor
                rule = attempt(file.bytes())
                assert rule in {"", "IO", "DUPLICATE", "ORDER", "WRITER", "SHAPE", "NAME", "FORM"}
        for records in ([], [0], [0, 0], [0] * 100, list(range(count))):
            file = ModelFile()
            file[section] = records
            rule = attempt(file.bytes())
            rules = {"", "IO", "DUPLICATE", "ORDER", "WRITER", "NAME"}
            assert rule in rules, (section, records)


@pytest.mark.parametrize(
    ("sample", "some"), [(ROWS, {"TABLE"}), (SIGNS, {"WEIGHTS", "LIMIT", "PADDING"})],
    ids=["rows of bytes", "signs"],
)  # fmt: skip
def test_any_numbers(sample: bytes, some: set[str]) -> None:
    """In attributes, constants and shapes of operators that the other samples have not."""
    assert attempt(sample) == ""
    rules = set()
    for number in NUMBERS:
        word = np.array([number % 2**32], np.uint32).view(np.uint8)
        for section, step in (Section.attrs, 4), (Section.dims, 4), (Section.data, 60):
            for place in range(0, ModelFile(sample)[section].nbytes - 3, step):
                file = ModelFile(sample)
                file[section].view(np.uint8)[place : place + 4] = word
                rules.add(attempt(file.bytes()))
    assert rules >= {"", "ATTR", "SHAPE", *some}


def test_other_dtypes_and_forms_for_all_tensors() -> None:
    """Every tensor with every element type and form: refused, or harmless."""
    for tensor in range(len(ModelFile()[Section.tensors])):
        for dtype in DType:
            for form in Form:
                file = ModelFile()
                record = file[Section.tensors][tensor]
                record["dtype"], record["form"] = dtype, form
                narrow = tensor == file.tensor("index") and dtype == DType.int32
                sound = file.bytes() == SAMPLE or (narrow and form == Form.row)
                assert (attempt(file.bytes()) == "") == sound


def test_sample_is_sound() -> None:
    assert attempt(SAMPLE) == ""
    assert pack(sample_graph()) == SAMPLE
    assert len(SAMPLE) > HEADER_BYTES + schema.SectionRecord.itemsize * len(Section)
