"""Files that are no ONNX model, or one that is nested beyond sense."""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import make_model, value_info
from onnx_refusals import F32, I64, WEIGHT, refuse

from edgert.errors import (
    EdgertError,
    FormatError,
    LimitError,
    ModelIOError,
)
from edgert.importer import import_model

# --- G7: the protobuf -----------------------------------------------------------------------------


def small_model() -> bytes:
    """A model with what an importer reads: attributes, shapes, names, weights."""
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["r"], "reshape"),
        helper.make_node("Gemm", ["r", "w"], ["g"], "gemm", alpha=0.5),
        helper.make_node("Softmax", ["g"], ["y"], "softmax", axis=1),
    ]
    weights = [
        numpy_helper.from_array(np.array([2, -1], I64), "shape"),
        numpy_helper.from_array(WEIGHT, "w"),
    ]
    info = value_info("x", np.zeros((2, 1, 3), F32))
    return make_model(nodes, [info], ["y"], weights).SerializeToString()


def import_or_refuse(data: bytes) -> None:
    """Any bytes give a graph or an EdgertError."""
    with contextlib.suppress(EdgertError):
        import_model(data)


def test_g7_truncation() -> None:
    """At every length."""
    data = small_model()
    for length in range(len(data)):
        with pytest.raises(EdgertError):
            import_model(data[:length])


@pytest.mark.parametrize("change", [0x01, 0x02, 0x08, 0x80, 0xFF])
def test_g7_corruption(change: int) -> None:
    """Of every single byte."""
    data = bytearray(small_model())
    for i in range(len(data)):
        data[i] ^= change
        import_or_refuse(bytes(data))
        data[i] ^= change


def test_g7_insertion_and_removal() -> None:
    """Of single bytes, which shifts what follows."""
    data = small_model()
    for i in range(len(data)):
        import_or_refuse(data[:i] + data[i + 1 :])
        import_or_refuse(data[:i] + b"\xff" + data[i:])


def test_g7_noise() -> None:
    """Bytes without a meaning."""
    random = np.random.default_rng(7)
    for length in [*range(1, 40), 100, 1000, 10000]:
        data = random.bytes(length)
        with pytest.raises(EdgertError):
            import_model(data)
        with pytest.raises(EdgertError):
            import_model(b"\x08\x08" + data)


GARBAGE = (
    b"", b"\0", b"\xff" * 10, b"\x08", b"\x08\x80", b"\x08" + b"\x80" * 20, b"\x3a\xff\xff\xff\x7f",
    b"\x3a\x05abc", b"\x0b\x0b\x0b", b"\x0c", b"\x07\x07", b"\x3a\x00", b"\x08\x08", b"\n" * 100,
    b"\x08\x00\x3a\x00", b"\x3a\x02\x0a\x7f", b"\xf8\xff\xff\xff\x7f\x01",
)  # fmt: skip


@pytest.mark.parametrize("data", GARBAGE, ids=repr)
def test_g7_garbage(data: bytes) -> None:
    """Broken varints, lengths beyond the end, groups, wrong wire types, no graph."""
    refuse(FormatError, "PROTO", data)


@pytest.mark.parametrize("levels", [34, 50, 99, 500, 5000])
def test_g7_g8_nesting(levels: int) -> None:
    """Messages in messages: a limit, not the end of the stack."""

    def wrap(field: int, body: bytes) -> bytes:
        size, out = len(body), bytearray()
        while size >= 128:
            out.append(size & 127 | 128)
            size >>= 7
        return bytes([field << 3 | 2]) + bytes([*out, size]) + body

    graph = b""
    for _ in range(levels):  # graph.node.attribute.g
        graph = wrap(1, wrap(5, wrap(6, graph)))
    with pytest.raises((FormatError, LimitError)) as info:
        import_model(b"\x08\x08" + wrap(7, graph))
    assert info.value.rule in ("PROTO", "DEPTH")


def test_g7_unknown_fields() -> None:
    """Are skipped, as protobuf wants."""
    data = small_model() + b"\xf2\x3f\x03abc" + b"\xf8\x3f\x07"
    assert import_model(data).outputs == ["y"]


def test_g7_files(tmp_path: Path) -> None:
    """What is no readable file of a sane size."""
    refuse(ModelIOError, "OPEN", tmp_path / "missing.onnx")
    refuse(ModelIOError, "OPEN", tmp_path)
    refuse(ModelIOError, "OPEN", "m\0.onnx")
    refuse(ModelIOError, "OPEN", "/dev/zero")
    os.mkfifo(tmp_path / "fifo")
    refuse(ModelIOError, "OPEN", tmp_path / "fifo")
    with open(tmp_path / "large", "wb") as file:
        file.truncate(2**31)
    refuse(LimitError, "SIZE", tmp_path / "large")


# --- G8: subgraphs and functions ------------------------------------------------------------------


def function(name: str, calls: Sequence[tuple[str, str]]) -> onnx.FunctionProto:
    """A function of domain "f" that applies (domain, operator) after (domain, operator)."""
    values = ["a", *[f"v{i}" for i in range(len(calls) - 1)], "b"]
    nodes = [
        helper.make_node(op, [values[i]], [values[i + 1]], domain=domain)
        for i, (domain, op) in enumerate(calls)
    ]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    return helper.make_function("f", name, ["a"], ["b"], nodes, imports)


