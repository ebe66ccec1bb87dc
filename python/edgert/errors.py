"""The errors of edgert: each names what is wrong, what was expected and what was found."""


class EdgertError(Exception):
    """Base of all errors that edgert raises.

    ``rule`` is a short stable name of the broken rule ("TRUNCATED", "SHAPE", ...), for programs.
    """

    def __init__(self, message: str, rule: str = "") -> None:
        super().__init__(_sound(message))
        self.rule = rule


class FormatError(EdgertError, ValueError):
    """The file, or the ONNX model, is not well-formed."""


class VersionError(FormatError):
    """The file was written for another version of the format."""


class IntegrityError(FormatError):
    """A checksum does not match: the file was damaged."""


class LimitError(EdgertError, ValueError):
    """A limit on size, memory or count is exceeded."""


class UnsupportedError(EdgertError, NotImplementedError):
    """Well-formed, but this version of edgert cannot do it."""


class ModelIOError(EdgertError, OSError):
    """The operating system refused to read or write a file."""


class InputError(EdgertError, ValueError):
    """The arrays given to ``run`` do not fit the model, or an argument makes no sense."""


class QualityError(EdgertError, ValueError):
    """What was made is not close enough to the original; ``report`` says all of it."""

    def __init__(self, message: str, report: object) -> None:
        super().__init__(message, "QUALITY")
        self.report = report


class ResourceError(EdgertError, MemoryError):
    """Out of memory or threads."""


def _sound(message: str) -> str:
    """``message`` with escapes for the bytes of file names that are no text: they cannot be printed
    everywhere.
    """
    try:
        data = message.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # other lone surrogates
        data = message.encode("utf-8", "backslashreplace")
    return data.decode("utf-8", "backslashreplace")


def require(fine: bool, argument: str, found: object, expected: str) -> None:
    """Raises InputError for an argument that is not ``fine``."""
    if not fine:
        raise InputError(f"{argument} is {found!r}, expected {expected}", "ARGUMENT")
