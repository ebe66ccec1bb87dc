"""The README: what it shows is run, what it names exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from edgert.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the demo leaves."""
    pytest.importorskip("onnx")
    pytest.importorskip("PIL.Image")
    path = tmp_path_factory.mktemp("readme")
    assert main(["demo", "-o", str(path / "demo")]) == 0
    return path


def test_commands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every `cd` and `edgert` line succeeds, in the order in which they stand."""
    monkeypatch.chdir(folder)
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith(("edgert ", "cd "))]
    assert {words[1] for words in commands} == {"demo", *COMMANDS}
    for program, *words in commands:
        if program == "cd":
            monkeypatch.chdir(*words)
        else:
            assert main(words) == 0, words


def test_python(folder: Path) -> None:
    """The Python examples run in a fresh interpreter, beside the files of the demo."""
    names = str(folder / "demo" / "names.txt")
    assert main(["convert", str(folder / "demo" / "digits.onnx"), "--labels", names]) == 0
    assert blocks("python")
    for code in blocks("python"):
        subprocess.run([sys.executable, "-c", code], check=True, cwd=folder / "demo")


def test_the_demo_is_shown_as_it_is(folder: Path) -> None:
    """But for the times, which are those of a machine."""
    (shown,) = re.findall(r"```\n(model .*?)```", README, re.DOTALL)
    shown = re.sub(r"\d\.\d+ ms", "", shown)
    found = subprocess.run(
        [sys.executable, "-m", "edgert", "demo"], cwd=folder, check=True, capture_output=True
    ).stdout.decode()
    assert re.sub(r"\s+", " ", shown).strip() in re.sub(
        r"\s+", " ", re.sub(r"\d\.\d+ ms", "", found)
    ), found


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
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if link[0] != "#"]
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
