"""A model and its process: signals, forks, threads that fail, the interpreter's end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from mutate import SAMPLE, sample_inputs

import edgert
from edgert import ir, pack
from edgert.cli import INTERRUPTED, main

THREADS = (1, 2)
X = {"x": np.random.default_rng(2).standard_normal((1, 100, 100, 128)).astype(np.float32)}
SECONDS = 20  # in which what runs for minutes must have ended; it takes a tenth of a second


def convolutions(path: Path, nodes: int) -> Path:
    """A model that takes four billion multiplications for each node."""
    graph = ir.Graph()
    y = graph.add_input("x", np.float32, X["x"].shape)
    w = np.random.default_rng(1).standard_normal((128, 5, 5, 128)).astype(np.float32) / 64
    weight = graph.add_constant("w", w)
    attrs = {"strides": [1, 1], "dilations": [1, 1], "pads": [2] * 4, "groups": 1}
    for _ in range(nodes):
        y = graph.add("conv", [y, weight], {**attrs, "activation": {"fn": 1}})
    graph.outputs = [graph.add("reduce", [y], {"fn": 0, "axes": 15, "keep_dims": 0}, output="y")]
    pack.write_file(path, pack.pack(graph))
    return path


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that runs for minutes."""
    return convolutions(tmp_path_factory.mktemp("model") / "endless.edgert", 2000)


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that runs for a while."""
    return convolutions(tmp_path_factory.mktemp("model") / "some.edgert", 2)


@contextmanager
def ctrl_c(after: float = 0.2) -> Iterator[None]:
    """Sends SIGINT after a while; the block must be over soon after that."""
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    start = time.monotonic()
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
    assert time.monotonic() - start < after + SECONDS


# Signals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", THREADS)
def test_ctrl_c_ends_a_run(endless: Path, threads: int) -> None:
    model = edgert.load(endless, threads)
    out = {"y": np.zeros((), np.float32)}
    for call in (lambda: model.run(X), lambda: model.run(X, out=out), lambda: model.profile(X)):
        with pytest.raises(KeyboardInterrupt), ctrl_c():
            call()


@pytest.mark.parametrize("threads", THREADS)
def test_an_interrupted_model_computes_the_same_bits(some: Path, threads: int) -> None:
    model = edgert.load(some, threads)
    expected = model(**X)

    def run_on() -> None:
        while True:
            model(**X)

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt), ctrl_c(0.05):
            run_on()
        assert model(**X) == expected


def test_a_signal_handler_runs_during_a_run(some: Path) -> None:
    """What it does, running the same model for example, leaves the run as it is."""
    model = edgert.load(some, 2)
    expected, inner, outer = model(**X), [], []
    previous = signal.signal(signal.SIGALRM, lambda *_: inner.append(model(**X)))
    try:
        for _ in range(3):
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            outer.append(model(**X))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert inner == outer == [expected] * 3


def test_a_signal_handler_closes_the_model(some: Path) -> None:
    """The run under way has its result."""
    model = edgert.load(some, 2)
    expected = model(**X)
    previous = signal.signal(signal.SIGALRM, lambda *_: model.close())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        assert model(**X) == expected
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    with pytest.raises(edgert.InputError):
        model(**X)


def test_a_signal_handler_forks(some: Path) -> None:
    """The child cannot go on with a run that threads of the parent have a part of."""
    model = edgert.load(some, 2)
    expected, children, good = model(**X), [], False
    previous = signal.signal(signal.SIGALRM, lambda *_: children.append(os.fork()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        good = model(**X) == expected
    except edgert.ResourceError:
        good = model(**X) == expected
    finally:
        if children == [0]:
            os._exit(0 if good else 1)
        signal.signal(signal.SIGALRM, previous)
    assert good
    assert os.waitpid(children[0], 0)[1] == 0


def test_ctrl_c_is_for_the_main_thread(some: Path) -> None:
    model = edgert.load(some, 2)
    expected, found = model(**X), []
    thread = threading.Thread(target=lambda: found.append(model(**X)))
    thread.start()
    with pytest.raises(KeyboardInterrupt), ctrl_c(0.02):
        time.sleep(SECONDS)
    thread.join()
    assert found == [expected]


def test_ctrl_c_while_a_model_is_loaded(tmp_path: Path) -> None:
    """A small file that is long to load: each node looks at all weights."""
    graph = ir.Graph()
    y = graph.add_input("x", np.int16, (1, 1024))
    w = np.random.default_rng(1).integers(-100, 100, (1024, 1024)).astype(np.int16)
    output = {"dtype": 7, "activation": {}, "scale": 1.0, "zero": 0, "low": -32767, "high": 32767}
    constants = [graph.add_constant("w", w), graph.add_constant("b", np.zeros(1024, np.int32)),
                 graph.add_constant("m", np.full(1024, 2.0**-9, np.float32))]  # fmt: skip
    attrs = {"residual_zero": 0, "residual_scale": 0.0, "output": output}
    for _ in range(1000):
        y = graph.add("qgemm", [y, *constants], attrs)
    graph.outputs = [y]
    path = tmp_path / "long.edgert"
    pack.write_file(path, pack.pack(graph))
    start = time.monotonic()
    edgert.load(path)
    whole = time.monotonic() - start
    start += whole
    with pytest.raises(KeyboardInterrupt), ctrl_c(whole / 20):
        edgert.load(path)
    assert time.monotonic() - start < whole / 2


def test_ctrl_c_ends_a_command(
    endless: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", X["x"])
    model, out = str(endless), tmp_path / "y.npz"
    for arguments in (
        ["bench", model],
        ["run", model, "--input", str(tmp_path / "x.npy"), "--output", str(out)],
    ):
        with ctrl_c(1):
            assert main(arguments) == INTERRUPTED
        assert capsys.readouterr() == ("", "edgert: interrupted\n")
    assert not out.exists()


# Forks -----------------------------------------------------------------------------------------


def in_child(check: Callable[[], bool]) -> None:
    """Forks; the child must find ``check`` true."""
    child = os.fork()
    if child == 0:
        os._exit(0 if check() else 1)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0
            return
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child hangs")


@pytest.mark.parametrize("threads", THREADS)
def test_fork(some: Path, threads: int) -> None:
    """Before and after the model has run, and in children of children."""
    model = edgert.load(some, threads)
    reference = edgert.load(some, 1)(**X)

    def same() -> bool:
        return model(**X) == reference

    def same_in_both() -> bool:
        in_child(same)
        return same()

    in_child(same)
    assert same()
    in_child(same_in_both)
    assert same()


def test_fork_while_other_threads_run(tmp_path: Path) -> None:
    """Whatever they are in the middle of, the child can run the model."""
    path = tmp_path / "model.edgert"
    path.write_bytes(SAMPLE)
    model, inputs = edgert.load(path, 2), sample_inputs()
    expected = model.run(inputs)["scores"].tobytes()
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            model.run(inputs)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            in_child(lambda: model.run(inputs)["scores"].tobytes() == expected)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# Threads ---------------------------------------------------------------------------------------


def test_errors_in_some_of_many_threads(tmp_path: Path) -> None:
    path = tmp_path / "model.edgert"
    path.write_bytes(SAMPLE)
    model, good = edgert.load(path, 2), sample_inputs()
    bad = {**good, "index": np.array([0, 1000], np.int64)}
    expected = model.run(good)["rows"].tobytes()
    results: list[list[bytes | str]] = [[] for _ in range(6)]

    def work(i: int) -> None:
        for _ in range(100):
            try:
                results[i].append(model.run(bad if i % 2 else good)["rows"].tobytes())
            except edgert.InputError as error:
                results[i].append(error.rule)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[expected] * 100, ["INDEX"] * 100] * 3


@pytest.mark.parametrize("ending", ["pass", "sys.exit()", "del small, model"])
def test_the_interpreter_ends_while_threads_run(some: Path, tmp_path: Path, ending: str) -> None:
    small = tmp_path / "small.edgert"
    small.write_bytes(SAMPLE)
    script = f"""
import sys, threading, time, numpy, edgert
sys.path.insert(0, {str(Path(__file__).parent)!r})
from mutate import sample_inputs
x = numpy.zeros({X["x"].shape}, numpy.float32)
small, model = edgert.load({str(small)!r}), edgert.load({str(some)!r}, 2)
def repeat(call):
    while True:
        call()
for call in [lambda: small.run(sample_inputs()), lambda model=model: model(x)] * 3:
    threading.Thread(target=repeat, args=(call,), daemon=True).start()
time.sleep(0.1)
{ending}
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=SECONDS, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
