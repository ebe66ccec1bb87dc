"""External data: weights in files beside the model, which is input that nobody has checked.

A location is a relative path below the model's folder. It is opened once, component by component,
without following links, and what was opened is checked, not what the path names a moment later.
"""

from __future__ import annotations

import os
import stat
import warnings

import onnx

from edgert.errors import FormatError

_KEYS = {"location", "offset", "length", "checksum", "basepath"}


class ExternalFiles:
    """The open data files of one model."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._files: dict[str, tuple[int, int]] = {}  # location -> descriptor, bytes

    def close(self) -> None:
        """Closes the files."""
        for fd, _ in self._files.values():
            os.close(fd)
        self._files.clear()

    def read(self, tensor: onnx.TensorProto, nbytes: int) -> bytes:
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
        fd, size = self._open(tensor.name, location)
        offset = _integer(tensor.name, "offset", entries.get("offset", "0"))
        length = _integer(tensor.name, "length", entries.get("length", str(nbytes)))
        if length != nbytes:
            raise FormatError(
                f"tensor {tensor.name!r}: its shape takes {nbytes} bytes, external_data states "
                f"length {length}",
                "RANGE",
            )
        if offset + length > size:
            raise FormatError(
                f"tensor {tensor.name!r}: bytes {offset} to {offset + length} of {location!r}, "
                f"which has {size}",
                "RANGE",
            )
        data = bytearray(length)
        view, done = memoryview(data), 0
        while done < length:
            count = os.preadv(fd, [view[done : done + (1 << 30)]], offset + done)
            if count == 0:
                raise FormatError(f"{location!r} became shorter while it was read", "RANGE")
            done += count
        return data

    def _open(self, name: str, location: str) -> tuple[int, int]:
        if location not in self._files:
            try:
                self._files[location] = self._open_below_folder(location)
            except (OSError, ValueError) as error:
                raise FormatError(
                    f"tensor {name!r}: external data {location!r}: {error}", "PATH"
                ) from error
        return self._files[location]

    def _open_below_folder(self, location: str) -> tuple[int, int]:
        if self._folder is None:
            raise ValueError("a model from memory has no folder; convert the file instead")
        parts = _path_parts(location)
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        for part in parts[:-1]:
            fd = _reopen(fd, part, flags | os.O_DIRECTORY)
        fd = _reopen(fd, parts[-1], flags | os.O_NONBLOCK)
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            return fd, status.st_size
        os.close(fd)
        raise ValueError("not a regular file with a single name (hard link)")


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
