"""Compare edgert with other engines on the same networks, cores and instruction sets.

usage: models.py FOLDER [--models A,B] [--tiers avx2,native] [--threads 1,2] [--engines edgert,ort]
                        [--rounds 5] [--seconds 0.5] [--load] [--json FILE]
                        [--input-shape NAME=DIMS] [--python ENGINE=PATH]

FOLDER holds NAME.onnx, NAME.tflite and NAME.ncnn.param/.bin (export_zoo.py writes them), and for
the engines ENGINE-int8 what quantize_zoo.py makes of these. NAME.edgert is converted anew, and so
is NAME.qdq.edgert for the engine edgert-qdq, from the network that onnxruntime has quantised. Each
measurement is a process of its own, pinned, and the engines take turns, so that a slow minute of
the machine hits all of them. The time of a cell is the minimum over all rounds, with the median of
the rounds' medians after it, in ms; ratios are of minima, above 1 where edgert is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import NamedTuple

from cpumask import masked

HERE = Path(__file__).resolve().parent
FILES = {
    "edgert": "{}.edgert",
    "ort": "{}.onnx",
    "openvino": "{}.onnx",
    "litert": "{}.tflite",
    "ncnn": "{}.ncnn.param",
    "edgert-int8": "{}.int8.edgert",
    "ort-int8": "{}.qdq.onnx",
    "openvino-int8": "{}.qdq.onnx",
    "litert-int8": "{}.int8.tflite",
    "edgert-qdq": "{}.qdq.edgert",
}
CONVERTED = {"edgert": "{}.onnx", "edgert-qdq": "{}.qdq.onnx"}  # engine: what its file is made of
FLOAT = [engine for engine in FILES if "-" not in engine]
MODELS = [
    "mobilenetv1_100",
    "mobilenetv2_100",
    "mobilenetv3_large_100",
    "efficientnet_lite0",
    "mobilenetv4_conv_small",
    "resnet18",
    "resnet50",
]
PACKAGES = {  # engine: what of site-packages holds its libraries
    "edgert": ["edgert"],
    "ort": ["onnxruntime"],
    "openvino": ["openvino"],
    "litert": ["ai_edge_litert"],
    "ncnn": ["ncnn", "ncnn.libs"],
}
# tier: the flag in /proc/cpuinfo that says that this CPU has it
TIERS = {
    "avx2": "avx2",
    "avx_vnni": "avx_vnni",
    "avx512": "avx512f",
    "avx512_vnni": "avx512_vnni",
    "amx_int8": "amx_int8",
}
WHOLE = {"native", "amx_int8"}  # tiers that hide nothing
MINIMA = {"import_ms", "load_ms", "first_ms", "min_ms"}  # of which the least counts
NORM_TOLERANCE = {
    "float": 1e-3,
    "int8": 0.1,
}  # engines whose outputs differ by more did not run the same network

Results = dict  # engine -> what worker.py printed, one per round


class Cell(NamedTuple):
    """What the engines are compared on."""

    model: str
    tier: str
    threads: int


class Bench:
    """The command line's settings, and the notes gathered on the way."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.pythons = dict(args.python)
        self.notes: dict[str, None] = {}  # ordered, without repetition
        self.faults = "cpuid_fault" in cpu_info().get("flags", "").split()
        self.cores = sorted(os.sched_getaffinity(0))
        if max(args.threads) > len(self.cores):
            raise SystemExit(f"{max(args.threads)} threads, but {len(self.cores)} usable cores")

    def note(self, text: str) -> None:
        """Remembers something to print under the table."""
        self.notes[text] = None

    def python(self, engine: str) -> str:
        """Returns the interpreter that has the engine installed."""
        return self.pythons.get(program(engine), sys.executable)

    def convert(self, engine: str, model: str) -> None:
        """Writes an engine's file of edgert's from one of ONNX."""
        target = self.args.folder / FILES[engine].format(model)
        target.unlink(missing_ok=True)
        beside = Path(self.python("edgert")).parent
        command = shutil.which("edgert", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
        if not command:
            self.note(f"{engine}: skipped, the command is not installed")
            return
        source = self.args.folder / CONVERTED[engine].format(model)
        words = [command, "convert", str(source), "-o", str(target), "--no-check"]
        if self.args.input_shape:
            words += ["--input-shape", self.args.input_shape]
        done = run_quietly(words)
        if done.returncode:
            self.note(f"{engine}: cannot convert {source.name}: {last_line(done.stderr)}")

    def work(self, engine: str, cell: Cell) -> dict | None:
        """Measures one engine once, in its own process; None (and a note) if it cannot."""
        path = self.args.folder / FILES[engine].format(cell.model)
        if not path.exists():
            self.note(f"{engine}: skipped, no {path.name}")
            return None
        cores = ",".join(str(core) for core in self.cores[: cell.threads])
        seconds = 0 if self.args.load else self.args.seconds
        command = [self.python(engine), str(HERE / "worker.py"), program(engine), str(path)]
        command += ["--cores", cores, "--seconds", str(seconds)]
        if self.args.input_shape:
            command += ["--shape", self.args.input_shape.partition("=")[2]]
        env = None
        if cell.tier not in WHOLE:
            env = masked(cell.tier, self.python(engine), PACKAGES[program(engine)], self.faults)
        done = run_quietly(command, env)
        if done.returncode:
            self.note(f"{engine}: skipped on {cell.model}: {last_line(done.stderr)}")
            return None
        return json.loads(done.stdout.splitlines()[-1])

    def measure(self, cell: Cell) -> Results:
        """Lets the engines take turns for all rounds."""
        results: Results = {engine: [] for engine in self.args.engines}
        for _ in range(self.args.rounds):
            for engine in list(results):
                result = self.work(engine, cell)
                if result:
                    results[engine].append(result)
                else:
                    del results[engine]
        self.check_norms(cell, results)
        return results

    def check_norms(self, cell: Cell, results: Results) -> None:
        """Notes the engines whose output is not that of ONNX Runtime, or of the first one."""
        norms = {engine: rounds[0]["norm"] for engine, rounds in results.items()}
        reference = norms.get("ort", next(iter(norms.values()), 0.0))
        for engine, norm in norms.items():
            tolerance = NORM_TOLERANCE["int8" if is_int8(engine) else "float"]
            if abs(norm - reference) > tolerance * reference:
                self.note(f"{engine}: another output on {cell.model}: {norm:.5g}, {reference:.5g}")


def program(engine: str) -> str:
    """Returns which program an engine is: "ort" for "ort-int8"."""
    return engine.partition("-")[0]


def is_int8(engine: str) -> bool:
    """Returns whether an engine runs a quantised network."""
    return engine not in FLOAT


def run_quietly(command: list[str], env: dict | None = None) -> subprocess.CompletedProcess:
    """Runs a command, keeping its output."""
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def last_line(text: str) -> str:
    """Returns the last line of an error output."""
    return (text.strip().splitlines() or ["no message"])[-1]


def cpu_info() -> dict[str, str]:
    """Returns the first processor of /proc/cpuinfo."""
    pairs = (line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if line)
    info: dict[str, str] = {}
    for key, value in pairs:
        info.setdefault(key.strip(), value.strip())
    return info


def check_tiers(tiers: list[str]) -> None:
    """Exits if this machine cannot run as one of the tiers."""
    flags = [*cpu_info().get("flags", "").split(), "native"]
    for tier in tiers:
        if TIERS.get(tier, tier) not in flags:
            raise SystemExit(f"this CPU cannot run as '{tier}'; native, {', '.join(TIERS)}")


def summary(rounds: list[dict]) -> dict:
    """Merges an engine's rounds: the least of what is in MINIMA, medians of all other numbers."""
    merged = dict(rounds[0])
    for key, value in merged.items():
        if isinstance(value, (int, float)):
            pick = min if key in MINIMA else statistics.median
            merged[key] = pick(result[key] for result in rounds)
    return merged


def subject(engines: list[str]) -> str:
    """Returns the engine that the others are compared with."""
    own = [engine for engine in ("edgert-int8", "edgert-qdq") if engine in engines]
    return own[0] if own else "edgert"


def ratios(engines: list[str]) -> dict[str, list[str]]:
    """Returns the columns that compare: the engines of which the quickest counts."""
    own = subject(engines)
    if not is_int8(own):
        peers = [engine for engine in engines if engine != own]
        return {f"best peer / {own}": peers, f"ncnn / {own}": ["ncnn"]}
    int8 = [engine for engine in engines if is_int8(engine) and engine != own]
    floats = [engine for engine in engines if not is_int8(engine)]
    return {f"best int8 / {own}": int8, f"best float / {own}": floats}


def speed_header(engines: list[str]) -> list[str]:
    """Returns the columns of the table of times."""
    return [*Cell._fields, *engines, *ratios(engines)]


def speed_lines(cell: Cell, engines: list[str], merged: dict[str, dict]) -> list[list[str]]:
    """Returns a cell's row of the table of times."""
    times = {engine: result["min_ms"] for engine, result in merged.items()}
    shown = [
        f"{times[e]:.2f} ({merged[e]['median_ms']:.2f})" if e in merged else "-" for e in engines
    ]
    own, compared = times.get(subject(engines)), []
    for peers in ratios(engines).values():
        found = [times[engine] for engine in peers if engine in times]
        compared.append(f"{min(found) / own:.2f}" if found and own else "-")
    return [[*map(str, cell), *shown, *compared]]


def load_header(_engines: list[str]) -> list[str]:
    """Returns the columns of the table of loading."""
    columns = ["import ms", "load + first run ms", "MB over numpy", "MB in all"]
    return [*Cell._fields, "engine", *columns]


def load_lines(cell: Cell, _engines: list[str], merged: dict[str, dict]) -> list[list[str]]:
    """Returns a cell's rows of the table of loading, an engine each."""
    return [
        [
            *map(str, cell),
            engine,
            f"{result['import_ms']:.0f}",
            f"{result['load_ms'] + result['first_ms']:.1f}",
            f"{result['over_numpy_mb']:.1f}",
            f"{result['peak_mb']:.1f}",
        ]
        for engine, result in merged.items()
    ]


def print_row(values: list[str]) -> None:
    """Prints a row of a Markdown table."""
    print("| " + " | ".join(values) + " |", flush=True)


def run(bench: Bench) -> list[dict]:
    """Measures everything, prints the table as it grows and returns its rows."""
    args, rows = bench.args, []
    header, lines = (load_header, load_lines) if args.load else (speed_header, speed_lines)
    print_row(header(args.engines))
    print_row(["---"] * len(header(args.engines)))
    for engine, model in product(CONVERTED, args.models):
        if engine in args.engines:
            bench.convert(engine, model)
    for cell in map(Cell._make, product(args.models, args.tiers, args.threads)):
        merged = {engine: summary(rounds) for engine, rounds in bench.measure(cell).items()}
        for line in lines(cell, args.engines, merged):
            print_row(line)
        rows += [{**cell._asdict(), "engine": e, **result} for e, result in merged.items()]
    print("".join(f"\n- {note}" for note in bench.notes))
    return rows


def machine() -> dict:
    """Describes the machine for the JSON file."""
    info = cpu_info()
    cpu = info.get("model name") or info.get("Model") or platform.machine()
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release()}


