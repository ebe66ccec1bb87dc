"""What ``edgert convert`` says about compression: its arguments and its report."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgert.commands.arguments import DATA
from edgert.errors import InputError
from edgert.report import decibels, json_number, table

if TYPE_CHECKING:
    from edgert.compress import Compression
    from edgert.compress.quantize.stated import Stated

RANGES = "mse", "minmax", "percentile", "entropy"
TYPES = "int8", "int16"
STEPS = "equalize", "compensate", "correct"
FITS = "any", "pairs", "quads"
METHODS = "obs", "wanda", "magnitude", "random"


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
        "--prune",
        type=float,
        metavar="SHARE",
        help="the part of the weights that become zero, 0 to 0.99, and are then neither stored nor "
        "multiplied where that pays; alone or with --quantize",
    )
    group.add_argument(
        "--pattern",
        metavar="PATTERN",
        help="which weights are pruned together: unstructured; 1x4, four weights of an output; "
        "4x4, those of four outputs; N:M, of M neighbours N stay (default: 1x4 with --quantize, "
        "else unstructured)",
    )
    group.add_argument(
        "--method",
        choices=METHODS,
        help="which weights matter least. obs: those that the others make up for best; wanda: by "
        "size times what they multiply; magnitude: by size; random (default: obs; magnitude "
        "without --calibrate)",
    )
    group.add_argument(
        "--slack",
        type=float,
        metavar="SHARE",
        help="how much slower and larger than with bytes alone the network may become, both "
        "together, where layers that lose much get a more exact form for it (default: 0.1, ten per "
        "cent, with --quantize int8)",
    )
    group.add_argument(
        "--target",
        metavar="LEVEL,...",
        help="the instruction sets on which layers must be fast, as `edgert isa` names them; what "
        "they cost there stands in a table (default: avx2,avx_vnni,avx512_vnni,neon,neon_dot)",
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
        help="of the samples with the same best class, 0 to 1; as --min-sqnr",
    )
    group.add_argument(
        "--metric",
        metavar="MODULE:FUNCTION",
        help="your own measure: a Python function of the outputs of the original and of the "
        "network for a sample, two dicts of arrays by name; the higher its result, the better",
    )
    group.add_argument(
        "--min-metric", type=float, metavar="NUMBER", help="of --metric; as --min-sqnr"
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
        "slack": args.slack,
        "prune": args.prune,
        "pattern": args.pattern,
        "method": args.method,
        "target": None if args.target is None else args.target.split(","),
        "min_sqnr": args.min_sqnr,
        "min_agreement": args.min_agreement,
        "min_metric": args.min_metric,
        "metric": None if args.metric is None else load_metric(args.metric),
        "recipe": args.recipe,
        "check": not args.no_check,
        "force": args.force,
    }


def load_metric(text: str) -> Callable[[Any, Any], float]:
    """The function of a ``MODULE:FUNCTION`` argument; modules of the working folder are found."""
    module, _, name = text.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        metric = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            f"--metric {text}: {error}; expected MODULE:FUNCTION", "ARGUMENT"
        ) from None
    finally:
        sys.path.pop(0)
    if not callable(metric):
        raise InputError(f"--metric {text}: {name} is no function", "ARGUMENT")
    return metric


def compression_data(done: Compression, recipe: Path) -> dict[str, Any]:
    """What a compression did, for JSON."""
    quality = done.quality
    return {
        "verdict": done.verdict.word,
        "reasons": list(done.verdict.reasons),
        "next": list(done.verdict.steps),
        "samples": done.samples,
        "calibrated": done.calibrated,
        "chose": done.chose,
        "judged": quality.samples,
        "data_free": done.data_free,
        "skipped": list(done.skipped),
        "layers": {
            name: {"form": layer.form.text, "why": layer.why} for name, layer in done.layers.items()
        },
        "sqnr": json_number(quality.sqnr),
        "agreement": quality.agreement,
        "metric": json_number(quality.metric),
        "outputs": [{**asdict(o), "sqnr": json_number(o.sqnr)} for o in quality.outputs],
        "recipe": str(recipe),
    }


def compression_text(done: Compression, recipe: Path) -> str:
    """What a compression did, for people."""
    lines = []
    if done.skipped:
        lines.append(f"WARNING: {len(done.skipped)} files of data could not be read:")
        lines += [f"  {reason}" for reason in done.skipped]
    kind = "random inputs" if done.data_free else "samples"
    counts = Counter(layer.form.text for layer in done.layers.values())
    lines.append(
        table(
            [
                *((f"layers {form}", f"{n} of {len(done.layers)}") for form, n in counts.items()),
                *([("calibrated on", f"{done.calibrated} {kind}")] if done.calibrated else []),
                *([("forms chosen on", f"{done.chose} others")] if done.chose else []),
                ("judged on", f"{done.quality.samples} {kind} that decided nothing"),
                ("recipe", str(recipe)),
            ]
        )
    )
    first = done.recipe.forms[0]
    told = [(name, x.form.text, x.why) for name, x in done.layers.items() if x.form != first]
    if told:
        lines.append("\n" + table(told, ("layer", "form", "because")))
    if done.quality.outputs:
        lines.append("\n" + _quality_text(done))
    lines.append(f"\nverdict: {done.verdict.word}")
    lines += [f"  because {reason}" for reason in done.verdict.reasons]
    lines += [f"  next: {step}" for step in done.verdict.steps]
    return "\n".join(lines)


def _quality_text(done: Compression) -> str:
    """The outputs, and what is measured of each; what no output has is left out."""
    rows = [
        (o.name, decibels(o.sqnr), f"{o.max_error:.2e}", share(o.agreement), share(o.overlap),
         "tiny" if o.negligible else "")
        for o in done.quality.outputs
    ]  # fmt: skip
    header = ("output", "SQNR", "max abs error", "same best class", "overlap", "")
    kept = [i for i in range(len(header)) if i < 3 or any(row[i] for row in rows)]
    text = table([[row[i] for i in kept] for row in rows], [header[i] for i in kept])
    if done.quality.metric is not None:
        text += f"\nmetric: {done.quality.metric:.6g}"
    return text


def share(value: float | None) -> str:
    """A share in per cent, nothing for none."""
    return "" if value is None else f"{value:.1%}"


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
