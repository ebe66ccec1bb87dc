"""Arguments that several commands have."""

from __future__ import annotations

import argparse
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


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


def numbers(text: str) -> tuple[float, ...]:
    """Numbers separated by commas."""
    return tuple(float(part) for part in text.split(","))
