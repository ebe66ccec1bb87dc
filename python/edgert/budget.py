"""How much memory a conversion may take beyond what its files hold.

A file of a few bytes can ask for gigabytes: by a shape, by a constant that is broadcast, by weights
that many nodes share. Whoever makes a constant, or numbers of a model's shapes, asks first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from edgert import _core
from edgert.errors import LimitError, ResourceError

# What a file of no size may have: the weights of VGG-19 as the onnx package has it, in 5 KB that
# fill them in, take 1.1 GB. Of the conversions of small files that were measured, none took more
# than 2.3 times the limit, pages of the written file included. To quantise takes more.
BASE_BYTES = 3 << 29
# For each byte of the model's files. Weights of 4 bits become floats, passes hold what they rewrite
# and what becomes of it, and a matrix is known as the model has it and as the runtime does.
PER_FILE_BYTE = 32
MAX_VALUE_BYTES = (1 << 31) - 1  # of an input or a result; no small device holds more
FEWER_SAMPLES = "give data of fewer or smaller samples"
MAX_HELD_BYTES = 1 << 32  # of the values of samples on which a conversion judges


class Budget:
    """Bytes that may still be taken: at first ``limit``, BASE_BYTES if it is None; more with
    each file that is read.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = BASE_BYTES if limit is None else limit
        self.used = 0

    def allow(self, file_bytes: int) -> None:
        """Raises the limit by what a file of so many bytes may become."""
        self.limit += PER_FILE_BYTE * file_bytes

    def take(self, nbytes: int, what: str, rule: str = "MEMORY") -> None:
        """Takes the bytes of ``what``. Raises LimitError if they are more than is left."""
        self.require(nbytes, what, rule)
        self.used += nbytes

    def require(self, nbytes: int, what: str, rule: str = "MEMORY") -> None:
        """Raises LimitError if what ``what`` takes for a moment is more than is left."""
        if self.used + nbytes > self.limit:
            raise LimitError(
                f"{what} takes {nbytes} bytes; {self.limit - self.used} are left of the "
                f"{self.limit} that a model of this size may take",
                rule,
            )


def require_held(nbytes: int, what: str, remedy: str) -> None:
    """Raises LimitError for more values of samples than may be held at a time."""
    limit = min(MAX_HELD_BYTES, _core.usable_memory())
    if nbytes > limit:
        raise LimitError(f"{what} take {nbytes} bytes, the limit is {limit}; {remedy}", "MEMORY")


def require_value(nbytes: int, what: str) -> None:
    """Raises LimitError for an input or a result that is too large."""
    if nbytes > MAX_VALUE_BYTES:
        raise LimitError(f"{what} takes {nbytes} bytes; the limit is {MAX_VALUE_BYTES}", "TENSOR")


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Turns the MemoryError of a block, or of the decorated function, into a ResourceError."""
    try:
        yield
    except ResourceError:
        raise
    except MemoryError as error:
        raise ResourceError("not enough memory to convert the model", "MEMORY") from error