def calling(first: str, functions: Sequence[onnx.FunctionProto]) -> onnx.ModelProto:
    """A model that calls the function ``first``."""
    node = helper.make_node(first, ["x"], ["y"], "call", domain="f")
    model = make_model([node], [value_info("x", np.zeros((2, 3), F32))], ["y"])
    model.opset_import.append(helper.make_opsetid("f", 1))
    model.functions.extend(functions)
    return model


def test_functions_are_expanded() -> None:
    """Functions that call functions."""
    model = calling("A", [function("A", [("", "Relu"), ("f", "B")]), function("B", [("", "Tanh")])])
    assert [node.op for node in import_model(model).nodes] == ["unary", "unary"]


@pytest.mark.parametrize("length", range(1, 21))
def test_g8_recursive_functions(length: int) -> None:
    """A function that calls itself through ``length`` - 1 others."""
    functions = [function(f"F{i}", [("f", f"F{(i + 1) % length}")]) for i in range(length)]
    refuse(LimitError, "DEPTH", calling("F0", functions))


@pytest.mark.parametrize("depth", range(17, 37))
def test_g8_function_bombs(depth: int) -> None:
    """Every function calls the next one twice."""
    functions = [function(f"F{i}", [("f", f"F{i + 1}")] * 2) for i in range(depth)]
    functions.append(function(f"F{depth}", [("", "Relu")]))
    refuse(LimitError, "OPS", calling("F0", functions))


def nested_if(depth: int) -> onnx.ModelProto:
    """If in If; all conditions are constants."""
    output = helper.make_tensor_value_info("z", TensorProto.FLOAT, None)
    condition = numpy_helper.from_array(np.array(True), "c")
    model = make_model([], [value_info("x", np.zeros((2, 3), F32))], ["z"], [condition])
    graph = model.graph
    for i in range(depth):  # built in place: protobuf cannot copy what is nested too deeply
        node = graph.node.add(op_type="If", name=f"if{i}", input=["c"], output=["z"])
        branches = []
        for name in ("then_branch", "else_branch"):
            attribute = node.attribute.add(name=name, type=onnx.AttributeProto.GRAPH)
            attribute.g.name = name
            attribute.g.output.append(output)
            branches.append(attribute.g)
        branches[1].node.add(op_type="Tanh", input=["x"], output=["z"])
        graph = branches[0]
    graph.node.add(op_type="Relu", name="inner", input=["x"], output=["z"])
    return model


def test_if_with_a_known_condition_is_its_branch() -> None:
    """At several depths, with names from outside."""
    for depth in (1, 2, 5, 30):
        graph = import_model(nested_if(depth))
        assert [(n.op, n.inputs) for n in graph.nodes] == [("unary", ["x"])]


@pytest.mark.parametrize("depth", range(32, 52))
def test_g8_nested_if(depth: int) -> None:
    """More than anybody means."""
    refuse(LimitError, "DEPTH", nested_if(depth))


# --- G14: other files -----------------------------------------------------------------------------


class _Exploit:
    """Would touch a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def _zip(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
    return path.read_bytes()


@pytest.mark.parametrize("protocol", range(6))
def test_g14_pickles_are_never_loaded(tmp_path: Path, protocol: int) -> None:
    """A pickle can run anything."""
    data = pickle.dumps(_Exploit(tmp_path / "exploited"), protocol)
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    message = refuse(FormatError, "PROTO", path)
    assert not (tmp_path / "exploited").exists()
    if protocol >= 2:
        assert "pickle" in message


OTHER_FILES = {
    "numpy": (b"\x93NUMPY\x01\x00", "NumPy"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "HDF5"),
    "tflite": (b"\x1c\0\0\0TFL3" + bytes(40), "TensorFlow Lite"),
    "gguf": (b"GGUF\x03\0\0\0", "GGUF"),
    "gzip": (b"\x1f\x8b\x08\0" + bytes(20), "gzip"),
    "xz": (b"\xfd7zXZ\0", "xz"),
    "7z": (b"7z\xbc\xaf\x27\x1c", "7z"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(9), "Zstandard"),
    "bzip2": (b"BZh91AY&SY", "bzip2"),
    "elf": (b"\x7fELF\x02\x01\x01", "executable"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "html": (b"<!DOCTYPE html><html>404</html>", "HTML"),
    "json": (b'{"error": "not found"}', "JSON"),
    "ort": (b"\x18\0\0\0ORTM" + bytes(40), ".ort"),
    "safetensors": (struct.pack("<Q", 64) + b'{"w":{"dtype":"F32"}}', "safetensors"),
    "edgert": (b"EDGERT\r\n" + bytes(40), "edgert"),
    "empty_zip": (b"PK\x05\x06" + bytes(18), "zip"),
}


@pytest.mark.parametrize("name", OTHER_FILES)
def test_g14_other_formats_are_named(name: str) -> None:
    """The message says what the file looks like."""
    data, text = OTHER_FILES[name]
    assert text in refuse(FormatError, "PROTO", data)


def test_g14_zip(tmp_path: Path) -> None:
    """What PyTorch and numpy's npz write."""
    assert "PyTorch" in refuse(FormatError, "PROTO", _zip(tmp_path / "m.pt"))
