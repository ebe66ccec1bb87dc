"""Writing a file: all of it or nothing, whatever fails or dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from mutate import SAMPLE

import edgert
from edgert import pack


def test_write_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "model.edgert"
    for data in (b"first", SAMPLE):
        pack.write_file(target, data)
        assert target.read_bytes() == data
    assert os.listdir(tmp_path) == ["model.edgert"]
    (tmp_path / "link").symlink_to(target)
    pack.write_file(tmp_path / "link", b"through the link")
    assert target.read_bytes() == b"through the link"
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_failing_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    target = tmp_path / "model.edgert"
    target.write_bytes(b"old")

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*((pack, "open", fail, False) if call == "open" else (os, call, fail)))
        with pytest.raises(edgert.ModelIOError, match="No space left on device"):
            pack.write_file(target, SAMPLE)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.edgert"]


def test_unwritable_targets(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for target in (tmp_path, tmp_path / "fifo", tmp_path / "absent" / "x", "/dev/null", "/proc/x"):
        with pytest.raises(edgert.ModelIOError, match="cannot write"):
            pack.write_file(target, SAMPLE)
    assert os.listdir(tmp_path) == ["fifo"]


def test_killed_writer(tmp_path: Path) -> None:
    """Whenever a writer dies, the file is one of the two that it was writing, complete."""
    target = tmp_path / "model.edgert"
    code = f"""
        from edgert.pack import write_file
        versions = [bytes([i]) * 3_000_000 for i in (1, 2)]
        write_file({str(target)!r}, versions[0])
        print("ready", flush=True)
        while True:
            for data in versions:
                write_file({str(target)!r}, data)
    """
    for i in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(0.003 * i)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        data = target.read_bytes()
        assert len(data) == 3_000_000
        assert len(set(data)) == 1
