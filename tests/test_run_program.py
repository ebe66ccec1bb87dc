"""``edgert-run``, the program without Python. ``EDGERT_RUN`` in the environment is its path; the
section `api` of tools/check.py builds it and sets that.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from mutate import SAMPLE, sample_inputs

import edgert
from edgert import ir, pack

PROGRAM = os.environ.get("EDGERT_RUN", "")

pytestmark = pytest.mark.skipif(
    not PROGRAM, reason="needs edgert-run: `python tools/check.py --only api` builds it"
)

DTYPES = ["float32", "int32", "int64", "int8", "uint8", "bool", "int16", "float16", "float64"]


def run(*arguments: object, code: int = 0, env: dict[str, str] | None = None) -> str:
    """Runs the program, which ends with ``code``; what it prints, or complains of."""
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)],
        capture_output=True,
        env={} if env is None else env,
        timeout=120,
        check=False,
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == code, err or out
    if code == 0:
        assert err == ""
        return out
    assert out == ""
    assert err.startswith("edgert-run: ")
    assert err.count("\n") == 1, "an error is one line"
    assert err[:-1].isprintable()
    return err


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The sample model: float32 and int64 inputs, two float32 outputs."""
    path = tmp_path / "sample.edgert"
    path.write_bytes(SAMPLE)
    return path


def copy_model(path: Path, dtype: str = "float32", shape: tuple[int, ...] = (2, 3), name: str = "x",
               output: str = "y") -> Path:  # fmt: skip
    """A model that gives its input back in one row."""
    graph = ir.Graph()
    x = graph.add_input(name, np.dtype(dtype), shape)
    dims = {"rank": 1, "dims": [int(np.prod(shape))]}
    graph.outputs = [graph.add("reshape", [x], dims, output=output)]
    path.write_bytes(pack.pack(graph))
    return path


def test_results_are_those_of_python(sample: Path, tmp_path: Path) -> None:
    inputs = sample_inputs()
    expected = edgert.load(sample).run(inputs)
    np.save(tmp_path / "image.npy", inputs["image"])
    inputs["index"].tofile(tmp_path / "index.raw")
    text = run(
        sample,
        *("-i", f"image={tmp_path}/image.npy", "--input", f"index={tmp_path}/index.raw"),
        *("-o", f"scores={tmp_path}/scores.npy", "--output", f"rows={tmp_path}/rows.bin"),
        *("--threads", 1, "--map", "--verify"),
    )
    assert "threads: 1" in text
    assert f"rows is written to {tmp_path}/rows.bin" in text
    np.testing.assert_array_equal(np.load(tmp_path / "scores.npy"), expected["scores"])
    assert (tmp_path / "rows.bin").read_bytes() == expected["rows"].tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 2, 1, 3), (0, 3), (300,)])
