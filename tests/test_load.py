"""Where a model comes from: a file that is copied, a file that is mapped, bytes."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mutate import SAMPLE, SHORTS, ModelFile, read_field, sample_inputs, table_field

import edgert
from edgert import _core, ir, pack
from edgert.schema import Section

METADATA = read_field(table_field(Section.data, "offset"))
# Of the system's own files there are some with less in them than they say.
SHORT_FILE = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def weights_model(size: int) -> bytes:
    """A file with a constant of ``size`` bytes, which is the output."""
    graph = ir.Graph()
    graph.add_input("x", np.float32, (1,))
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8)
    graph.outputs = [graph.add_constant("c", data)]
    return pack.pack(graph)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The sample model's file."""
    path = tmp_path / "sample.edgert"
    path.write_bytes(SAMPLE)
    return path


def results(model: edgert.Model) -> list[bytes]:
    """What the sample model computes."""
    return [array.tobytes() for array in model.run(sample_inputs()).values()]


def damage(path: Path, how: str) -> None:
    """Does something to a file in place."""
    if how == "cut off":
        os.truncate(path, 0)
    elif how == "zeros":
        with path.open("r+b") as file:
            file.write(bytes(len(SAMPLE)))
    elif how == "another":
        path.write_bytes(SHORTS)
    else:
        path.unlink()


@pytest.mark.parametrize("how", ["cut off", "zeros", "another", "removed"])
def test_what_becomes_of_the_file_does_not_matter(path: Path, how: str) -> None:
    model = edgert.load(path)
    expected = results(edgert.load(SAMPLE))
    damage(path, how)
    assert results(model) == expected


def test_a_large_file_is_copied_too(tmp_path: Path) -> None:
    """Into huge pages, part by part."""
    path = tmp_path / "large.edgert"
    for size in (2**20 - 64, 2**21 + 1, 3 * 2**20 + 12345):
        data = weights_model(size)
        path.write_bytes(data)
        model = edgert.load(path)
        damage(path, "zeros")
        (found,) = model.run({"x": np.zeros(1, np.float32)}).values()
        assert found.tobytes() == data[-size:]
        assert len(data) <= model.memory()["file_copied"] <= len(data) + 2**20
        broken = bytearray(data)
        broken[-1 - size // 2] ^= 4
        with pytest.raises(edgert.IntegrityError, match="'data'"):
            edgert.load(broken)


@pytest.mark.parametrize("level", edgert.isa().detected)
def test_checksums_are_those_of_zlib(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every length, and the files are zlib's; a wrong one is seen."""
    monkeypatch.setenv("EDGERT_ISA", level)
    for size in range(301):
        data = weights_model(size)
        (found,) = edgert.load(data).run({"x": np.zeros(1, np.float32)}).values()
        assert found.tobytes() == data[len(data) - size :]
        if size:
            with pytest.raises(edgert.IntegrityError):
                edgert.load(data[:-1] + bytes([data[-1] ^ 0x80]))


def test_mapped_weights(path: Path) -> None:
    """The same results; the weights count as shared, the rest as private."""
    copied, mapped = edgert.load(path), edgert.load(path, map=True)
    assert results(mapped) == results(copied)
    assert copied.memory()["file_copied"] == len(SAMPLE)
    assert copied.memory()["weights_mapped"] == 0
    assert mapped.memory()["file_copied"] == METADATA
    assert mapped.memory()["weights_mapped"] == len(SAMPLE) - METADATA
    with pytest.raises(edgert.InputError, match="mapped"):
        mapped.file()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, np.frombuffer])
def test_bytes(kind: type, path: Path) -> None:
    lent = kind(SAMPLE) if kind is not np.frombuffer else np.frombuffer(SAMPLE, np.uint8)
    model = edgert.load(lent, 1)
    assert model.path is None
    assert results(model) == results(edgert.load(path, 1))
    assert model.memory() == edgert.load(path, 1).memory()
    assert model.file() == SAMPLE
    assert "in memory" in repr(model)


