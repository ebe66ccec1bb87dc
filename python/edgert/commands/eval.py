"""``edgert eval``: how often models are right on labelled data, side by side."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgert.commands.arguments import DATA, add_preprocess, chosen_preprocess, positive
from edgert.commands.progress import progress
from edgert.errors import InputError, UnsupportedError
from edgert.evaluation import TOP, Difference, Score
from edgert.inputs import has_pixels, is_array, load_arrays
from edgert.model import Model, load
from edgert.preprocess import read_labels
from edgert.report import Outcome, size, table

if TYPE_CHECKING:
    from edgert.compress.data.samples import Samples

HELP = "measure how often models are right on labelled data"
DETAILS = (
    "Labels are the folders of --data, one for each class, or those of --labels. Of a class for "
    "each sample it shows how often the label is the most likely class and one of the five most "
    "likely ones, of maps the mean over classes of the intersection over the union. Several models "
    "stand side by side, with how often they say what the first one does. Behind each figure is "
    "what it would lie between for 95 of 100 such data sets: what differs by less may be chance."
)

Labels = Callable[[int, Path], Any]  # the label of a sample, by its number and its file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("models", nargs="+", metavar="MODEL.edgert", help="models of one task")
    parser.add_argument("--data", required=True, metavar="DATA", help=f"samples: {DATA}; or a "
                        "folder with one of images or arrays for each class")  # fmt: skip
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="an .npy with the number of the class of each sample, or for maps with those of its "
        "pixels, [samples, height, width]; or a text with a class in each line, as folders of "
        "--data are called (default: the labels in the file, else numbers that folders are called, "
        "else folders in the order of their names)",
    )
    parser.add_argument(
        "--output", metavar="NAME", help="which output to judge (default: the first)"
    )
    parser.add_argument("--threads", type=positive, metavar="N", help="threads to use")
    add_preprocess(parser)


def execute(args: argparse.Namespace) -> Outcome:
    """Runs all models on all samples."""
    try:
        from edgert.compress.data.samples import Samples, source_files
    except ImportError as error:
        raise UnsupportedError(
            f'eval needs the package {error.name}; pip install "edgert[convert]"', "IMPORT"
        ) from None
    models = [load(path, threads=args.threads) for path in args.models]
    inputs = [[(i.name, i.dtype, i.shape) for i in model.inputs] for model in models]
    for path, own in zip(args.models, inputs):
        if own != inputs[0]:
            raise InputError(f"{path} has other inputs than {args.models[0]}", "ARGUMENT")
    files = source_files(args.data)
    described = [chosen_preprocess(args, model, files) for model in models]
    preprocess, told = described[0]
    for path, own in zip(args.models, described):
        if own[0] != preprocess and has_pixels(files):
            raise InputError(
                f"{path} makes inputs of images or sounds otherwise than {args.models[0]}: "
                f"{own[1] or 'it states nothing'}, and {told or 'nothing'}; say how for all of "
                "them by --preprocess",
                "ARGUMENT",
            )
    samples = Samples(args.data, models[0].inputs, preprocess)
    labels = _labels(args, samples, models[0])
    if labels is None and len(models) < 2:
        raise InputError(
            f"{args.data} has no folders of classes: give --labels, or several models to compare",
            "ARGUMENT",
        )
    with progress("eval") as show:
        scores, times = _run(models, samples, labels, args.output, show)
    if samples.skipped and args.labels and is_array(Path(args.labels)):
        raise InputError(f"labels would belong to other samples: {samples.skipped[0]}", "LABELS")
    rows = [
        _row(path, score, scores[0], float(np.median(own) * 1e3))
        for path, score, own in zip(args.models, scores, times)
    ]
    data = {"samples": len(times[0]), "skipped": samples.skipped, "models": rows}
    return Outcome(data, f"{told}\n{_text(data)}" if told else _text(data))


def _labels(args: argparse.Namespace, samples: Samples, model: Model) -> Labels | None:
    """How to find the label of a sample; None if there are none."""
    folders = samples.class_folders()
    if args.labels is not None and is_array(Path(args.labels)):
        array, *others = load_arrays(Path(args.labels)).values()
        if others or array.ndim not in (1, 3) or array.dtype.kind not in "iu":
            raise InputError(
                f"{args.labels} has {array.dtype}{list(array.shape)}, expected whole numbers, "
                "[samples] or [samples, height, width]",
                "LABELS",
            )
        if len(array) != len(samples):
            raise InputError(
                f"{args.labels} has {len(array)} labels, {args.data} {len(samples)} samples",
                "LABELS",
            )
        return lambda i, path: array[i]
    if not folders:
        if args.labels is not None:
            raise InputError(
                f"{args.labels} names classes, but {args.data} has no folder for each", "LABELS"
            )
        return None
    if args.labels is not None:
        names: Sequence[str] = read_labels(args.labels)
        unknown = [name for name in folders if name not in names]
        if unknown:
            raise InputError(f"{args.labels} has no class {unknown[0]!r}, a folder", "LABELS")
    elif set(folders) <= set(model.labels):
        names = model.labels
    elif all(name.isdecimal() for name in folders):
        return lambda i, path: int(path.parent.name)
    else:
        names = folders
        shape = model.outputs[0].shape
        if len(shape) == 2 and shape[0] == 1 and shape[1] != len(folders):
            raise InputError(
                f"{args.data} has {len(folders)} folders, the model {shape[1]} classes: name those "
                "of the model by --labels",
                "LABELS",
            )
    number = {name: i for i, name in reversed([*enumerate(names)])}
    return lambda i, path: number[path.parent.name]


def _run(
    models: Sequence[Model],
    samples: Samples,
    labels: Labels | None,
    output: str | None,
    show: Callable[[str], None],
) -> tuple[list[Score], list[list[float]]]:
    """The scores of the models, and the seconds that each sample took."""
    outputs = [model.outputs[0].name if output is None else output for model in models]
    for model, name in zip(models, outputs):
        known = [info.name for info in model.outputs]
        if name not in known:
            raise InputError(f"there is no output {name!r}, but {known}", "ARGUMENT")
    scores = [Score() for _ in models]
    times: list[list[float]] = [[] for _ in models]
    for i, (where, sample) in enumerate(samples.located()):
        show(f"sample {i + 1}")
        label = None if labels is None else labels(i, Path(where))
        for model, name, score, own in zip(models, outputs, scores, times):
            begin = time.perf_counter()
            found = model.run(sample)[name]
            own.append(time.perf_counter() - begin)
            _add(score, found, label)
    return scores, times


def _add(score: Score, found: np.ndarray, label: Any) -> None:
    """Takes up an output, a class or a map."""
    if label is not None and np.ndim(label) == 2 and found.ndim == 4 and len(found) == 1:
        return score.add_map(found, label)
    if found.ndim < 2 or len(found) != 1 or max(found.shape) != found.size or found.size < 2:
        raise InputError(
            f"the output {list(found.shape)} is neither a class of one sample, [1, classes], nor a "
            "map with a label for each pixel, [1, classes, height, width]; choose one by --output",
            "ARGUMENT",
        )
    score.add_class(found, None if label is None else int(label))


def _row(path: str, score: Score, first: Score, ms: float) -> dict[str, Any]:
    """What is told of a model."""
    shares = {f"top{k}": score.top(k) for k in TOP}
    shares["mean_iou"] = score.mean_overlap()
    change = None
    if score is not first:
        shares["agreement"] = first.agreement(score)
        if score.right:
            change = Difference.of(score.right[1], first.right[1])
    told: dict[str, Any] = {name: asdict(s) for name, s in shares.items() if s is not None}
    if change is not None:
        told["change"] = asdict(change)
    return {"model": path, "bytes": Path(path).stat().st_size, "ms": ms, **told}


def _text(data: dict[str, Any]) -> str:
    """The models side by side."""
    names = {"top1": "top 1", "top5": "top 5", "mean_iou": "mean IoU", "agreement": "as the first",
             "change": "change"}  # fmt: skip
    shown = [name for name in names if any(name in row for row in data["models"])]
    rows = [
        (row["model"], size(row["bytes"]), f"{row['ms']:.2f} ms",
         *(_interval(name, row.get(name)) for name in shown))
        for row in data["models"]
    ]  # fmt: skip
    lines = [f"WARNING: skipped {reason}" for reason in data["skipped"]]
    lines.append(
        f"{data['samples']} samples; in brackets what 95 of 100 such data sets would give\n"
    )
    lines.append(table(rows, ("model", "size", "a sample", *(names[name] for name in shown))))
    return "\n".join(lines)


def _interval(name: str, found: dict[str, float] | None) -> str:
    if found is None:
        return ""
    sign = "+" if name == "change" else ""
    value, low, high = (f"{100 * found[end]:{sign}.1f}" for end in ("value", "low", "high"))
    return f"{value} % ({low} to {high})"
