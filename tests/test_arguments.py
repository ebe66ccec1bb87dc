"""Bad arguments: each of every command absent, empty, of another kind, out of range, given twice.

The tables below say what is bad; an argument that stands in none of them fails the test.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from edgert.cli import COMMANDS, main, parser

pytest.importorskip("onnx")

# What each command needs to run on the files of the fixture.
NEEDED = {
    "convert": ["digits.onnx", "-o", "new.edgert", "--no-check"],
    "compare": ["digits.onnx", "digits.edgert"],
    "eval": ["digits.edgert", "digits.edgert", "--data", "x.npy"],
    "run": ["digits.edgert", "-i", "x.npy"],
    "info": ["digits.edgert"],
    "bench": ["digits.edgert", "--runs", "1"],
    "isa": [],
    "selftest": [],
    "demo": [],
}
# What an argument needs beside it to have an effect.
BESIDE = {
    "--calibrate": ["--quantize", "int8"],
    "--metric": ["--quantize", "int8"],
    "--min-metric": ["--quantize", "int8"],
    "--pattern": ["--prune", "0.5"],
    "--steps": ["--quantize", "int8"],
    "--target": ["--quantize", "int8"],
}
# Values that no file has anything to do with, by the name that the option has first.
COUNTS = ["0", "-1", "1.5", "x", "nan", "1e3", "\N{SUPERSCRIPT TWO}"]
NUMBERS = ["x", "nan", "inf", "-inf", "1e999", "1,5"]
BAD = {
    "--threads": COUNTS,
    "--runs": COUNTS,
    "--top": COUNTS,
    "--seconds": [*NUMBERS, "0", "-1"],
    "--prune": [*NUMBERS, "-0.1", "1"],
    "--slack": [*NUMBERS, "-0.1"],
    "--bits": [*NUMBERS, "1.5", "8.1"],
    "--max-bytes": [*NUMBERS, "0", "-1", "1 MB", "1MiB", "k", "0.5"],
    "--share": [*COUNTS, "1", "257"],
    "--min-sqnr": NUMBERS,
    "--min-agreement": [*NUMBERS, "-0.1", "1.1"],
    "--min-metric": NUMBERS,
    "--mean": ["x", "nan", "1,", ",", "1,inf", "1;2"],
    "--std": ["x", "nan", "1,", ",", "1,inf"],
    "--scale": ["x", "1/0", "1/", "nan", "inf", "0"],
    "--fill": ["x", "nan", "1,", ","],
    "--crop-pct": [*NUMBERS, "0", "1.1"],
    "--rate": COUNTS,
    "--color": ["rgba"],
    "--resize": ["fit"],
    "--interpolation": ["spline"],
    "--layout": ["CHW"],
    "--length": ["long"],
    "--quantize": ["int3", "INT8"],
    "--weights": ["int3", "float32"],
    "--ranges": ["all"],
    "--weight-fit": ["triples"],
    "--method": ["guess"],
    "--steps": ["fly", "equalize,", ",", "equalize,equalize"],
    "--pattern": ["x", "1x5", "4:2", ":", "0:4"],
    "--target": ["abacus", ",", "avx2,"],
    "--metric": ["metric", "nowhere:f", "os:nothing", "os:name", ":", "os:"],
    "--input-shape": ["pixels", "pixels=", "=1", "pixels=0,1,8,8", "pixels=a", "nothing=1,1,8,8",
                      "pixels=1,1,8", "pixels=1,1,8,9"],
    "--input-value": ["pixels", "pixels=", "=1", "pixels=x", "pixels=nan", "nothing=1"],
    "--output NAME": ["nothing"],
}  # fmt: skip
READ = {
    "--calibrate",
    "--data",
    "--preprocess",
    "--recipe",
    "--labels",
    "--input",
    "MODEL.onnx",
    "MODEL.edgert",
}
BAD_FILES = ["missing", "empty.npy", "garbage.npy", "garbage.png", "garbage", "folder", "x.npy/y"]
WRITTEN = {"-o", "--output"}
BAD_OUTPUTS = ["folder", "missing/new", "x.npy/new"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, before and after it was converted, an input, and bad files."""
    folder = tmp_path_factory.mktemp("arguments")
    examples = resources.files("edgert") / "examples"
    (folder / "digits.onnx").write_bytes((examples / "digits.onnx").read_bytes())
    assert main(["convert", str(folder / "digits.onnx"), "--no-check"]) == 0
    np.save(folder / "x.npy", np.zeros((1, 1, 8, 8), np.float32))
    (folder / "folder").mkdir()
    (folder / "empty.npy").touch()
    for name in ("garbage.npy", "garbage.png", "garbage"):
        (folder / name).write_bytes(b"\x00garbage" * 20)
    return folder


