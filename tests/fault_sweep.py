"""Loads and runs models while the system refuses memory and threads: fault_sweep.py MODEL.edgert...

Needs faults/preload.c in LD_PRELOAD. Every request of the process is refused in turn, alone and
with all that follow: each time there is a MemoryError or the right result, and afterwards the right
result in the same process. With PYTHONMALLOC=malloc every object of Python is a request.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable

import numpy as np

import edgert
from edgert.inputs import random_inputs

THREADS = 3
WRONG = np.zeros((1, 2, 3), np.float64)
# An error whose traceback is refused a frame vanishes, which is CPython's fault: such small objects
# are not refused if Python has its own allocator.
WITH_ERRORS = os.environ.get("PYTHONMALLOC") != "malloc"
_library = ctypes.CDLL(None)
armed = ctypes.c_int.in_dll(_library, "faults_armed")
from_then_on = ctypes.c_int.in_dll(_library, "faults_from_then_on")
first = ctypes.c_size_t.in_dll(_library, "faults_first")
requests = ctypes.c_size_t.in_dll(_library, "faults_requests")


def bits(outputs: dict[str, np.ndarray]) -> dict[str, bytes]:
    """The outputs, to be compared."""
    return {name: array.tobytes() for name, array in outputs.items()}


def refused(call: Callable[[], object], error: type[Exception]) -> None:
    """A call that must fail, for lack of memory if not for its own reason."""
    try:
        call()
    except error:
        return
    raise AssertionError("there was no error")


def use(path: str, inputs: dict[str, np.ndarray], result: list) -> None:
    """Loads and runs in every way; ``result`` receives the model and its outputs."""
    model = edgert.load(path, THREADS)
    result.append(model)
    result.append(model.run(inputs))
    model(*inputs.values())
    model.run(inputs, out=result[1])
    model.profile(inputs)
    model.plan()
    model.memory()
    edgert.isa()


def misuse(path: str, inputs: dict[str, np.ndarray], model: edgert.Model) -> None:
    """Errors, each of its kind if there is memory for it."""
    refused(lambda: model.run(dict.fromkeys(inputs, WRONG)), edgert.InputError)
    refused(lambda: model.run(dict.fromkeys(inputs)), edgert.InputError)
    refused(lambda: model.run({}), edgert.InputError)
    refused(lambda: edgert.load(__file__), edgert.FormatError)
    refused(lambda: edgert.load(path + ".absent"), edgert.ModelIOError)
    refused(lambda: edgert.load(path, memory_limit=1), edgert.LimitError)


def attempt(path: str, inputs: dict[str, np.ndarray], result: list) -> None:
    """Everything, with faults. Short, as CPython 3.11 needs memory for handlers behind byte 256."""
    requests.value, armed.value = 0, 1
    try:
        use(path, inputs, result)
        if WITH_ERRORS:
            misuse(path, inputs, result[0])
        result.append(True)
    except MemoryError:
        pass
    finally:
        armed.value = 0


def sweep(path: str) -> None:
    """Tries one model."""
    result: list = []
    with edgert.load(path, THREADS) as model:
        inputs = random_inputs(model.inputs)
        expected = bits(model.run(inputs))
        misuse(path, inputs, model)
    points = refusals = 0
    for mode, words in enumerate(("", " and all after it")):
        from_then_on.value, first.value, requests.value = mode, 0, 1
        while first.value < requests.value:
            result.clear()
            attempt(path, inputs, result)
            refusals += len(result) < 3
            where = f"{path}: request {first.value}{words} refused"
            model, outputs = (*result, None, None)[:2]
            assert outputs is None or bits(outputs) == expected, f"{where}: a wrong result"
            model = model or edgert.load(path, THREADS)
            assert bits(model.run(inputs)) == expected, f"{where}: a wrong result afterwards"
            points += 1
            first.value += 1
    print(f"{path}: {points} requests refused, {refusals} errors")
    assert refusals > 0


if __name__ == "__main__":
    for name in sys.argv[1:]:
        sweep(name)
