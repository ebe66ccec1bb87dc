"""The command line: ``edgert convert | compare | run | info | bench | isa | selftest | demo``."""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, TextIO

from edgert import __version__
from edgert.commands import bench, compare, convert, demo, eval, info, isa, run, selftest
from edgert.commands.arguments import text
from edgert.errors import EdgertError, IntegrityError, VersionError
from edgert.report import INTERRUPTED, printable

COMMANDS = {
    "convert": convert,
    "compare": compare,
    "eval": eval,
    "run": run,
    "info": info,
    "bench": bench,
    "isa": isa,
    "selftest": selftest,
    "demo": demo,
}
ERROR = 2
TRACEBACK = "EDGERT_TRACEBACK"  # environment variable: raise errors instead of printing a line
HINTS = (
    (IntegrityError, "the file was damaged: copy or convert it again"),
    (VersionError, "convert the model again with this version of edgert"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns 0, 1 (a check failed), 2 (an error) or 130 (interrupted)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    words = sys.argv[1:] if argv is None else argv
    try:
        args = parser().parse_args(words or ["--help"])
    except SystemExit as stop:  # after --help, or because of the arguments
        _complain("")  # what the parser wrote may still wait for a reader
        return 0 if stop.code == 0 and _show("") else ERROR
    except OSError:  # nobody can read what is wrong with the arguments
        _discard(sys.stderr)
        return ERROR
    try:
        outcome = COMMANDS[args.command].execute(args)
        if outcome.raw is not None:
            result: str | bytes = outcome.raw
        elif args.json:
            result = f"{json.dumps(outcome.data, indent=2, allow_nan=False)}\n"
        else:
            result = f"{_plain(outcome.text)}\n"
        return outcome.exit_code if _show(result) else ERROR
    except KeyboardInterrupt:
        _complain("edgert: interrupted")
        return INTERRUPTED
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        _complain(f"edgert {args.command}: {describe(error)}")
        return ERROR


def _show(result: str | bytes) -> bool:
    """Writes a result; says why if it cannot, unless whoever reads it has seen enough."""
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if isinstance(result, bytes):
            sys.stdout.buffer.write(result)
        else:
            sys.stdout.write(result)
        sys.stdout.flush()
    except BrokenPipeError:  # of `head`, say
        _discard(sys.stdout)
        return False
    except OSError as error:
        _discard(sys.stdout)
        _complain(f"edgert: cannot write to the standard output: {error.strerror}")
        return False
    return True


def _plain(text: str) -> str:
    """Lines without control characters."""
    return "\n".join(map(printable, text.split("\n")))


def _complain(text: str) -> None:
    """Writes an error, if there is anybody to read it."""
    try:
        if sys.stderr is not None:
            sys.stderr.write(text and f"{text}\n")
            sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def _discard(stream: TextIO | None) -> None:
    """Lets the interpreter, too, write what is left in a stream that cannot be written."""
    with contextlib.suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and that takes nothing empty and no option twice."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.register("type", None, text)
        self.register("action", None, Once)
        self.register("action", "store_true", Flag)

    def error(self, message: str) -> NoReturn:
        """Exits with what is wrong."""
        self.exit(ERROR, f"{self.prog}: {printable(message)}; see {self.prog} --help\n")


class Once(argparse.Action):
    """Stores an argument that may be given once."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option: str | None = None,
    ) -> None:
        """Refuses an option that was given."""
        given = vars(namespace).setdefault("given", set())
        if option and self.dest in given:
            raise argparse.ArgumentError(self, "is given twice")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


class Flag(Once):
    """Stores that an option was given."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=False, **options)

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        """Stores True."""
        super().__call__(parser, namespace, True, option)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = Parser(
        prog="edgert",
        description="Converts ONNX models into packed files for small devices, and runs them.",
        epilog="`edgert COMMAND --help` explains a command. Errors are one line on stderr and exit "
        f"code 2; {TRACEBACK}=1 in the environment shows where they come from.",
    )
    top.add_argument("--version", action="version", version=f"edgert {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", dest="command", required=True)
    commands.type = str  # what a command is given is its own affair
    for name, module in COMMANDS.items():
        description = f"{module.HELP[0].upper()}{module.HELP[1:]}. {module.DETAILS}"
        command = commands.add_parser(name, help=module.HELP, description=description)
        module.add_arguments(command)
        command.add_argument("--json", action="store_true", help="print JSON instead of text")
    return top


def describe(error: Exception) -> str:
    """What is wrong and what to do, without control characters."""
    text = _plain(str(error))
    if isinstance(error, EdgertError):
        hints = [f"; {hint}" for kind, hint in HINTS if isinstance(error, kind)]
        return f"{type(error).__name__}: {text}{''.join(hints)}"
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, OSError):
        return f"{printable(error.filename or 'file')}: {error.strerror or text}"
    return (
        f"internal error: {type(error).__name__}: {text}; this is a defect of edgert, please "
        f"report it with what {TRACEBACK}=1 prints"
    )


if __name__ == "__main__":
    sys.exit(main())
