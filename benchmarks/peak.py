"""Measure what one core could do if memory were free: register-only loops, in GMAC/s.

usage: peak.py [--cores 0] [--rounds 20]

Each loop issues independent multiply-accumulates on registers as fast as the CPU takes them. The
rate is an upper bound on every kernel built of those instructions. With several cores, all of
them run the loop at the same time and each one's rate is printed: a sum well above one core's
rate tells that they are cores, and not threads of one. The best of many short timings, spread
over the whole run, is what counts; more rounds help on a machine that others use too. Needs a C
compiler; Linux, x86-64 and AArch64.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, NamedTuple

PASSES = 200_000  # through a loop per timing: about a millisecond
TIMINGS = 20  # per loop and round


class Loop(NamedTuple):
    """Instructions repeated over independent registers."""

    name: str
    flag: str  # of /proc/cpuinfo
    step: str  # {a}: the accumulator, {t}: a temporary
    accumulators: list[int]
    temporary: int  # the first temporary register
    macs: int  # per step
    before: str = ""  # the loop
    after: str = ""


X86 = [
    Loop("fp32 FMA, 256 bits", "fma",
         "vfmadd231ps %ymm14, %ymm15, %ymm{a}", list(range(12)), 0, 8),
    Loop("fp32 FMA, 512 bits", "avx512f",
         "vfmadd231ps %zmm14, %zmm15, %zmm{a}", list(range(12)), 0, 16),
    Loop("int8 maddubs + madd + add, 256 bits", "avx2",
         "vpmaddubsw %ymm14, %ymm15, %ymm{t}; vpmaddwd %ymm13, %ymm{t}, %ymm{t};"
         "vpaddd %ymm{t}, %ymm{a}, %ymm{a}", list(range(6)), 6, 32),
    Loop("int8 sign + maddubs + madd + add, 256 bits", "avx2",
         "vpsignb %ymm14, %ymm15, %ymm{t}; vpmaddubsw %ymm14, %ymm{t}, %ymm{t};"
         "vpmaddwd %ymm13, %ymm{t}, %ymm{t}; vpaddd %ymm{t}, %ymm{a}, %ymm{a}",
         list(range(6)), 6, 32),
    Loop("int16 madd + add, 256 bits", "avx2",
         "vpmaddwd %ymm14, %ymm15, %ymm{t}; vpaddd %ymm{t}, %ymm{a}, %ymm{a}",
         list(range(6)), 6, 16),
    Loop("int8 maddubs + madd + add, 512 bits", "avx512bw",
         "vpmaddubsw %zmm14, %zmm15, %zmm{t}; vpmaddwd %zmm13, %zmm{t}, %zmm{t};"
         "vpaddd %zmm{t}, %zmm{a}, %zmm{a}", list(range(6)), 6, 64),
    Loop("int16 madd + add, 512 bits", "avx512bw",
         "vpmaddwd %zmm14, %zmm15, %zmm{t}; vpaddd %zmm{t}, %zmm{a}, %zmm{a}",
         list(range(6)), 6, 32),
    Loop("int8 VPDPBUSD, AVX-VNNI, 256 bits", "avx_vnni",
         "{{vex}} vpdpbusd %ymm14, %ymm15, %ymm{a}", list(range(12)), 0, 32),
    Loop("int8 VPDPBUSD, AVX512-VNNI, 256 bits", "avx512_vnni",
         "vpdpbusd %ymm14, %ymm15, %ymm{a}", list(range(12)), 0, 32),
    Loop("int8 VPDPBUSD, AVX512-VNNI, 512 bits", "avx512_vnni",
         "vpdpbusd %zmm14, %zmm15, %zmm{a}", list(range(12)), 0, 64),
    Loop("1 bit, table: shuffle + add, 256 bits", "avx2",
         "vpshufb %ymm14, %ymm15, %ymm{t}; vpaddb %ymm{t}, %ymm{a}, %ymm{a}",
         list(range(6)), 6, 32 * 4),
    Loop("1 bit, xor + counts of halves + add, 256 bits", "avx2",
         "vpxor %ymm14, %ymm15, %ymm{t}; vpand %ymm13, %ymm{t}, %ymm12;"
         "vpsrlw $4, %ymm{t}, %ymm{t}; vpand %ymm13, %ymm{t}, %ymm{t};"
         "vpshufb %ymm12, %ymm14, %ymm12; vpshufb %ymm{t}, %ymm14, %ymm{t};"
         "vpaddb %ymm12, %ymm{t}, %ymm{t}; vpaddb %ymm{t}, %ymm{a}, %ymm{a}",
         list(range(6)), 6, 256),
    Loop("1 bit, xor + VPOPCNTDQ + add, 512 bits", "avx512_vpopcntdq",
         "vpxorq %zmm14, %zmm15, %zmm{t}; vpopcntq %zmm{t}, %zmm{t};"
         "vpaddq %zmm{t}, %zmm{a}, %zmm{a}",
         list(range(6)), 6, 512),
    Loop("int8 TDPBUSD, AMX", "amx_int8",
         "tdpbusd %tmm7, %tmm6, %tmm{a}", list(range(6)), 0, 16 * 16 * 64,
         "ldtilecfg tiles(%rip)", "tilerelease"),
]  # fmt: skip

ARM = [
    Loop("fp32 FMLA", "asimd",
         "fmla v{a}.4s, v30.4s, v31.4s", [*range(8), *range(16, 28)], 0, 4),
    Loop("int8 SMULL + SMLAL + SADALP", "asimd",
         "smull v{t}.8h, v30.8b, v31.8b; smlal2 v{t}.8h, v30.16b, v31.16b;"
         "sadalp v{a}.4s, v{t}.8h", list(range(8)), 16, 16),
    Loop("int8 SMULL + 3 SMLAL + SADALP", "asimd",
         "smull v{t}.8h, v30.8b, v31.8b; smlal2 v{t}.8h, v30.16b, v31.16b;"
         "smlal v{t}.8h, v28.8b, v29.8b; smlal2 v{t}.8h, v28.16b, v29.16b;"
         "sadalp v{a}.4s, v{t}.8h", list(range(8)), 16, 32),
    Loop("1 bit, EOR + CNT + ADD", "asimd",
         "eor v{t}.16b, v30.16b, v31.16b; cnt v{t}.16b, v{t}.16b; add v{a}.16b, v{a}.16b, v{t}.16b",
         list(range(8)), 16, 128),
    Loop("int8 SDOT", "asimddp",
         "sdot v{a}.4s, v30.16b, v31.16b", [*range(8), *range(16, 28)], 0, 16),
    Loop("int8 SMMLA", "i8mm",
         "smmla v{a}.4s, v30.16b, v31.16b", [*range(8), *range(16, 28)], 0, 32),
]  # fmt: skip


class Machine(NamedTuple):
    """How an architecture names its flags and closes a loop."""

    loops: list[Loop]
    flags: str  # the line of /proc/cpuinfo
    begin: str
    again: str
    end: str
    data: str = ""


# The shapes of AMX's eight tiles, all of them 16 rows of 64 bytes.
TILES = "tiles: .byte 1; .zero 15; .fill 8, 2, 64; .zero 16; .fill 8, 1, 16; .zero 8"

MACHINES = {
    "x86_64": Machine(X86, "flags", "vzeroall", "dec %rdi; jnz 1b", "vzeroupper; ret", TILES),
    "aarch64": Machine(ARM, "Features", ".arch armv8.6-a", "subs x0, x0, #1; b.ne 1b", "ret"),
}


def assembly(machine: Machine, loops: list[Loop]) -> str:
    """Returns functions loop_0, loop_1 ... that take the number of passes."""
    lines = ['.section .note.GNU-stack, ""', ".text", machine.data]
    for index, loop in enumerate(loops):
        lines += [f".globl loop_{index}", f"loop_{index}:", machine.begin, loop.before, "1:"]
        for i, accumulator in enumerate(loop.accumulators):
            lines.append(loop.step.format(a=accumulator, t=loop.temporary + i))
        lines += [machine.again, loop.after, machine.end]
    return "\n".join(lines) + "\n"


def build(machine: Machine, loops: list[Loop]) -> ctypes.CDLL:
    """Assembles and load the loops."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "peak.s", Path(folder) / "peak.so"
        source.write_text(assembly(machine, loops))
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-shared", "-o", str(library), str(source)], check=True)
        return ctypes.CDLL(str(library))