def test_bytes_may_be_changed_afterwards() -> None:
    lent = bytearray(SAMPLE)
    model = edgert.load(lent)
    expected = results(model)
    lent[:] = bytes(len(lent))
    lent.append(1)  # nobody holds it any more
    assert results(model) == expected


def test_bytes_are_not_a_path(path: Path) -> None:
    with pytest.raises(edgert.FormatError, match="it looks like"):
        edgert.load(os.fsencode(path))
    with pytest.raises(edgert.FormatError, match=r"empty \[F1\]"):
        edgert.load(b"")
    with pytest.raises(edgert.InputError, match="map is True, expected"):
        edgert.load(SAMPLE, map=True)


COPIES = (copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)))


@pytest.mark.parametrize("duplicate", COPIES)
def test_pickles_have_the_path_or_the_bytes(duplicate, path: Path) -> None:
    expected = results(edgert.load(path))
    for model in (edgert.load(path, 1), edgert.load(path, 1, map=True), edgert.load(SAMPLE, 1)):
        again = duplicate(model)
        assert results(again) == expected
        assert again.path == model.path
        assert again.threads == 1
        assert again.memory() == model.memory()
    assert (
        len(pickle.dumps(edgert.load(path))) < len(SAMPLE) < len(pickle.dumps(edgert.load(SAMPLE)))
    )


@pytest.mark.parametrize("make_copy", COPIES)
def test_copies_of_closed_models_are_closed(
    path: Path, make_copy: Callable[[edgert.Model], edgert.Model]
) -> None:
    """They need no file, and tell what the original does."""
    model = edgert.load(path, 1)
    model.close()
    path.unlink()
    for other in (make_copy(model), make_copy(make_copy(model))):
        assert repr(other) == repr(model)
        assert (other.inputs, other.outputs) == (model.inputs, model.outputs)
        assert (other.metadata, other.threads) == (model.metadata, 1)
        with pytest.raises(edgert.InputError) as caught:
            other.run(sample_inputs())
        assert caught.value.rule == "CLOSED"
        other.close()


@pytest.mark.skipif(not SHORT_FILE.exists(), reason="this system has no such file")
def test_a_file_that_ends_early() -> None:
    """As one does that somebody cuts off while it is read."""
    assert SHORT_FILE.stat().st_size > len(SHORT_FILE.read_bytes())
    with pytest.raises(edgert.ModelIOError, match="it is being changed"):
        edgert.load(SHORT_FILE)


@pytest.mark.parametrize("name", ["\x1b[31mred", "\u202egnp.", "a\nb", "\udcff\udc9b", "\x9b1m"])
def test_paths_in_messages_are_escaped(name: str, tmp_path: Path) -> None:
    """A name of a file, too, may be anybody's."""

    def message(path: Path) -> str:
        with pytest.raises(edgert.EdgertError) as caught:
            edgert.load(path)
        assert name not in str(caught.value)
        assert "\\x" in str(caught.value)
        assert str(caught.value).isprintable()
        return str(caught.value)

    path = tmp_path / name
    assert "cannot open" in message(path)
    path.write_bytes(b"something else")
    assert "not an .edgert file" in message(path)
    path.unlink()
    path.mkdir()
    assert "not a regular file" in message(path)


def test_paths_that_no_file_can_have() -> None:
    for path in ("a\0b", "a\ud800b"):
        with pytest.raises(edgert.ModelIOError):
            edgert.load(path)


def test_names_in_messages_are_escaped_and_cut() -> None:
    """Those of ONNX models reach the runtime, too, when it infers types."""
    attrs = bytes(4)
    for name in ("\x1b[2J", "a\rb", "\u202e\u2066", "x" * 100_000, "'", "ü\x00\x07"):
        with pytest.raises(edgert.FormatError) as caught:
            _core.infer(name, 16, [(1, ())], attrs)
        message = str(caught.value)
        assert message.isprintable()
        assert len(message) < 1000
        assert "axis is 0" in message
    with pytest.raises(edgert.FormatError, match="concat 'größe 名前 🙂': axis is 0"):
        _core.infer("größe 名前 🙂", 16, [(1, ())], attrs)


