"""Texts that somebody wrote: descriptions and labels."""

from __future__ import annotations

import os

from edgert.errors import InputError, ModelIOError


def read_text(path: str | os.PathLike[str], most: int, rule: str, encoding: str = "utf-8") -> str:
    """The first ``most`` characters of a file.

    Raises ModelIOError if it cannot be read, InputError with the ``rule`` if it is not UTF-8.
    """
    try:
        with open(path, encoding=encoding) as file:
            return file.read(most)
    except OSError as error:
        raise ModelIOError(f"{os.fspath(path)}: {error.strerror or error}", "IO") from None
    except ValueError:
        raise InputError(f"{os.fspath(path)} is no text in UTF-8", rule) from None
