"""What ``edgert convert`` says about quantisation: its arguments and its report."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgert.commands.arguments import image_options
from edgert.errors import InputError
from edgert.model import TensorInfo
from edgert.report import decibels, json_number, table

if TYPE_CHECKING:
    from edgert.quantize import Quantization
    from edgert.quantize.stated import Stated

RANGES = "mse", "minmax", "percentile", "entropy"
TYPES = "int8", "int16"
STEPS = "equalize", "compensate", "correct"
FITS = "any", "pairs", "quads"
CHECKED_SAMPLES = 16  # the samples on which the converter judges, too


def add_quantization(parser: argparse.ArgumentParser) -> None:
    """The arguments that only a quantised model needs."""
    group = parser.add_argument_group("quantisation")
    group.add_argument(
        "--quantize",
        choices=(*TYPES, "dynamic"),
        help="int8: compute on bytes, a quarter of the size, faster; int16: on integers of 16 "
        "bits, closer to the original; dynamic: weights as bytes, inputs of layers turned into "
        "bytes at run time, which needs no calibration",
    )
    group.add_argument(
        "--weights",
        choices=TYPES,
        help="of layers on int16 (default: int8 with --quantize int16, else int16)",
    )
    group.add_argument(
        "--calibrate",
        metavar="DATA",
        help="typical inputs: .npz of arrays by input name, .npy, or a folder of images or arrays; "
        "the first axis of an array runs over samples (default: random numbers)",
    )
    group.add_argument(
        "--ranges", choices=RANGES, default="mse", help="how activations are clipped (default: mse)"
    )
    group.add_argument(
        "--steps",
        default=",".join(STEPS),
        metavar="STEP,...",
        help='what is done to lose less accuracy, or "none" (default: %(default)s)',
    )
    group.add_argument(
        "--weight-fit",
        choices=FITS,
        default="quads",
        help="which products of weights are sure to fit 16 bits, where CPUs with AVX2 alone add "
        "them up: the fewer, the slower they are, and the more exact (default: %(default)s)",
    )
    group.add_argument(
        "--min-sqnr",
        type=float,
        metavar="DB",
        help="give layers int16, or float, until this is reached",
    )
    group.add_argument(
        "--min-agreement",
        type=float,
        metavar="SHARE",
        help="of the first 16 samples with the same best class, 0 to 1; as --min-sqnr",
    )
    group.add_argument(
        "--recipe",
        metavar="FILE",
        help="decisions of an earlier conversion, maybe edited; it lies beside its output, and "
        "takes the place of --ranges, --steps, --weight-fit and --weights",
    )


def quantization_options(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments as those of ``edgert.convert``; InputError for some without --quantize."""
    if args.quantize is None:
        given = [args.calibrate, args.weights, args.min_sqnr, args.min_agreement, args.recipe]
        if any(value is not None for value in given):
            raise InputError(
                "--calibrate, --weights, --min-sqnr, --min-agreement and --recipe need --quantize",
                "ARGUMENT",
            )
        return {}
    return {
        "quantize": args.quantize,
        "calibrate": args.calibrate,
        "ranges": args.ranges,
        "steps": () if args.steps == "none" else tuple(args.steps.split(",")),
        "weight_fit": args.weight_fit,
        "weights": args.weights,
        "min_sqnr": args.min_sqnr,
        "min_agreement": args.min_agreement,
        "recipe": args.recipe,
        "image": image_options(args),
    }


def first_samples(
    args: argparse.Namespace, infos: Sequence[TensorInfo]
) -> tuple[list[dict[str, np.ndarray]], str]:
    """The first of the calibration samples, and what to call them."""
    from edgert.quantize.samples import Samples

    samples = Samples(args.calibrate, infos, image_options(args))
    found = list(itertools.islice(samples, CHECKED_SAMPLES))
    return found, f"the first {len(found)} samples of {args.calibrate}"


def quantization_data(done: Quantization, recipe: Path) -> dict[str, Any]:
    """What a quantisation did, for JSON."""
    return {
        "samples": done.samples,
        "data_free": done.data_free,
        "skipped": list(done.skipped),
        "layers": done.layers,
        "float_layers": dict(done.float_layers),
        "wide_layers": list(done.wide_layers),
        "sqnr": json_number(done.quality.sqnr),
        "agreement": done.quality.agreement,
        "judged": done.judged,
        "reached": done.reached,
        "recipe": str(recipe),
    }


def quantization_text(done: Quantization, recipe: Path) -> str:
    """What a quantisation did, for people."""
    lines = []
    on_bytes = done.layers - len(done.float_layers) - len(done.wide_layers)
    kind = "random inputs" if done.data_free else "samples"
    if done.data_free and not done.dynamic:
        lines.append(
            "WARNING: no calibration data: the ranges are those of random inputs, which may be far "
            "from real ones; give --calibrate DATA"
        )
    if not done.reached:
        lines.append("WARNING: the target is not reached, whatever stays in float")
    if done.skipped:
        lines.append(f"WARNING: {len(done.skipped)} calibration files could not be read:")
        lines += [f"  {reason}" for reason in done.skipped]
    rows = [
        ("layers on bytes", f"{on_bytes} of {done.layers}"),
        ("layers on int16", f"{len(done.wide_layers)} of {done.layers}"),
        *([] if done.dynamic else [("calibration", f"{done.samples} {kind}")]),
        ("judged on", f"the first {done.judged} {kind}"),
        ("SQNR", decibels(done.quality.sqnr)),
        ("agreement", f"{done.quality.agreement:.1%}"),
        ("recipe", str(recipe)),
    ]
    lines.append(table(rows))
    if done.wide_layers and on_bytes:
        lines.append("\n" + table([(name,) for name in done.wide_layers], ("layer on int16",)))
    if done.float_layers:
        lines.append("\n" + table(done.float_layers, ("layer in float", "because")))
    return "\n".join(lines)


def stated_data(done: Stated) -> dict[str, Any]:
    """What became of the quantisation that a model states, for JSON."""
    return {
        "integer": done.integer,
        "float_nodes": done.floats,
        "rounded_weights": done.rounded,
    }


def stated_text(done: Stated) -> str:
    """What became of the quantisation that a model states, for people."""
    counts = ", ".join(f"{count} {op}" for op, count in sorted(done.integer.items()))
    lines = [f"quantised in the original; on bytes: {counts or 'nothing'}"]
    if done.floats:
        lines.append("\n" + table(done.floats.items(), ("quantised node in float", "because")))
    if done.rounded:
        lines.append("\n" + table(done.rounded.items(), ("weights rounded", "because")))
    return "\n".join(lines)
