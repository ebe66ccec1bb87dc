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

from edgert import budget
from edgert.cli import main
from edgert.errors import FormatError, LimitError
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


def _links(path: Path, target: str, link: Callable[..., object] = os.symlink) -> None:
    """A symbolic link to a link to the target."""
    link(target if link is os.symlink else path.parent / target, path.parent / "real")
    path.symlink_to("real")


SPECIAL_FILES: dict[str, Callable[[Path], None]] = {
    "symlink_outside": lambda p: p.symlink_to("../w.bin"),
    "symlink_absolute_outside": lambda p: p.symlink_to(p.parent.parent / "w.bin"),
    "symlink_to_symlink_outside": lambda p: _links(p, "../w.bin"),
    "symlink_to_hard_link": lambda p: _links(p, "w.bin", os.link),
    "symlink_to_fifo": lambda p: (_fifo(p.parent / "real"), p.symlink_to("real")),
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
    """Only regular files with one name in the model's folder, and no waiting for a writer."""
    SPECIAL_FILES[kind](folder / "data")
    refuse(FormatError, "PATH", save(folder, external("data")))


@pytest.mark.parametrize("target", ["sub", "../model/sub", ".", "..", "/"])
def test_g2_symlinked_parents(folder: Path, target: str) -> None:
    """No component of the path is a link."""
    (folder / "link").symlink_to(target)
    refuse(FormatError, "PATH", save(folder, external("link/w.bin")))
    refuse(FormatError, "PATH", save(folder, external("./link//w.bin")))
    refuse(FormatError, "PATH", save(folder, external("link/link/w.bin")))


LINKS: dict[str, Callable[[Path], object]] = {
    "relative": lambda p: p.symlink_to("w.bin"),
    "absolute": lambda p: p.symlink_to(p.parent / "w.bin"),
    "through_the_parent": lambda p: p.symlink_to(f"../{p.parent.name}/w.bin"),
    "twice": lambda p: _links(p, "w.bin"),
    "in_sub": lambda p: ((p.parent / "sub" / "l").symlink_to("../w.bin"), p.symlink_to("sub/l")),
}


@pytest.mark.parametrize("kind", LINKS)
def test_links_in_the_folder(folder: Path, kind: str) -> None:
    """A link to a file beside the model is as good as the file."""
    LINKS[kind](folder / "data")
    assert_imported(save(folder, external("data")))


def test_a_link_in_a_folder_below(folder: Path) -> None:
    """To a file beside the model, and not to one that is not."""
    for target, is_fine in (("../w.bin", True), ("w.bin", False), ("../../w.bin", False)):
        (folder / "sub" / "data").symlink_to(target)
        path = save(folder, external("sub/data"))
        if is_fine:
            assert_imported(path)
        else:
            refuse(FormatError, "PATH", path)
        (folder / "sub" / "data").unlink()


def assert_imported(path: Path) -> None:
    """The weight is the one that all files hold."""
    (weight,) = [v.data for v in import_model(path).values.values() if v.data is not None]
    np.testing.assert_array_equal(weight, WEIGHT.T)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A model as caches of downloads lay it: names in one folder, files in another, links between.

    Returns the path of the model's name.
    """
    names, blobs = tmp_path / "snapshots" / "1" / "onnx", tmp_path / "blobs"
    names.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "aa").write_bytes(external("m.onnx_data").SerializeToString())
    (blobs / "bb").write_bytes(WEIGHT.tobytes())
    (names / "m.onnx").symlink_to("../../../blobs/aa")
    (names / "m.onnx_data").symlink_to("../../../blobs/bb")
    (tmp_path / "secret").write_bytes(WEIGHT.tobytes())
    return names / "m.onnx"


def test_cache_of_links(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data is in the folder of the file that the model's link leads to; by any path to it."""
    assert_imported(cache)
    monkeypatch.chdir(cache.parent)
    assert_imported(Path("m.onnx"))
    (cache.parents[3] / "link").symlink_to(cache.parent)
    assert_imported(cache.parents[3] / "link" / "m.onnx")
    (cache.parent / "m.onnx_data").unlink()
    (cache.parent / "m.onnx_data").write_bytes(WEIGHT.tobytes())
    assert_imported(cache)


def test_cache_converts_and_is_compared(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The other library gets the data, too."""
    assert main(["convert", str(cache), "-o", str(cache.parent / "m.edgert")]) == 0
    assert "passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "target",
    ["../../../secret", "../../../blobs/../secret", "../../../blobs/sub/cc", "../../2/bb",
     "../../../blobs", "../../../blobs/dd", "../../../blobs/ee", "../../../blobs/ff", "/dev/zero"],
)  # fmt: skip
def test_links_out_of_a_cache(cache: Path, target: str) -> None:
    """Only files of the two folders themselves, with one name and no further link out of them."""
    blobs = cache.parents[3] / "blobs"
    (blobs / "sub").mkdir()
    (blobs / "sub" / "cc").write_bytes(WEIGHT.tobytes())
    (blobs / "dd").symlink_to("../secret")
    os.link(blobs / "bb", blobs / "ee")
    os.mkfifo(blobs / "ff")
    (cache.parent / "m.onnx_data").unlink()
    (cache.parent / "m.onnx_data").symlink_to(target)
    refuse(FormatError, "PATH", cache)


def test_the_blobs_of_a_model_that_is_no_link(cache: Path) -> None:
    """Are in another folder then."""
    data = cache.read_bytes()
    cache.unlink()
    cache.write_bytes(data)
    refuse(FormatError, "PATH", cache)


def test_a_link_that_turns_while_it_is_followed(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is opened lies in the folder that was checked, whatever the link says by then."""
    realpath, link = os.path.realpath, cache.parent / "m.onnx_data"
    blob = cache.parents[3] / "blobs" / "bb"

    def turn(path: Any, *args: Any, **kwargs: Any) -> str:
        real = realpath(path, *args, **kwargs)
        if os.path.basename(path) == link.name:
            link.unlink()
            link.symlink_to("../../../secret")
            blob.unlink()
            blob.symlink_to("../secret")
        return real

    monkeypatch.setattr(os.path, "realpath", turn)
    refuse(FormatError, "PATH", cache)


def test_bytes_that_are_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is read once for free: many tensors of the same bytes have a budget."""
    monkeypatch.setattr(budget, "BASE_BYTES", 1 << 26)
    with open(folder / "w.bin", "r+b") as file:
        file.truncate(1 << 20)
    (folder / "link").symlink_to("w.bin")
    tensors = []
    for i in range(2000):
        tensor = TensorProto(name=f"w{i}", data_type=TensorProto.FLOAT, dims=[1 << 18])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=("w.bin", "./w.bin", "link")[i % 3])
        tensors.append(tensor)
    outputs = [tensor.name for tensor in tensors]
    refuse(LimitError, "MEMORY", save(folder, make_model([], [], outputs, tensors)))
    assert len(import_model(save(folder, make_model([], [], outputs[:9], tensors))).outputs) == 9


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
