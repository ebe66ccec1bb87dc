"""Counts the instructions of one inference on AArch64, by emulation: no ARM machine is needed.

``python benchmarks/arm/count.py MODEL... --cpus cortex-a72`` prints, in millions for each
model and CPU, instructions on vector registers (SIMD and floating point), those of them that are
dot products or matrix products of bytes, loads and stores of vectors, and all instructions. A count
is the difference between 3 inferences and 2, on one thread: what loading and warming up take
cancels out. ``--functions 10`` adds the functions with most of the SIMD instructions.

A count is not a time: it knows neither caches nor latencies, nor how many instructions a CPU issues
at once. It ranks kernels and engines, and finds instructions that nobody needs.

A model's file name says what runs it: .edgert, .onnx in ONNX Runtime or .tflite in LiteRT. For the
last two a Debian for ARM and their wheels are put below build/cross first; they are run by Python,
whose instructions are the same in every inference: of vectors a few hundred.

Needs Debian's qemu-user, which has plugins, and the cross build of ``tools/cross.py tests``.
"""

from __future__ import annotations

import argparse
import collections
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import edgert

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "cross"
PROGRAM = BUILD / "gcc-aarch64" / "edgert_emulated_run"
LIBRARIES = "/usr/aarch64-linux-gnu"  # of Debian's cross compiler
PEERS = {".onnx": ("ort", "onnxruntime"), ".tflite": ("litert", "ai-edge-litert")}
COLUMNS = ["simd", "dot", "mmla", "simd_load", "simd_store", "all"]

Counts = dict[str, collections.Counter[str]]  # by function, by class


def plugin() -> Path:
    """Builds count.c."""
    library = BUILD / "count.so"
    library.parent.mkdir(parents=True, exist_ok=True)
    compiler = ["gcc", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden", "-shared", "-fPIC"]
    subprocess.run([*compiler, HERE / "count.c", "-o", library], check=True)
    return library


def count(command: list[str], cpu: str, libraries: str, plugin: Path) -> Counts:
    """What the plugin counts while QEMU runs a command."""
    with tempfile.NamedTemporaryFile("r") as out:
        qemu = ["qemu-aarch64", "-cpu", cpu, "-L", libraries, "-plugin", f"{plugin},out={out.name}"]
        subprocess.run([*qemu, *command], check=True, stdout=subprocess.DEVNULL)
        counts: Counts = collections.defaultdict(collections.Counter)
        for line in out:
            function, kind, number = line.rstrip("\n").split("\t")
            counts[function][kind] += int(number)
    for function in counts.values():
        once = ("simd", "simd_load", "simd_store", "int_load", "int_store", "branch", "int")
        function["all"] = sum(function[kind] for kind in once)
    return counts


def demangle(names: list[str]) -> list[str]:
    """What C++ calls functions, without their arguments."""
    text = "\n".join(names)
    done = subprocess.run(["c++filt", "-p"], input=text, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def inputs_of(model: Path) -> bytes:
    """Random elements for all inputs of a packed model, one after the other."""
    random = np.random.default_rng(0)
    parts = []
    for tensor in edgert.load(model).inputs:
        drawn = random.standard_normal(tensor.shape) if tensor.dtype.kind == "f" else None
        array = random.integers(0, 128, tensor.shape) if drawn is None else drawn
        parts.append(array.astype(tensor.dtype).tobytes())
    return b"".join(parts)


def board() -> Path:
    """A Debian for AArch64 with Python and the peers, which looks like a Raspberry Pi 4."""
    tool = [sys.executable, ROOT / "tools" / "cross" / "sysroot.py", "aarch64"]
    done = subprocess.run(tool, check=True, stdout=subprocess.PIPE, text=True)
    root = Path(done.stdout.strip())
    packages = root / "peers"
    if not packages.exists():
        names = [package for _, package in PEERS.values()]
        platforms = [f"manylinux{level}_aarch64" for level in ("2014", "_2_27", "_2_28")]
        options = ["--python-version=3.11", "--implementation=cp", "--only-binary=:all:"]
        options += [f"--platform={platform}" for platform in platforms]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", f"--target={packages}"]
        subprocess.run([*pip, *options, *names], check=True)
    # What these engines ask about the CPU; this machine's own answer ends ONNX Runtime.
    cpu = {"BogoMIPS": "108.00", "Features": "fp asimd evtstrm crc32 cpuid"}
    cpu |= {"CPU implementer": "0x41", "CPU architecture": "8", "CPU variant": "0x0"}
    cpu |= {"CPU part": "0xd08", "CPU revision": "3"}
    (root / "proc").mkdir(exist_ok=True)
    lines = [f"{name}\t: {value}" for name, value in {"processor": "0", **cpu}.items()]
    (root / "proc" / "cpuinfo").write_text("\n".join(lines) + "\n\n")
    return root


def inference(model: Path, cpu: str, plugin: Path) -> Counts:
    """The counts of one inference."""
    with tempfile.TemporaryDirectory() as folder:
        if model.suffix in PEERS:
            engine, _ = PEERS[model.suffix]
            root = board()
            libraries = str(root)
            python = ["-E", f"PYTHONPATH={root / 'peers'}", str(root / "usr/bin/python3.11")]
            worker = [*python, str(HERE.parent / "worker.py"), engine, str(model), "--runs"]
            commands = [[*worker, runs] for runs in ("3", "2")]
        else:
            libraries = LIBRARIES
            files = [str(model), str(Path(folder, "inputs")), str(Path(folder, "outputs"))]
            Path(files[1]).write_bytes(inputs_of(model))
            commands = [[str(PROGRAM), runs, *files] for runs in ("3", "2")]
        three, two = (count(command, cpu, libraries, plugin) for command in commands)
    for function, kinds in two.items():
        three[function].subtract(kinds)
    return three


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--cpus", default="cortex-a72,cortex-a76", help="CPUs of QEMU")
    parser.add_argument(
        "--functions", type=int, default=0, metavar="N", help="those with most SIMD"
    )
    parser.add_argument("--json", type=Path, help="write all counts, by function, to this file")
    args = parser.parse_args()
    library = plugin()
    print(f"| {'model':28} | {'cpu':12} |", *(f"{name:>10} |" for name in COLUMNS))
    print("|---|---|" + "--:|" * len(COLUMNS))
    report = []
    for model in args.models:
        for cpu in args.cpus.split(","):
            counts = inference(model, cpu, library)
            total = sum(counts.values(), collections.Counter())
            numbers = (f"{total[name] / 1e6:10.2f} |" for name in COLUMNS)
            print(f"| {model.name:28} | {cpu:12} |", *numbers, flush=True)
            top = sorted(counts, key=lambda f: -counts[f]["simd"])[: args.functions]
            for function, name in zip(top, demangle(top)):
                numbers = (f"{counts[function][kind] / 1e6:10.2f} |" for kind in COLUMNS)
                print(f"| {name[-43:]:43} |", *numbers)
            report.append({"model": model.name, "cpu": cpu, "functions": counts})
    if args.json:
        args.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    sys.exit(main())
