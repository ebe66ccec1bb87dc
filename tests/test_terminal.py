"""The command line where names are no text, characters unknown to the terminal, outputs closed."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_models import make_model, value_info

import edgert
from edgert.cli import main
from edgert.commands.progress import progress
from edgert.converter import STAGES
from edgert.errors import FormatError, ModelIOError
from edgert.report import printable

# A locale that knows ASCII alone, which Python is told not to replace by another one.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LOCALES: dict[str, Mapping[str, str]] = {
    "utf-8": {"LC_ALL": "C.UTF-8"},
    "ascii": ASCII,
    "posix": {**ASCII, "LC_ALL": "POSIX"},
    "latin-1": {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "latin-1:strict"},
    "coerced": {"LC_ALL": "", "LANG": "C"},
}
ODD = b"d\xe9\xff \xc3\xa9\xe5\x90\x8d"  # bytes that are no text, before some that are
SHOWN = r"d\xe9\xff é名", r"d\xe9\xff \xc3\xa9\xe5\x90\x8d"  # where it is known as UTF-8, or not


# Runs commands, the arguments of which end with a ";", in one process; tells their exit codes.
RUN_ALL = """
import sys
from edgert.cli import main
words = []
for word in sys.argv[1:]:
    if word == ";":
        code = main(words)
        print("\\0", code, "\\0", file=sys.stdout, flush=True)
        words = []
    else:
        words.append(word)
"""


def run(
    *words: str | bytes,
    env: Mapping[str, str] = ASCII,
    program: Sequence[str] = ("-m", "edgert"),
    **options: object,
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command line in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LC_")}
    return subprocess.run(
        [sys.executable, *program, *words],
        check=False,
        env={**environment, **env},
        **({"capture_output": True} | options),  # type: ignore[call-overload]
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A folder of a name that is no text, with a model and data of such names in it."""
    folder = os.fsencode(tmp_path_factory.mktemp("terminal")) + b"/" + ODD
    os.mkdir(folder)
    weight = numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    nodes = [helper.make_node("MatMul", ["名", "w"], ["é\u2028"], "é")]
    nodes += [helper.make_node("Softmax", ["é\u2028"], ["ü"], "ü")]
    model = make_model(nodes, [value_info("名", np.zeros((1, 4), np.float32))], ["ü"], [weight])
    model.graph.name = "é\x1b"
    with open(folder + b"/" + ODD + b".onnx", "wb") as file:
        file.write(model.SerializeToString())
    with open(folder + b"/x" + ODD + b".npy", "wb") as file:
        np.save(file, np.ones((1, 4), np.float32))
    return folder


@pytest.mark.parametrize("locale", LOCALES)
def test_commands(folder: bytes, locale: str) -> None:
    """All commands take such names, print what they can, and write files of such names."""
    env = LOCALES[locale]
    source, target = folder + b"/" + ODD + b".onnx", folder + b"/" + ODD + b".edgert"
    data, out = folder + b"/x" + ODD + b".npy", folder + b"/y" + ODD + b".npz"
    commands = (
        ("convert", source),
        ("convert", source, "-o", target, "--quantize", "int8", "--calibrate", data),
        ("info", target, "--plan", "--memory"),
        ("run", target, "-i", "名=".encode() + data, "-o", out),
        ("run", target, "-i", data),
        ("bench", target, "--runs", "1", "--profile"),
        ("compare", source, target, "--data", data),
        ("convert", source, "--quantize", "int8", "--recipe", target[:-7] + b".recipe.json"),
    )
    words = [word for one in commands for word in (*one, ";", *one, "--json", ";")]
    done = run(*words, env=env, program=["-c", RUN_ALL])
    assert done.stderr == b""
    text = done.stdout.decode(env.get("PYTHONIOENCODING", "utf-8").split(":")[0])
    assert "\x1b" not in text
    assert "\u2028" not in text
    *outputs, end = text.split("\0")
    assert outputs[1::2] == [" 0 "] * (2 * len(commands))
    assert end == "\n"
    for output in outputs[2::4]:
        json.loads(output)
    assert os.path.exists(out)
    assert not [name for name in os.listdir(folder) if name.endswith(b".tmp")]


