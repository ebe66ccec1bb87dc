"""Arguments that several commands have."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from edgert.errors import InputError
from edgert.inputs import has_pixels
from edgert.model import Model
from edgert.preprocess import Input, change, describe, read_file
from edgert.preprocess.describe import COLORS, INTERPOLATIONS, LAYOUTS, LENGTHS, RESIZES

# What samples may be, wherever a command takes some.
DATA = (
    "an .npz of arrays by input name, an .npy, an image, a WAV file, or a folder of such; the "
    "first axis of an array that is not in a folder runs over samples"
)
# The arguments that are members of descriptions.
MEMBERS = ("scale", "mean", "std", "color", "resize", "crop_pct", "fill", "interpolation", "layout",
           "rate", "length")  # fmt: skip


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


def add_preprocess(parser: argparse.ArgumentParser) -> None:
    """How images and sounds become tensors."""
    group = parser.add_argument_group(
        "images and sounds",
        "What the file states, or --preprocess, but for the members that are given here. Where "
        "nothing is stated images are stretched, and pixels go from 0 to 1 for a float input, to "
        "255 for uint8.",
    )
    group.add_argument(
        "--preprocess",
        metavar="FILE.json",
        help='a description by input name, {"NAME": {"type": "image", "mean": ...}}, or that of '
        "the only input; docs/preprocess.md has its members",
    )
    group.add_argument(
        "--scale", type=fraction, metavar="S", help="times pixels, 0 to 255 (default: 1/255), or "
        "samples, -1 to 1 (default: 1)",
    )  # fmt: skip
    group.add_argument(
        "--mean", type=numbers, metavar="M[,M,M]", help="subtracted afterwards (default: 0)"
    )
    group.add_argument(
        "--std", type=numbers, metavar="S[,S,S]", help="divides what is left (default: 1)"
    )
    group.add_argument("--color", choices=COLORS, help="the order of the channels (default: RGB)")
    group.add_argument(
        "--resize",
        choices=RESIZES,
        help="stretch; crop: cover the input and cut the edges; letterbox: fit into it, with bars "
        "(default: stretch)",
    )
    group.add_argument(
        "--crop-pct",
        type=share,
        metavar="SHARE",
        help="of the shorter side, which stays with --resize crop (default: 1)",
    )
    group.add_argument(
        "--fill", type=numbers, metavar="F[,F,F]", help="pixels of the bars (default: 114)"
    )
    group.add_argument(
        "--interpolation", choices=INTERPOLATIONS, help="between pixels (default: bilinear)"
    )
    group.add_argument(
        "--layout", choices=LAYOUTS, help="where the channels are (default: by the input's shape)"
    )
    group.add_argument("--rate", type=positive, metavar="HZ", help="samples of a sound in a second")
    group.add_argument(
        "--length",
        choices=LENGTHS,
        help="of a sound. exact: as long as the input; pad_or_trim: make it so (default: exact)",
    )


def preprocess_options(args: argparse.Namespace) -> Any:
    """What the arguments of :func:`add_preprocess` say alone, None if there is none."""
    given = None if args.preprocess is None else read_file(args.preprocess)
    return change(given, _members(args))


def chosen_preprocess(
    args: argparse.Namespace, model: Model, sources: Iterable[Path]
) -> tuple[Mapping[str, Input], str]:
    """How the inputs of a model are made, and what to say of it: what the file states, but for what
    the arguments of :func:`add_preprocess` say.

    Raises InputError for arguments where none of the files ``sources`` is an image or a sound.
    """
    described, members = dict(model.preprocess), _members(args)
    if args.preprocess is None and not members:
        return described, _told(described)
    if not has_pixels(sources):
        raise InputError(
            "how images and sounds become tensors has no effect: there are none", "ARGUMENT"
        )
    if args.preprocess is not None:
        described.update(describe(read_file(args.preprocess), model.inputs))
    described = describe(change(described, members), model.inputs)
    told = [_told(described)]
    told += [
        f"  in place of what the file states: {before}"
        for name, before in model.preprocess.items()
        if before != described[name]
    ]
    return described, "\n".join(told)


def _members(args: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(args, name) for name in MEMBERS}
    return {name: value for name, value in given.items() if value is not None}


def _told(described: Mapping[str, Input]) -> str:
    return "\n".join(f"{name}: {one}" for name, one in described.items())


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


def nbytes(text: str) -> int:
    """A number of bytes: 900000, 900k or 900kB, 1.2M or 1.2MB."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(k|M|G)?B?", text, re.ASCII)
    value = int(Fraction(found[1]) * 1000 ** " kMG".index(found[2] or " ")) if found else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes, as in 900k or 1.2MB")
    return value


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


def fraction(text: str) -> float:
    """A number, or a quotient such as 1/255."""
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
