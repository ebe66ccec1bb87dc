"""What this CPU can run and which kernels this build has."""

from __future__ import annotations

from typing import NamedTuple

from edgert import _core


class Kernel(NamedTuple):
    """A kernel: its symbol, its family and the instruction set level that it needs."""

    name: str
    family: str
    isa: str


class IsaInfo(NamedTuple):
    """Instruction set levels, weakest first, and the kernels of this build.

    ``active`` holds the levels in use: those of ``detected``, what the CPU has, up to the one that
    the environment variable ``EDGERT_ISA`` names. ``kernels`` are listed by family, best first.
    """

    active: tuple[str, ...]
    detected: tuple[str, ...]
    kernels: tuple[Kernel, ...]


def isa() -> IsaInfo:
    """The instruction set levels in use, and the kernels that there are.

    Raises UnsupportedError if ``EDGERT_ISA`` names a level that this CPU does not have.
    """
    return IsaInfo(
        tuple(_core.active_isa()),
        tuple(_core.detected_isa()),
        tuple(Kernel(*row) for row in _core.kernels()),
    )
