"""``edgert bench``: what it measures, and when it stops."""

from __future__ import annotations

import json
from importlib import resources

import pytest

import edgert
from edgert.cli import main
from edgert.commands.bench import unsteady

pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The shipped model, converted."""
    path = tmp_path_factory.mktemp("bench") / "digits.edgert"
    with resources.as_file(resources.files("edgert") / "examples" / "digits.onnx") as source:
        edgert.convert(source, path, check=False)
    return str(path)


def test_more_runs_take_no_more_memory(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The times are none of the model's."""
    found = []
    for runs in ("5", "20000"):
        assert main(["bench", model, "--runs", runs, "--threads", "1", "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    few, many = (data["peak_beyond_numpy_bytes"] for data in found)
    assert many <= few + (1 << 17)
    for data in found:
        assert 1 / data["min_ms"] >= data["runs_per_second"] / 1e3 > 0


def test_ctrl_c_gives_what_was_measured(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If anything was, and the exit code of the shell."""
    run = edgert.Model.run
    left = [7]

    def interrupted(*args: object, **options: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return run(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(edgert.Model, "run", interrupted)
    assert main(["bench", model, "--seconds", "1000", "--profile", "--json"]) == 130
    data = json.loads(capsys.readouterr().out)
    assert data["interrupted"]
    assert data["runs"] == 3  # after the first run, and three to warm up
    left[0] = 7
    assert main(["bench", model, "--runs", "1000"]) == 130
    assert "interrupted" in capsys.readouterr().out
    left[0] = 2
    assert main(["bench", model]) == 130
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "edgert: interrupted\n"


def test_machines_that_are_not_steady() -> None:
    """A tail, or one half that is slower than the other."""
    assert unsteady([1.0] * 100) == ""
    assert unsteady([1.0]) == ""
    assert unsteady([1.0, 1.1] * 50) == ""
    assert "one run in twenty took 2.0 times" in unsteady([1.0] * 90 + [2.0] * 10)
    assert "one half of the runs took 1.3 times" in unsteady([1.0] * 50 + [1.3] * 50 + [1.0])


def test_length_of_time_or_number_of_runs(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Not both."""
    assert main(["bench", model, "--seconds", "1", "--runs", "1"]) == 2
    assert "not allowed with" in capsys.readouterr().err
