"""Checks that no inline function leaks out of the files compiled with wide instructions.

    python tools/check_isa_leak.py BUILD_FOLDER

The linker keeps one copy of an inline function that several files share: if that is the one with
wide instructions, a CPU that lacks them dies. So in every object of a csrc/kernels/<family>/
<level>.cpp (portable aside) the only global symbols are the kernels of the family's kernels.inc, no
symbol is weak, nothing runs before main(), and nothing of the C++ library is called.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KERNELS = ROOT / "csrc" / "kernels"
SYMBOL = re.compile(r"^[0-9a-f]* +(\w) (.*)$", re.MULTILINE)
START_UP = re.compile(r"\s(\.init_array|\.ctors|\.preinit_array)\S*\s")
LIBRARY_CALL = re.compile(r"\bstd::|operator (new|delete)|__cxa_|__gxx_|_Unwind_")


def levels() -> list[str]:
    """The instruction set levels with wide instructions, as csrc/core/isa.def lists them."""
    rows = re.findall(r"^X\((\w+),", (ROOT / "csrc/core/isa.def").read_text(), re.MULTILINE)
    return [name for name in rows if name != "portable"]


def kernels(family: str, level: str) -> set[str]:
    """The symbols that the family's table has for a level."""
    table = (KERNELS / family / "kernels.inc").read_text()
    return set(re.findall(rf"^KERNEL\((\w+),\s*{level}\b", table, re.MULTILINE))


def problems(obj: Path, family: str, level: str) -> list[str]:
    """What is wrong with one object file, one line for each finding."""
    allowed = {f"edgert::{symbol}" for symbol in kernels(family, level)}
    found = []
    for kind, symbol in SYMBOL.findall(run("nm", "--demangle", str(obj))):
        if kind in "wWvVu":
            found.append(f"weak or unique symbol: {symbol}")
        elif kind == "U":
            if LIBRARY_CALL.search(symbol):
                found.append(f"call into the C++ library: {symbol}")
        elif kind.isupper() and symbol.split("(")[0] not in allowed:
            found.append(f"global symbol that is no kernel of {family}/kernels.inc: {symbol}")
    for section in START_UP.findall(run("readelf", "--wide", "--sections", str(obj))):
        found.append(f"static initialiser: section {section}")
    return found


def run(*command: str) -> str:
    """The standard output of a command that must succeed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> int:
    """Checks every object; returns 1 if there are findings or no objects."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path, help="CMake's build folder")
    build = parser.parse_args().build
    objects = failures = 0
    for level in levels():
        for source in sorted(KERNELS.glob(f"*/{level}.cpp")):
            family = source.parent.name
            for obj in build.glob(f"**/csrc/kernels/{family}/{level}.cpp.o"):
                objects += 1
                for problem in problems(obj, family, level):
                    failures += 1
                    print(f"{obj.relative_to(build)}: {problem}", file=sys.stderr)
    if objects == 0:
        print(f"no objects of instruction set levels below {build}", file=sys.stderr)
    print(f"{objects} objects checked, {failures} findings")
    return int(failures > 0 or objects == 0)


if __name__ == "__main__":
    sys.exit(main())
