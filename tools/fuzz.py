"""Fuzzes the project for a while: builds, makes the corpus, runs, and says what was found.

    pip install ".[test]" -r tools/requirements.txt
    python tools/fuzz.py --minutes 60 --coverage

``load`` needs Clang, ``--coverage`` LLVM's tools, and ``import`` the package atheris. In
build/check/fuzz/<target> is what a target started from and found: ``corpus`` grows from run to run,
``crashes`` has the inputs that failed. Exits with 1 if there were any. docs/trust.md says what the
targets check.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from check import (
    BUILD,
    ROOT,
    SANITIZED,
    CheckError,
    cmake_build,
    release_build,
    run,
    sanitized_build,
)

FOLDER = BUILD / "fuzz"
TESTS = ROOT / "tests" / "fuzz"
TARGETS = ("load", "import", "faults")
MOST_BYTES = {"load": 96 << 10, "import": 64 << 10}  # of an input
# Nothing is kept but what fails, or takes too long; to choose inputs by how rare they are is slow.
OPTIONS = ("-timeout=30", "-report_slow_units=31", "-rss_limit_mb=2560", "-len_control=0",
           "-entropic=0")  # fmt: skip
# The members of edgert::fuzz::Counters, each a number of 64 bits, and how many it has.
TARGET = Path("tests", "fuzz", "edgert_fuzz_load")  # in a build
COUNTERS = {"files": 1, "loaded": 1, "over_limit": 1, "too_large": 1, "bound": 1, "run": 1,
            "failed": 1, "refused": 64, "op_loaded": 64, "op_run": 64}  # fmt: skip
LOADS = {"loaded": "accepted by load", "over_limit": "beyond the memory limit",
         "too_large": "accepted, but too large for more", "bound": "bound to kernels, and not run",
         "run": "run to the end, in all ways",
         "failed": "run into a typed error, in all ways"}  # fmt: skip


class Campaign:
    """A target of libFuzzer, in several processes that share a corpus."""

    def __init__(self, name: str, package: Path, jobs: int, seed: int) -> None:
        self.name, self.package, self.jobs, self.seed = name, package, jobs, seed
        self.folder = FOLDER / name
        self.corpus, self.seeds = self.folder / "corpus", self.folder / "seeds"
        self.crashes, self.logs = self.folder / "crashes", self.folder / "logs"
        self.counters = self.folder / "counters"

    def run(self, minutes: float, runs: int) -> int:
        """Fuzzes for some minutes, or so many inputs, and reports; returns how many failed."""
        program = self.prepare()
        begin, clock = time.time(), time.monotonic()
        if runs:  # without the inputs of other processes, which come at no certain time
            options = (f"-runs={runs}", "-reload=0")
            processes = {job: self.start(program, job, options) for job in range(self.jobs)}
            restarts = 0
        else:
            processes, restarts = self.keep_running(program, minutes, begin)
        for job, process in processes.items():
            self.check_end(job, process.wait(), begin)
        seconds = time.monotonic() - clock
        print(f"\n--- {self.name}: {seconds:.0f} s, {self.jobs} processes, {restarts} restarts")
        print(f"{len(list(self.corpus.iterdir())):10} inputs in the corpus")
        self.report(seconds)
        found = self.found_since(begin)
        if found:
            for job in processes:
                print(self.log(job).read_text(errors="replace")[-4000:])
        report_found(found, " ".join(map(str, program)))
        return len(found)

    def keep_running(
        self, program: Sequence[object], minutes: float, begin: float
    ) -> tuple[dict[int, subprocess.Popen], int]:
        """The last processes, and how often one was started anew where an input had ended it."""
        processes: dict[int, subprocess.Popen] = {}
        restarts, end = 0, time.monotonic() + 60 * minutes
        while (left := end - time.monotonic()) > 1:
            for job in range(self.jobs):
                if job in processes:
                    if processes[job].poll() is None:
                        continue
                    self.check_end(job, processes[job].returncode, begin)
                    restarts += 1
                processes[job] = self.start(program, job, (f"-max_total_time={int(left)}",))
            time.sleep(min(1, left))
        return processes, restarts

    def prepare(self) -> Sequence[object]:
        """Builds the target and makes its seeds; returns the command that runs it."""
        for counters in self.folder.glob("counters*"):
            counters.unlink()
        shutil.rmtree(self.logs, ignore_errors=True)
        for folder in (self.corpus, self.crashes, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        make_seeds(self.name, self.package)
        if self.name == "load":
            sanitized_build()
            return [SANITIZED / TARGET]
        return [sys.executable, TESTS / "importer.py"]

    def start(self, program: Sequence[object], job: int, limits: Sequence[str]) -> subprocess.Popen:
        """One process, which ends at the first input that fails."""
        options = (
            *limits,
            f"-seed={self.seed and self.seed + job}",
            f"-artifact_prefix={self.crashes}/",
            f"-max_len={MOST_BYTES[self.name]}",
        )
        counters = {"EDGERT_FUZZ_COUNTERS": str(self.counters)}
        with self.log(job).open("ab") as log:
            return subprocess.Popen(
                [*map(str, program), *OPTIONS, *options, self.corpus, self.seeds],
                env={**os.environ, **counters, "PYTHONPATH": str(self.package),
                     "PYTHONHASHSEED": str(self.seed or "random")},
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def check_end(self, job: int, code: int, begin: float) -> None:
        """Fails if a process did for another reason than an input."""
        if code != 0 and not self.found_since(begin):
            print(self.log(job).read_text(errors="replace")[-4000:])
            raise CheckError(f"the target {self.name} ended with {code}, at no input")

    def log(self, job: int) -> Path:
        """What a process printed."""
        return self.logs / str(job)

    def found_since(self, begin: float) -> list[Path]:
        """The inputs that failed."""
        return sorted(path for path in self.crashes.iterdir() if path.stat().st_mtime >= begin)

    def report(self, seconds: float) -> None:
        """Prints what became of the inputs."""
        if self.name == "load":
            report_loads(self.counters, seconds)
        else:
            report_conversions(self.folder, seconds)


def make_seeds(name: str, package: Path) -> None:
    """Writes what a target starts from into a folder that is empty."""
    seeds = FOLDER / name / "seeds"
    shutil.rmtree(seeds, ignore_errors=True)
    run(sys.executable, TESTS / "corpus.py", name, seeds, env={"PYTHONPATH": str(package)})


def sweep_faults(package: Path, jobs: int, minutes: float) -> int:
    """Loads and runs the seeds of ``load`` with every request for memory and threads refused."""
    make_seeds("load", package)
    crashes = FOLDER / "faults" / "crashes"
    crashes.mkdir(parents=True, exist_ok=True)
    models = sorted((FOLDER / "load" / "seeds").iterdir())
    random.shuffle(models)
    program = BUILD / "release" / "tests" / "faults" / "edgert_fault_sweep"
    begin = time.monotonic()

    def sweep(model: Path) -> subprocess.CompletedProcess | None:
        """What the program says, or nothing if no time is left."""
        left = begin + 60 * minutes - time.monotonic()
        if left < 1:
            return None
        command = [program, model]
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=left + 60)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 1, "no end", "")

    with ThreadPoolExecutor(jobs) as pool:
        swept = [done for done in pool.map(sweep, models) if done is not None]
    points, found = 0, []
    for model, done in zip(models, swept):
        if done.returncode == 0:
            points += int(done.stdout.split(": ")[1].split()[0])
        else:
            print(done.stdout, done.stderr)
            found.append(Path(shutil.copy(model, crashes)))
    print(f"\n--- faults: {time.monotonic() - begin:.0f} s, {jobs} processes")
    print(f"{len(swept):10} models of {len(models)}, {points} requests refused")
    report_found(found, str(program))
    return len(found)


def report_found(paths: Sequence[Path], program: str) -> None:
    """Prints the commands that run the inputs that failed."""
    for path in paths:
        print(f"FOUND {program} {path}")


def report_loads(counters: Path, seconds: float) -> None:
    """Prints what became of the files, and which operators were reached."""
    from edgert import schema

    numbers = np.fromfile(counters, np.uint64).tolist()
    counts = {}
    for name, size in COUNTERS.items():
        counts[name], numbers = numbers[:size], numbers[size:]
    files = counts["files"][0]
    print(f"{files:10} files, {files / seconds:.0f} a second")
    for name, what in LOADS.items():
        print(f"{counts[name][0]:10} {what}")
    rules = {f"F{i}" if i else "by operators": n for i, n in enumerate(counts["refused"]) if n}
    print_counts("refused by rule", rules)
    print_counts("nodes run", {name: counts["op_run"][op.id] for name, op in schema.OPS.items()})


def report_conversions(folder: Path, seconds: float) -> None:
    """Prints what became of the models."""
    counts: Counter[str] = Counter()
    for path in folder.glob("counters.*"):
        for line in path.read_text().splitlines():
            count, name = line.split(" ", 1)
            counts[name] += int(count)
    models = sum(counts.values())
    print(f"{models:10} models, {models / seconds:.1f} a second")
    for name, count in counts.most_common():
        print(f"{count:10} {name}")


def print_counts(what: str, counts: Mapping[str, int]) -> None:
    """Prints counts in a paragraph."""
    text = ", ".join(f"{name} {count}" for name, count in counts.items())
    print(textwrap.fill(f"{what}: {text}", 100, subsequent_indent="    "))


def print_coverage() -> None:
    """Runs the grown corpus once more and prints which lines of the runtime it reaches."""
    folder = FOLDER / "coverage"
    counted = "-DCMAKE_CXX_FLAGS=-fprofile-instr-generate -fcoverage-mapping"
    options = ("-DCMAKE_CXX_COMPILER=clang++", "-DEDGERT_FUZZ=ON", "-DEDGERT_LIBRARY=OFF", counted)
    cmake_build(folder, *options)
    program = folder / TARGET
    raw, merged = FOLDER / "coverage.profraw", FOLDER / "coverage.profdata"
    corpora = (FOLDER / "load" / "corpus", FOLDER / "load" / "seeds")
    run(program, "-runs=0", *OPTIONS, *corpora, env={"LLVM_PROFILE_FILE": str(raw)})
    run("llvm-profdata", "merge", "-sparse", raw, "-o", merged)
    export = ("llvm-cov", "export", "-summary-only", f"-instr-profile={merged}", program)
    (data,) = json.loads(run(*export, capture=True))["data"]
    total: Counter[str] = Counter()
    print("\n--- lines of csrc/runtime reached")
    for file in data["files"]:
        name, lines = file["filename"].split("/csrc/")[-1], file["summary"]["lines"]
        if name.startswith("runtime/") and lines["count"] > 0:
            print_lines(name, lines)
            total.update(covered=lines["covered"], count=lines["count"])
    print_lines("all", total)


def print_lines(name: str, lines: Mapping[str, int]) -> None:
    """Prints how many lines of a file were reached."""
    covered, count = lines["covered"], lines["count"]
    print(f"{covered:6} of {count:6}  {100 * covered / count:5.1f} %  {name}")


def require_tools(targets: Sequence[str], coverage: bool) -> None:
    """Fails if something is missing that this machine lacks."""
    programs = ("clang++", *(("llvm-profdata", "llvm-cov") if coverage else ()))
    for program in programs if "load" in targets else ():
        if shutil.which(program) is None:
            raise CheckError(
                f"the target load needs {program}: install clang and llvm, or choose others"
            )
    if "import" in targets and importlib.util.find_spec("atheris") is None:
        raise CheckError(
            "the target import needs the package atheris, which there is for CPython 3.11 to 3.13"
            " on Linux and x86-64: install tools/requirements.txt there, or choose others"
        )


def main() -> int:
    """Runs the targets one after the other; returns 1 if one found something."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1, help="for each target")
    parser.add_argument(
        "--runs", type=int, default=0, help="inputs of a process, in the place of minutes"
    )
    parser.add_argument("--target", nargs="+", choices=TARGETS, default=TARGETS)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes side by side")
    parser.add_argument(
        "--seed", type=int, default=0, help="of random numbers; 0: another each time"
    )
    parser.add_argument("--coverage", action="store_true", help="lines of csrc/runtime reached")
    args = parser.parse_args()
    try:
        require_tools(args.target, args.coverage)
        package = release_build()
        sys.path.insert(0, str(package))
        found = 0
        for name in args.target:
            if name == "faults":
                found += sweep_faults(package, args.jobs, args.minutes)
            else:
                found += Campaign(name, package, args.jobs, args.seed).run(args.minutes, args.runs)
        if args.coverage and "load" in args.target:
            print_coverage()
    except CheckError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
