"""Payloads in sparse forms that break a rule of docs/format.md, each in one number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from mutate import SPARSE, ModelFile, sparse_graph

from edgert import _core
from edgert.schema import DType, Form, Section

NODES = ("y_f", "y_i", "y_bsr1x4", "y_bsr4x4")
SIZES = {Form.csr: (1, 1), Form.bsr1x4: (1, 4), Form.bsr4x4: (4, 4)}
Edit = Callable[[ModelFile], None]


class Payload:
    """The weights of a node of SPARSE as the file has them, by the words of weights.def.

    ``counts``, what fills them up, ``blocks`` and ``gaps`` are views of the file's data.
    """

    def __init__(self, file: ModelFile, name: str) -> None:
        node = next(n for n in GRAPH.nodes if n.output == name)
        self.weight, form = GRAPH.values[node.inputs[1]].data, GRAPH.forms[node.inputs[1]]
        self.high, self.wide = SIZES[form]
        self.taps = int(np.prod(self.weight.shape[1:-1]))
        self.tap_columns = -(-self.weight.shape[-1] // self.wide)
        self.columns = self.taps * self.tap_columns
        stored = _core.pack_weight(self.weight, form)
        begin = DATA.index(stored.tobytes())
        data = file[Section.data][begin : begin + stored.size]
        rows = -(-len(self.weight) // self.high)
        head = -(-rows // 2) * 4
        self.counts = data[: 2 * rows].view("<u2")
        self.fill = data[2 * rows : head]
        per_block = self.high * self.wide * self.weight.itemsize
        end = head + (stored.size - head) // (per_block + 1) * per_block
        self.blocks, self.gaps = data[head:end], data[end:]

    def places(self) -> tuple[list[int], list[int]]:
        """The rows and columns of all blocks, in their order."""
        rows, columns, gaps = [], [], iter(self.gaps.tolist())
        for row, count in enumerate(self.counts.tolist()):
            column = -1
            for _ in range(count):
                column += next(gaps) + 1
                rows.append(row)
                columns.append(column)
        return rows, columns

    def beyond(self) -> list[int]:
        """The places in ``blocks`` that are no weights."""
        outputs, channels = self.weight.shape[0], self.weight.shape[-1]
        places = []
        for block, (row, column) in enumerate(zip(*self.places())):
            for o, d in np.ndindex(self.high, self.wide):
                channel = column % self.tap_columns * self.wide + d
                if row * self.high + o >= outputs or channel >= channels:
                    places.append((block * self.high + o) * self.wide + d)
        return places


GRAPH = sparse_graph()
DATA = ModelFile(SPARSE)[Section.data].tobytes()
CASES: list[tuple[str, bytes]] = []


def change(rule: str, edit: Edit) -> None:
    """Adds SPARSE, changed, as a file that breaks ``rule``."""
    file = ModelFile(SPARSE)
    edit(file)
    CASES.append((rule, file.bytes()))


def number(name: str, part: str, place: int, value: int) -> Edit:
    """Changes a number of a node's weights."""
    return lambda f: getattr(Payload(f, name), part).__setitem__(place, value)


def record(name: str, field: str, value: int) -> Edit:
    """Changes a member of the record of a node's weights."""
    return lambda f: f[Section.tensors][field].__setitem__(f.tensor(name, 1), value)


def reshaped(name: str, *dims: int) -> Edit:
    """Gives a node's weights another shape."""
    return lambda f: f.reshape(f.tensor(name, 1), dims)


def moved(name: str, row: int, to: int) -> Edit:
    """Gives a block of a row to another."""

    def edit(f: ModelFile) -> None:
        counts = Payload(f, name).counts
        counts[row] -= 1
        counts[to] += 1

    return edit


def possible_cases() -> None:
    """F35: types, shapes and numbers of blocks that cannot be."""
    for name in NODES:
        floats = name == "y_f"
        for dtype in set(DType) - {DType.int8, DType.float32}:
            change("F35", record(name, "dtype", dtype))
        if name.startswith("y_bsr"):
            change("F35", record(name, "dtype", DType.float32))
        payload = Payload(ModelFile(SPARSE), name)
        least = payload.counts.size * payload.columns + 1
        for blocks in (least, least + 1, 2 * least, 2**16 + least, 2**24, 2**29, 2**30 - 1):
            change("F35", record(name, "facts", 4 * blocks))
        width = 65535 * payload.wide + 1
        for dims in ((5, width), (7, 3, width), (1, width + 9), (2**8, 2, width)):
            change("F35", reshaped(name, *dims))
        change("F35", reshaped(name, 7500))
        change("F35", reshaped(name))
        if not floats:
            change("F35", reshaped(name, 0, 5))


def block_cases() -> None:
    """F40 to F43: counts, columns, zeros that fill up, claims."""
    for name in NODES:
        payload = Payload(ModelFile(SPARSE), name)
        counts = payload.counts.tolist()
        for row, count in enumerate(counts):
            for other in {0, 1, count - 1, count + 1, count + 256, payload.columns, 2**16 - 1}:
                if other not in (count, -1):
                    change("F40", number(name, "counts", row, other))
        claimed = sum(counts)
        rows, columns = payload.places()
        for entry, (row, column) in enumerate(zip(rows, columns)):
            left = payload.columns - 1 - columns[rows.index(row) + counts[row] - 1]
            beyond = int(payload.gaps[entry]) + left + 1
            if beyond < 256 and (entry % 7 == 0 or column == payload.columns - 1):
                for gap in {beyond, min(beyond + 1, 255), 255}:
                    change("F41", number(name, "gaps", entry, gap))
        full = counts.index(payload.columns)
        for row in range(len(counts)):
            if row != full and counts[row] > 0:
                change("F41", moved(name, row, full))
        for i in range(len(payload.fill)):
            for value in (1, 128, 255):
                change("F42", number(name, "fill", i, value))
        for place in payload.beyond()[:24]:
            change("F42", number(name, "blocks", place, 1 + place % 255))
        if name.startswith("y_bsr"):
            inside = sorted(set(range(payload.blocks.size)) - set(payload.beyond()))
            for place in inside[:: len(inside) // 24]:
                change("F43", number(name, "blocks", place, 0x80))
        else:
            for fit in (1, 2, 3):
                change("F43", record(name, "facts", 4 * claimed + fit))


possible_cases()
block_cases()
