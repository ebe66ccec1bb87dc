"""What the examples share: models out of packages, in float and on bytes, and their times."""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import edgert

# Without "compensate", which takes some times as long and leaves less of an error.
STEPS = "equalize", "correct"


def package_file(package: str, path: str, command: str) -> Path:
    """A file of a package, which is not imported; ends with a command to install it if need be."""
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        if (Path(folder) / path).is_file():
            return Path(folder) / path
    sys.exit(f"{path} is in the package {package}: {command}")


def converted(onnx: Path, kind: str = "float", **options: Any) -> edgert.Model:
    """The model that edgert.convert makes with these options; its size is printed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.edgert"
        edgert.convert(onnx, path, **options)
        print(f"{onnx.name} {kind}: {path.stat().st_size:,} bytes")
        return edgert.load(path, threads=1)


def float_and_int8(
    onnx: Path, calibrate: Callable[[edgert.Model], list], **options: Any
) -> dict[str, edgert.Model]:
    """The model in floats, and on bytes with ranges of the samples that ``calibrate`` makes."""
    model = converted(onnx, **options)
    integers = {"quantize": "int8", "steps": STEPS, "calibrate": calibrate(model), "check": False}
    return {"float": model, "int8": converted(onnx, "int8", **integers, **options)}


class Timed:
    """A model whose runs are timed."""

    def __init__(self, model: edgert.Model) -> None:
        self.model = model
        self.seconds: list[float] = []

    def __call__(self, *inputs: Any) -> Any:
        """One run."""
        begin = time.perf_counter()
        result = self.model(*inputs)
        self.seconds.append(time.perf_counter() - begin)
        return result

    def __str__(self) -> str:
        """The median, such as "1.23 ms a run"."""
        return f"{1e3 * statistics.median(self.seconds or [0]):.2f} ms a run"
