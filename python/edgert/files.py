"""Writing files: all of one or nothing of it, and never one that is being read."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Union

from edgert.errors import EdgertError, InputError, ModelIOError

PathLike = Union[str, "os.PathLike[str]"]

_TEMPORARY = re.compile(r"\.edgert-[0-9a-f]{16}\.tmp")


@contextlib.contextmanager
def replacing(path: PathLike) -> Iterator[BinaryIO]:
    """A new file, which takes the place of ``path`` when the block ends.

    Until then ``path`` is what it was, and it stays that if the block raises. Temporary files of
    processes that died while they wrote into the same folder are removed. Raises ModelIOError if
    the operating system refuses.
    """
    with _write_errors(path):
        target = _target(path)
        folder = os.path.dirname(target)
        _remove_abandoned(folder)
        with _temporary(folder) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, target)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(file.name)
                raise
        _sync_folder(folder)


def require_place(path: PathLike) -> None:
    """Raises ModelIOError for a file that could not be written, before there is what to write."""
    with _write_errors(path):
        folder = os.path.dirname(_target(path))
        os.stat(os.path.join(folder, ""))
        if not os.access(folder, os.W_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))


@contextlib.contextmanager
def _write_errors(path: PathLike) -> Iterator[None]:
    try:
        yield
    except EdgertError:
        raise
    except (OSError, ValueError) as error:  # ValueError: the path has a NUL
        reason = getattr(error, "strerror", None) or error
        raise ModelIOError(f"cannot write '{os.fspath(path)}': {reason}", "IO") from error


def _target(path: PathLike) -> str:
    """The file that is written, which links may lead to."""
    target = os.path.realpath(path)
    if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
        raise OSError(0, "not a regular file")
    return target


def making_folder(path: PathLike) -> Path:
    """The folder ``path``, made if it is not there. Raises ModelIOError if it cannot be."""
    with _write_errors(path):
        os.makedirs(path, exist_ok=True)
    return Path(path)


def refuse_input(output: PathLike, inputs: Iterable[PathLike]) -> None:
    """Raises InputError if ``output`` is one of the files ``inputs``, under whatever name."""
    for path in inputs:
        if is_same(output, path):
            raise InputError(
                f"the output '{os.fspath(output)}' is the input '{os.fspath(path)}'; name another "
                "file",
                "ARGUMENT",
            )


def is_same(a: PathLike, b: PathLike) -> bool:
    """Whether two paths lead to one file."""
    with contextlib.suppress(OSError, ValueError):
        return os.path.realpath(a) == os.path.realpath(b) or os.path.samefile(a, b)
    return False


def _temporary(folder: str) -> BinaryIO:
    """A new file in ``folder``, which is locked as long as it is open: its writer lives."""
    while True:
        path = os.path.join(folder, f".edgert-{secrets.token_hex(8)}.tmp")
        file = open(path, "xb")  # noqa: SIM115 (the caller closes it)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody has it in hand to remove it
            file.close()
            continue
        except OSError:  # without locks nobody removes it
            return file
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()


def _remove_abandoned(folder: str) -> None:
    """Removes temporary files that nobody has locked any more."""
    for name in filter(_TEMPORARY.fullmatch, os.listdir(folder)):
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    # Names are never used twice: if it is no longer this file's, it is nobody's.
                    os.unlink(path)
            finally:
                os.close(descriptor)


def _sync_folder(folder: str) -> None:
    """Makes a rename in ``folder`` last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
