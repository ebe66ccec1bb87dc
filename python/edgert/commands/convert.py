"""``edgert convert``: from an ONNX model to a file for the device."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from edgert.commands.arguments import DATA, add_preprocess, preprocess_options, stored_rows
from edgert.commands.compression import (
    add_compression,
    compression_data,
    compression_options,
    compression_text,
    stated_data,
    stated_text,
)
from edgert.errors import InputError, QualityError, UnsupportedError
from edgert.files import is_same, refuse_input, replacing
from edgert.inputs import as_utf8, random_inputs
from edgert.model import Model, load
from edgert.parity import QUANTIZED_MINIMUM, OutputParity, Parity, check_parity
from edgert.preprocess import inputs_text
from edgert.report import Outcome, decibels, json_number, size, table

HELP = "convert an ONNX model into an .edgert file"
DETAILS = (
    "Afterwards the file is run against the original (in ONNX Runtime if that is installed, else "
    "in onnx's reference evaluator). The exit code is 1 if an output differs by more than rounding "
    "explains: a signal to noise ratio below 60 dB for floats (30 dB for float16), or any "
    "difference for integers; outputs that are tiny as a whole may differ by 1e-6. A model that is "
    "quantised already needs 10 dB: it may round differently, and depth adds to that. With "
    "--quantize or --recipe the check comes first, of the network in floats; then some of the data "
    "that chose nothing judge the result. If it is bad, the exit code is 1 and nothing is written."
)
CHECK_FAILED = 1
CHECKED_SAMPLES = 16
RECIPE_SUFFIX = ".recipe.json"


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
        help=f"samples for the check, of which the first {CHECKED_SAMPLES} are used, and for the "
        f"judgement of what was compressed: {DATA} (default: some of those of --calibrate, which "
        "then do not calibrate, or reproducible random numbers)",
    )
    parser.add_argument("--no-check", action="store_true", help="leave the check out")
    parser.add_argument(
        "--force", action="store_true", help="write what was compressed even if it is bad"
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
    """Converts, and compares the file with the original unless told not to."""
    options = compression_options(args)
    shapes = parse_shapes(args.input_shape)
    options["input_values"] = parse_values(args.input_value)
    options["preprocess"], options["labels"] = preprocess_options(args), args.labels
    read = [] if args.preprocess is None else [Path(args.preprocess)]
    data, text, pinned = convert_file(args.model, args.output, shapes, args.data, read, **options)
    text = f"{args.model} -> {data['output']}\n\n{text}"
    if "compression" in data or not data["written"]:
        word = data.get("compression", {}).get("verdict", "bad")
        return Outcome(data, text, CHECK_FAILED if word == "bad" else 0)
    if args.no_check:
        return Outcome(data, text)
    model = load(data["output"])
    samples, name = [random_inputs(model.inputs)], "random inputs"
    if source := args.data or args.calibrate:
        samples, name = first_samples(source, model)
    was_quantized = "stated" in data
    minimum = QUANTIZED_MINIMUM if was_quantized else None
    parity = check_parity(
        args.model, model, samples, minimum, fused=not was_quantized, constants=pinned
    )
    data["check"] = parity_data(parity)
    text += f"\n\n{parity_text(parity, name)}"
    return Outcome(data, text, 0 if parity.passed else CHECK_FAILED)


def first_samples(source: str, model: Model) -> tuple[list[dict[str, np.ndarray]], str]:
    """The first samples of ``source``, and what to call them."""
    from edgert.compress.data.samples import Samples

    samples = Samples(source, model.inputs, model.preprocess)
    found = list(itertools.islice(samples, CHECKED_SAMPLES))
    count = "the only sample" if len(found) == 1 else f"the first {len(found)} samples"
    return found, f"{count} of {source}"


def convert_file(
    source: str,
    output: str | None,
    shapes: Mapping[str, Sequence[int]],
    check_data: str | None = None,
    read: Sequence[Path] = (),
    **options: Any,
) -> tuple[dict[str, Any], str, Mapping[str, np.ndarray]]:
    """Converts with a progress bar; returns what the model was and became, as data and as text, and
    the inputs that became constants.

    Files of ``check_data``, and others that were ``read``, are not written over, no more than what
    the conversion reads.
    """
    try:
        from edgert.compress import STAGES as MORE_STAGES
        from edgert.compress import recipe_text
        from edgert.compress.data.samples import source_files
        from edgert.converter import STAGES, convert, default_output
    except ImportError as error:
        raise UnsupportedError(
            f'converting needs the package {error.name}; pip install "edgert[convert]"', "IMPORT"
        ) from None
    check_files = [*source_files(check_data), *read]
    refuse_input(output or default_output(source), check_files)
    compresses = any(options.get(name) is not None for name in ("quantize", "recipe", "prune"))
    stages = len(STAGES) + (1 + len(MORE_STAGES) if compresses else 0)  # the check is one more
    is_written = True
    with progress_bar(stages) as advance:
        if compresses:
            options["data"] = check_data
        try:
            report = convert(source, output, input_shapes=shapes, progress=advance, **options)
        except QualityError as error:
            report, is_written = error.report, False
    before, after = report.before, report.after
    data = {"output": report.output, "written": is_written, "before": asdict(before),
            "after": asdict(after)}  # fmt: skip
    rows = [
        ("nodes", f"{before.nodes:,}", f"{after.nodes:,}"),
        ("parameters", f"{before.parameters:,}", f"{after.parameters:,}"),
        ("bytes", size(before.bytes), size(after.bytes)),
    ]
    text = table(rows, ("", "before", "after"))
    for name, shape in report.assumed.items():
        more = ",".join(["N", *map(str, shape[1:])])
        text += (
            f"\n\nthe model leaves open how many samples {name!r} has: the file is for {shape[0]}, "
            f"--input-shape {name}={more} makes one for N"
        )
    if stored := stored_rows(report.preprocess, report.labels):
        text += f"\n\nstored in the file:\n\n{table(stored)}"
    data["preprocess"] = json.loads(inputs_text(report.preprocess))
    data["labels"] = list(report.labels)
    data["assumed"] = {name: list(shape) for name, shape in report.assumed.items()}
    if report.parity is not None:
        data["check"] = parity_data(report.parity)
        text += f"\n\n{parity_text(report.parity, 'in floats, on some of the samples')}"
    if report.compression is not None:
        path = _recipe_path(report.output, [*report.inputs, *check_files])
        if is_written:
            with replacing(path) as file:
                file.write(recipe_text(report.compression.recipe).encode())
        data["compression"] = compression_data(report.compression, path)
        text += f"\n\n{compression_text(report.compression, path)}"
    if not is_written:
        text += "\n\nnothing was written; --force writes it all the same"
    if report.stated is not None:
        data["stated"] = stated_data(report.stated)
        text += f"\n\n{stated_text(report.stated)}"
    return data, text, report.pinned


def _recipe_path(output: str, inputs: Sequence[str | Path]) -> Path:
    """Where the decisions go: beside the output, not over the recipe that was given."""
    path = Path(output).with_suffix(RECIPE_SUFFIX)
    if any(is_same(path, other) for other in inputs):
        path = Path(output).with_suffix(f".decided{RECIPE_SUFFIX}")
        refuse_input(path, inputs)
    return path


@contextmanager
def progress_bar(stages: int) -> Iterator[Callable[[str], None]]:
    """A function that shows the stage which begins: on a terminal, and if tqdm is installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        tqdm = None
    if tqdm is None or not sys.stderr.isatty():
        yield lambda stage: None
        return
    with tqdm(total=stages, leave=False, bar_format="{desc:15}{bar} {elapsed}") as bar:

        def advance(stage: str) -> None:
            bar.set_description_str(stage)
            if not stage[-1].isdigit():
                bar.update()

        yield advance


