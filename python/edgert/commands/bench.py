"""``edgert bench``: latency, load time and memory of a model on this machine."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgert.commands.arguments import add_model, positive, seconds
from edgert.cpu import isa
from edgert.inputs import random_inputs
from edgert.measure import forget_peak, latencies, resident_bytes
from edgert.model import Model, load
from edgert.report import INTERRUPTED, Outcome, milliseconds, size, table

HELP = "measure a model on this machine"
DETAILS = (
    "Latency of runs after a warm-up on random inputs, time to load, time of the first run, and "
    "the peak of resident memory beyond that of Python with numpy. Ctrl-C ends the measurement "
    "with what was measured until then."
)
PROFILE_RUNS = 30
# The 95th percentile, or the median of one half of the runs over that of the other, of a machine
# that does something else at the same time or that changes its clock.
UNSTEADY = 1.25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    add_model(parser)
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--seconds", type=seconds, default=3.0, metavar="S", help="time to measure (default: 3)"
    )
    length.add_argument("--runs", type=positive, metavar="N", help="runs to measure, not seconds")
    parser.add_argument(
        "--profile", action="store_true", help="time of each step too, in runs of their own"
    )


def execute(args: argparse.Namespace) -> Outcome:
    """Measures a model."""
    random_inputs([])  # loads numpy's generators, which are no part of the model's memory
    before, _ = resident_bytes()
    forget_peak()
    start = time.perf_counter()
    model = load(args.model, threads=args.threads, map=args.map)
    loaded = time.perf_counter()
    inputs = random_inputs(model.inputs)
    outputs = {o.name: np.empty(o.shape, o.dtype) for o in model.outputs}
    prepared = time.perf_counter()
    model.run(inputs, out=outputs)
    first = time.perf_counter()
    _, peak = resident_bytes()  # before there are times to keep: further runs take no more
    times: list[float] = []
    is_interrupted = False
    try:
        times.extend(latencies(lambda: model.run(inputs, out=outputs), args.seconds, args.runs))
    except KeyboardInterrupt:
        if not times:
            raise
        is_interrupted = True
    data: dict[str, Any] = {
        "model": args.model,
        "threads": model.threads,
        "isa": isa().active[-1],
        "runs": len(times),
        "median_ms": statistics.median(times),
        "p95_ms": float(np.percentile(times, 95)),
        "min_ms": min(times),
        "runs_per_second": 1e3 * len(times) / sum(times),
        "load_ms": (loaded - start) * 1e3,
        "first_run_ms": (first - prepared) * 1e3,
        "peak_bytes": peak,
        "peak_beyond_numpy_bytes": max(peak - before, 0),
        "unsteady": unsteady(times),
        "interrupted": is_interrupted,
    }
    rows = [(label, milliseconds(data[key])) for key, label in TIMES.items()]
    rows.insert(1, ("runs per second", f"{data['runs_per_second']:,.4g}"))
    beyond = size(data["peak_beyond_numpy_bytes"])
    rows.append(("memory", f"{beyond} beyond Python and numpy; {size(peak)} in all"))
    runs = f"{len(times)} runs, threads: {model.threads}, instruction set: {data['isa']}"
    parts = [f"{args.model}: {runs}", table(rows)]
    if data["unsteady"]:
        parts.append(
            f"WARNING: the machine was not steady: {data['unsteady']}; close other programs, or "
            "let it cool down, and measure again"
        )
    if is_interrupted:
        parts.append("interrupted: these are the runs until then")
    elif args.profile:
        data["profile"] = profile(model, inputs)
        parts.append(profile_table(data["profile"]))
    return Outcome(data, "\n\n".join(parts), INTERRUPTED if is_interrupted else 0)


def unsteady(times: Sequence[float]) -> str:
    """What shows that the machine slowed some runs down; "" of a steady one."""
    median, p95 = statistics.median(times), float(np.percentile(times, 95))
    middle = len(times) // 2
    halves = [statistics.median(half or times) for half in (times[:middle], times[middle:])]
    if max(halves) > UNSTEADY * min(halves):
        return f"one half of the runs took {max(halves) / min(halves):.1f} times the other"
    if p95 > UNSTEADY * median:
        return f"one run in twenty took {p95 / median:.1f} times the median or more"
    return ""


TIMES = {
    "median_ms": "median",
    "p95_ms": "95th percentile",
    "min_ms": "fastest",
    "load_ms": "load",
    "first_run_ms": "first run",
}


def profile(model: Model, inputs: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """The median time of each step."""
    times = np.median([model.profile(inputs) for _ in range(PROFILE_RUNS)], axis=0)
    return [
        {"step": s.step, "op": s.op, "kernel": s.kernel, "median_ms": float(ms)}
        for s, ms in zip(model.plan(), times)
    ]


def profile_table(steps: list[dict[str, Any]]) -> str:
    """The steps in their order, each with its share of the sum."""
    total = sum(step["median_ms"] for step in steps) or 1.0
    rows = []
    for step in steps:
        ms = step["median_ms"]
        rows.append(
            (step["step"], step["op"], step["kernel"], milliseconds(ms), f"{ms / total:.1%}")
        )
    return table(rows, ("step", "operator", "kernel", "median", "share"))
