"""Makes the table of README.md from what ``edgert selftest -o NAME.json`` wrote on boards.

``python benchmarks/boards/table.py`` puts it between the two marks in README.md; ``--check`` exits
with 1 if it is not what stands there. A board without a file is "not measured on hardware".
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
BEGIN, END = "<!-- table -->", "<!-- end of the table -->"
# What edgert is meant for, and how such a board's name begins.
WANTED = [
    "Raspberry Pi 3",
    "Raspberry Pi Zero 2",
    "Raspberry Pi 4",
    "Raspberry Pi 5",
    "NVIDIA Jetson Nano",
    "NVIDIA Jetson Orin",
]
HEADER = [
    "machine", "architecture", "cores", "level", "bits", "int8, 1 thread", "int8, all",
    "float32, 1 thread", "float32, all", "clock at the end", "temperature", "throttled",
]  # fmt: skip


def milliseconds(report: dict[str, Any], network: str, most: bool) -> str:
    """The fastest run and, where the end was slower by a tenth, its median."""
    rows = [row for row in report["times"] if row["network"] == network]
    row = (max if most else min)(rows, key=lambda row: row["threads"])
    text = f"{row['min_ms']:.1f} ms"
    return f"{text} ({row['last_ms']:.1f})" if row["last_ms"] > 1.1 * row["min_ms"] else text


def row_of(report: dict[str, Any]) -> list[str]:
    """A measured machine."""
    machine, after = report["machine"], report["after"]
    wrong = [row for row in report["bits"] if row["bits"] is None]
    cores = ", ".join(f"{c['count']} {c['type']}".strip() for c in machine["cores"])
    times = [
        milliseconds(report, network, most)
        for network in ("int8", "float32")
        for most in (False, True)
    ]
    return [
        machine["name"] or "unknown",
        report["architecture"],
        cores,
        report["levels"][-1],
        f"{len(wrong)} wrong" if wrong else "right",
        *times,
        f"{max(after['mhz'])} MHz" if after["mhz"] else "not told",
        f"{max(after['celsius'].values()):.0f} °C" if after["celsius"] else "not told",
        " ".join(after["throttled"].values()) or "not told",
    ]


def table() -> str:
    """The table in Markdown."""
    files = sorted(HERE.glob("*.json"))
    rows = [row_of(json.loads(path.read_text())) for path in files]
    for name in WANTED:
        if not any(row[0].startswith(name) for row in rows):
            rows.append([name, "", "", *["not measured on hardware"], *[""] * (len(HEADER) - 4)])
    lines = [HEADER, ["---"] * len(HEADER), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Writes or checks the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    text = README.read_text()
    before, rest = text.split(BEGIN)
    made = f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}"
    if args.check:
        sys.exit(f"{README.name} has another table" if made != text else 0)
    README.write_text(made)


if __name__ == "__main__":
    main()
