"""Constants in packed forms that break a rule of docs/format.md."""

from __future__ import annotations

from collections.abc import Callable

from mutate import PACKED, ModelFile, packed_graph

from edgert import _core
from edgert.schema import DType, Form, Section

# The weights by the node that reads them: their form, what is claimed, and bytes of the table.
WEIGHTS = {
    "y_4": (Form.k4n16b4, 3, 64),
    "y_2": (Form.k4n16b2, 3, 64),
    "y_any": (Form.k4n16b4, 0, 64),
    "y_d": (Form.k4n16b4, 3, 64),
    "y_b8": (Form.k4n16, 0, 0),
    "y_b4": (Form.k4n16b4, 0, 0),
    "y_b2": (Form.k4n16b2, 0, 0),
}
CASES: list[tuple[str, bytes]] = []
Edit = Callable[[ModelFile], None]


def change(rule: str, *edits: Edit) -> None:
    """Adds PACKED, changed, as a file that breaks ``rule``."""
    file = ModelFile(PACKED)
    for edit in edits:
        edit(file)
    CASES.append((rule, file.bytes()))


def record(name: str, field: str, value: int) -> Edit:
    """Changes a member of the record of a node's weights."""

    def edit(f: ModelFile) -> None:
        f[Section.tensors][field][f.tensor(name, 1)] = value

    return edit


def byte(name: str, at: int, value: int) -> Edit:
    """Sets bits of a byte of the payload of a node's weights."""
    graph = packed_graph()
    node = next(node for node in graph.nodes if node.output == name)
    data = graph.values[node.inputs[1]].data
    payload = _core.pack_weight(data, WEIGHTS[name][0]).tobytes()

    def edit(f: ModelFile) -> None:
        begin = f[Section.data].tobytes().index(payload)
        f[Section.data][begin + range(len(payload))[at]] |= value

    return edit


def build() -> None:
    """The cases of every weight."""
    file = ModelFile(PACKED)
    for name, (form, claimed, table) in WEIGHTS.items():
        found = file[Section.tensors][file.tensor(name, 1)]
        assert (found["form"], found["facts"]) == (form, claimed), name
        for claim in {1, 2, 3, 4, 7, 2**31} - {claimed}:
            change("F43", record(name, "facts", claim))
        if form == Form.k4n16:
            continue
        for dtype in (DType.int16, DType.int32, DType.float32, DType.float64, DType.int64):
            change("F35", record(name, "dtype", dtype))
        change("F35", lambda f, name=name: f.reshape(f.tensor(name, 1), [160]))
        change("F28", record(name, "payload", 2**32 - 1))
        change("F34", record(name, "payload", 2**31))
        codes = {Form.k4n16b4: 16, Form.k4n16b2: 4}[form]
        if table:
            change("F42", byte(name, codes, 1))
            change("F42", byte(name, table - 1, 0x80))
        change("F42", byte(name, -1, 0x80))  # the last output has none, or no last element
    change("F43", byte("y_4", 15, 64))  # 94 of 30
    change("F34", lambda f: f[Section.tensors]["payload"].__setitem__(
        f.tensor("y_b4", 1), f.tensor("y_4", 1)))  # fmt: skip


build()
