"""External data of ONNX models: which files are read, and which never."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import make_model, value_info
from onnx_refusals import F32, WEIGHT, matmul_model, refuse

from edgert.errors import (
    FormatError,
)
from edgert.importer import import_model

# --- G1 to G6: external data ----------------------------------------------------------------------


def external(location: str = "w.bin", **entries: str) -> onnx.ModelProto:
    """The model with its weight in another file."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3, 4])
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        weight.external_data.add(key=key, value=value)
    return matmul_model(weight)


def save(folder: Path, model: onnx.ModelProto, name: str = "m.onnx") -> Path:
    """Writes the model as it is."""
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the weight in w.bin and in sub/w.bin; more data lies beside the folder."""
    inside = tmp_path / "model"
    (inside / "sub").mkdir(parents=True)
    for path in (inside / "w.bin", inside / "sub" / "w.bin", tmp_path / "w.bin"):
        path.write_bytes(WEIGHT.tobytes())
    return inside


@pytest.mark.parametrize(
    "location", ["w.bin", "./w.bin", "sub/w.bin", "sub//w.bin", "./sub/./w.bin"]
)
def test_external_data_is_read(folder: Path, location: str) -> None:
    """Relative paths below the model's folder."""
    graph = import_model(save(folder, external(location)))
    (weight,) = [v.data for v in graph.values.values() if v.data is not None]
    np.testing.assert_array_equal(weight, WEIGHT.T)


BAD_LOCATIONS = (
    "", ".", "..", "./", "sub", "sub/", "sub/..", "../w.bin", "sub/../../w.bin", "sub/../w.bin",
    "./../w.bin", "sub/./../../w.bin", "/etc/passwd", "//etc/passwd", "/dev/zero", "/proc/self/mem",
    "C:/w.bin", "c:w.bin", "C:\\w.bin", "\\\\server\\share\\w.bin", "..\\w.bin", "sub\\w.bin",
    "w.bin\0", "w.bin\0.txt", "\0", "file:///etc/passwd", "http://example.com/w.bin",
    "https://example.com/w.bin", "s3://bucket/w.bin", "missing.bin", "w.bin/x", "%2e%2e/w.bin",
    "~/w.bin", "w.bin ", "a" * 5000, "sub/" * 3000 + "w.bin",
)  # fmt: skip


@pytest.mark.parametrize("location", BAD_LOCATIONS, ids=lambda text: repr(text[:24]))
def test_g1_paths(folder: Path, location: str) -> None:
    """Nothing outside of the model's folder is named, and absolute paths are not."""
    refuse(FormatError, "PATH", save(folder, external(location)))


def test_g1_absolute_path_to_the_right_file(folder: Path) -> None:
    """Even if it is the file that a relative path would name."""
    refuse(FormatError, "PATH", save(folder, external(str(folder / "w.bin"))))


def test_g1_nothing_is_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that leads outside is refused before the file system is asked."""
    path = save(folder, external("../w.bin"))
    opened, real_open = [], os.open

    def spy(name: Any, *args: Any, **kwargs: Any) -> int:
        opened.append(os.fspath(name))
        return real_open(name, *args, **kwargs)

    monkeypatch.setattr(os, "open", spy)
    refuse(FormatError, "PATH", path)
    assert "w.bin" not in opened
    assert ".." not in opened


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    # The path of a socket is short: bind it from its folder.
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


SPECIAL_FILES: dict[str, Callable[[Path], None]] = {
    "symlink": lambda p: p.symlink_to("w.bin"),
    "symlink_absolute": lambda p: p.symlink_to(p.parent / "w.bin"),
    "symlink_outside": lambda p: p.symlink_to("../w.bin"),
    "symlink_to_sub": lambda p: p.symlink_to("sub/w.bin"),
    "symlink_dangling": lambda p: p.symlink_to("nowhere"),
    "symlink_to_itself": lambda p: p.symlink_to(p.name),
    "symlink_to_folder": lambda p: p.symlink_to("sub"),
    "symlink_to_device": lambda p: p.symlink_to("/dev/zero"),
    "hard_link": lambda p: os.link(p.parent / "w.bin", p),
    "hard_link_outside": lambda p: os.link(p.parent.parent / "w.bin", p),
    "fifo": _fifo,
    "socket": _socket,
    "folder": lambda p: p.mkdir(),
}


@pytest.mark.parametrize("kind", SPECIAL_FILES)
def test_g2_special_files(folder: Path, kind: str) -> None:
    """Only regular files with one name, and no waiting for a writer."""
    SPECIAL_FILES[kind](folder / "data")
    refuse(FormatError, "PATH", save(folder, external("data")))


@pytest.mark.parametrize("target", ["sub", "../model/sub", ".", "..", "/"])
def test_g2_symlinked_parents(folder: Path, target: str) -> None:
    """No component of the path is a link."""
    (folder / "link").symlink_to(target)
    refuse(FormatError, "PATH", save(folder, external("link/w.bin")))
    refuse(FormatError, "PATH", save(folder, external("./link//w.bin")))
    refuse(FormatError, "PATH", save(folder, external("link/link/w.bin")))


def test_g3_the_open_file_is_what_is_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that takes the name after the check is not read."""
    path = save(folder, external())
    real_fstat = os.fstat

    def swap(fd: int) -> os.stat_result:
        status = real_fstat(fd)
        if status.st_size != WEIGHT.nbytes:
            return status  # that of the model
        other = folder / "other"
        other.write_bytes(bytes(len(WEIGHT.tobytes())))
        other.replace(folder / "w.bin")
        return status

    monkeypatch.setattr(os, "fstat", swap)
    graph = import_model(path)
    (weight,) = [v.data for v in graph.values.values() if v.data is not None]
    np.testing.assert_array_equal(weight, WEIGHT.T)


