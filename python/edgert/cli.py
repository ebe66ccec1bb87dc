"""The command line: ``edgert convert | compare | run | info | bench | isa | demo``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from edgert import __version__
from edgert.commands import bench, compare, convert, demo, info, isa, run
from edgert.errors import EdgertError, IntegrityError, VersionError
from edgert.report import printable

COMMANDS = {
    "convert": convert,
    "compare": compare,
    "run": run,
    "info": info,
    "bench": bench,
    "isa": isa,
    "demo": demo,
}
ERROR, INTERRUPTED = 2, 130
TRACEBACK = "EDGERT_TRACEBACK"  # environment variable: raise errors instead of printing a line
HINTS = (
    (IntegrityError, "the file was damaged: copy or convert it again"),
    (VersionError, "convert the model again with this version of edgert"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns 0, 1 (a check failed), 2 (an error) or 130 (interrupted)."""
    args = parser().parse_args(argv)
    try:
        outcome = COMMANDS[args.command].execute(args)
        print(json.dumps(outcome.data, indent=2, allow_nan=False) if args.json else outcome.text)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("edgert: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads the output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        print(f"edgert {args.command}: {describe(error)}", file=sys.stderr)
        return ERROR
    return outcome.exit_code


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = argparse.ArgumentParser(
        prog="edgert",
        description="Converts ONNX models into packed files for small devices, and runs them.",
        epilog="`edgert COMMAND --help` explains a command. Errors are one line on stderr and exit "
        f"code 2; {TRACEBACK}=1 in the environment shows where they come from.",
    )
    top.add_argument("--version", action="version", version=f"edgert {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for name, module in COMMANDS.items():
        description = f"{module.HELP[0].upper()}{module.HELP[1:]}. {module.DETAILS}"
        command = commands.add_parser(name, help=module.HELP, description=description)
        module.add_arguments(command)
        command.add_argument("--json", action="store_true", help="print JSON instead of text")
    return top


def describe(error: Exception) -> str:
    """What is wrong and what to do, without control characters."""
    text = "\n".join(map(printable, str(error).splitlines()))
    if isinstance(error, EdgertError):
        hints = [f"; {hint}" for kind, hint in HINTS if isinstance(error, kind)]
        return f"{type(error).__name__}: {text}{''.join(hints)}"
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, OSError):
        return f"{error.filename or 'file'}: {error.strerror or text}"
    return (
        f"internal error: {type(error).__name__}: {text}; this is a defect of edgert, please "
        f"report it with what {TRACEBACK}=1 prints"
    )


if __name__ == "__main__":
    sys.exit(main())
