"""``edgert isa``: instruction set levels and kernels."""

from __future__ import annotations

import argparse
import os

from edgert.cpu import IsaInfo, Kernel, isa
from edgert.report import Outcome, table

HELP = "show the instruction set levels of this CPU and the kernels of this build"
DETAILS = "EDGERT_ISA=LEVEL in the environment keeps edgert from using the levels above."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no arguments of its own."""


def execute(_: argparse.Namespace) -> Outcome:
    """Lists levels and kernels."""
    info = isa()
    kernels = [{**kernel._asdict(), "state": state(kernel, info)} for kernel in info.kernels]
    data = {
        "detected": list(info.detected),
        "active": list(info.active),
        "cap": os.environ.get("EDGERT_ISA") or None,
        "kernels": kernels,
    }
    facts = [
        ("levels of this CPU", " ".join(info.detected)),
        ("levels in use", " ".join(info.active)),
        ("EDGERT_ISA", data["cap"] or "not set"),
    ]
    rows = [(k["family"], k["name"], k["isa"], k["state"]) for k in kernels]
    return Outcome(data, f"{table(facts)}\n\n{table(rows, ('family', 'kernel', 'level', 'state'))}")


def state(kernel: Kernel, info: IsaInfo) -> str:
    """Whether a kernel can run."""
    if kernel.isa in info.active:
        return "available"
    return "above EDGERT_ISA" if kernel.isa in info.detected else "not on this CPU"
