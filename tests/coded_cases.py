"""Constants in decoded forms that break a rule of docs/format.md."""

from __future__ import annotations

from collections.abc import Callable

from mutate import CODED, ModelFile, coded_graph

from edgert import _core
from edgert.schema import DType, Form, Section

# Each constant by the node that reads it: its place there, form, what it becomes, bits.
CONSTANTS = {
    "y_i": (1, Form.codes, Form.k4n16, 3),
    "y_c": (1, Form.codes, Form.k1n16, 8),
    "y_t": (1, Form.codes, Form.k1n16, 9),
    "y_h": (1, Form.half, Form.k1n16, 0),
    "y_rows": (0, Form.codes, Form.row, 4),
}
CASES: list[tuple[str, bytes]] = []
Edit = Callable[[ModelFile], None]


def facts(wanted: int, bits: int, claimed: int = 0) -> int:
    """What the record of a constant in a decoded form says of it."""
    return wanted | bits << 4 | claimed << 8


def change(rule: str, edit: Edit) -> None:
    """Adds CODED, changed, as a file that breaks ``rule``."""
    file = ModelFile(CODED)
    edit(file)
    CASES.append((rule, file.bytes()))


def record(name: str, field: str, value: int) -> Edit:
    """Changes a member of the record of a node's constant."""

    def edit(f: ModelFile) -> None:
        f[Section.tensors][field][f.tensor(name, CONSTANTS[name][0])] = value

    return edit


def reshaped(name: str, *dims: int) -> Edit:
    """Gives a node's constant another shape."""
    return lambda f: f.reshape(f.tensor(name, CONSTANTS[name][0]), dims)


def shared(name: str, other: str) -> Edit:
    """Lets a node's constant have the elements of another's."""

    def edit(f: ModelFile) -> None:
        owner = f.tensor(other, CONSTANTS[other][0])
        f[Section.tensors]["payload"][f.tensor(name, CONSTANTS[name][0])] = owner

    return edit


def last_byte(name: str, least: int, back: int = 1) -> Edit:
    """Raises a byte at the end of the codes of a node's constant: beyond what they need."""
    graph = coded_graph()
    node = next(node for node in graph.nodes if node.output == name)
    data = graph.values[node.inputs[CONSTANTS[name][0]]].data
    payload = _core.encode_weight(data, Form.row, 0)[2]

    def edit(f: ModelFile) -> None:
        place = f[Section.data].tobytes().index(payload) + len(payload) - back
        assert payload[-back] < least
        f[Section.data][place] = least

    return edit


def build() -> None:
    """The cases of every constant."""
    file = ModelFile(CODED)
    found = {n: file[Section.tensors][file.tensor(n, c[0])] for n, c in CONSTANTS.items()}
    for name, (_, form, wanted, bits) in CONSTANTS.items():
        assert (found[name]["form"], found[name]["facts"] & 0xFF) == (form, facts(wanted, bits))
        wrong = {*range(16)} - {*range(1, 10)} if form == Form.codes else {*range(1, 16)}
        for other in wrong:
            change("F35", record(name, "facts", facts(wanted, other)))
        ordered = {Form.row, Form.kn, Form.k1n16, Form.k4n16, Form.k2n16}
        for other in {*range(16)} - ordered:
            change("F35", record(name, "facts", facts(other, bits)))
        if wanted != Form.row:
            change("F35", reshaped(name))
        change("F37", lambda f: f.__setitem__(Section.data, f[Section.data][:-1]))
        for other in ordered - {wanted}:
            change("F56", record(name, "facts", facts(other, bits)))
        claims = (16, 2**20, 2**24 - 1) if wanted == Form.k4n16 else (1, 4, 2**24 - 1)
        for claimed in claims:
            change("F43", record(name, "facts", facts(wanted, bits, claimed)))
        change("F34", record(name, "payload", 2**31))
    for dtype in (DType.int32, DType.int64, DType.uint8, DType.float64):
        change("F35", record("y_h", "dtype", dtype))
    change("F34", shared("y_h", "y_c"))
    change("F34", shared("y_c", "y_i"))
    assert 33 * 45 * 3 % 8 == 7
    change("F38", last_byte("y_i", 0x80))
    assert 33 * 43 % 5 == 4
    change("F38", last_byte("y_t", 81))
    change("F38", last_byte("y_t", 243, back=2))
    change("F44", reshaped("y_rows", 2, 45, 1))


build()
