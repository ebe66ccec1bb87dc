"""What ``edgert convert`` says about compression: its arguments and its report."""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgert.commands.arguments import DATA, image_options
from edgert.inputs import ImageOptions
from edgert.model import TensorInfo
from edgert.report import decibels, json_number, table

if TYPE_CHECKING:
    from edgert.compress import Compression
    from edgert.compress.quantize.stated import Stated

RANGES = "mse", "minmax", "percentile", "entropy"
TYPES = "int8", "int16"
STEPS = "equalize", "compensate", "correct"
FITS = "any", "pairs", "quads"
CHECKED_SAMPLES = 16  # the samples on which the converter judges, too


def add_compression(parser: argparse.ArgumentParser) -> None:
    """The arguments that only a compressed model needs."""
    group = parser.add_argument_group("compression")
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
        help=f"typical inputs: {DATA} (default: random numbers)",
    )
    group.add_argument(
        "--ranges",
        choices=RANGES,
        help="which values the levels of an activation cover. mse: those with the least square "
        "error; minmax: all that occurred; percentile: all but the outermost 0.01 %% at either "
        "end; entropy: those that keep the distribution best (default: mse)",
    )
    group.add_argument(
        "--steps",
        metavar="STEP,...",
        help="what is done to lose less accuracy. equalize: scale channels so that all use the "
        "levels of their tensor; compensate: round weights so that their errors cancel out on the "
        "samples; correct: take the mean error off each output; or none "
        f"(default: {','.join(STEPS)})",
    )
    group.add_argument(
        "--weight-fit",
        choices=FITS,
        help="how many products CPUs with AVX2 alone may add up in 16 bits, for which weights are "
        "made small enough. quads: four, the fastest; pairs: two; any: none, the slowest there, "
        "and a few tenths of a decibel more exact. Other CPUs do not care (default: quads; pairs "
        "with --quantize dynamic)",
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
        help="the recipe of an earlier conversion, maybe edited; it lies beside its output, and "
        "says all that --quantize, --ranges, --steps, --weight-fit and --weights could",
    )


def compression_options(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments as those of ``edgert.convert``; None for those that are not given."""
    steps = None
    if args.steps is not None:
        steps = () if args.steps == "none" else tuple(args.steps.split(","))
    return {
        "quantize": args.quantize,
        "calibrate": args.calibrate,
        "ranges": args.ranges,
        "steps": steps,
        "weight_fit": args.weight_fit,
        "weights": args.weights,
        "min_sqnr": args.min_sqnr,
        "min_agreement": args.min_agreement,
        "recipe": args.recipe,
        "image": image_options(args) if args.calibrate else None,
    }


def first_samples(
    source: str, infos: Sequence[TensorInfo], image: ImageOptions | None
) -> tuple[list[dict[str, np.ndarray]], str]:
    """The first samples of ``source``, and what to call them."""
    from edgert.compress.samples import Samples

    found = list(itertools.islice(Samples(source, infos, image), CHECKED_SAMPLES))
    count = "the only sample" if len(found) == 1 else f"the first {len(found)} samples"
    return found, f"{count} of {source}"


def compression_data(done: Compression, recipe: Path) -> dict[str, Any]:
    """What a compression did, for JSON."""
    return {
        "samples": done.samples,
        "data_free": done.data_free,
        "skipped": list(done.skipped),
        "layers": {
            name: {"form": layer.form.text, "why": layer.why} for name, layer in done.layers.items()
        },
        "sqnr": json_number(done.quality.sqnr),
        "agreement": done.quality.agreement,
        "judged": done.judged,
        "reached": done.reached,
        "recipe": str(recipe),
    }


def compression_text(done: Compression, recipe: Path) -> str:
    """What a compression did, for people."""
    lines = []
    kind = "random inputs" if done.data_free else "samples"
    if done.data_free and done.needs_ranges:
        lines.append(
            "WARNING: no calibration data: the ranges are those of random inputs, which may be far "
            "from real ones, and the result was judged on such; give --calibrate DATA"
        )
    elif done.data_free:
        lines.append("judged on random inputs only; give --calibrate DATA for real ones")
    if not done.reached:
        lines.append("WARNING: the target is not reached, whatever stays in float")
    if done.skipped:
        lines.append(f"WARNING: {len(done.skipped)} calibration files could not be read:")
        lines += [f"  {reason}" for reason in done.skipped]
    counts = Counter(layer.form.text for layer in done.layers.values())
    rows = [
        *((f"layers {form}", f"{count} of {len(done.layers)}") for form, count in counts.items()),
        *([("calibration", f"{done.samples} {kind}")] if done.needs_ranges else []),
        ("judged on", f"the first {done.judged} {kind}"),
        ("SQNR", decibels(done.quality.sqnr)),
        ("agreement", f"{done.quality.agreement:.1%}"),
        ("recipe", str(recipe)),
    ]
    lines.append(table(rows))
    first = done.recipe.forms[0]
    told = [
        (name, own.form.text, own.why) for name, own in done.layers.items() if own.form != first
    ]
    if told:
        lines.append("\n" + table(told, ("layer", "form", "because")))
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
