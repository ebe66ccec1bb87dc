"""``edgert isa``: the machine, instruction set levels and kernels."""

from __future__ import annotations

import argparse
import os

from edgert.cpu import IsaInfo, Kernel, Machine, isa
from edgert.report import Outcome, table

HELP = "show this machine, the instruction set levels of its CPU and the kernels of this build"
DETAILS = "EDGERT_ISA=LEVEL in the environment keeps edgert from using the levels above."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no arguments of its own."""


def execute(_: argparse.Namespace) -> Outcome:
    """Lists machine, levels and kernels."""
    info = isa()
    kernels = [{**kernel._asdict(), "state": state(kernel, info)} for kernel in info.kernels]
    machine = info.machine
    data = {
        "machine": {**machine._asdict(), "cores": [kind._asdict() for kind in machine.cores]},
        "detected": list(info.detected),
        "active": list(info.active),
        "cap": os.environ.get("EDGERT_ISA") or None,
        "kernels": kernels,
    }
    facts = [
        ("machine", machine.name or "unknown"),
        ("usable cores", cores_text(machine)),
        ("threads by default", machine.threads),
        ("caches of a core", f"{machine.l1 // 1024} KiB, {machine.l2 // 1024} KiB"),
        ("levels of this CPU", " ".join(info.detected)),
        ("levels in use", " ".join(info.active)),
        ("EDGERT_ISA", data["cap"] or "not set"),
    ]
    rows = [(k["family"], k["name"], k["isa"], k["state"]) for k in kernels]
    return Outcome(data, f"{table(facts)}\n\n{table(rows, ('family', 'kernel', 'level', 'state'))}")


def cores_text(machine: Machine) -> str:
    """Such as ``4 Cortex-A76 at 2400 MHz, 4 Cortex-A55 at 1800 MHz``."""
    kinds = [
        f"{kind.count}{kind.type and ' ' + kind.type}"
        f"{f' at {kind.max_mhz} MHz' if kind.max_mhz else ''}"
        for kind in machine.cores
    ]
    return ", ".join(kinds)


def state(kernel: Kernel, info: IsaInfo) -> str:
    """Whether a kernel can run."""
    if kernel.isa in info.active:
        return "available"
    return "above EDGERT_ISA" if kernel.isa in info.detected else "not on this CPU"