def cpu_flags(machine: Machine) -> set[str]:
    """Returns the features that the kernel reports, but those that it does not let us use."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(machine.flags):
            flags = set(line.split(":", 1)[1].split())
            return flags if "amx_int8" in flags and permit_tiles() else flags - {"amx_int8"}
    raise SystemExit(f"/proc/cpuinfo has no line '{machine.flags}'")


def permit_tiles() -> bool:
    """Asks Linux for the registers of AMX: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)."""
    return ctypes.CDLL(None).syscall(158, 0x1023, 18) == 0


def fastest(loop: Callable[[ctypes.c_long], object], core: int) -> float:
    """Returns the least seconds that a loop took on a core."""
    os.sched_setaffinity(0, [core])  # of this thread
    best = float("inf")
    for _ in range(TIMINGS):
        start = time.perf_counter()
        loop(ctypes.c_long(PASSES))
        best = min(best, time.perf_counter() - start)
    return best


def measure(library: ctypes.CDLL, loops: list[Loop], cores: list[int], rounds: int) -> list:
    """Returns the best seconds of each loop on each core."""
    best = [[float("inf")] * len(cores) for _ in loops]
    with ThreadPoolExecutor(len(cores)) as pool:
        for _ in range(rounds):
            for index, record in enumerate(best):
                function = getattr(library, f"loop_{index}")
                seconds = pool.map(fastest, [function] * len(cores), cores)
                best[index] = [min(pair) for pair in zip(record, seconds)]
    return best


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", default="0", help="CPU numbers, comma-separated")
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    machine = MACHINES.get(platform.machine())
    if not machine:
        raise SystemExit(f"no loops for {platform.machine()}")
    flags = cpu_flags(machine)
    loops = [loop for loop in machine.loops if loop.flag in flags]
    cores = [int(core) for core in args.cores.split(",")]
    best = measure(build(machine, loops), loops, cores, args.rounds)
    for loop, seconds in zip(loops, best):
        macs = PASSES * loop.macs * len(loop.accumulators)
        print(f"{loop.name:<44}" + "".join(f"{macs / s * 1e-9:10.1f}" for s in seconds))


if __name__ == "__main__":
    main()
