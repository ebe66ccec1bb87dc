"""``edgert run``: a model on tensors from files."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgert.commands.arguments import add_model, add_preprocess, chosen_preprocess, positive
from edgert.files import refuse_input, replacing
from edgert.inputs import input_files, read_inputs
from edgert.model import load
from edgert.report import Outcome, json_number, milliseconds, number, shape, table

HELP = "run a model on files"
DETAILS = (
    "Prints a summary of each output, and the best classes of those that are one row of scores."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    add_model(parser)
    parser.add_argument(
        "-i",
        "--input",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="an input: .npy, .npz (arrays by input name), an image, which is resized to the "
        "input's shape, or a WAV file; repeatable. NAME may be left out if there is one input",
    )
    parser.add_argument("-o", "--output", metavar="OUT.npz", help="write the outputs, by name")
    parser.add_argument(
        "--top", type=positive, default=5, metavar="K", help="classes to show (default: 5)"
    )
    add_preprocess(parser)


def execute(args: argparse.Namespace) -> Outcome:
    """Runs a model once."""
    model = load(args.model, threads=args.threads, map=args.map)
    files = input_files(args.input, model.inputs)
    if args.output:
        refuse_input(args.output, [args.model, *files])
    preprocess, told = chosen_preprocess(args, model, files)
    inputs = read_inputs(args.input, model.inputs, preprocess)
    start = time.perf_counter()
    outputs = model.run(inputs)
    elapsed = (time.perf_counter() - start) * 1e3
    summaries = [summarize(name, array, args.top) for name, array in outputs.items()]
    rows = [
        (s["name"], s["dtype"], shape(s["shape"]), *(number(s[key]) for key in STATISTICS))
        for s in summaries
    ]
    parts = [told] if told else []
    parts += [table(rows, ("output", "dtype", "shape", *STATISTICS))]
    for item in summaries:
        ranks = [(row["index"], number(row["value"])) for row in item.get("top", [])]
        if ranks:
            parts.append(f"Highest of {item['name']}:\n\n{table(ranks, ('index', 'value'))}")
    parts.append(f"One cold run: {milliseconds(elapsed)}; `edgert bench` measures properly.")
    if args.output:
        write_npz(args.output, outputs)
        parts.append(f"Outputs written to {args.output}.")
    return Outcome({"outputs": summaries, "milliseconds": elapsed}, "\n\n".join(parts))


STATISTICS = ("min", "mean", "max", "not finite")


def summarize(name: str, array: np.ndarray, top: int) -> dict[str, Any]:
    """One output in a few numbers; the ``top`` indices too if it is one row of scores."""
    finite = array[np.isfinite(array)].astype(np.float64)
    values = (finite.min(), finite.mean(), finite.max()) if finite.size else (None, None, None)
    data = {
        "name": name,
        "dtype": str(array.dtype),
        "shape": list(array.shape),
        **dict(zip(STATISTICS, (*map(json_number, values), array.size - finite.size))),
    }
    if array.dtype.kind == "f" and array.ndim and array.shape[-1] == array.size > 1:
        row = array.reshape(-1)
        best = np.argsort(-row, kind="stable")[:top]
        data["top"] = [{"index": int(i), "value": json_number(row[i])} for i in best]
    return data


def write_npz(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays by name."""
    with replacing(path) as file:
        np.savez(file, **arrays)
