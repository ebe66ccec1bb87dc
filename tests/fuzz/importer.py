"""The target over the converter: any model gives an EdgertError or a file that loads.

    python tests/fuzz/importer.py CORPUS [options of libFuzzer]

Guided by the lines of ``edgert`` that a model reaches; needs the package atheris. With
EDGERT_FUZZ_COUNTERS=PATH in the environment, PATH.<process> tells what became of the models.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import tempfile
from collections import Counter
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["edgert"]):
    import edgert
    from edgert.converter import convert
from google.protobuf.message import DecodeError
from onnx import ModelProto

sys.path.insert(0, str(Path(__file__).resolve().parent))

from onnx_mutations import mutate, repair, splice

from edgert.errors import EdgertError, LimitError

MOST_MEMORY = 3 << 30  # of this process: what exceeds it fails at once
MODEL_MEMORY = 1 << 30  # of a model that is loaded
QUANTIZE = (None, None, None, "int8", "dynamic")
COUNTERS = os.environ.get("EDGERT_FUZZ_COUNTERS")
counts: Counter[str] = Counter()
output = Path(tempfile.mkdtemp(prefix="edgert-fuzz-"), "model.edgert")


def parsed(data: bytes) -> ModelProto | None:
    """The model, if the bytes are one."""
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        return None
    return model


def change(data: bytes, most: int, seed: int) -> bytes:
    """A model changed as a graph, or a few bytes changed by libFuzzer."""
    rng = random.Random(seed)
    model = parsed(data) if rng.random() < 0.97 else None
    if model is None:
        return atheris.Mutate(data, most)
    try:
        mutate(model, rng)
        if rng.random() < 0.8:
            repair(model)
        changed = model.SerializeToString()
    except (ValueError, TypeError):  # what protobuf itself refuses to hold
        return data
    return changed if len(changed) <= most else data


def cross(data: bytes, other: bytes, most: int, seed: int) -> bytes:
    """Two models in one."""
    model, second = parsed(data), parsed(other)
    if model is None or second is None:
        return data
    try:
        splice(model, second, random.Random(seed))
        repair(model)
        changed = model.SerializeToString()
    except (ValueError, TypeError):  # such as names that are no UTF-8
        return data
    return changed if len(changed) <= most else data


def convert_and_load(data: bytes) -> None:
    """One input."""
    counts[outcome(data)] += 1
    if COUNTERS and counts.total() % 100 == 0:
        lines = [f"{count} {name}\n" for name, count in counts.items()]
        Path(f"{COUNTERS}.{os.getpid()}").write_text("".join(lines))


def outcome(data: bytes) -> str:
    """What becomes of a model."""
    try:
        convert(data, output, quantize=QUANTIZE[sum(data) % len(QUANTIZE)], check=False)
    except EdgertError as error:
        return f"refused: {type(error).__name__} {error.rule}"
    try:
        edgert.load(output, memory_limit=MODEL_MEMORY)
    except LimitError:
        return "converted, beyond the memory limit"
    return "converted"


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    atheris.Setup(sys.argv, convert_and_load, custom_mutator=change, custom_crossover=cross)
    atheris.Fuzz()
