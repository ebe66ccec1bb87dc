"""``edgert run``: a model on tensors from files."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgert.commands.arguments import add_model, add_preprocess, chosen_preprocess, positive
from edgert.commands.progress import progress
from edgert.errors import InputError, ModelIOError
from edgert.files import refuse_input, replacing, require_place
from edgert.inputs import input_files, read_inputs, split_spec
from edgert.model import Model, load
from edgert.report import Outcome, json_number, milliseconds, number, shape, table

HELP = "run a model on files"
DETAILS = (
    "Prints the best classes of outputs that are one row of scores, then a summary of each output."
)
STDIN = STDOUT = "-"


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
        "input's shape, or a WAV file; a folder of such, on each of which the model runs; or - for "
        "the standard input; repeatable. NAME may be left out if there is one input",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="write the outputs, by name to an .npz, or the only one to an .npy; those of a folder "
        "follow each other along the first axis. - writes to the standard output, an .npy if there "
        "is one output, and nothing else is there then",
    )
    parser.add_argument(
        "--top", type=positive, default=5, metavar="K", help="classes to show (default: 5)"
    )
    add_preprocess(parser)


def execute(args: argparse.Namespace) -> Outcome:
    """Runs a model, once or on each file of a folder."""
    model = load(args.model, threads=args.threads, map=args.map)
    _check_output(args, model)
    with _standard_input(args.input) as specs, progress("run") as show:
        folder, found = _each_of_folder(specs, model)
        read = [path for _, own in found for path in input_files(own, model.inputs)]
        if args.output not in (None, STDOUT):
            refuse_input(args.output, [args.model, *read])
            require_place(args.output)
        preprocess, told = chosen_preprocess(args, model, read)
        outputs, runs, skipped = [], [], []
        for i, (file, own) in enumerate(found, 1):
            show(f"file {i} of {len(found)}")
            try:
                inputs = read_inputs(own, model.inputs, preprocess)
                start = time.perf_counter()
                arrays = model.run(inputs)
            except (InputError, ModelIOError) as error:
                if folder is None:
                    raise
                skipped.append(str(error))
                continue
            elapsed = (time.perf_counter() - start) * 1e3
            outputs += [arrays] if args.output else []
            summaries = [summarize(name, array, args.top) for name, array in arrays.items()]
            runs.append({"file": file, "outputs": summaries, "milliseconds": elapsed})
    if not runs:
        reason = f"; {skipped[0]}" if skipped else ""
        raise InputError(f"{folder} has no file that the model runs on{reason}", "INPUT")
    if args.output == STDOUT:
        return Outcome({}, "", raw=_content(outputs, len(model.outputs) == 1))
    show_runs = partial(_folder_text, runs, skipped) if folder else partial(_text, runs[0])
    parts = [show_runs(model.labels), *filter(None, [told])]
    if args.output:
        with replacing(args.output) as file:
            file.write(_content(outputs, args.output.endswith(".npy")))
        parts.append(f"Outputs written to {args.output}.")
    data = {"runs": runs, "skipped": skipped} if folder else runs[0]
    return Outcome(data, "\n\n".join(parts))


def _check_output(args: argparse.Namespace, model: Model) -> None:
    """Refuses outputs that cannot be written as they are asked for."""
    if args.output == STDOUT and args.json:
        raise InputError("--output - and --json both write to the standard output", "ARGUMENT")
    if args.output and args.output.endswith(".npy") and len(model.outputs) != 1:
        raise InputError(
            f"--output {args.output}: the model has {len(model.outputs)} outputs, an .npy has room "
            "for one; name an .npz",
            "ARGUMENT",
        )


@contextlib.contextmanager
def _standard_input(specs: list[str]) -> Iterator[list[str]]:
    """The specifications with a file in the place of the standard input."""
    where = [i for i, spec in enumerate(specs) if spec == STDIN or spec.endswith(f"={STDIN}")]
    if not where:
        yield specs
        return
    if len(where) > 1:
        raise InputError("the standard input is given twice", "INPUT")
    data = b"" if sys.stdin is None else sys.stdin.buffer.read()
    if not data:
        raise InputError("there is nothing on the standard input", "INPUT")
    kinds = {b"\x93NUMPY": ".npy", b"PK\x03\x04": ".npz", b"RIFF": ".wav"}
    suffix = next((kind for magic, kind in kinds.items() if data.startswith(magic)), "")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"stdin{suffix}")
        path.write_bytes(data)
        spec = specs[where[0]][: -len(STDIN)] + str(path)
        yield [*specs[: where[0]], spec, *specs[where[0] + 1 :]]


def _each_of_folder(
    specs: list[str], model: Model
) -> tuple[str | None, list[tuple[str, list[str]]]]:
    """The folder among the files, if there is one, and for each file of it what to read."""
    named = [split_spec(spec, model.inputs) for spec in specs]
    where = [i for i, (_, path) in enumerate(named) if path.is_dir()]
    if not where:
        return None, [(", ".join(str(path) for _, path in named), specs)]
    if len(where) > 1:
        raise InputError(f"one input may be a folder, found {len(where)}", "INPUT")
    (i,) = where
    info, folder = named[i]
    name = "" if info is None else f"{info.name}="
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    )
    return str(folder), [
        (str(path), [*specs[:i], f"{name}{path}", *specs[i + 1 :]]) for path in files
    ]


def _content(outputs: Sequence[Mapping[str, np.ndarray]], is_single: bool) -> bytes:
    """What the runs gave, one after the other: an .npy of a single output, else an .npz."""
    arrays = {
        name: np.concatenate([np.atleast_1d(own[name]) for own in outputs])
        if len(outputs) > 1
        else outputs[0][name]
        for name in outputs[0]
    }
    buffer = io.BytesIO()
    if is_single:
        np.save(buffer, next(iter(arrays.values())))
    else:
        np.savez(buffer, **arrays)
    return buffer.getvalue()


STATISTICS = ("min", "mean", "max", "not finite")


def summarize(name: str, array: np.ndarray, top: int) -> dict[str, Any]:
    """One output in a few numbers; the ``top`` classes too if it is one row of scores."""
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
        sums_to_one = abs(float(finite.sum()) - 1) < 1e-3
        data["probabilities"] = bool(finite.size == row.size and (row >= 0).all() and sums_to_one)
    return data


def _answers(summary: Mapping[str, Any], labels: Sequence[str]) -> list[tuple[object, str]]:
    """The best classes of an output, by label if there are some, and how likely they are."""
    return [
        (
            labels[row["index"]] if row["index"] < len(labels) else row["index"],
            f"{100 * row['value']:.1f} %" if summary["probabilities"] else number(row["value"]),
        )
        for row in summary.get("top", [])
    ]


def _statistics(summary: Mapping[str, Any]) -> list[object]:
    values = [number(summary[key]) for key in STATISTICS]
    return [summary["name"], summary["dtype"], shape(summary["shape"]), *values]


def _text(run: Mapping[str, Any], labels: Sequence[str] = ()) -> str:
    """A single run: what the model says first."""
    parts = []
    answers = [output for output in run["outputs"] if "top" in output]
    for output in answers:
        likely = "probability" if output["probabilities"] else "score"
        title = f"{output['name']}\n\n" if len(answers) > 1 else ""
        parts.append(title + table(_answers(output, labels), ("class", likely)))
    rows = [_statistics(output) for output in run["outputs"]]
    parts.append(table(rows, ("output", "dtype", "shape", *STATISTICS)))
    time_of_run = milliseconds(run["milliseconds"])
    parts.append(f"One cold run: {time_of_run}; `edgert bench` measures properly.")
    return "\n\n".join(parts)


def _folder_text(
    runs: Sequence[Mapping[str, Any]],
    skipped: Sequence[str],
    labels: Sequence[str] = (),
) -> str:
    """The best class of each file, or what its outputs are in numbers, if they are no classes."""
    lines = [f"WARNING: skipped {reason}" for reason in skipped]
    answers = [
        (run["file"], output["name"], *_answers(output, labels)[0], output["probabilities"])
        for run in runs
        for output in run["outputs"]
        if "top" in output
    ]
    likely = "probability" if all(answer[-1] for answer in answers) else "score"
    header: tuple[str, ...] = ("file", "output", "class", likely)
    rows: list[Sequence[object]] = [answer[:-1] for answer in answers]
    if len({name for _, name, *_ in answers}) == 1:
        header = ("file", "class", likely)
        rows = [(file, *answer) for file, _, *answer in rows]
    if not rows:
        rows = [(run["file"], *_statistics(output)) for run in runs for output in run["outputs"]]
        header = ("file", "output", "dtype", "shape", *STATISTICS)
    median = float(np.median([run["milliseconds"] for run in runs]))
    lines += [table(rows, header), f"\n{len(runs)} files, {milliseconds(median)} each"]
    return "\n".join(lines)