@pytest.mark.parametrize("locale", ["utf-8", "ascii"])
def test_the_name_is_shown(folder: bytes, locale: str) -> None:
    """With escapes for what is no text, or no text of the terminal."""
    shown = SHOWN[locale == "ascii"].encode(LOCALES[locale].get("PYTHONIOENCODING", "utf-8"))
    done = run("convert", folder + b"/" + ODD + b".onnx", "--no-check", env=LOCALES[locale])
    assert shown + b".onnx ->" in done.stdout
    commands = (
        ("convert", folder + b"/" + ODD + b".none"),
        ("convert", folder + b"/x" + ODD + b".npy"),
        ("info", folder + b"/" + ODD + b".onnx"),
        ("run", folder + b"/" + ODD + b".edgert", "-i", folder + b"/" + ODD + b".npz"),
        ("run", folder + b"/" + ODD + b".edgert", "-i", ODD + b"=x.npy"),
        ("convert", folder + b"/" + ODD + b".onnx", "--input-shape", ODD + b"=x"),
        ("convert", folder + b"/" + ODD + b".onnx", "-o", folder),
    )
    words = [word for one in commands for word in (*one, ";")]
    done = run(*words, env=LOCALES[locale], program=["-c", RUN_ALL])
    assert done.stdout.split() == [b"\0", b"2", b"\0"] * len(commands)
    lines = done.stderr.splitlines()
    assert len(lines) == len(commands)
    assert all(rb"d\xe9\xff " in line for line in lines)


def test_messages_of_errors_can_be_printed(tmp_path: Path) -> None:
    """Bytes of a path that are no text are escapes in the message, so that it is text."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/" + ODD)
    for call in (lambda: edgert.load(path), lambda: edgert.convert(path, tmp_path / "m.edgert")):
        with pytest.raises(ModelIOError, match=r"d\\xe9\\xff é名") as info:
            call()
        str(info.value).encode()
    for text in ("\ud800", "\udcff\ud800", "\udc80"):
        FormatError(text).args[0].encode()


def on_terminal(columns: int, *words: str | bytes) -> tuple[bytes, bytes]:
    """What a command shows on a terminal: its result, and what it says of its progress."""
    terminals = [pty.openpty() for _ in range(2)]
    try:
        for leader, _ in terminals:
            fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        (_, out), (_, err) = terminals
        env = {**ASCII, "TERM": "xterm", "COLUMNS": str(columns)}
        done = run(*words, env=env, capture_output=False, stdout=out, stderr=err)
        assert done.returncode == 0
        shown = []
        for leader, follower in terminals:
            os.write(follower, b"\0")  # the end of what is there to read
            text = b""
            while not text.endswith(b"\0"):
                text += os.read(leader, 1 << 16)
            shown.append(text[:-1])
        return shown[0], shown[1]
    finally:
        for pair in terminals:
            for descriptor in pair:
                os.close(descriptor)


def test_the_terminal_is_told_of_progress(folder: bytes) -> None:
    """In each stage, in characters that the terminal knows; names are no part of it."""
    shown, progress = on_terminal(80, "convert", folder + b"/" + ODD + b".onnx")
    assert shown.isascii()
    assert progress.isascii()
    for stage in STAGES:
        assert stage.encode() in progress


def test_lines_of_progress_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a while, of what takes long."""
    monkeypatch.setattr("edgert.commands.progress.SECONDS", 0.05)
    with progress("fly") as show:
        show("climb 1")
        time.sleep(0.5)
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert {line.split(",")[0] for line in lines} == {"edgert fly: climb 1"}
    with progress("fly") as show:
        show("land")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("columns", [40, 72])
def test_tables_keep_to_the_terminal(folder: bytes, columns: int) -> None:
    """Cells go on below, and nothing is lost; what is no terminal gets all in a line."""
    assert main(["demo", "-o", os.fsdecode(folder) + "/demo"]) == 0
    words = "info", folder + b"/demo/digits.edgert", "--plan"
    text, _ = on_terminal(columns, *words)
    plain = run(*words).stdout
    assert max(map(len, plain.splitlines())) > columns
    plan = text.split(b"\r\n\r\n")[-1]
    assert max(map(len, plan.splitlines())) <= columns
    letters = b"".join(plan.split()).replace(b"-", b"")
    assert len(letters) == len(b"".join(plain.split(b"\n\n")[-1].split()).replace(b"-", b""))


