"""Writing a file: all of it or nothing, whatever fails or dies."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from mutate import SAMPLE

import edgert
from edgert import files, ir, pack
from edgert.files import is_same, refuse_input, replacing


def other_sample() -> bytes:
    """A model that is not SAMPLE."""
    graph = ir.Graph()
    x = graph.add_input("x", np.dtype(np.float32), (1, 4))
    noise = np.random.default_rng(1).standard_normal((4, 200_000), np.float32)
    graph.outputs = [graph.add("matmul", [x, graph.add_constant("w", noise)])]
    return pack.pack(graph)


def test_write_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "model.edgert"
    for data in (other_sample(), SAMPLE):
        pack.write_file(target, data)
        assert target.read_bytes() == data
    assert os.listdir(tmp_path) == ["model.edgert"]
    (tmp_path / "link").symlink_to(target)
    pack.write_file(tmp_path / "link", other_sample())
    assert target.read_bytes() == other_sample()
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize(
    ("data", "rule"),
    [(b"", "TRUNCATED"), (SAMPLE[:-1], "TRUNCATED"), (SAMPLE + b"0", "TRAILING"),
     (SAMPLE[:-1] + bytes([SAMPLE[-1] ^ 1]), "CHECKSUM")],
)  # fmt: skip
def test_only_models_are_written(tmp_path: Path, data: bytes, rule: str) -> None:
    """What would not load takes the place of nothing; the message names the file that was meant."""
    target = tmp_path / "model.edgert"
    target.write_bytes(b"old")
    with pytest.raises(edgert.FormatError, match=r"model\.edgert' would not load") as info:
        pack.write_file(target, data)
    assert info.value.rule == rule
    assert ".tmp" not in str(info.value)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.edgert"]


def test_models_for_larger_machines_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That this machine has not the memory to run a model is no fault of the file."""
    load = edgert.load
    monkeypatch.setattr(pack, "load", lambda *a, **k: load(*a, **k, memory_limit=0))
    pack.write_file(tmp_path / "model.edgert", SAMPLE)
    assert (tmp_path / "model.edgert").read_bytes() == SAMPLE


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_failing_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    target = tmp_path / "model.edgert"
    target.write_bytes(b"old")

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*((files, "open", fail, False) if call == "open" else (os, call, fail)))
        with pytest.raises(edgert.ModelIOError, match="No space left on device"):
            pack.write_file(target, SAMPLE)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.edgert"]


def test_unwritable_targets(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    targets = (
        tmp_path, tmp_path / "fifo", tmp_path / "absent" / "x", "/dev/null", "/proc/x",
        tmp_path / "n\0ul", "", tmp_path / ("x" * 300),
    )  # fmt: skip
    for target in targets:
        with pytest.raises(edgert.ModelIOError, match="cannot write"):
            pack.write_file(target, SAMPLE)
    assert os.listdir(tmp_path) == ["fifo"]


def writer(target: Path, data: str) -> subprocess.Popen[bytes]:
    """A process that writes ``data``, an expression, again and again once it has said so."""
    code = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_write_file import SAMPLE, other_sample
        from edgert.pack import write_file
        versions = {data}
        write_file({str(target)!r}, versions[0])
        print("ready", flush=True)
        while True:
            for data in versions:
                write_file({str(target)!r}, data)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_killed_writer(tmp_path: Path) -> None:
    """Whenever a writer dies, the file is one of the two that it was writing, complete, and the
    next one removes what it left.
    """
    target, versions = tmp_path / "model.edgert", (SAMPLE, other_sample())
    left = 0
    for i in range(6):
        process = writer(target, "(SAMPLE, other_sample())")
        time.sleep(0.003 * i)
        kill(process)
        assert target.read_bytes() in versions
        left += len(os.listdir(tmp_path)) - 1
        assert len(os.listdir(tmp_path)) <= 2
    assert left, "no writer was killed while it wrote"
    pack.write_file(target, SAMPLE)
    assert os.listdir(tmp_path) == ["model.edgert"]


def test_writers_do_not_disturb_each_other(tmp_path: Path) -> None:
    """The temporary file of one that lives is not that of one that was killed."""
    processes = [writer(tmp_path / f"{i}.edgert", "(SAMPLE,)") for i in range(2)]
    for _ in range(200):
        pack.write_file(tmp_path / "own.edgert", SAMPLE)
    assert all(process.poll() is None for process in processes)
    for process in processes:
        kill(process)
    pack.write_file(tmp_path / "own.edgert", SAMPLE)
    assert sorted(os.listdir(tmp_path)) == ["0.edgert", "1.edgert", "own.edgert"]


def test_only_abandoned_temporary_files_are_removed(tmp_path: Path) -> None:
    """By their exact name, and not while anybody has them locked; no links, no folders."""
    names = [f".edgert-{i:016x}.tmp" for i in range(5)]
    abandoned, folder, link, fifo, alive = (tmp_path / name for name in names)
    abandoned.write_bytes(b"x")
    folder.mkdir()
    (tmp_path / "precious").write_bytes(b"x")
    link.symlink_to("precious")
    os.mkfifo(fifo)
    others = [".edgert-mine.tmp", ".edgert-0123456789ABCDEF.tmp", f"x{names[0]}", f"{names[0]}x"]
    for name in others:
        (tmp_path / name).write_bytes(b"x")
    with open(alive, "xb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        pack.write_file(tmp_path / "model.edgert", SAMPLE)
        left = {*others, "precious", "model.edgert", folder.name, link.name, fifo.name, alive.name}
        assert set(os.listdir(tmp_path)) == left
    pack.write_file(tmp_path / "model.edgert", SAMPLE)
    assert set(os.listdir(tmp_path)) == left - {alive.name}


def test_a_temporary_file_that_was_removed_before_it_was_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer takes another one."""
    flock, raced = fcntl.flock, []

    def race(file: object, how: int) -> None:
        if not raced:
            raced.extend(os.listdir(tmp_path))
            os.unlink(tmp_path / raced[0])
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", race)
    pack.write_file(tmp_path / "model.edgert", SAMPLE)
    assert raced
    assert (tmp_path / "model.edgert").read_bytes() == SAMPLE
    assert os.listdir(tmp_path) == ["model.edgert"]


def _fail_while_replacing(path: Path, error: BaseException) -> None:
    with replacing(path) as file:
        file.write(b"new")
        raise error


def test_replacing_is_undone_by_what_the_block_raises(tmp_path: Path) -> None:
    """Whatever it is; no trace is left."""
    (tmp_path / "x").write_bytes(b"old")
    for error in (KeyboardInterrupt(), ZeroDivisionError(), edgert.InputError("x")):
        with pytest.raises(type(error)):
            _fail_while_replacing(tmp_path / "x", error)
        assert (tmp_path / "x").read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["x"]


def test_refuse_input(tmp_path: Path) -> None:
    """By whatever name, the file's own included that is not there yet."""
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to("a")
    os.link(tmp_path / "a", tmp_path / "hard")
    (tmp_path / "folder").symlink_to(tmp_path)
    (tmp_path / "b").write_bytes(b"x")
    for name in ("a", "link", "hard", "folder/a", "./a"):
        with pytest.raises(edgert.InputError, match="is the input"):
            refuse_input(tmp_path / name, [tmp_path / "b", tmp_path / "a"])
    assert is_same(tmp_path / "new", tmp_path / "folder" / "new")
    refuse_input(tmp_path / "b", [tmp_path / "a", tmp_path / "nowhere", "n\0ul", "x" * 300])
    refuse_input("n\0ul", [tmp_path / "a"])
