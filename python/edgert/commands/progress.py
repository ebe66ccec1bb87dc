"""How far a command is: a line that moves on a terminal, lines elsewhere."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Iterator

SECONDS = 10.0  # between lines; commands that take less write none


def progress(command: str) -> contextlib.AbstractContextManager[Callable[[str], None]]:
    """A function that is told what begins, such as "pack", or how much is done: "calibrate 12"."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return _bar() if is_terminal and importlib.util.find_spec("rich") else _lines(command)


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[str], None]]:
    """A bar that moves, too, while a stage has nothing to tell."""
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description:20}", markup=False),
        rich.BarColumn(),
        rich.TimeElapsedColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda what: bar.update(task, description=what, refresh=True)


@contextlib.contextmanager
def _lines(command: str) -> Iterator[Callable[[str], None]]:
    """A line every ``SECONDS``, from a thread: a stage that takes long is told of, too."""
    start, ended, stage = time.monotonic(), threading.Event(), ""

    def show(what: str) -> None:
        nonlocal stage
        stage = what

    def tell() -> None:
        while not ended.wait(SECONDS):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # nobody reads it
                sys.stderr.write(f"edgert {command}: {stage}, {time.monotonic() - start:.0f} s\n")
                sys.stderr.flush()

    thread = threading.Thread(target=tell, daemon=True)
    with contextlib.suppress(RuntimeError):  # the system has no thread to spare
        thread.start()
    try:
        yield show
    finally:
        ended.set()
        if thread.ident is not None:
            thread.join()