def test_demo_in_ascii(tmp_path: Path) -> None:
    """Draws with the characters that there are."""
    done = run("demo", "-o", os.fsencode(tmp_path) + b"/" + ODD)
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert b"#" in done.stdout


NO_ROOM = "edgert: cannot write to the standard output: No space left on device\n"
CLOSED = "edgert: cannot write to the standard output: Bad file descriptor\n"


@pytest.mark.parametrize("words", [["isa"], ["isa", "--help"]], ids=" ".join)
@pytest.mark.parametrize(
    ("redirection", "complaint"),
    [(">/dev/full", NO_ROOM), (">&-", CLOSED), (">/dev/full 2>/dev/full", ""), (">&- 2>&-", ""),
     ("</dev/null >/dev/full 2>&-", "")],
)  # fmt: skip
def test_unwritable_output(words: list[str], redirection: str, complaint: str) -> None:
    """Is exit code 2 and, if there is somebody to read it, one line."""
    command = f'"$@" {redirection}'
    done = subprocess.run(
        ["sh", "-c", command, "sh", sys.executable, "-m", "edgert", *words],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    if "help" in words[-1] or "version" in words[-1]:  # the parser's text then goes to stderr
        assert done.stderr.endswith(complaint)
    else:
        assert done.stderr == complaint


@pytest.mark.parametrize("words", [["fly"], ["info", "nowhere.edgert"]])
@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", ">&- 2>&-"])
def test_errors_that_nobody_can_read(words: list[str], redirection: str) -> None:
    """Are exit code 2 all the same."""
    command = f'"$@" {redirection}'
    done = subprocess.run(
        ["sh", "-c", command, "sh", sys.executable, "-m", "edgert", *words],
        check=False,
        capture_output=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("words", [["isa"], ["--help"]])
def test_readers_that_have_seen_enough(words: list[str]) -> None:
    """Are no error worth words."""
    read, write = os.pipe()
    os.close(read)
    done = run(*words, capture_output=False, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    # The parser writes its own texts, and says nothing of what it cannot write.
    assert done.returncode == 2 or words[0].startswith("--")
    assert done.stderr == b""


def test_interrupted_while_it_prints(tmp_path: Path) -> None:
    """Ctrl-C is the shell's 130 then, too."""
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; from edgert.cli import main; sys.argv[0] = 'x'\n"
         "from edgert.commands import isa\nfrom edgert.report import Outcome\n"
         "isa.execute = lambda _: Outcome({}, 'x' * 10_000_000)\nsys.exit(main(['isa']))"],
        stdout=write, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(write)
    assert os.read(read, 1) == b"x"  # the pipe is full from now on
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    os.close(read)
    assert process.returncode == 130
    assert errors == b"edgert: interrupted\n"


def test_outputs_of_run_are_no_inputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the model nor a tensor is written over, by whatever name."""
    with resources.as_file(resources.files("edgert") / "examples" / "digits.onnx") as path:
        model = onnx.load(path)
    edgert.convert(model, tmp_path / "m.edgert")
    np.save(tmp_path / "x.npy", np.zeros((1, 1, 8, 8), np.float32))
    (tmp_path / "link").symlink_to("x.npy")
    os.link(tmp_path / "m.edgert", tmp_path / "hard")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for spec in ("x.npy", "pixels=x.npy"):
        for output in ("x.npy", "link", "m.edgert", "hard"):
            words = spec.replace("x.npy", str(tmp_path / "x.npy")), "-o", str(tmp_path / output)
            assert main(["run", str(tmp_path / "m.edgert"), "-i", *words]) == 2
            assert "is the input" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_printable_bytes() -> None:
    """One escape for each kind of character that cannot be shown."""
    assert printable("\udcff\udc80é\ud800\u202e\U000e0001") == (
        "\\xff\\x80é\\ud800\\u202e\\U000e0001"
    )
