"""Make a process, and the engine in it, believe that it runs on a lesser CPU: see cpumask.c.

Where the CPU cannot make CPUID fault, the CPUID instructions of the engine's libraries are looked
up once with objdump (binutils) and kept in the user's cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "cpumask.c"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "edgert-bench"
CPUID = re.compile(r"^\s*([0-9a-f]+):\s*cpuid", re.MULTILINE)
SITE_PACKAGES = (
    "import json, sys; print(json.dumps([p for p in sys.path if p.endswith('-packages')]))"
)


def masked(level: str, python: str, packages: list[str], faults: bool) -> dict[str, str]:
    """Returns the environment under which `python` sees a CPU of this level at most.

    `packages` are the folders, inside of its site-packages, whose libraries are to see it; `faults`
    tells that the CPU can make CPUID fault, which needs no list of them.
    """
    env = {**os.environ, "CPUMASK": level}
    if faults:
        return {**env, "LD_PRELOAD": str(library())}
    return {**env, "CPUMASK_SITES": str(sites(python, packages)), "LD_AUDIT": str(library())}


def library() -> Path:
    """Compiles cpumask.c, once per version of its source."""
    path = CACHE / f"cpumask-{digest(SOURCE.read_text())}.so"
    if not path.exists():
        compiler = os.environ.get("CC", "cc")
        partial = partial_file(path)
        command = [compiler, "-O2", "-shared", "-fPIC", str(SOURCE), "-o", str(partial)]
        subprocess.run(command, check=True)
        partial.replace(path)
    return path


def sites(python: str, packages: list[str]) -> Path:
    """Lists the CPUID instructions of all libraries in some packages of an interpreter."""
    done = subprocess.run([python, "-c", SITE_PACKAGES], check=True, capture_output=True, text=True)
    folders = [Path(root, package) for root in json.loads(done.stdout) for package in packages]
    libraries = sorted({p.resolve() for f in folders for p in f.rglob("*.so*") if p.is_file()})
    key = "".join(f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}\n" for path in libraries)
    listing = CACHE / f"cpuid-{digest(key)}.txt"
    if not listing.exists():
        partial = partial_file(listing)
        partial.write_text("".join(f"{at} {path}\n" for path in libraries for at in cpuids(path)))
        partial.replace(listing)
    return listing


def cpuids(path: Path) -> list[str]:
    """Returns the addresses of a library's CPUID instructions."""
    command = ["objdump", "-d", "--no-show-raw-insn", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        return [match[1] for line in process.stdout if (match := CPUID.match(line))]


def partial_file(path: Path) -> Path:
    """Returns the name under which a file is written until it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_suffix(f".{os.getpid()}")


def digest(text: str) -> str:
    """Names a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