def actions(command: str) -> list[argparse.Action]:
    """The arguments of a command."""
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    return [a for a in commands.choices[command]._actions if a.dest != "help"]


def called(action: argparse.Action) -> str:
    """The long name of an option, what the help calls another argument."""
    return (action.option_strings or [str(action.metavar)])[-1]


def bad_values(command: str, action: argparse.Action) -> list[str]:
    """What must not be given for an argument that has a value."""
    name = called(action)
    if command == "demo":
        return ["", "x.npy", "x.npy/new"]
    if name in WRITTEN and command != "eval":
        return ["", *BAD_OUTPUTS, *(["digits.onnx"] if command == "convert" else [])]
    if name in READ:
        return ["", *BAD_FILES]
    return ["", *BAD[name if (command, name) != ("eval", "--output") else "--output NAME"]]


def cases() -> Iterator[tuple[str, list[str]]]:
    """Commands and words that they must refuse."""
    for command in COMMANDS:
        needed = NEEDED[command]
        if needed:
            yield command, []
        yield command, [*needed, "another", "another", "--nothing"]
        own = actions(command)
        for action in own:
            name = called(action)
            if action.nargs == 0:
                yield command, [*needed, name, name]
                continue
            good = next(iter(action.choices or ["0.5" if callable(action.type) else "x"]))
            good = "1" if BAD.get(name) in (COUNTS, BAD["--seconds"]) else good
            if action.option_strings:
                rest = without(needed, action)
                yield command, [*rest, name]
                twice = "pixels=1,1,8,8" if name == "--input-shape" else "pixels=1"
                twice = "x.npy" if name == "--input" else twice
                good = twice if type(action).__name__ == "_AppendAction" else good
                yield command, [*rest, name, good, name, good]
            for value in bad_values(command, action):
                if action.option_strings:
                    yield command, [*rest, *BESIDE.get(name, []), f"{name}={value}"]
                else:
                    place = [a for a in own if not a.option_strings].index(action)
                    yield command, [*needed[:place], value, *needed[place + 1 :]]


def without(words: list[str], action: argparse.Action) -> list[str]:
    """The words but for an option and its value."""
    for option in action.option_strings:
        if option in words:
            i = words.index(option)
            return words[:i] + words[i + 2 :]
    return words


@pytest.mark.parametrize(("command", "words"), list(cases()), ids=str)
def test_bad_arguments(
    command: str,
    words: list[str],
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Are one line that does not blame edgert, and exit code 2; no file changes."""
    monkeypatch.chdir(files)
    before = {path: path.is_file() and path.read_bytes() for path in files.rglob("*")}
    assert main([command, *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith((f"edgert {command}: ", "edgert: unrecognized"))
    assert "internal error" not in line
    assert {path: path.is_file() and path.read_bytes() for path in files.rglob("*")} == before


def test_nothing_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """A bare `edgert` asks what there is."""
    assert main([]) == 0
    text = capsys.readouterr().out
    assert all(f"    {name} " in text for name in COMMANDS)