def test_arrays_of_every_type(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    """To the bit, and numpy reads what is written."""
    model = copy_model(tmp_path / "m.edgert", dtype, shape)
    rng = np.random.default_rng(1)
    array = rng.integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype)
    np.save(tmp_path / "x.npy", array)
    run(model, "-i", tmp_path / "x.npy", "--output-dir", tmp_path)
    found = np.load(tmp_path / "0_y.npy", allow_pickle=False)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array.reshape(-1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_inputs_are_reproducible(dtype: str, tmp_path: Path) -> None:
    """Floats around zero, bytes over their range, other integers 0 or 1."""
    model = copy_model(tmp_path / "m.edgert", dtype, (1000,))
    for name in ("a", "b"):
        run(model, "-o", tmp_path / f"{name}.npy")
    x = np.load(tmp_path / "a.npy")
    np.testing.assert_array_equal(x, np.load(tmp_path / "b.npy"))
    values = x.astype(np.float64)
    if x.dtype.kind == "f":
        assert abs(values.mean()) < 0.2
        assert 0.9 < values.std() < 1.1
    elif dtype in ("uint8", "int8"):
        assert values.max() - values.min() > 240
    else:
        assert set(values) == {0, 1}


def test_summary_is_that_of_python(tmp_path: Path) -> None:
    model = copy_model(tmp_path / "m.edgert", "float32", (8,))
    array = np.array([0.5, np.nan, -3, 7.25, np.inf, 1, 2, -np.inf], np.float32)
    np.save(tmp_path / "x.npy", array)
    data = json.loads(run(model, "-i", tmp_path / "x.npy", "--json"))
    assert data["inputs"] == [
        {"name": "x", "dtype": "float32", "shape": [8], "file": f"{tmp_path}/x.npy"}
    ]
    (output,) = data["outputs"]
    assert (output["name"], output["dtype"], output["shape"]) == ("y", "float32", [8])
    assert (output["min"], output["mean"], output["max"]) == (-3, 1.55, 7.25)
    assert output["not finite"] == 3
    assert [row["index"] for row in output["top"]] == [4, 3, 6, 5, 0]
    assert output["top"][0]["value"] is None
    assert output["top"][1]["value"] == 7.25
    text = run(model, "-i", tmp_path / "x.npy")
    assert "-3  1.55  7.25           3" in text
    assert "Highest of y:" in text


@pytest.mark.parametrize("dtype", ["float16", "int16", "bool"])
def test_summary_of_other_types(dtype: str, tmp_path: Path) -> None:
    model = copy_model(tmp_path / "m.edgert", dtype, (1, 4))
    array = np.array([[-2.5, 0, 1 / 3, 60000]]).astype(dtype)
    np.save(tmp_path / "x.npy", array)
    (output,) = json.loads(run(model, "-i", tmp_path / "x.npy", "--json"))["outputs"]
    wide = array.astype(np.float64)
    assert (output["min"], output["max"]) == (wide.min(), wide.max())
    assert output["mean"] == pytest.approx(wide.mean())


def test_bench(sample: Path) -> None:
    data = json.loads(run(sample, "--bench-steps", "--runs", 11, "--json"))
    assert data["runs"] == 11
    assert 0 < data["min_ms"] <= data["median_ms"] <= data["p95_ms"]
    model = edgert.load(sample)
    assert [(s["step"], s["op"]) for s in data["profile"]] == [(s.step, s.op) for s in model.plan()]
    assert data["memory"] == model.memory()
    assert json.loads(run(sample, "--bench", "--seconds", 0, "--json"))["runs"] == 5
    text = run(sample, "--bench-steps", "--runs", 1)
    for word in ("median", "95th percentile", "fastest", "first run", "share", "conv"):
        assert word in text


def test_names_of_files_and_tensors_cannot_do_anything(tmp_path: Path) -> None:
    """JSON stays JSON, the terminal is not written to, files stay in their folder."""
    name, output = 'a"b\\', "../../\u00fc=/y:0"
    model = copy_model(tmp_path / 'm\x1b[2J"\n.edgert', name=name, output=output)
    np.save(tmp_path / "x.npy", np.zeros((2, 3), np.float32))
    arguments = (model, "-i", f"{name}={tmp_path}/x.npy", "--output-dir", tmp_path)
    data = json.loads(run(*arguments, "--json"))
    assert data["inputs"][0]["name"] == name
    assert data["outputs"][0]["name"] == output
    assert data["model"] == f'{tmp_path}/m\\x1b[2J"\\x0a.edgert'
    assert (tmp_path / "0_.._.._____y_0.npy").exists()
    text = run(*arguments)
    assert all(line.isprintable() for line in text.splitlines())
    model.write_bytes(b"?")
    assert "\\x1b[2J" in run(model, code=1)


# Files that do not fit -------------------------------------------------------------------------


def npy(text: str, version: int = 1, size: int | None = None, data: bytes = bytes(24)) -> bytes:
    """An .npy file with that header."""
    header = text.encode("utf-8")
    count = struct.pack("<H" if version == 1 else "<I", len(header) if size is None else size)
    return b"\x93NUMPY" + bytes([version, 0]) + count + header + data


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"

BAD_ARRAYS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not an .npy file"),
    "no magic": (b"PK\x03\x04" + bytes(100), "not an .npy file"),
    "cut magic": (npy(GOOD)[:5], "not an .npy file"),
    "cut size": (npy(GOOD)[:9], "ends inside its header"),
    "cut header": (npy(GOOD)[:40], "ends inside its header"),
    "version 0": (npy(GOOD, 0), "version 0 of .npy, expected 1 to 3"),
    "version 4": (npy(GOOD, 4), "version 4"),
    "huge header": (npy(GOOD, 2, 2**32 - 1), "4294967295 bytes, the limit is 65535"),
    "long header": (npy(GOOD, 1, 65535), "ends inside its header"),
    "short header": (npy(GOOD, 1, 20), "not a header"),
    "no header": (npy(""), "not a header"),
    "no dictionary": (npy("[1, 2]"), "not a header"),
    "open": (npy(GOOD[:-1]), "not a header"),
    "more": (npy(GOOD + "x"), "not a header"),
    "no shape": (npy("{'descr': '<f4', 'fortran_order': False}"), "not a header"),
    "twice": (npy(GOOD[:-2] + "'shape': (2, 3), }"), "not a header"),
    "unknown key": (npy(GOOD[:-2] + "'x': 1, }"), "not a header"),
    "code": (npy(GOOD.replace("(2, 3)", "__import__('os')")), "not a header"),
    "nul": (npy(GOOD.replace(", }", "\0 }")), "not a header"),
    "negative": (npy(GOOD.replace("2, 3", "-2, -3")), "negative dimension"),
    "no number": (npy(GOOD.replace("2, 3", "2, ,")), "not a header"),
    "float": (npy(GOOD.replace("2, 3", "2., 3")), "not a header"),
    "other shape": (npy(GOOD.replace("2, 3", "3, 2")), "'x' has shape (2, 3), found (3, 2)"),
    "other rank": (npy(GOOD.replace("2, 3", "6,")), "found (6,)"),
    "huge shape": (npy(GOOD.replace("2, 3", "9" * 999)), "has shape (2, 3), found (999"),
    "other dtype": (npy(GOOD.replace("<f4", "<f8")), "dtype float32 (<f4), found '<f8'"),
    "big-endian": (npy(GOOD.replace("<f4", ">f4")), "which is big-endian"),
    "object": (npy(GOOD.replace("<f4", "|O")), "found '|O'"),
    "escape": (npy(GOOD.replace("<f4", "\x1b[1m")), "found '\\x1b[1m'"),
    "records": (npy(GOOD.replace("'<f4'", "[('a', '<f4')]")), "array of records"),
    "Fortran": (npy(GOOD.replace("False", "True")), "Fortran order"),
    "too few": (npy(GOOD, data=bytes(23)), "fewer elements than 'x' needs: expected 24 bytes"),
    "too many": (npy(GOOD, data=bytes(25)), "more elements than 'x' needs"),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_bad_arrays(name: str, tmp_path: Path) -> None:
    data, words = BAD_ARRAYS[name]
    model = copy_model(tmp_path / "m.edgert")
    (tmp_path / "x.npy").write_bytes(data)
    assert words in run(model, "-i", tmp_path / "x.npy", code=1)


def test_good_arrays(tmp_path: Path) -> None:
    """All versions; spaces, order of keys and quotes do not matter."""
    model = copy_model(tmp_path / "m.edgert")
    other = '{"shape":(2,3),\n"fortran_order":False,"descr":"<f4"}'
    for data in (npy(GOOD), npy(GOOD, 2), npy(GOOD, 3), npy(other)):
        (tmp_path / "x.npy").write_bytes(data)
        run(model, "-i", tmp_path / "x.npy")


def test_every_cut_and_changed_header(tmp_path: Path) -> None:
    """No crash, whatever is there; an error is one line."""
    model = copy_model(tmp_path / "m.edgert", "int8", (3, 2))
    good = npy("{'descr': '|i1', 'fortran_order': False, 'shape': (3, 2), }", data=bytes(6))
    path = tmp_path / "x.npy"
    for length in range(0, len(good), 3):
        path.write_bytes(good[:length])
        run(model, "-i", path, code=1)
    rng = np.random.default_rng(0)
    for _ in range(60):
        changed = bytearray(good)
        changed[rng.integers(6, len(good) - 6)] = rng.integers(256)
        path.write_bytes(changed)
        done = subprocess.run(
            [PROGRAM, model, "-i", path], capture_output=True, env={}, check=False
        )
        told = done.stderr.startswith(b"edgert-run: ") and done.stderr.count(b"\n") == 1
        assert (done.returncode, told) in ((0, False), (1, True)), bytes(changed)


def test_raw_files_have_the_size_of_the_input(tmp_path: Path) -> None:
    model = copy_model(tmp_path / "m.edgert")
    for size in (0, 23, 25):
        (tmp_path / "x.raw").write_bytes(bytes(size))
        message = run(model, "-i", f"x={tmp_path}/x.raw", code=1)
        assert "expected 24 bytes of float32(2, 3)" in message
    assert "cannot be opened: No such file" in run(model, "-i", tmp_path / "y.raw", code=1)
    assert "cannot be read" in run(model, "-i", tmp_path, code=1)


# Models, arguments and machines that do not fit ------------------------------------------------


def damaged(change: Callable[[bytearray], None]) -> bytes:
    """The sample with something changed."""
    data = bytearray(SAMPLE)
    change(data)
    return bytes(data)


def test_models_that_cannot_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "m.edgert"
    swapped = damaged(lambda d: d.__setitem__(slice(12, 16), bytes([1, 2, 3, 4])))
    for data, words in (
        (b"", "FORMAT: "),
        (SAMPLE[:-1], "cut off"),
        (damaged(lambda d: d.__setitem__(8, 1)), "VERSION: "),
        (swapped, f"the file is big-endian, this machine, {os.uname().machine}, is little-endian"),
        (damaged(lambda d: d.__setitem__(-1, d[-1] ^ 1)), "INTEGRITY: "),
    ):
        path.write_bytes(data)
        assert words in run(path, code=1)
    assert "IO: cannot open" in run(tmp_path / "absent", code=1)


def test_limits(sample: Path) -> None:
    assert "LIMIT: " in run(sample, "--memory-limit", 1000, code=1)
    assert "portable" in run(sample, "--isa", "portable")
    message = run(sample, "--isa", "abacus", code=1)
    assert "UNSUPPORTED: " in message
    assert "it has portable" in message
    assert "UNSUPPORTED: " in run(sample, code=1, env={"EDGERT_ISA": "abacus"})


def test_values_that_the_model_cannot_take(sample: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "index.npy", np.array([0, 1000], np.int64))
    assert "INPUT: " in run(sample, "-i", f"index={tmp_path}/index.npy", code=1)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--json"],
        ["m", "n"],
        ["m", "--nonsense"],
        ["m", "-x"],
        ["m", "--threads"],
        ["m", "--threads", "0"],
        ["m", "--threads", "-1"],
        ["m", "--threads", "1x"],
        ["m", "--threads", ""],
        ["m", "--threads", "99999999999999999999"],
        ["m", "--memory-limit", "1e9"],
        ["m", "--seconds", "nan"],
        ["m", "--seconds", "-1"],
        ["m", "--seconds", "soon"],
        ["m", "--runs", "0"],
        ["m", "--output-dir", ""],
        [""],
        ["m", "\x1b[2J"],
    ],
)
def test_arguments_that_make_no_sense(arguments: list[str]) -> None:
    assert "see edgert-run --help" in run(*arguments, code=2)