def names(text: str) -> list[str]:
    """Parses comma-separated names."""
    return text.split(",")


def counts(text: str) -> list[int]:
    """Parses comma-separated numbers."""
    return [int(part) for part in text.split(",")]


def engine_names(text: str) -> list[str]:
    """Parses comma-separated engines."""
    unknown = set(names(text)) - set(FILES)
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown.pop()}: not one of {', '.join(FILES)}")
    return names(text)


def interpreter(text: str) -> list[str]:
    """Parses ENGINE=PATH."""
    engine, sign, path = text.partition("=")
    if not sign or engine not in FILES:
        raise argparse.ArgumentTypeError(f"expected ENGINE=PATH, found '{text}'")
    return [engine, path]


def parse() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=names, default=MODELS)
    parser.add_argument("--input-shape", metavar="NAME=DIMS", help="as edgert convert takes it")
    parser.add_argument("--tiers", type=names, default=["native"])
    parser.add_argument("--threads", type=counts, default=[1])
    parser.add_argument("--engines", type=engine_names, default=FLOAT,
                        help="int8 ones are named ENGINE-int8")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of timing, per process")
    parser.add_argument("--load", action="store_true", help="load, first run and memory instead")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--python", type=interpreter, action="append", default=[],
                        metavar="ENGINE=PATH", help="interpreter that has this engine")  # fmt: skip
    return parser.parse_args()


def main() -> None:
    """Runs the command line."""
    args = parse()
    check_tiers(args.tiers)
    rows = run(Bench(args))
    if args.json:
        args.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
