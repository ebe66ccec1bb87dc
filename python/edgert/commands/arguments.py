"""Arguments that several commands have."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import fields

from edgert.inputs import ImageOptions

# What samples may be, wherever a command takes some.
DATA = (
    "an .npz of arrays by input name, an .npy, an image, or a folder of such; the first axis of an "
    "array that is not in a folder runs over samples"
)
IMAGE_OPTIONS = tuple(field.name for field in fields(ImageOptions))


def add_model(parser: argparse.ArgumentParser) -> None:
    """The model to load, and on how many threads it will run."""
    parser.add_argument("model", metavar="MODEL.edgert", help="a file from `edgert convert`")
    parser.add_argument(
        "--threads",
        type=positive,
        metavar="N",
        help="threads to use (default: all usable big cores)",
    )
    parser.add_argument(
        "--map",
        action="store_true",
        help="use the weights in the mapped file, which must not change, not in a private copy",
    )


def add_image(parser: argparse.ArgumentParser) -> None:
    """How the pixels of an image become a tensor."""
    image = parser.add_argument_group(
        "images", "The pixels of an image go from 0 to 1 for a float input, 0 to 255 for uint8."
    )
    image.add_argument(
        "--mean",
        type=numbers,
        metavar="M[,M,M]",
        help="subtracted from float pixels (default: 0)",
    )
    image.add_argument(
        "--std", type=numbers, metavar="S[,S,S]", help="divides them afterwards (default: 1)"
    )
    image.add_argument(
        "--crop",
        action="store_true",
        help="fill the input and cut the edges, instead of stretching",
    )


def image_options(args: argparse.Namespace) -> ImageOptions | None:
    """What the arguments of :func:`add_image` say, None if there is none."""
    given = {name: value for name, value in vars(args).items() if name in IMAGE_OPTIONS and value}
    return ImageOptions(**given) if given else None


def text(value: str) -> str:
    """What is not empty: the type of arguments that have no other."""
    if not value:
        raise argparse.ArgumentTypeError("is empty")
    return value


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not (text.isdecimal() and text.isascii() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def number(low: float = -math.inf, high: float = math.inf) -> Callable[[str], float]:
    """The type of finite numbers from ``low`` to ``high``."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and low <= value <= high):
            limits = [f"at least {low:g}"] * math.isfinite(low)
            limits += [f"at most {high:g}"] * math.isfinite(high)
            wanted = " and ".join(limits)
            raise argparse.ArgumentTypeError(f"{text!r} is no number{wanted and f' of {wanted}'}")
        return value

    return convert


seconds = number(0.001, 1e6)
share = number(0, 1)


def numbers(text: str) -> tuple[float, ...]:
    """Finite numbers separated by commas."""
    return tuple(map(number(), text.split(",")))