def test_names_that_are_no_text_are_shown_escaped() -> None:
    for name in (b"\xff\xfe", b"\x1b[31m", b"\xe2\x80\xae", b"\xed\xa0\x80", b"x\0y"):
        file = ModelFile()
        file.rename(Section.tensors, file.tensor("c1"), name)
        with pytest.raises(edgert.FormatError) as caught:
            edgert.load(file.bytes())
        assert str(caught.value).isprintable()
        assert "".join(f"\\x{b:02x}" for b in name if not chr(b).isprintable() or b > 127) in str(
            caught.value
        )


# Objects that nobody has initialised, and arguments that make no sense -------------------------


def test_models_that_were_never_loaded() -> None:
    """They are closed."""
    model = edgert.Model.__new__(edgert.Model)
    assert repr(model) == "<edgert.Model in memory: () -> (), closed>"
    model.close()
    for call in (
        lambda: model.run({}),
        lambda: model(),
        lambda: model.profile({}),
        model.plan,
        model.memory,
        model.file,
    ):
        with pytest.raises(edgert.InputError) as caught:
            call()
        assert caught.value.rule == "CLOSED"


def test_sessions_that_were_never_made() -> None:
    """Nothing of the extension module can be called into memory that nobody has filled."""
    session = object.__new__(_core.Session)
    for call in (
        lambda: session.run([], None, None),
        lambda: session.threads,
        lambda: session.inputs,
        lambda: session.outputs,
        lambda: session.metadata,
        session.memory,
        session.file,
        session.plan,
    ):
        with pytest.raises(edgert.InputError, match="never made"):
            call()
    with pytest.raises(TypeError):
        _core.Session.run(3, [], None, None)
    with pytest.raises(TypeError):
        _core.Session.__new__(int, b"", 1, 1, False, False)
    with pytest.raises(TypeError):
        pickle.dumps(session)


@pytest.mark.parametrize("threads", [0, -1, -(10**9), -(2**63)])
def test_sessions_refuse_no_threads(threads: int) -> None:
    with pytest.raises(edgert.InputError, match=f"threads is {threads}, expected"):
        _core.Session(SAMPLE, threads, 2**30, 1e13, False, False)


@pytest.mark.parametrize("threads", [1, 2, 1000, 10**9, 2**63 - 1])
def test_sessions_have_no_more_threads_than_there_are_cpus(threads: int) -> None:
    session = _core.Session(SAMPLE, threads, 2**30, 1e13, False, False)
    assert session.threads == min(threads, _core.usable_cpus())
    found = session.run(list(sample_inputs().values()), None, None)
    assert [array.tobytes() for array in found] == results(edgert.load(SAMPLE, 1))


# Operations ------------------------------------------------------------------------------------


def test_operations_are_counted() -> None:
    """Of products the terms of their sums, of all else what is read and written."""
    graph = ir.Graph()
    x = graph.add_input("x", np.float32, (3, 5))
    y = graph.add("gemm", [x, graph.add_constant("w", np.ones((7, 5), np.float32))], {})
    z = graph.add("binary", [y, y], {"fn": 0})
    graph.outputs = [graph.add("reshape", [z], {"rank": 1, "dims": [21]})]
    file = pack.pack(graph)
    model = edgert.load(file)
    assert model.operations == 3 * 5 * 7 + 3 * 21
    assert edgert.load(file, max_operations=model.operations).operations == model.operations
    with pytest.raises(edgert.LimitError) as caught:
        edgert.load(file, max_operations=model.operations - 1)
    assert caught.value.rule == "OPERATIONS"


@pytest.mark.parametrize("wrong", [-1, "10", None, True, float("nan")])
def test_operations_are_limited_by_a_number(wrong: object) -> None:
    with pytest.raises(edgert.InputError) as caught:
        edgert.load(SAMPLE, max_operations=wrong)
    assert "max_operations" in str(caught.value)
