"""What machine this is, what its CPU can run and which kernels this build has."""

from __future__ import annotations

from typing import NamedTuple

from edgert import _core


class Kernel(NamedTuple):
    """A kernel: its symbol, its family and the instruction set level that it needs."""

    name: str
    family: str
    isa: str


class Cores(NamedTuple):
    """CPUs of one kind that this process may use.

    ``type`` is the core's, such as Cortex-A76, empty where it is not known, as on x86. ``max_mhz``
    is their highest clock, 0 if the system does not tell it.
    """

    type: str
    count: int
    max_mhz: int


class Machine(NamedTuple):
    """The machine, as its operating system tells.

    ``name`` is that of the board or of the CPU, empty if unknown; ``cores`` has the fastest kind
    first. ``threads`` are those of a model unless told otherwise: one for each big core, of
    ``usable_cpus``, as many as the affinity mask and the control group allow. ``l1`` and ``l2`` are
    bytes of the data caches of a big core, or a cautious guess.
    """

    name: str
    cores: tuple[Cores, ...]
    threads: int
    usable_cpus: int
    l1: int
    l2: int


class IsaInfo(NamedTuple):
    """Instruction set levels, weakest first, and the kernels of this build.

    ``active`` holds the levels in use: those of ``detected``, what the CPU has, up to the one that
    the environment variable ``EDGERT_ISA`` names. ``kernels`` are listed by family, best first.
    """

    active: tuple[str, ...]
    detected: tuple[str, ...]
    kernels: tuple[Kernel, ...]
    machine: Machine


def isa() -> IsaInfo:
    """The instruction set levels in use, and the kernels that there are.

    Raises UnsupportedError if ``EDGERT_ISA`` names a level that this CPU does not have.
    """
    return IsaInfo(
        tuple(_core.active_isa()),
        tuple(_core.detected_isa()),
        tuple(Kernel(*row) for row in _core.kernels()),
        _machine(),
    )


def _machine() -> Machine:
    return Machine(
        _core.machine(),
        tuple(Cores(kind, count, khz // 1000) for kind, count, khz in _core.cores()),
        _core.default_threads(),
        _core.usable_cpus(),
        *_core.cache_sizes(),
    )
