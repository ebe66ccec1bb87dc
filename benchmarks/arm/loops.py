"""Estimates the inner loops of the ARM kernels from what the compiler made of them.

``python benchmarks/arm/loops.py`` finds the loop with most multiply-adds per instruction in every
product kernel that ``tools/cross.py tests`` has compiled, and prints its instructions, its
multiply-adds, and how many of them a cycle executes, as llvm-mca says, on a Cortex-A53, on a
Cortex-A72 and on a Neoverse N1, which is the Cortex-A76 for servers. ``--show gemm_i8/neon`` prints
a loop itself.

The models of LLVM know which pipe executes an instruction and how long its result takes. They know
no cache and no branch, and of the Cortex-A53 not all pairs that issue together: estimates rank
loops, and say which instruction holds one.

Needs Debian's binutils-aarch64-linux-gnu and LLVM from 16 on, which has a model of the Neoverse N1.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "build" / "cross" / "gcc-aarch64"
CPUS = {"A53": "cortex-a53", "A72": "cortex-a72", "A76": "neoverse-n1"}
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S.*)$")
# What is unconditional comes back from code that is rarely run, and closes no loop.
BRANCH = re.compile(r"^(?:b\.\w+|cbn?z|tbn?z)\s.*?\b([0-9a-f]+) <")
# Multiply-adds by mnemonic, and by the lanes of the result where there are several.
BY_LANES = {"8h": 8, "4s": 4, "2s": 2, "2d": 2, "4h": 4}
DOTS = {"sdot": 4, "udot": 4, "usdot": 4, "sudot": 4}  # of a lane
MATRICES = {"smmla": 32, "ummla": 32, "usmmla": 32}
PLAIN = re.compile(r"^(?:[su]ml[as]l2?|[su]mull2?|f?ml[as]|f?mul)$")

Loop = list[str]


def functions(object_file: Path) -> Iterator[list[tuple[int, str]]]:
    """Addresses and instructions of each function of an object."""
    objdump = ["aarch64-linux-gnu-objdump", "-d", "--no-show-raw-insn", object_file]
    listing = subprocess.run(objdump, check=True, capture_output=True, text=True).stdout
    for section in re.split(r"\n(?=[0-9a-f]{16} <)", listing):
        found = (INSTRUCTION.match(line) for line in section.splitlines())
        yield [(int(match[1], 16), match[2]) for match in found if match]


def inner_loops(function: list[tuple[int, str]]) -> Iterator[Loop]:
    """From each target of branches backwards to the last of them, without others between."""
    places = {address: index for index, (address, _) in enumerate(function)}
    ends: dict[int, int] = {}
    for index, (_, text) in enumerate(function):
        match = BRANCH.match(text)
        target = places.get(int(match[1], 16)) if match else None
        if target is not None and target <= index:
            ends[target] = index
    for begin, end in ends.items():
        if not any(begin < other <= end for other in ends):
            yield [text for _, text in function[begin : end + 1]]


def macs(instruction: str) -> int:
    """Multiply-adds that an instruction on vectors executes."""
    name, _, operands = instruction.partition("\t")
    shape = re.match(r"v\d+\.(\w+)", operands)
    if shape is None:
        return 0
    lanes = BY_LANES.get(shape[1], 0)
    if name in MATRICES:
        return MATRICES[name]
    if name in DOTS:
        return DOTS[name] * lanes
    return lanes if PLAIN.match(name) else 0


def best_loop(object_file: Path) -> Loop | None:
    """The inner loop with most multiply-adds for an instruction."""
    loops = [loop for function in functions(object_file) for loop in inner_loops(function)]
    large = [(sum(map(macs, loop)), loop) for loop in loops]
    rated = [(count / len(loop), loop) for count, loop in large if count >= 32]
    return max(rated, key=lambda pair: pair[0])[1] if rated else None


def cycles(loop: Loop, cpu: str, mca: str) -> float:
    """Of one pass of a loop, by llvm-mca."""
    lines = [re.sub(r"\b[0-9a-f]+ <.*", "loop", line.split("//")[0]) for line in loop]
    text = "\n".join(["loop:", *lines, ""])
    command = [mca, "-mtriple=aarch64", f"-mcpu={cpu}", "-mattr=+dotprod,+i8mm"]
    command += ["-iterations=200", "-instruction-info=0", "-resource-pressure=0"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    match = re.search(r"Total Cycles:\s+(\d+)", done.stdout)
    if match is None:
        sys.exit(f"{mca} cannot read this loop: {done.stderr[:1000]}\n{text}")
    return int(match[1]) / 200


def row(name: str, loop: Loop, mca: str) -> str:
    """A line of the table."""
    kinds: Counter[str] = Counter()
    for line in loop:
        word = line.split()[0]
        kinds["load"] += word.startswith("ld")
        kinds["multiply"] += macs(line) > 0
    count = sum(map(macs, loop))
    estimates = [count / cycles(loop, cpu, mca) for cpu in CPUS.values()]
    numbers = [len(loop), kinds["multiply"], kinds["load"], count]
    return (
        f"{name:28}"
        + "".join(f"{n:10}" for n in numbers)
        + "".join(f"{rate:8.1f}" for rate in estimates)
    )


def main() -> None:
    """Prints the table, or one loop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--show", metavar="FAMILY/LEVEL", help="print this loop")
    parser.add_argument("--mca", default=shutil.which("llvm-mca-16") or "llvm-mca")
    args = parser.parse_args()
    objects = sorted(
        path
        for family in ("gemm_*", "dwconv_*")
        for path in BUILD.glob(f"CMakeFiles/edgert_kernels_neon*.dir/csrc/kernels/{family}/*.o")
    )
    if not objects:
        sys.exit(f"{BUILD} has no kernels: python tools/cross.py tests --target aarch64")
    columns = ["instr.", "multiply", "load", "MACs"]
    print(f"{'':28}" + "".join(f"{c:>10}" for c in columns), end="")
    print("".join(f"{c:>8}" for c in CPUS), "MACs a cycle")
    for path in objects:
        level = re.search(r"edgert_kernels_(\w+)\.dir", str(path))
        name = f"{path.parent.name}/{level[1]}" if level else path.parent.name
        loop = best_loop(path)
        if args.show == name and loop is not None:
            print("\n".join(loop))
        elif args.show is None and loop is not None:
            print(row(name, loop, args.mca), flush=True)


if __name__ == "__main__":
    main()
