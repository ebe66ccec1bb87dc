"""The README: what it shows is run, what it names exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from edgert.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files that the README speaks of."""
    pytest.importorskip("onnx")
    image = pytest.importorskip("PIL.Image")
    examples = resources.files("edgert") / "examples"
    (tmp_path / "digits.onnx").write_bytes((examples / "digits.onnx").read_bytes())
    with resources.as_file(examples / "digits_test.npz") as path, np.load(path) as arrays:
        digit = arrays["images"][0]
        np.save(tmp_path / "typical.npy", (arrays["images"][:32, None] / 16).astype(np.float32))
    image.fromarray((digit * 15).astype(np.uint8)).save(tmp_path / "digit.png")
    (tmp_path / "names.txt").write_text("\n".join(f"digit {i}" for i in range(10)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands(folder: Path) -> None:
    """Every `edgert` line succeeds, in the order in which they stand."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("edgert ")]
    assert {words[0] for words in commands} == set(COMMANDS) - {"demo"}
    for words in commands:
        assert main(words) == 0, words


def test_python(folder: Path) -> None:
    """The Python examples run in a fresh interpreter."""
    assert main(["convert", "digits.onnx", "--labels", "names.txt"]) == 0
    assert blocks("python")
    for code in blocks("python"):
        subprocess.run([sys.executable, "-c", code], check=True)


def test_continuous_integration_runs_the_test_command() -> None:
    """The command that the README gives for the tests is the one that is tested."""
    commands = [line for block in blocks("sh") for line in block.splitlines() if "pytest" in line]
    assert len(commands) == 1
    assert commands[0] in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_documented(command: str) -> None:
    """Each command is named in the README."""
    assert re.search(rf"\bedgert {command}\b", README)


def test_links() -> None:
    """The files that the README links to exist."""
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