def parse_shapes(specs: list[str]) -> dict[str, tuple[int, ...]]:
    """The shapes of ``NAME=1,3,224,224`` arguments."""
    shapes = {}
    for spec in specs:
        name, _, dims = spec.rpartition("=")
        try:
            shape = tuple(int(dim) for dim in dims.split(","))
        except ValueError:
            shape = (0,)
        if not name or any(dim < 1 for dim in shape):
            raise InputError(
                f"--input-shape {spec}: expected NAME=DIMS with positive whole numbers, as in "
                "image=1,3,224,224",
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


def parity_data(parity: Parity) -> dict[str, Any]:
    """The comparison for JSON; an ``sqnr`` of null with an error of 0 means the same bits."""
    outputs = [
        {
            "name": output.name,
            "max_abs_error": json_number(output.max_abs_error),
            "sqnr": json_number(output.sqnr),
            "minimum_sqnr": json_number(output.minimum),
            "agreement": output.agreement,
            "passed": output.passed,
        }
        for output in parity.outputs
    ]
    return {"reference": parity.reference, "passed": parity.passed, "outputs": outputs}


def _result(output: OutputParity) -> str:
    if not output.passed:
        return "FAILED"
    return "passed" if output.sqnr >= output.minimum else "passed: tiny"


def parity_text(parity: Parity, inputs: str) -> str:
    """The comparison as a table."""
    rows = [
        (o.name, f"{o.max_abs_error:.2e}", decibels(o.sqnr), decibels(o.minimum),
         _result(o))
        for o in parity.outputs
    ]  # fmt: skip
    header = ("output", "max abs error", "SQNR", "at least", "result")
    return f"Check against {parity.reference}, {inputs}:\n\n{table(rows, header)}"
