"""What a command returns, and its plain text: tables, sizes and times."""

from __future__ import annotations

import contextlib
import io
import math
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Cells that stand to the right of their column: a number and its unit, or nothing.
_NUMBER = re.compile(r"-?\d[\d.,]*(e[+-]?\d+)?( ?(%|B|kB|MB|GB|ms|dB))?$|-?$|exact$")


SHOWN_LABELS = 3
INTERRUPTED = 130  # the exit code of what Ctrl-C ended
GAP = "  "  # between columns
UNDERLINE = (
    "    \n    \n -  \n    \n    \n    \n    \n    \n"  # a Box of rich: lines below headers alone
)


@dataclass(frozen=True)
class Outcome:
    """The result of a command: for JSON, for people, for the shell, and for a program that reads
    nothing but bytes.
    """

    data: dict[str, Any]
    text: str
    exit_code: int = 0
    raw: bytes | None = None


def printable(text: object) -> str:
    """``text`` with control characters escaped: anybody may have made the file with the names.

    So are the bytes of a file name that are not text in the encoding of the file system.
    """
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in str(text))


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # how Python says a byte that it cannot decode
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def table(rows: Iterable[Sequence[object]], header: Sequence[str] = ()) -> str:
    """Lines with aligned columns, numbers to the right, below an underlined ``header`` if given.

    On a terminal that is narrower, cells go on in further lines, if there is rich.
    """
    body = [list(row) for row in rows]
    cells = [[printable(cell) for cell in row] for row in ([list(header)] if header else []) + body]
    columns = len(cells[0]) if cells else 0
    widths = [max(len(row[i]) for row in cells) for i in range(columns)]
    right = [bool(body) and all(_is_number(row[i]) for row in body) for i in range(columns)]
    if sys.stdout is not None and sys.stdout.isatty():
        room = shutil.get_terminal_size().columns
        if sum(widths) + len(GAP) * (columns - 1) > room:
            with contextlib.suppress(ImportError):
                return _wrapped(cells, right, bool(header), room)
    lines = [
        GAP.join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right)
        ).rstrip()
        for row in cells
    ]
    if header:
        lines.insert(1, GAP.join("-" * width for width in widths))
    return "\n".join(lines)


def _wrapped(cells: list[list[str]], right: list[bool], has_header: bool, room: int) -> str:
    """The same within ``room`` characters."""
    from rich.box import Box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    head = cells[0] if has_header else [""] * len(right)
    grid = Table(box=Box(UNDERLINE, ascii=True), show_header=has_header, show_edge=False,
                 pad_edge=False, padding=0, header_style="")  # fmt: skip
    for title, to_right in zip(head, right):
        grid.add_column(
            Text(title), justify="right" if to_right else "left", no_wrap=to_right, overflow="fold"
        )
    for row in cells[has_header:]:
        grid.add_row(*map(Text, row))
    console = Console(file=io.StringIO(), width=room, force_terminal=False)
    console.print(grid)
    lines = console.file.getvalue().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def _is_number(cell: object) -> bool:
    return isinstance(cell, (int, float)) or bool(_NUMBER.match(str(cell)))


def size(count: int) -> str:
    """A number of bytes: "812 B", "127.4 kB", "4.1 MB"; a kB has 1000 bytes."""
    if count < 1000:
        return f"{count} B"
    for unit, scale in (("kB", 1e3), ("MB", 1e6)):
        if count < 999.95 * scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count / 1e9:.1f} GB"


def milliseconds(value: float) -> str:
    """A time: "1234 ms", "12.35 ms", "0.0123 ms"."""
    digits = (
        4 if value < 0.1 else 3 if value < 1 else 2 if value < 100 else 1 if value < 1000 else 0
    )
    return f"{value:.{digits}f} ms"


def decibels(value: float, margin: float | None = None) -> str:
    """A ratio of powers: "134.2 dB", or "34.2 +- 1.1 dB" if it is only known within a margin;
    "exact" for no error at all, "-" for errors on zeros.
    """
    if not math.isfinite(value):
        return "exact" if value > 0 else "-"
    return f"{value:.1f} dB" if margin is None else f"{value:.1f} +- {margin:.1f} dB"


def number(value: float | None) -> str:
    """A value with four significant digits, "-" for none."""
    return "-" if value is None else f"{value:.4g}"


def json_number(value: float | None) -> float | None:
    """``value`` for JSON, which knows neither infinities nor NaN: null instead."""
    return float(value) if value is not None and math.isfinite(value) else None


def shape(dims: Iterable[int]) -> str:
    """A shape as ONNX tools write it: "1x3x224x224", "scalar" if it has no dimension."""
    return "x".join(map(str, dims)) or "scalar"


def stored_rows(inputs: Mapping[str, object], labels: Sequence[str]) -> list[tuple[str, str]]:
    """What a file states of its inputs and classes, for a table."""
    rows = [(f"input {name}", str(one)) for name, one in inputs.items()]
    if labels:
        more = ", ..." if len(labels) > SHOWN_LABELS else ""
        rows.append(("labels", f"{len(labels)}: {', '.join(labels[:SHOWN_LABELS])}{more}"))
    return rows
