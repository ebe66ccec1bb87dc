"""Checks that no inline function leaks out of the files of a level.

    python tools/check_isa_leak.py BUILD_FOLDER

The linker keeps one copy of an inline function that several files share: if that is the one of a
level, a CPU without it dies. So in every object that is compiled for a level with
instructions of its own the only global symbols are what the file is for: a family's kernels of the
level, the table of its kernels, the test of its vector types. No symbol is weak, nothing runs
before main(), and nothing of the C++ library is called.
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
LIBRARY = r"edgert_(kernels|simd_test)_{level}(_round_twice)?\.dir"  # CMake's folders of objects


def levels() -> list[str]:
    """The levels with instructions of their own, as csrc/core/isa.def lists them."""
    text = (ROOT / "csrc/core/isa.def").read_text()
    rows = re.findall(r"^(?:VECTOR_)?LEVEL\((\w+),", text, re.MULTILINE)
    return sorted(set(rows) - {"portable"})


def allowed_symbols(obj: Path, level: str) -> set[str]:
    """What an object may offer to the linker."""
    name = obj.name.split(".")[0]
    if name == "simd_test":
        return {f"edgert::test::{name}_{level}", f"edgert::test::{name}_round_twice_{level}"}
    if obj.parent.name == "kernels":
        return {f"edgert::level_kernels_{level}"}
    family = obj.parent.name
    table = KERNELS / family / "kernels.inc"
    if not table.exists():
        return {f"edgert::{family}_{level}"}
    rows = re.findall(rf"^KERNEL\((\w+),\s*{level}\b", table.read_text(), re.MULTILINE)
    return {f"edgert::{symbol}" for symbol in rows}


def problems(obj: Path, level: str) -> list[str]:
    """What is wrong with one object file, one line for each finding."""
    allowed = allowed_symbols(obj, level)
    found = []
    for kind, symbol in SYMBOL.findall(run("nm", "--demangle", str(obj))):
        if kind in "wWvVu":
            found.append(f"weak or unique symbol: {symbol}")
        elif kind == "U":
            if LIBRARY_CALL.search(symbol):
                found.append(f"call into the C++ library: {symbol}")
        elif kind.isupper() and symbol.split("(")[0] not in allowed:
            found.append(f"global symbol: {symbol}, expected {' or '.join(sorted(allowed))}")
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
        for folder in sorted(build.glob(f"**/edgert_*_{level}*.dir")):
            if not re.fullmatch(LIBRARY.format(level=level), folder.name):
                continue  # of a level whose name is longer
            for obj in sorted(folder.rglob("*.o")):
                source = obj.relative_to(folder).with_suffix("")
                if not (ROOT / source).exists() and not (ROOT / "tests/kernels" / source).exists():
                    continue  # of a file that is gone
                objects += 1
                for problem in problems(obj, level):
                    failures += 1
                    print(f"{obj.relative_to(build)}: {problem}", file=sys.stderr)
    if objects == 0:
        print(f"no objects of instruction set levels below {build}", file=sys.stderr)
    print(f"{objects} objects checked, {failures} findings")
    return int(failures > 0 or objects == 0)


if __name__ == "__main__":
    sys.exit(main())
