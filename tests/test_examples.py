"""The examples, as somebody would run them: on bytes they are as right as in floats."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
MAX_LINES = 100


def printed(name: str, *packages: str, words: tuple[object, ...] = ()) -> str:
    """What an example prints; skipped where it lacks a package."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *map(str, words)],
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"[\d.]+ ms a run", done.stdout)) >= 2
    return done.stdout


def sizes(text: str) -> list[int]:
    """The sizes of a model in floats and on bytes."""
    return [int(size.replace(",", "")) for size in re.findall(r"([\d,]+) bytes", text)]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short_and_listed(path: Path) -> None:
    assert len(path.read_text().splitlines()) < MAX_LINES
    assert path.name in (EXAMPLES / "README.md").read_text()


def test_a_missing_package_is_named() -> None:
    code = "import models; models.package_file('no_such_package', 'a.onnx', 'pip install it')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=EXAMPLES, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == "a.onnx is in the package no_such_package: pip install it\n"


def test_classify_images(tmp_path: Path) -> None:
    text = printed("classify_images", "PIL", "onnx")
    floats, integers = re.findall(r"(\d+) of 260 are right", text)
    assert int(floats) >= 250
    assert int(integers) >= int(floats) - 3
    assert sizes(text)[1] < sizes(text)[0] / 3


def test_read_scan() -> None:
    text = printed("read_scan", "rapidocr_onnxruntime", "PIL")
    floats, integers = (float(share) for share in re.findall(r"([\d.]+)% of the letters", text))
    assert floats > 95
    assert integers > 93
    assert "float: has arrived without damage" in text


def test_find_speech(tmp_path: Path) -> None:
    text = printed("find_speech", "silero_vad", "espeakng_loader")
    shares = [float(share) for share in re.findall(r"([\d.]+)% of", text)]
    assert min(shares) > 90
    for kind in ("float", "int8"):
        assert len(re.findall(r"\d to ", re.search(f"{kind}: speech (.*)", text)[1])) == 2
    path = tmp_path / "a.wav"
    subprocess.run([sys.executable, EXAMPLES / "speech.py", path, "Hello there!"], check=True)
    text = printed("find_speech", "silero_vad", words=(path,))
    assert re.search(r"float: speech [01]\.\d to \d\.\d s;", text)


def test_score_speech() -> None:
    text = printed("score_speech", "speechmos", "espeakng_loader")
    for kind in ("float", "int8"):
        background = [float(v) for v in re.findall(rf"{kind}: noise .*background ([\d.]+)", text)]
        assert background == sorted(background, reverse=True)
        assert background[0] > background[2] + 1
    assert float(re.search(r"differs by ([\d.]+)", text)[1]) < 0.3


def test_wake_word() -> None:
    text = printed("wake_word", "livekit", "espeakng_loader")
    assert [int(n) >= 15 for n in re.findall(r"(\d+) of 16 clips are right", text)] == [True, True]
    for woken, end in re.findall(r"wakes at ([\d.]+) s; 'hey computer' ends at ([\d.]+)", text):
        assert abs(float(woken) - float(end)) < 0.5


def test_find_faces() -> None:
    text = printed("find_faces", "nudenet", "skimage", "PIL")
    assert re.findall(r"(\w+): 1 of 1 faces are found", text) == [
        "float",
        "int8",
    ]
    assert sizes(text)[1] < sizes(text)[0] / 3


def test_environment() -> None:
    """The check that runs these tests brings all packages."""
    if "EDGERT_EXAMPLES" not in os.environ:
        pytest.skip("not in that check")
    for package in ("silero_vad", "espeakng_loader", "speechmos", "nudenet", "skimage", "livekit"):
        assert importlib.util.find_spec(package), package
