"""Builds edgert for other machines than this one.

    python tools/cross.py tests --target aarch64     # the C++ tests, by Debian's cross compiler

Builds stand in build/cross.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "cross"
CROSS = ROOT / "tools" / "cross"
TRIPLES = {"aarch64": "aarch64-linux-gnu", "armv7l": "arm-linux-gnueabihf"}


def run(*command: object, env: dict[str, str] | None = None) -> None:
    """Runs a command, shows it, and ends this program if it fails."""
    words = [str(word) for word in command]
    print("$", *words, flush=True)
    done = subprocess.run(words, env={**os.environ, **(env or {})}, check=False)
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode}: {' '.join(words)}")


def cmake_build(folder: Path, *options: object, targets: list[str] | None = None) -> None:
    """Configures and builds the project in ``folder``."""
    run("cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", *options)
    run("cmake", "--build", folder, *(["--target", *targets] if targets else []))


def build_tests(target: str) -> Path:
    """The C++ tests and programs, by Debian's cross compiler; returns the folder."""
    folder = BUILD / f"gcc-{target}"
    cmake_build(
        folder,
        f"-DCMAKE_TOOLCHAIN_FILE={CROSS / 'gcc.cmake'}",
        f"-DEDGERT_CROSS={TRIPLES[target]}",
        "-DEDGERT_TESTS=ON",
    )
    return folder


def main() -> None:
    """Runs a command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["tests"])
    parser.add_argument("--target", choices=TRIPLES, required=True)
    args = parser.parse_args()
    print(build_tests(args.target))


if __name__ == "__main__":
    main()
