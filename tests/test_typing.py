"""What type checkers make of a program that uses edgert."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import edgert

PROGRAM = """
import edgert
import numpy as np

model = edgert.load("digits.edgert")
x = np.zeros((1, 1, 8, 8), np.float32)
y = model(x)
best: int = int(y.argmax())
print(model(x.tolist()).shape, model(pixels=x), model.run({"pixels": [[1.0]]})["y"].max())
report = edgert.convert("digits.onnx", "digits.edgert", quantize="int8", calibrate="typical.npy")
print(report, report.after.bytes + 1)
shape: tuple[int, ...] = model.inputs[0].shape
names: list[str] = [step.kernel for step in model.plan()]
with edgert.load(b"", threads=1, map=False) as other:
    print(other)
# Mistakes that must be found: mypy tells of comments that nothing needs.
edgert.load(3)  # type: ignore[arg-type]
edgert.convert("digits.onnx", quantise="int8")  # type: ignore[call-arg]
print(report.after.megabytes)  # type: ignore[attr-defined]
"""


def test_a_program_passes(tmp_path: Path) -> None:
    """In the strict mode: `y = model(x)` needs no cast, and the converter has a type."""
    pytest.importorskip("mypy")
    (tmp_path / "program.py").write_text(PROGRAM)
    # Beside the program mypy finds the package wherever it lies; MYPYPATH may be no site-packages.
    (tmp_path / "edgert").symlink_to(Path(edgert.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "program.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Success" in done.stdout, done.stdout + done.stderr


def test_dir_has_the_converter() -> None:
    """Before it is imported, too."""
    code = "import sys, edgert; print('convert' in dir(edgert), 'onnx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