def test_files_for_tensors_that_are_not_there(sample: Path, tmp_path: Path) -> None:
    for arguments, words in (
        (["-i", "nothing=x.npy"], "names no input of the model; it has 'image', 'index'"),
        (["-i", "x.npy"], "give inputs as NAME=FILE"),
        (["-o", "y.npy"], "give outputs as NAME=FILE"),
        (["-i", "image=x.npy", "-i", "image=z.npy"], "is given twice"),
        (["-i", "image="], "lacks its file"),
    ):
        assert words in run(sample, *arguments, code=1)


def test_outputs_take_no_place_of_what_is_read(sample: Path, tmp_path: Path) -> None:
    content = sample.read_bytes()
    np.save(tmp_path / "image.npy", sample_inputs()["image"])
    (tmp_path / "link").symlink_to(sample)
    image = ["-i", f"image={tmp_path}/image.npy"]
    for target in (sample, tmp_path / "link", tmp_path / "image.npy"):
        assert "must not take its place" in run(sample, *image, "-o", f"rows={target}", code=1)
    both = ["-o", f"rows={tmp_path}/new", "-o", f"scores={tmp_path}/new"]
    assert "must not take its place" in run(sample, *both, code=1)
    assert sample.read_bytes() == content
    assert "cannot be written" in run(sample, "-o", f"rows={tmp_path}/no/y.npy", code=1)
    assert "cannot be written" in run(sample, "-o", "rows=/dev/full", code=1)


def test_help_and_version() -> None:
    assert run("--help").startswith("usage: edgert-run MODEL.edgert")
    assert run("--version") == f"edgert-run {edgert.__version__}\n"
    with open("/dev/full", "w") as full:
        done = subprocess.run([PROGRAM, "--help"], stdout=full, check=False)
    assert done.returncode == 1
