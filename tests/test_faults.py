"""The system refuses memory, mappings and threads, one request after the other."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import fault_models
import pytest

HERE = Path(__file__).parent
COMPILER = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
UNDER_SANITIZERS = "asan" in os.environ.get("LD_PRELOAD", "")

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="needs a C compiler"),
    pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="replaces functions of glibc"),
    pytest.mark.skipif(UNDER_SANITIZERS, reason="they have their own allocator"),
]


@pytest.fixture(scope="module")
def preload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that refuses."""
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    command = [
        COMPILER,
        "-shared",
        "-fPIC",
        "-O1",
        "-o",
        library,
        HERE / "faults/preload.c",
        "-ldl",
    ]
    subprocess.run(command, check=True)
    return library


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the models."""
    folder = tmp_path_factory.mktemp("models")
    fault_models.write(folder)
    return folder


@pytest.mark.parametrize(
    ("allocator", "names"),
    [("malloc", ["float", "many", "shorts", "coded", "packed"]), ("pymalloc", ["int8", "dynamic"])],
)
def test_every_request_refused(
    preload: Path, models: Path, allocator: str, names: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, HERE / "fault_sweep.py", *(models / f"{name}.edgert" for name in names)],
        env={**os.environ, "LD_PRELOAD": str(preload), "PYTHONMALLOC": allocator},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("requests refused") == len(names)
