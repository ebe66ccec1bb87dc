"""External data: weights in files beside the model, which is input that nobody has checked.

A location is a relative path below the model's folder. It is opened once, component by component,
and what was opened is checked, not what the path names a moment later. Links are not followed, but
for one: that of the file itself to one in the same folder, or in the folder of the file that the
model's own path is a link to. So caches lay models: ``snapshots/1/m.onnx -> ../../blobs/a``,
``snapshots/1/m.onnx_data -> ../../blobs/b``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import onnx

from edgert.budget import Budget
from edgert.errors import FormatError
from edgert.importer.protos import all_nodes, own_tensors, stored_tensors

_KEYS = {"location", "offset", "length", "checksum", "basepath"}


@dataclass
class _DataFile:
    """An open file: its descriptor, its bytes, and how many of them were read in all."""

    fd: int
    size: int
    read: int = 0


class ExternalFiles:
    """The open data files of the model in the file ``path``, which is None if there is no file.

    The ``budget`` grows with the files; bytes that are read again are taken from it.
    """

    def __init__(self, path: str | None, budget: Budget) -> None:
        self._path, self._budget = path, budget
        self._files: dict[tuple[int, int], _DataFile] = {}  # by device and inode
        self._locations: dict[str, _DataFile] = {}

    def close(self) -> None:
        """Closes the files."""
        for file in self._files.values():
            os.close(file.fd)
        self._files.clear()
        self._locations.clear()

    def read(self, tensor: onnx.TensorProto, nbytes: int) -> bytearray:
        """The ``nbytes`` bytes of a tensor. Raises FormatError, rules PATH and RANGE."""
        entries: dict[str, str] = {}
        for entry in tensor.external_data:
            if entry.key in entries:
                raise FormatError(
                    f"tensor {tensor.name!r}: external_data has two {entry.key!r}", "DUPLICATE"
                )
            entries[entry.key] = entry.value
        unknown = sorted(set(entries) - _KEYS)
        if unknown:
            warnings.warn(
                f"tensor {tensor.name!r}: unknown external_data keys {unknown} are ignored",
                stacklevel=2,
            )
        location = entries.get("location", "")
        file = self._open(tensor.name, location)
        offset = _integer(tensor.name, "offset", entries.get("offset", "0"))
        length = _integer(tensor.name, "length", entries.get("length", str(nbytes)))
        if length != nbytes:
            raise FormatError(
                f"tensor {tensor.name!r}: its shape takes {nbytes} bytes, external_data states "
                f"length {length}",
                "RANGE",
            )
        if offset + length > file.size:
            raise FormatError(
                f"tensor {tensor.name!r}: bytes {offset} to {offset + length} of {location!r}, "
                f"which has {file.size}",
                "RANGE",
            )
        file.read += length
        if file.read > file.size:
            again = min(length, file.read - file.size)
            self._budget.take(
                again, f"tensor {tensor.name!r}, in bytes of {location!r} read again,"
            )
        data = bytearray(length)
        view, done = memoryview(data), 0
        while done < length:
            count = os.preadv(file.fd, [view[done : done + (1 << 30)]], offset + done)
            if count == 0:
                raise FormatError(f"{location!r} became shorter while it was read", "RANGE")
            done += count
        return data

    def _open(self, name: str, location: str) -> _DataFile:
        if location not in self._locations:
            try:
                fd, status = self._open_file(location)
            except (OSError, ValueError) as error:
                raise FormatError(
                    f"tensor {name!r}: external data {location!r}: {error}", "PATH"
                ) from error
            identity = status.st_dev, status.st_ino
            if identity in self._files:
                os.close(fd)
            else:
                self._files[identity] = _DataFile(fd, status.st_size)
                self._budget.allow(status.st_size)
            self._locations[location] = self._files[identity]
        return self._locations[location]

    def _open_file(self, location: str) -> tuple[int, os.stat_result]:
        if self._path is None:
            raise ValueError("a model from memory has no folder; convert the file instead")
        folder, parts = os.path.dirname(os.path.abspath(self._path)), _path_parts(location)
        try:
            fd = _open_below(folder, parts)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            fd = _open_link(os.path.join(folder, *parts), self._path)
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            return fd, status
        os.close(fd)
        raise ValueError("not a regular file with a single name (hard link)")


def external_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """The tensors of a model that lie in other files, those of its subgraphs and functions too."""
    tensors = [*stored_tensors(model.graph)]
    for nodes in (model.graph.node, *(function.node for function in model.functions)):
        tensors += [tensor for node, _ in all_nodes(nodes) for tensor in own_tensors(node)]
    return (t for t in tensors if t.data_location == onnx.TensorProto.EXTERNAL)


def data_files(model: onnx.ModelProto, path: str) -> Iterator[str]:
    """The paths of the files that hold tensors of the model in the file ``path``."""
    folder = os.path.dirname(os.path.abspath(path))
    entries = (e for tensor in external_tensors(model) for e in tensor.external_data)
    for location in sorted({entry.value for entry in entries if entry.key == "location"}):
        with contextlib.suppress(ValueError):
            yield os.path.join(folder, *_path_parts(location))


def _open_below(folder: str, parts: Sequence[str]) -> int:
    """Opens a file component by component, none of which may be a link (ELOOP, or ENOTDIR)."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    for part in parts[:-1]:
        fd = _reopen(fd, part, flags | os.O_DIRECTORY)
    return _reopen(fd, parts[-1], flags | os.O_NONBLOCK)


def _open_link(link: str, model: str) -> int:
    """Opens the file behind a link by its own name in a folder of the ``model``: whatever the link
    says a moment later, it is no file of another folder.
    """
    real = os.path.realpath(link)
    folders = (os.path.realpath(os.path.dirname(model)), os.path.dirname(os.path.realpath(model)))
    if os.path.dirname(real) not in folders:
        raise ValueError("a link to a file that is not in the model's folder")
    return _open_below(os.path.dirname(real), [os.path.basename(real)])


def _reopen(folder: int, part: str, flags: int) -> int:
    try:
        return os.open(part, flags, dir_fd=folder)
    finally:
        os.close(folder)


def _path_parts(location: str) -> list[str]:
    """The components of a relative path that stays below its start, or ValueError."""
    if not location or "\0" in location:
        raise ValueError("an empty path or one with a NUL")
    if "://" in location:
        raise ValueError("a URL, expected a relative path")
    if location.startswith("/") or "\\" in location or location[1:2] == ":":
        raise ValueError("expected a relative path with '/' between its parts")
    parts = [part for part in location.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or location.endswith("/"):
        raise ValueError("expected a file below the model's folder")
    return parts


def _integer(name: str, key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise FormatError(
            f"tensor {name!r}: external_data states {key} {text[:40]!r}, expected a number of "
            "bytes",
            "RANGE",
        )
    return int(text)
