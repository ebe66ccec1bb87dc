"""``edgert compare``: a converted model beside its original, layer by layer."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from edgert.commands.arguments import DATA, add_preprocess, chosen_preprocess
from edgert.commands.convert import add_pins, parse_shapes, parse_values
from edgert.commands.progress import progress
from edgert.errors import UnsupportedError
from edgert.model import load
from edgert.report import Outcome, decibels, json_number, table

HELP = "compare a converted model with its original, layer by layer"
DETAILS = (
    "Runs both on the same data, and shows the worst layers first, with what a recipe would say to "
    "make them more exact. SQNR is the energy of a layer's result over that of its error, with all "
    "errors made before it; alone, if it reads what the original's layer does; range is the part "
    "of the levels that occurs, saturated the part of the elements at either end of them."
)
SUGGESTIONS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("original", metavar="MODEL.onnx", help="the original")
    parser.add_argument("model", metavar="MODEL.edgert", help="what it became")
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"samples: {DATA} (default: random inputs)",
    )
    add_pins(parser)
    add_preprocess(parser)


def execute(args: argparse.Namespace) -> Outcome:
    """Compares the layers that both models have."""
    try:
        from edgert.compress.data.samples import source_files
        from edgert.compress.layers import compare_layers, worst_first
        from edgert.converter import calibration_samples
        from edgert.importer import import_model
        from edgert.passes import optimize
        from edgert.unpack import unpack
    except ImportError as error:
        raise UnsupportedError(
            f'comparing needs the package {error.name}; pip install "edgert[convert]"', "IMPORT"
        ) from None
    model = unpack(args.model)
    shapes = {name: model.values[name].shape for name in model.inputs}
    shapes.update(parse_shapes(args.input_shape))
    original = import_model(args.original, shapes, parse_values(args.input_value))
    optimize(original)
    preprocess, told = chosen_preprocess(args, load(args.model), source_files(args.data))
    samples = calibration_samples(original, args.data, preprocess)
    with progress("compare") as show:
        layers = worst_first(compare_layers(original, model, samples, show))
    rows = [
        (x.name, x.op, x.dtype, _decibels(x.alone), _decibels(x.sqnr),
         "-" if x.cosine is None else f"{x.cosine:.5f}",
         "-" if x.used is None else f"{x.used:.0%}",
         "-" if x.saturated is None else f"{x.saturated:.2%}")
        for x in layers
    ]  # fmt: skip
    header = ("layer", "operator", "type", "alone", "SQNR", "cosine", "range", "saturated")
    data = [
        {**asdict(x), "sqnr": json_number(x.sqnr), "alone": json_number(x.alone)} for x in layers
    ]
    note = "on random inputs; give --data for real ones\n"
    if args.data:
        note = told and f"{told}\n"
    note += "".join(f"WARNING: skipped {reason}\n" for reason in samples.skipped)
    advice = [f'  {json.dumps(x.name)}: {{"form": "{x.next_form}"}}' for x in layers if x.next_form]
    text = note + table(rows, header)
    if advice:
        text += '\n\nin "layers" of the recipe, to make the worst ones more exact:\n'
        text += "\n".join(advice[:SUGGESTIONS])
    return Outcome({"layers": data, "skipped": samples.skipped}, text)


def _decibels(value: float | None) -> str:
    return "-" if value is None else decibels(value)
