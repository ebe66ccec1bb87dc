"""``edgert selftest``: whether this machine computes the right bits, and how fast."""

from __future__ import annotations

import argparse
import json
from typing import Any

from edgert import __version__
from edgert.commands.arguments import seconds
from edgert.commands.isa import cores_text
from edgert.cpu import isa
from edgert.files import replacing, require_place
from edgert.report import Outcome, milliseconds, table

HELP = "check this machine's bits and measure it"
DETAILS = (
    "Runs two small networks on each instruction set level, compares their bits with those that "
    "all machines must have, and measures them, with clocks, temperatures and throttling where the "
    "system tells them. Exits with 1 if bits differ. What -o writes says nothing of whoever uses "
    "the machine; sent to the project it becomes a row of benchmarks/boards."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=3.0,
        metavar="S",
        help="time per measurement (default: 3)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write the JSON here, too")


def execute(args: argparse.Namespace) -> Outcome:
    """Checks and measures."""
    from edgert.selftest import report

    if args.output:
        require_place(args.output)
    data = {"edgert": __version__, **report(args.seconds)}
    if args.output:
        with replacing(args.output) as file:
            file.write(f"{json.dumps(data, indent=1)}\n".encode())
    wrong = [row for row in data["bits"] if row["bits"] is None]
    verdict = "some bits are WRONG" if wrong else "all bits are right"
    facts = [
        ("machine", data["machine"]["name"] or data["architecture"]),
        ("usable cores", cores_text(isa().machine)),
        *[(f"{moment} the measurements", condition_text(data[moment])) for moment in MOMENTS],
    ]
    bits = [(row["network"], row["level"], row["bits"] or "WRONG") for row in data["bits"]]
    times = [
        (row["network"], row["threads"], milliseconds(row["min_ms"]), milliseconds(row["last_ms"]))
        for row in data["times"]
    ]
    parts = [
        table(facts),
        table(bits, ("network", "level", "bits")),
        table(times, ("network", "threads", "fastest", "at the end")),
        verdict,
    ]
    return Outcome(data, "\n\n".join(parts), exit_code=int(bool(wrong)))


MOMENTS = ("before", "after")


def condition_text(condition: dict[str, Any]) -> str:
    """Such as ``2400 MHz of 2400, 61.2 degrees Celsius, get_throttled 0``."""
    words = []
    if condition["mhz"]:
        most = max(condition["possible_mhz"] or condition["mhz"])
        words.append(f"{max(condition['mhz'])} MHz of {most}")
    if condition["celsius"]:
        words.append(f"{max(condition['celsius'].values()):.1f} degrees Celsius")
    words += [f"{name} {value}" for name, value in condition["throttled"].items()]
    return ", ".join(words) or "the system tells neither clocks nor temperatures"
