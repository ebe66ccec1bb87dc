"""docs/format.md, rule by rule: each has its error, and a file that breaks it before any other."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import coded_cases
import numpy as np
import packed_cases
import pytest
import sparse_cases
from mutate import (
    HEADER_BYTES,
    PANELS,
    SAMPLE,
    SHORTS,
    TABLE_ENTRY,
    ModelFile,
    header_field,
    patched,
    read_field,
    sample_graph,
    sample_inputs,
    seal,
    shorts_graph,
    table_field,
)

import edgert
from edgert import _core, interp, ir, schema
from edgert.pack import pack
from edgert.schema import DType, Form, Section
from edgert.unpack import unpack

ROOT = Path(__file__).resolve().parent.parent
RULES: dict[str, tuple[type[edgert.EdgertError], str]] = {}  # "F1" -> what breaking it raises
NONE = schema.NONE


CASES: list[tuple[str, bytes]] = []


def case(rule: str, data: bytes) -> None:
    """Adds a file that breaks ``rule``."""
    CASES.append((rule, data))


def change(rule: str, edit, data: bytes = SAMPLE) -> None:
    """Adds the sample, or other ``data``, as ``edit`` changes it."""
    file = ModelFile(data)
    edit(file)
    case(rule, file.bytes())


def without_section(section: Section) -> bytes:
    """The sample without one entry of its section table, the rest moved up."""
    entry = HEADER_BYTES + TABLE_ENTRY * (section - 1)
    file = bytearray(SAMPLE[:entry] + SAMPLE[entry + TABLE_ENTRY :])
    offset, size = header_field("sections")
    file[offset : offset + size] = (len(Section) - 1).to_bytes(size, "little")
    return patched(header_field("file_bytes"), len(file), bytes(file))


def moved(section: Section, distance: int, gap: int = 0) -> bytes:
    """The sample with a section declared ``distance`` further, ``gap`` bytes put before it."""
    field = table_field(section, "offset")
    offset = read_field(field)
    file = SAMPLE[:offset] + bytes(gap) + SAMPLE[offset:]
    file = patched(header_field("file_bytes"), len(file), file)
    return patched(field, offset + distance, file)


def bomb() -> bytes:
    """A thousand products of a matrix by itself, of 64 MB and 2^36 operations each."""
    g = ir.Graph()
    y = g.add_input("x", np.float32, (2**12, 2**12))
    for _ in range(1000):
        y = g.add("matmul", [y, y], {})
    g.outputs = [y]
    return pack(g)


def build_cases() -> None:
    """One file or more for each rule, in the order of the rules."""
    crc_field = header_field("header_crc")
    case("F1", b"")
    case("F1", SAMPLE[: HEADER_BYTES - 1])
    case("F2", b"GGUF" + SAMPLE[4:])
    case("F2", b"\x08\x07\x12\x07pytorch")
    case("F3", patched(header_field("endian"), 0x04030201))
    case("F4", patched(header_field("version"), schema.VERSION + 1))
    case("F4", patched(header_field("version"), 0))
    case("F5", SAMPLE[:-1])
    case("F6", SAMPLE + b"\0")
    case("F7", patched(header_field("sections"), len(SAMPLE)))
    assert len(SAMPLE) > HEADER_BYTES + 65 * TABLE_ENTRY
    case("F7", patched(header_field("sections"), 65))
    case("F8", SAMPLE[: crc_field[0]] + b"\1\2\3\4" + SAMPLE[crc_field[0] + 4 :])
    case("F9", patched((header_field("reserved")[0], 8), 1))
    case("F10", patched(table_field(Section.metadata, "id"), Section.strings))
    case("F11", patched(table_field(Section.data, "id"), 77))
    case("F12", without_section(Section.dims))
    case("F12", without_section(Section.data))
    case("F12", patched(header_field("sections"), 0))
    case("F13", moved(Section.tensors, 4))
    case("F13", moved(Section.data, 32))
    case("F14", patched(table_field(Section.data, "bytes"), 2**64 - 64))
    case("F14", patched(table_field(Section.edges, "offset"), 2**63))
    case("F15", moved(Section.nodes, -8))
    case("F16", moved(Section.nodes, 8))
    data_bytes = read_field(table_field(Section.data, "bytes"))
    case("F17", patched(table_field(Section.data, "bytes"), data_bytes - 64))
    change("F19", lambda f: f.sections.__setitem__(Section.edges, f[Section.edges].view("u1")[:-1]))

    def pad_strings(f: ModelFile) -> None:
        f.rename(Section.tensors, f.tensor("c1"), b"c1" + b"x" * (1 + -len(f[Section.strings]) % 8))

    dirty = ModelFile()
    pad_strings(dirty)
    sealed = bytearray(dirty.bytes())
    end = read_field(table_field(Section.strings, "offset"), sealed) + len(dirty[Section.strings])
    assert end % 8, "there must be padding"
    sealed[end] = 1
    case("F21", seal(sealed))
    tensors = read_field(table_field(Section.tensors, "offset"))
    case("F22", SAMPLE[:tensors] + b"\x7f" + SAMPLE[tensors + 1 :])

    def member(section: Section, field: str, value: int):
        return lambda f: f[section][field].__setitem__(-1, value)

    change("F23", member(Section.tensors, "name_bytes", 2**16 - 1))
    change("F23", member(Section.metadata, "key_bytes", 2**32 - 1))
    change("F23", member(Section.metadata, "value_bytes", 2**32 - 1))
    change("F23", lambda f: f.__setitem__(Section.strings, np.append(f[Section.strings], 65)))
    for name in (b"\xff\xfe", b"a\nb", "\u202eevil".encode(), b"x" * 1025, b"\xc0\x80", b"\0"):
        change("F24", lambda f, name=name: f.rename(Section.tensors, f.tensor("c1"), name))
    change("F24", lambda f: f.rename(Section.tensors, f.tensor("image"), b""))
    change("F24", lambda f: f.rename(Section.metadata, 0, b"", "key_bytes"))
    change("F24", lambda f: f.rename(Section.metadata, 0, b"\x1b[31m", "value_bytes"))
    change("F25", lambda f: f.rename(Section.metadata, 0, b"producer", "key_bytes"))

    def tensor(name: str | tuple[str, int], field: str, value):
        place = (name,) if isinstance(name, str) else name
        return lambda f: f[Section.tensors][field].__setitem__(f.tensor(*place), value)

    def shape(name: str | tuple[str, int], dims: tuple[int, ...]):
        place = (name,) if isinstance(name, str) else name
        return lambda f: f.reshape(f.tensor(*place), dims)

    w1, w3, b3 = ("c1", 1), ("scores", 1), ("scores", 2)
    change("F26", tensor(w1, "dtype", 0))
    change("F26", tensor("rows", "dtype", 255))
    change("F27", tensor(w1, "form", 99))
    change("F28", tensor("rows", "form", Form.kn))
    change("F28", tensor("rows", "form", Form.shorts))
    change("F29", tensor("rows", "rank", 9))
    for i in range(3):
        change(
            "F30", lambda f, i=i: f[Section.tensors]["reserved"][f.tensor("rows")].__setitem__(i, 1)
        )
    change("F30", tensor("rows", "facts", 1))
    change("F31", lambda f: f.__setitem__(Section.dims, f[Section.dims][:-1]))
    change("F31", lambda f: f.__setitem__(Section.dims, np.append(f[Section.dims], 1)))
    change("F32", shape("rows", (-1, 8)))
    change("F33", shape("rows", (2**31 - 1,) * 8))
    change("F33", shape("rows", (0,) + (2**31 - 1,) * 7))

    # Which constant's elements a tensor has.
    change("F34", tensor(w1, "payload", 2**31))
    change("F34", lambda f: tensor(w1, "payload", f.tensor("image"))(f))
    change("F34", lambda f: tensor(w1, "payload", f.tensor(*w3))(f))
    change("F34", lambda f: tensor("y_i", "payload", f.tensor("y_f", 1))(f), SHORTS)

    def share(f: ModelFile) -> None:
        """Both constants have the shorts of the first."""
        f[Section.tensors]["payload"][f.tensor("y_i", 1)] = f.tensor("y_f", 1)

    def share_in_another_form(f: ModelFile) -> None:
        """84 bytes are 21 elements as they are, too."""
        share(f)
        f.reshape(f.tensor("y_i", 1), (21,))
        f[Section.tensors]["form"][f.tensor("y_i", 1)] = Form.row

    def share_panels(field: str):
        """Those of bytes, as rows or with another claim."""

        def edit(f: ModelFile) -> None:
            record = f[Section.tensors][f.tensor("y_u8_again", 1)]
            assert record["payload"] == f.tensor("y_u8", 1), "they are shared"
            record[field] = 0 if record[field] else 1

        return edit

    change("F34", share, SHORTS)
    change("F34", share_in_another_form, SHORTS)
    change("F34", share_panels("form"), PANELS)
    change("F34", share_panels("facts"), PANELS)
    change("F34", shape(("y_u8_again", 1), (17, 2, 3)), PANELS)
    change("F35", shape(w1, ()))
    change("F35", shape(("y_u8", 1), (340,)), PANELS)
    change("F35", tensor(("y_i", 1), "dtype", DType.int64), SHORTS)
    change("F35", shape(("y_f", 1), (0,)), SHORTS)
    change("F36", lambda f: tensor(b3, "payload", f.tensor("c2", 2))(f))
    change("F37", shape(b3, (2**20,)))
    change("F37", lambda f: f.__setitem__(Section.data, f[Section.data][:-1]))
    change("F37", lambda f: f.__setitem__(Section.data, f[Section.data][:-1]), SHORTS)
    change("F37", lambda f: f.__setitem__(Section.data, []))

    def dirty_padding(f: ModelFile) -> None:
        bias = ("c2", 2)  # 32 bytes, and another constant behind it
        assert f.tensor(*bias) < f.tensor(*w3), "there must be padding"
        begin = next(
            i for i in range(0, len(f[Section.data]), 64)
            if f[Section.data][i : i + 32].tobytes() == sample_graph().values["b2"].data.tobytes()
        )  # fmt: skip
        f[Section.data][begin + 32] = 1

    change("F38", dirty_padding)

    def exponent(place: int, value: int):
        def edit(f: ModelFile) -> None:
            f[Section.data][place : place + 4] = np.array([value], "<i4").view(np.uint8)

        return edit

    for place, values in ((0, (-127, 113)), (84, (-1, 17, 2**31 - 1, -(2**31)))):
        for value in values:
            change("F39", exponent(place, value), SHORTS)

    # What fills up a form, and what is claimed of it.
    def fill(place: int):
        """A byte of the first payload, 9 taps of 3 channels for 8 outputs of 16."""

        def edit(f: ModelFile) -> None:
            f[Section.data][place] = 1

        return edit

    for place in (32, 63, 26 * 64 + 32, 27 * 64 - 1):
        change("F42", fill(place))

    def claim(facts: int, *place: str | int):
        """What all tensors with the elements of one claim of them."""

        def edit(f: ModelFile) -> None:
            tensors = f[Section.tensors]
            tensors["facts"][tensors["payload"] == f.tensor(*place)] = facts

        return edit

    change("F43", tensor(w1, "facts", 1))
    change("F43", tensor(b3, "facts", 1))
    change("F43", tensor(("y_i", 1), "facts", 1 << 8), SHORTS)
    for facts in (0b1011, 0b1110, 0b1111, 1 << 4, 2**32 - 1):
        change("F43", claim(facts, "y_u8", 1), PANELS)
    for facts in (2, 3, 2**32 - 1):
        change("F43", claim(facts, "y_i16", 1), PANELS)

    change("F44", lambda f: f.__setitem__(Section.data, np.append(f[Section.data], 0)))
    change("F44", shape(("y_i", 1), (39,)), SHORTS)

    change("F45", lambda f: f[Section.inputs].__setitem__(0, len(f[Section.tensors])))
    change("F45", lambda f: f[Section.outputs].__setitem__(0, NONE))

    def use(section: Section, name: str, i: int):
        """Makes a constant, which gets a name, the first input or output."""

        def edit(f: ModelFile) -> None:
            f[section][0] = f.tensor(name, i)
            f.rename(Section.tensors, f.tensor(name, i), b"constant")

        return edit

    change("F46", use(Section.inputs, *w1))
    change("F46", lambda f: f.__setitem__(Section.outputs, []))
    change("F46", use(Section.outputs, *w3))
    change("F47", lambda f: f[Section.inputs].__setitem__(1, f[Section.inputs][0]))
    change("F47", lambda f: f.rename(Section.tensors, f.tensor("index"), b"image"))
    change("F47", lambda f: f.rename(Section.tensors, f.tensor("rows"), b"scores"))

    def node(name: str, field: str, value: int):
        return lambda f: f[Section.nodes][field].__setitem__(f.node(name), value)

    change("F48", node("c1", "op", 0))
    change("F48", node("c1", "op", 65535))
    change("F49", node("c1", "inputs", 1))
    change("F49", node("double", "inputs", 3))
    change("F49", node("flat", "inputs", 255))
    change("F49", node("flat", "outputs", 0))
    change("F49", node("flat", "outputs", 2))
    change("F50", node("scores", "inputs", 4))
    change("F50", lambda f: f.__setitem__(Section.edges, f[Section.edges][:-1]))
    change("F50", lambda f: f.__setitem__(Section.edges, np.append(f[Section.edges], 0)))
    change("F51", lambda f: f.__setitem__(Section.attrs, f[Section.attrs][:-1]))
    change("F51", lambda f: f.__setitem__(Section.attrs, np.append(f[Section.attrs], 0)))

    def edge(name: str, i: int, value):
        def edit(f: ModelFile) -> None:
            f.edges(name)[i] = value if isinstance(value, int) else f.tensor(*value)

        return edit

    change("F52", edge("c1", 0, 2**31))
    change("F52", edge("c1", 0, NONE))  # not optional
    change("F52", edge("double", 1, NONE))
    change("F52", edge("c1", -1, NONE))
    change("F53", edge("c1", 0, ("double",)))
    change("F53", edge("c2", 0, ("c2",)))
    change("F54", edge("double", -1, ("image",)))
    change("F54", edge("double", -1, w1))
    change("F54", edge("double", -1, ("c1",)))
    change("F55", shape("rows", (1, 16)))
    change("F55", tensor("rows", "dtype", DType.int32))
    change("F56", tensor(("c2", 1), "form", Form.row))

    def unwritten(f: ModelFile) -> None:
        f[Section.tensors] = np.append(f[Section.tensors], f[Section.tensors][f.tensor("index")])
        f[Section.tensors]["name_bytes"][-1] = 0
        f[Section.dims] = np.append(f[Section.dims], f.dims(f.tensor("index")))

    change("F57", unwritten)
    case("F58", bomb())


build_cases()
CASES += sparse_cases.CASES + coded_cases.CASES + packed_cases.CASES


def rules() -> dict[str, tuple[str, str]]:
    """{number: (error class, rule name)} from the table of docs/format.md."""
    text = (ROOT / "docs" / "format.md").read_text()
    rows = re.findall(r"^\| (F\d+) \| (\w+) \| `(\w+)` \|", text, re.MULTILINE)
    assert len(rows) == len({row[0] for row in rows})
    return {number: (error, name) for number, error, name in rows}


@pytest.mark.parametrize(("rule", "data"), CASES, ids=[rule for rule, _ in CASES])
def test_rule(rule: str, data: bytes, tmp_path: Path) -> None:
    """However the file comes."""
    error, name = rules()[rule]
    path = tmp_path / "model.edgert"
    path.write_bytes(data)
    for source, options in ((data, {}), (path, {}), (path, {"map": True})):
        with pytest.raises(edgert.EdgertError) as caught:
            edgert.load(source, **options)
        assert f"[{rule}]" in str(caught.value)
        assert type(caught.value).__name__ == error
        assert caught.value.rule == name


def test_checksum_of_mapped_weights_is_looked_at_on_request(tmp_path: Path) -> None:
    """F22: always, but of weights that are used in the mapped file."""
    file = bytearray(SAMPLE)
    file[read_field(table_field(Section.data, "offset"))] ^= 1
    path = tmp_path / "model.edgert"
    path.write_bytes(file)
    edgert.load(path, map=True)
    for source, options in ((file, {}), (path, {}), (path, {"map": True, "verify": True})):
        with pytest.raises(edgert.IntegrityError, match=r"'data'.*\[F22\]"):
            edgert.load(source, **options)


def test_limits_on_metadata_and_nodes(tmp_path: Path) -> None:
    """F18 and F20, with files of zeros that are sparse on disk."""
    table = np.frombuffer(SAMPLE, schema.SectionRecord, len(Section), HEADER_BYTES)

    def sparse(section: Section, size: int) -> None:
        records, end = table.copy(), HEADER_BYTES + TABLE_ENTRY * len(Section)
        for record in records:
            record["bytes"] = size if record["id"] == section else 0
            record["crc"] = 0
            alignment = 64 if record["id"] == Section.data else 8
            record["offset"] = end = -(-end // alignment) * alignment
            end += int(record["bytes"])
        header = np.frombuffer(SAMPLE, schema.FileHeader, 1).copy()
        header["file_bytes"], header["header_crc"] = end, 0
        head = header.tobytes() + records.tobytes()
        header["header_crc"] = zlib.crc32(head)
        with open(tmp_path / "model.edgert", "wb") as file:
            file.write(header.tobytes() + records.tobytes())
            file.truncate(end)

    sparse(Section.strings, 2**30)
    with pytest.raises(edgert.LimitError, match=r"\[F18\]"):
        edgert.load(tmp_path / "model.edgert")
    sparse(Section.nodes, (schema.MAX_NODES + 1) * schema.NodeRecord.itemsize)
    with pytest.raises(edgert.LimitError, match=r"\[F20\]"):
        edgert.load(tmp_path / "model.edgert")
    sparse(Section.data, 2**35)  # refused before it is read
    with pytest.raises(edgert.LimitError, match=r"needs \d+ bytes of memory or more"):
        edgert.load(tmp_path / "model.edgert", memory_limit=2**34)


def test_every_rule_has_a_test_and_stands_in_the_loader() -> None:
    source = (ROOT / "csrc/runtime/file/rules.h").read_text()
    in_source = re.findall(r"^RULE\((F\d+), k(\w+), \"(\w+)\"\)", source, re.MULTILINE)
    errors = {"Io": "ModelIOError"}
    assert {n: (errors.get(e, e + "Error"), name) for n, e, name in in_source} == rules()
    assert {rule for rule, _ in CASES} | {"F18", "F20"} == set(rules())


def test_round_trip() -> None:
    graph = sample_graph()
    model = edgert.load(pack(graph))
    assert model.metadata == graph.metadata
    assert [tuple(t) for t in model.inputs] == [
        (n, graph.values[n].shape, graph.values[n].dtype) for n in graph.inputs
    ]
    expected = interp.run(graph, sample_inputs())
    found = model.run(sample_inputs())
    assert list(found) == graph.outputs
    for name in graph.outputs:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-5)


def test_same_graph_same_bytes() -> None:
    assert pack(sample_graph()) == SAMPLE
    assert ModelFile().bytes() == SAMPLE


def test_equal_constants_are_stored_once() -> None:
    graph = sample_graph()
    once = len(pack(graph))
    weight = graph.values["w1"].data
    copy = graph.add_constant("copy", weight.copy())
    graph.nodes[0].inputs[1] = copy
    assert len(pack(graph)) < once + weight.nbytes


def test_shorts_hold_every_element_exactly() -> None:
    graph = shorts_graph()
    x = {name: np.zeros(40, graph.values[name].dtype) for name in graph.inputs}
    model = edgert.load(SHORTS)
    found = model.run(x)
    unpacked = unpack(SHORTS)
    for i, name in enumerate("fi"):
        np.testing.assert_array_equal(found[f"y_{name}"], graph.values[name].data)
        np.testing.assert_array_equal(
            unpacked.values[unpacked.nodes[i].inputs[1]].data, graph.values[name].data
        )
    assert len(ModelFile(SHORTS)[Section.data]) == 84 + 84, "without padding"
    assert model.memory()["weights_repacked"] == 2 * 40 * 4


@pytest.mark.parametrize(
    "data",
    [
        np.full(40, np.nan, np.float32),
        np.full(40, np.inf, np.float32),
        np.full(40, 2.0**-140, np.float32),
        np.full(40, 3e38, np.float32),
        np.full(40, 1 / 3, np.float32),
        np.linspace(1, 2**16 + 1, 40).astype(np.int32),
        np.full(40, -(2**31), np.int32),
        np.arange(40, dtype=np.int64),
        np.arange(8, dtype=np.int32),
        np.zeros(40, np.float32),
        np.full(40, -0.0, np.float32),
        np.full(40, -(2**15) * 2.0**112, np.float32),
        np.full(40, 2.0**-126, np.float32),
    ],
    ids=str,
)
def test_no_form_changes_an_element(data: np.ndarray) -> None:
    coded = _core.encode_weight(data, Form.row, 0)
    if coded is None:
        return
    form, facts, payload = coded
    assert len(payload) < data.nbytes
    found = np.empty_like(data)
    _core.unpack_weight(payload, form, found, facts)
    assert found.tobytes() == data.tobytes()


def is_held(data: np.ndarray) -> bool:
    """Whether there are shorts of an array."""
    coded = _core.encode_weight(data, Form.row, 0)
    return coded is not None and coded[0] == Form.shorts


def test_what_shorts_hold() -> None:
    """Multiples of a power of two; not where 16 bits are too few, nor zeros with a sign."""
    exact = np.arange(-20000, 20000, 1000, np.int32)
    floats = exact.astype(np.float32)
    for data in (exact, exact * 2**16, np.ldexp(floats, -120), np.ldexp(floats, 100)):
        assert is_held(data)
        np.testing.assert_array_equal(_core.nearest_shorts(data), data)
    for data in (exact * 2**16 + 1, 1 / floats[:20], np.full(9, -0.0, np.float32)):
        assert not is_held(data)
        nearest = _core.nearest_shorts(data)
        assert (
            np.abs(nearest.astype(float) - data).max() <= np.abs(data.astype(float)).max() / 2**15
        )
        assert is_held(nearest)


def test_what_only_the_packer_gets_wrong() -> None:
    """Constants that no file can hold so, and payloads of another size."""
    row, found = np.zeros(6, np.int8), np.empty((2, 3), np.int8)
    for data, form in [
        (np.zeros(6, np.int8), Form.k4n16),
        (np.zeros(6, np.complex64), Form.row),
    ]:
        with pytest.raises(edgert.InputError):
            _core.pack_weight(data, form)
    with pytest.raises(edgert.InputError):
        _core.unpack_weight(row.tobytes(), Form.k1n16, found, 0)
    _core.unpack_weight(row.tobytes(), Form.row, found, 0)
    assert not found.any()


def test_files_may_claim_less_than_is_so() -> None:
    """Another kernel may run then; the bits are the same."""
    rng = np.random.default_rng(4)
    model = edgert.load(PANELS)
    x = {i.name: rng.integers(0, 255, i.shape).astype(i.dtype) for i in model.inputs}
    expected = model.run(x)
    facts = ModelFile(PANELS)[Section.tensors]["facts"]
    assert np.count_nonzero(facts) == 2, "two constants have the same bytes and claims"
    for claimed in (0b0000, 0b0001, 0b0100):
        file = ModelFile(PANELS)
        file[Section.tensors]["facts"][facts > 0] = claimed
        found = edgert.load(file.bytes()).run(x)
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array)


def test_a_constant_may_have_two_forms() -> None:
    graph = sample_graph()
    name = next(n for n in graph.values if n == "w3")
    twice = graph.add("binary", [name, name], {"fn": 0, "activation": {"fn": 0}}, output="twice")
    graph.outputs.append(twice)
    model = edgert.load(pack(graph))
    np.testing.assert_array_equal(model.run(sample_inputs())["twice"], 2 * graph.values["w3"].data)


def test_names_unfit_for_a_file_are_escaped_or_refused() -> None:
    graph = sample_graph()
    graph.rename({"c1": "evil\n\u202e" + "x" * 2000})
    model = edgert.load(pack(graph))
    assert model.plan()[0].step.startswith(r"evil\n\u202exxx")
    graph.values["a\nb"] = graph.values["image"]
    graph.inputs[0] = graph.nodes[0].inputs[0] = "a\nb"
    with pytest.raises(edgert.FormatError) as caught:
        pack(graph)
    assert caught.value.rule == "NAME"


@pytest.mark.parametrize("shape", [(16, 3), (1, 5), (17, 2, 3), (40, 1, 1, 4), (0, 4), (3, 0)])
def test_forms(shape: tuple[int, ...]) -> None:
    """As csrc/schema/weights.def words them."""
    data = np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape)
    n, k, last = shape[0], int(np.prod(shape[1:])), shape[-1]
    expected = {Form.row: data, Form.kn: data.reshape(n, k).T}
    for form in Form:
        panel = re.fullmatch(r"k(\d+)n16", form.name)
        if panel is None:
            continue
        side = int(panel[1])
        taps = int(np.prod(shape[1:-1]))
        padded = np.zeros((-(-n // 16) * 16, taps, -(-last // side) * side), np.float32)
        padded[:n, :, :last] = data.reshape(n, taps, last)
        split = padded.reshape(-(-n // 16), 16, taps, -(-last // side), side)
        expected[form] = split.transpose(0, 2, 3, 1, 4)
    for form in expected:
        stored = _core.pack_weight(data, form)
        np.testing.assert_array_equal(stored, expected[form].reshape(-1))
        found = np.empty_like(data)
        _core.unpack_weight(stored.tobytes(), form, found, 0)
        np.testing.assert_array_equal(found, data)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"GGUF\3\0\0\0", "GGUF"),
        (b"PK\3\4\x14\0", "zip"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x80\x04\x95", "pickle"),
        (b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
        (b"\x08\x08\x12\x07pytorch", "edgert convert"),
        (b"\x93NUMPY\1\0", "npy"),
        (b"EDGERT\n\n", "binary mode"),
        (b"version https://git-lfs.github.com", "LFS"),
        (b"\xde\xad\xbe\xef'\n", r"\\xde\\xad\\xbe\\xef\\x27\\x0a"),
        (b"E", "ends after 1 bytes"),
    ],
)
def test_wrong_files_are_named(head: bytes, kind: str) -> None:
    with pytest.raises(edgert.FormatError, match=kind):
        edgert.load(head)
