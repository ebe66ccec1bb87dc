"""Arguments that several commands have."""

from __future__ import annotations

import argparse


def add_model(parser: argparse.ArgumentParser) -> None:
    """The model to load, and on how many threads it will run."""
    parser.add_argument("model", metavar="MODEL.edgert", help="a file from `edgert convert`")
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="threads to use (default: all usable CPUs)"
    )


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


def numbers(text: str) -> tuple[float, ...]:
    """Numbers separated by commas."""
    return tuple(float(part) for part in text.split(","))