RANGES = [
    {"offset": value} for value in (
        "-1", "1", "48", "4096", str(2**31), str(2**63), str(2**64), "9" * 30, "0x10", "1e3", "",
        " 0", "0 ", "+0", "1.0", "nan", "\u0663", "0\0",
    )
] + [
    {"length": value} for value in (
        "-1", "0", "47", "49", str(2**40), str(2**63), str(2**64), "", "abc", "4_8", "48.0",
        "\uff14",
    )
] + [{"offset": "8", "length": "48"}, {"offset": "48", "length": "48"}]  # fmt: skip


@pytest.mark.parametrize("entries", RANGES, ids=str)
def test_g4_ranges(folder: Path, entries: dict[str, str]) -> None:
    """Offset and length lie in the file, and the length is what the shape takes."""
    refuse(FormatError, "RANGE", save(folder, external(**entries)))


@pytest.mark.parametrize("bytes_left", range(0, 48, 2))
def test_g4_short_file(folder: Path, bytes_left: int) -> None:
    """The file ends before the tensor does."""
    (folder / "w.bin").write_bytes(WEIGHT.tobytes()[:bytes_left])
    refuse(FormatError, "RANGE", save(folder, external()))


@pytest.mark.parametrize(
    "key",
    ["__class__", "__dict__", "__init__", "name", "Location", "path", "url", "", " ", "offset ",
     "LENGTH", "tensor", "file", "data", "__proto__", "../location", "sha256", "mode", "x" * 999,
     "\u202elocation"],
)  # fmt: skip
def test_g5_unknown_keys(folder: Path, key: str) -> None:
    """Are ignored with a warning."""
    path = save(folder, external(**{key: "value"}))
    with pytest.warns(UserWarning, match="unknown external_data keys"):
        import_model(path)


@pytest.mark.parametrize("key", ["location", "offset", "length"])
def test_g5_double_keys(folder: Path, key: str) -> None:
    """One of two values would be believed by somebody else."""
    model = external(offset="0", length="48")
    model.graph.initializer[0].external_data.add(key=key, value="0")
    refuse(FormatError, "DUPLICATE", save(folder, model))


def test_g6_model_from_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has no folder, and the working directory is none either."""
    monkeypatch.chdir(folder)
    model = external()
    refuse(FormatError, "PATH", model)
    refuse(FormatError, "PATH", model.SerializeToString())
    refuse(FormatError, "PATH", memoryview(model.SerializeToString()))


def test_external_data_in_a_constant_node(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules are those of initializers."""
    monkeypatch.chdir(folder.parent)
    tensor = external().graph.initializer[0]
    nodes = [
        helper.make_node("Constant", [], ["w"], "constant", value=tensor),
        helper.make_node("MatMul", ["x", "w"], ["y"], "matmul"),
    ]
    model = make_model(nodes, [value_info("x", np.zeros((2, 3), F32))], ["y"])
    assert import_model(save(folder, model)).nodes[0].op == "gemm"
    tensor.external_data[0].value = "../w.bin"
    nodes[0] = helper.make_node("Constant", [], ["w"], "constant", value=tensor)
    model = make_model(nodes, [value_info("x", np.zeros((2, 3), F32))], ["y"])
    refuse(FormatError, "PATH", save(folder, model))
