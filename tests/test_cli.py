"""The command line: results, exit codes and the words of its errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import edgert
from edgert.cli import COMMANDS, main
from edgert.commands import bench, isa
from edgert.report import decibels, milliseconds, printable, size, table

pytest.importorskip("onnx")
EXAMPLES = resources.files("edgert") / "examples"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The shipped model, converted."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "digits.onnx").write_bytes((EXAMPLES / "digits.onnx").read_bytes())
    assert main(["convert", str(folder / "digits.onnx"), "--no-check"]) == 0
    return str(folder / "digits.edgert")


@pytest.fixture(scope="module")
def digit() -> np.ndarray:
    """One image of the held-out digits as the model's input."""
    with resources.as_file(EXAMPLES / "digits_test.npz") as path, np.load(path) as arrays:
        return (arrays["images"][:1, None] / 16).astype(np.float32)


def fails(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Runs a command that must end in an error; returns its only line on stderr."""
    assert main([str(word) for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


def succeeds(capsys: pytest.CaptureFixture[str], *words: object) -> dict:
    """Runs a command with --json and returns what it printed."""
    assert main([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_convert_reports_and_checks(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The table has both sides, the check passes, the default name is the model's."""
    source = str(Path(model).with_suffix(".onnx"))
    assert main(["convert", source]) == 0
    text = capsys.readouterr().out
    for word in ("nodes", "parameters", "bytes", "probabilities", "max abs error", "SQNR"):
        assert word in text
    data = succeeds(capsys, "convert", source)
    assert data["output"] == model
    assert data["check"]["passed"]
    (output,) = data["check"]["outputs"]
    assert output["name"] == "probabilities"
    assert output["max_abs_error"] < 1e-5


def test_convert_with_data(
    model: str, digit: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The samples of --data are what the check runs on, and they are checked."""
    source = Path(model).with_suffix(".onnx")
    np.savez(tmp_path / "inputs.npz", pixels=np.concatenate([digit] * 3))
    out = tmp_path / "d.edgert"
    data = succeeds(capsys, "convert", source, "-o", out, "--data", tmp_path / "inputs.npz")
    assert data["check"]["passed"]
    assert main(["convert", str(source), "-o", str(out), "--data", f"{tmp_path}/inputs.npz"]) == 0
    assert f"the first 3 samples of {tmp_path}/inputs.npz" in capsys.readouterr().out
    np.savez(tmp_path / "wrong.npz", pixels=digit[..., :4])
    line = fails(capsys, "convert", source, "-o", out, "--data", tmp_path / "wrong.npz")
    assert "sample 0: 'pixels' has shape [1, 8, 4], expected [1, 1, 8, 8]" in line


def test_image_options_without_images(
    model: str, digit: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing that was asked for is left undone silently."""
    source = Path(model).with_suffix(".onnx")
    np.save(tmp_path / "x.npy", digit)
    for words in (
        ["run", model, "--input", tmp_path / "x.npy", "--mean", "0.5"],
        ["run", model, "--mean", "0.5"],
        ["compare", source, model, "--data", tmp_path / "x.npy", "--mean", "0.5"],
        ["compare", source, model, "--resize", "crop"],
    ):
        assert "has no effect" in fails(capsys, *words)
    assert "no file for the input" in fails(capsys, "run", model)


def test_a_failed_check_is_exit_code_1(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model whose outputs are off is reported, and told to the shell."""
    run = edgert.Model.run
    monkeypatch.setattr(
        edgert.Model, "run", lambda *args: {k: v + 0.01 for k, v in run(*args).items()}
    )
    assert main(["convert", str(Path(model).with_suffix(".onnx"))]) == 1
    assert "FAILED" in capsys.readouterr().out


@pytest.mark.parametrize("spec", ["pixels", "pixels=", "=1,2", "pixels=1,x", "pixels=1,0", "a=-1"])
def test_malformed_input_shape(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The error shows what is expected."""
    assert "image=1,3,224,224" in fails(capsys, "convert", "m.onnx", "--input-shape", spec)


def test_convert_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is named."""
    assert "nowhere.onnx" in fails(capsys, "convert", tmp_path / "nowhere.onnx")


def test_convert_without_onnx(model: str, tmp_path: Path) -> None:
    """Without the onnx package the error says what to install."""
    (tmp_path / "onnx.py").write_text("raise ImportError('not here', name='onnx')")
    done = command("convert", "m.onnx", path=tmp_path)
    assert done.returncode == 2
    assert "edgert[convert]" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("kind", ["npy", "npz", "named", "batchless", "float64"])
def test_run_reads_arrays(
    kind: str, model: str, digit: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every way to give a tensor gives the same outputs, which -o writes."""
    path = tmp_path / ("x.npz" if kind == "npz" else "x.npy")
    if kind == "npz":
        np.savez(path, pixels=digit)
    else:
        array = digit[0] if kind == "batchless" else digit
        np.save(path, array.astype(np.float64) if kind == "float64" else array)
    spec = f"pixels={path}" if kind == "named" else str(path)
    data = succeeds(capsys, "run", model, "-i", spec, "-o", tmp_path / "out.npz", "--top", 3)
    expected = edgert.load(model)(digit)
    with np.load(tmp_path / "out.npz") as arrays:
        np.testing.assert_array_equal(arrays["probabilities"], expected)
    (output,) = data["outputs"]
    assert [row["index"] for row in output["top"]] == list(np.argsort(-expected[0])[:3])


def test_run_reads_images(
    model: str, digit: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An image is scaled to 0 .. 1, normalised, and resized."""
    image = pytest.importorskip("PIL.Image")
    pixels = np.round(digit[0, 0] * 255).astype(np.uint8)
    image.fromarray(pixels).save(tmp_path / "digit.png")
    out = tmp_path / "out.npz"
    net = edgert.load(model)

    def result(*options: str) -> np.ndarray:
        succeeds(capsys, "run", model, "-i", tmp_path / "digit.png", "-o", out, *options)
        with np.load(out) as arrays:
            return arrays["probabilities"]

    scaled = (pixels / 255.0)[None, None]
    np.testing.assert_array_equal(result(), net(scaled.astype(np.float32)))
    np.testing.assert_array_equal(
        result("--mean", "0.5", "--std", "0.25"), net(((scaled - 0.5) / 0.25).astype(np.float32))
    )
    image.fromarray(pixels.repeat(4, 0).repeat(4, 1)).save(tmp_path / "digit.png")
    assert result().argmax() == net(scaled.astype(np.float32)).argmax()
    line = fails(capsys, "run", model, "-i", tmp_path / "digit.png", "--mean", "0,.2,1")
    assert "mean has 3 numbers, input 'pixels' 1 channels" in line


def test_run_input_errors(
    model: str, digit: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong with the inputs is said in the words of the command line."""
    np.save(tmp_path / "x.npy", digit)
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "text.npy", np.array(["a"]))
    (tmp_path / "garbage.npy").write_bytes(b"garbage")
    (tmp_path / "garbage.npz").write_bytes(b"PK\x03\x04 garbage")
    (tmp_path / "garbage.png").write_bytes(b"garbage")
    (tmp_path / "empty.npy").write_bytes(b"")
    np.savez(tmp_path / "two.npz", a=digit, b=digit)
    x = tmp_path / "x.npy"
    assert "--input" in fails(capsys, "run", model)
    assert "'image'" in fails(capsys, "run", model, "-i", f"image={x}")
    assert "given twice" in fails(capsys, "run", model, "-i", x, "-i", f"pixels={x}")
    assert "no array 'pixels'" in fails(capsys, "run", model, "-i", tmp_path / "two.npz")
    assert "dtype float32" in fails(capsys, "run", model, "-i", tmp_path / "text.npy")
    for name in ("objects.npy", "garbage.npy", "garbage.npz", "garbage.png", "empty.npy"):
        assert name in fails(capsys, "run", model, "-i", tmp_path / name)
    for name in ("missing.npy", "missing.npz", "missing.png"):
        assert f"{name}: no such file" in fails(capsys, "run", model, "-i", tmp_path / name).lower()
    line = fails(capsys, "run", model, "-i", x, "-o", tmp_path / "no" / "folder.npz")
    assert "cannot write" in line


def test_run_refuses_what_is_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files that are no models, or are damaged, get the loader's error."""
    onnx = tmp_path / "digits.onnx"
    onnx.write_bytes((EXAMPLES / "digits.onnx").read_bytes())
    assert "FormatError" in fails(capsys, "info", onnx)
    assert "ModelIOError" in fails(capsys, "info", tmp_path / "missing.edgert")
    assert "ModelIOError" in fails(capsys, "info", tmp_path)


def test_info_finds_damage(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A flipped bit in the weights, of a mapped file too, with a hint."""
    data = bytearray(Path(model).read_bytes())
    data[-1000] ^= 1
    damaged = tmp_path / "damaged.edgert"
    damaged.write_bytes(data)
    for options in ([], ["--map"]):
        assert "copy or convert it again" in fails(capsys, "info", damaged, *options)
        assert main(["info", model, *options]) == 0
        assert "all match" in capsys.readouterr().out


def test_info(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The tensors, the plan and the memory."""
    data = succeeds(capsys, "info", model, "--plan", "--memory")
    assert data["inputs"] == [{"name": "pixels", "dtype": "float32", "shape": [1, 1, 8, 8]}]
    assert data["outputs"] == [{"name": "probabilities", "dtype": "float32", "shape": [1, 10]}]
    assert data["bytes"] == Path(model).stat().st_size
    assert sum(data["operators"].values()) == len(data["plan"])
    assert data["memory"] == edgert.load(model).memory()
    mapped = succeeds(capsys, "info", model, "--map", "--memory")["memory"]
    assert mapped == edgert.load(model, map=True).memory() != data["memory"]
    assert main(["info", model, "--plan", "--memory"]) == 0
    text = capsys.readouterr().out
    assert all(step["kernel"] in text for step in data["plan"])


def test_bench(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As many runs as asked for, times in order, one row of the profile per step."""
    data = succeeds(capsys, "bench", model, "--runs", 7, "--threads", 1, "--profile")
    assert data["runs"] == 7
    assert data["threads"] == 1
    assert 0 < data["min_ms"] <= data["median_ms"] <= data["p95_ms"]
    assert data["load_ms"] > 0
    assert data["peak_bytes"] > data["peak_beyond_numpy_bytes"] >= 0
    assert [s["step"] for s in data["profile"]] == [s.step for s in edgert.load(model).plan()]
    assert main(["bench", model, "--seconds", "0.01"]) == 0
    assert "median" in capsys.readouterr().out


def test_isa(capsys: pytest.CaptureFixture[str]) -> None:
    """Levels and kernels are those of the library."""
    data = succeeds(capsys, "isa")
    machine = edgert.isa().machine
    assert data["machine"]["threads"] == machine.threads <= machine.usable_cpus
    assert sum(kind["count"] for kind in data["machine"]["cores"]) >= machine.usable_cpus >= 1
    assert tuple(data["active"]) == edgert.isa().active
    assert [k["name"] for k in data["kernels"]] == [k.name for k in edgert.isa().kernels]


def test_isa_cap() -> None:
    """EDGERT_ISA lowers the level; one that does not exist is an error that lists those that do."""
    done = command("isa", "--json", env={"EDGERT_ISA": "portable"})
    assert json.loads(done.stdout)["active"] == ["portable"]
    done = command("isa", env={"EDGERT_ISA": "abacus"})
    assert done.returncode == 2
    assert "portable" in done.stderr


def test_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped model is as good as it was when it was trained, in float and int8, and the last
    words are commands that can be typed.
    """
    data = succeeds(capsys, "demo", "-o", tmp_path / "digits")
    assert data["images"] == 328
    floats, bytes_ = data["models"]
    assert all(model["right"] > 0.98 * data["images"] for model in (floats, bytes_))
    assert bytes_["bytes"] < 0.4 * data["onnx_bytes"] < 0.4 * floats["bytes"]
    assert floats["sqnr"] > 100 > bytes_["sqnr"] > 40
    monkeypatch.setattr("sys.argv", ["/env/bin/edgert"])
    monkeypatch.setenv("PATH", "")
    assert main(["demo", "-o", str(tmp_path / "two words")]) == 0
    text = capsys.readouterr().out
    assert "-> " in text
    assert f"  /env/bin/edgert bench '{tmp_path}/two words'/small.edgert\n" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command explains itself."""
    assert main([name, "--help"]) == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["fly"],
        ["run"],
        ["bench", "m", "--runs", "0"],
        ["run", "m", "--mean", "a"],
        ["isa", "x"],
    ],
)
def test_usage_errors(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What the parser refuses is exit code 2 and no traceback."""
    assert "; see edgert" in fails(capsys, *words)


def raising(error: BaseException, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a command raise."""

    def execute(_: object) -> None:
        raise error

    monkeypatch.setattr(module, "execute", execute)


def test_interrupt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is the shell's 130."""
    raising(KeyboardInterrupt(), bench, monkeypatch)
    assert main(["bench", "m.edgert"]) == 130
    assert capsys.readouterr().err == "edgert: interrupted\n"


def test_internal_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A defect is called one; the traceback is there for those who ask."""
    raising(ZeroDivisionError("division by zero"), isa, monkeypatch)
    assert "internal error: ZeroDivisionError" in fails(capsys, "isa")
    monkeypatch.setenv("EDGERT_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["isa"])


def test_closed_pipe() -> None:
    """A reader that goes away is no error worth words."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "edgert", "isa"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert done.stderr == ""


def command(
    *words: str, env: dict[str, str] | None = None, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process of its own, with ``path`` first in the import path."""
    environment = {**os.environ, **(env or {})}
    if path:
        old = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{path}{os.pathsep}{old}" if old else str(path)
    return subprocess.run(
        [sys.executable, "-m", "edgert", *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def test_printable() -> None:
    """Names from files cannot steer the terminal."""
    assert printable("a\x1b[31mb\nc é") == "a\\x1b[31mb\\x0ac é"


def test_table() -> None:
    """Numbers to the right, text to the left, header underlined."""
    assert table([("a", 5), ("bb", 1234)], ("name", "count")).splitlines() == [
        "name  count",
        "----  -----",
        "a         5",
        "bb     1234",
    ]
    assert table([]) == ""


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB")],
)
def test_size(count: int, text: str) -> None:
    """Units change where the digits would overflow."""
    assert size(count) == text


def test_numbers() -> None:
    """Times and ratios in few digits."""
    assert [milliseconds(v) for v in (0.0123, 0.5, 12.345, 250.0, 1234.5)] == [
        "0.0123 ms",
        "0.500 ms",
        "12.35 ms",
        "250.0 ms",
        "1234 ms",
    ]
    assert [decibels(v) for v in (134.21, float("inf"), float("-inf"))] == [
        "134.2 dB",
        "exact",
        "-",
    ]
