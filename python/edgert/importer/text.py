"""Text of ONNX models in messages: it stays on its line and shows what it is made of."""

from __future__ import annotations

_LONGEST_NAME = 256
_LONGEST_TEXT = 2000


def quoted(name: str | bytes) -> str:
    """A name in quotes, cut if it is very long."""
    return repr(name) if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]!r}..."


def printable(text: object) -> str:
    """What others say, on one line, with characters that cannot be seen escaped."""
    words = " ".join(str(text)[:_LONGEST_TEXT].split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
