"""Reading the protobuf of a model, and saying what a file is that holds none."""

from __future__ import annotations

import os
import stat

import onnx
from google.protobuf.message import DecodeError, EncodeError

from edgert.errors import FormatError, LimitError, ModelIOError

MAX_MODEL_BYTES = 2**31 - 1  # what a protobuf can hold; larger models have external data

# First bytes of files that are taken for ONNX models, each with the offset where they stand.
_OTHER_FORMATS = (
    (0, b"EDGERT\r\n", "an edgert file; it is converted already"),
    (0, b"PK\x03\x04", "a zip archive (PyTorch, Keras, npz or Core ML); export it to ONNX"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"\x80\x02", "a Python pickle (PyTorch?), which is never loaded; export it to ONNX"),
    (0, b"\x80\x03", "a Python pickle (PyTorch?), which is never loaded; export it to ONNX"),
    (0, b"\x80\x04", "a Python pickle, which is never loaded; export it to ONNX"),
    (0, b"\x80\x05", "a Python pickle, which is never loaded; export it to ONNX"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x89HDF\r\n", "an HDF5 file (Keras); export it to ONNX"),
    (0, b"GGUF", "a GGUF file"),
    (0, b"\x1f\x8b", "a gzip archive; unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (0, b"\xfd7zXZ", "an xz archive; unpack it first"),
    (0, b"BZh", "a bzip2 archive; unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive; unpack it first"),
    (0, b"\x7fELF", "an executable"),
    (0, b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with 'git lfs pull'"),
    (0, b"<", "a text file (HTML, XML)"),
    (0, b"{", "a text file (JSON)"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (4, b"ORTM", "an ONNX Runtime .ort file; convert the .onnx file that it was made from"),
    (8, b'{"', "a safetensors file"),
)


def read_model(
    source: str | os.PathLike[str] | bytes | onnx.ModelProto,
) -> tuple[onnx.ModelProto, str | None]:
    """The parsed model, and the path of its file: None for a model from memory."""
    if isinstance(source, onnx.ModelProto):
        return source, None
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _parse(bytes(source), "the model"), None
    path = os.fsdecode(source)
    return _parse(_read_file(path), f"'{path}'"), path


def proto_bytes(model: onnx.ModelProto) -> int:
    """The bytes of a model without its external data, counted up to ``MAX_MODEL_BYTES``."""
    try:
        return model.ByteSize()
    except EncodeError:  # one that was made in memory, and fits no file
        return MAX_MODEL_BYTES


def _read_file(path: str) -> bytes:
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for a writer.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelIOError(f"cannot open '{path}': {reason}", "OPEN") from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise ModelIOError(f"'{path}' is not a regular file", "OPEN")
    with os.fdopen(fd, "rb") as file:
        if status.st_size > MAX_MODEL_BYTES:
            raise LimitError(
                f"'{path}' has {status.st_size} bytes, a protobuf has at most {MAX_MODEL_BYTES}; "
                "store the weights as external data",
                "SIZE",
            )
        return file.read()


def _parse(data: bytes, what: str) -> onnx.ModelProto:
    model = onnx.ModelProto()
    try:
        if not data:
            raise DecodeError("it is empty")
        model.ParseFromString(data)
        if not model.HasField("graph") or not model.ir_version:
            raise DecodeError("it has no graph or no ir_version")
    except (DecodeError, ValueError, RecursionError) as error:
        raise FormatError(
            f"{what} is no ONNX model: {_other_format(data) or error}", "PROTO"
        ) from error
    return model


def _other_format(data: bytes) -> str:
    for offset, magic, name in _OTHER_FORMATS:
        if data[offset : offset + len(magic)] == magic:
            return f"it looks like {name}"
    return ""
