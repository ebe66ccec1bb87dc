"""``edgert convert``: from an ONNX model to a file for the device."""

from __future__ import annotations

import argparse

from edgert.commands.arguments import DATA, add_preprocess, preprocess_options
from edgert.commands.compression import add_compression, compression_options
from edgert.commands.progress import progress
from edgert.errors import InputError, QualityError, UnsupportedError
from edgert.files import refuse_input
from edgert.inputs import as_utf8
from edgert.report import Outcome

HELP = "convert an ONNX model into an .edgert file"
DETAILS = (
    "What the model became is run against the original (in ONNX Runtime if that is installed, else "
    "in onnx's reference evaluator). If an output differs by more than rounding explains, the exit "
    "code is 1 and nothing is written: a signal to noise ratio below 60 dB for floats (30 dB for "
    "float16), or any difference for integers; outputs that are tiny as a whole may differ by "
    "1e-6. A model that is quantised already needs 10 dB: it may round differently, and depth adds "
    "to that. With --quantize or --recipe the check comes first, of the network in floats; then "
    "some of the data that chose nothing judge the result, for which the same holds."
)
CHECK_FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("model", metavar="MODEL.onnx", help="the model; external data beside it")
    parser.add_argument(
        "-o", "--output", metavar="OUT.edgert", help="file to write (default: MODEL.edgert)"
    )
    add_pins(parser)
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"samples for the check, of which some are used, and for the "
        f"judgement of what was compressed: {DATA} (default: some of those of --calibrate, which "
        "then do not calibrate, or reproducible random numbers)",
    )
    parser.add_argument("--no-check", action="store_true", help="leave the check out")
    parser.add_argument(
        "--force", action="store_true", help="write what was made even if it is bad"
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="the names of the classes to store in the file, one in each line, or a list or dict "
        "of JSON (default: those of the model's metadata, if there are some)",
    )
    add_compression(parser)
    add_preprocess(parser)


def add_pins(parser: argparse.ArgumentParser) -> None:
    """What the model leaves open of its inputs."""
    parser.add_argument(
        "--input-shape",
        action="append",
        default=[],
        metavar="NAME=DIMS",
        help="shape of an input with symbolic dimensions, as in image=1,3,224,224; repeatable",
    )
    parser.add_argument(
        "--input-value",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="makes an input a constant, as in sr=16000; repeatable",
    )


def execute(args: argparse.Namespace) -> Outcome:
    """Converts, and compares what it made with the original unless told not to."""
    try:
        from edgert.converter import convert, default_output
    except ImportError as error:
        raise UnsupportedError(
            f'converting needs the package {error.name}; pip install "edgert[convert]"', "IMPORT"
        ) from None
    if args.preprocess:
        refuse_input(args.output or default_output(args.model), [args.preprocess])
    with progress("convert") as show:
        try:
            report = convert(
                args.model,
                args.output,
                input_shapes=parse_shapes(args.input_shape),
                input_values=parse_values(args.input_value),
                **compression_options(args),
                preprocess=preprocess_options(args),
                labels=args.labels,
                data=args.data,
                check=not args.no_check,
                force=args.force,
                progress=show,
            )
        except QualityError as error:
            report = error.report
    return Outcome(report.data(), str(report), 0 if report.passed else CHECK_FAILED)


def parse_shapes(specs: list[str]) -> dict[str, tuple[int, ...]]:
    """The shapes of ``NAME=1,3,224,224`` arguments."""
    shapes = {}
    for spec in specs:
        name, _, dims = spec.rpartition("=")
        try:
            shape = tuple(int(dim) for dim in dims.split(","))
        except ValueError:
            shape = (0,)
        if not name or any(dim < 1 for dim in shape) or as_utf8(name) in shapes:
            raise InputError(
                f"--input-shape {spec}: expected NAME=DIMS with positive whole numbers, as in "
                "image=1,3,224,224, once for each input",
                "ARGUMENT",
            )
        shapes[as_utf8(name)] = shape
    return shapes


def parse_values(specs: list[str]) -> dict[str, int | float]:
    """The numbers of ``NAME=16000`` arguments."""
    values: dict[str, int | float] = {}
    for spec in specs:
        name, _, text = spec.rpartition("=")
        try:
            value = int(text) if text.lstrip("+-").isdecimal() else float(text)
        except ValueError:
            name, value = "", 0
        if not name or as_utf8(name) in values:
            raise InputError(
                f"--input-value {spec}: expected NAME=NUMBER, as in sr=16000, once for each input",
                "ARGUMENT",
            )
        values[as_utf8(name)] = value
    return values
