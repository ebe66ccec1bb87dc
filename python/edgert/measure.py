"""Latency and memory of a model on this machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

WARM_UP_RUNS = 3
MIN_RUNS = 5


def latencies(
    call: Callable[[], object], seconds: float, runs: int | None = None
) -> Iterator[float]:
    """Milliseconds of each call after a warm-up: ``runs`` calls, or as many as ``seconds`` hold."""
    for _ in range(WARM_UP_RUNS):
        call()
    done, end = 0, time.perf_counter() + seconds
    while done < (runs or MIN_RUNS) or (runs is None and time.perf_counter() < end):
        start = time.perf_counter()
        call()
        yield (time.perf_counter() - start) * 1e3
        done += 1


def forget_peak() -> None:
    """Lets the peak of :func:`resident_bytes` begin anew, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def resident_bytes() -> tuple[int, int]:
    """(now, peak) bytes of this process in memory, as the kernel counts them."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    now, peak = (int(fields[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))
    return now, peak
