"""The arguments of ``edgert convert`` that are about compression."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from edgert.commands.arguments import DATA, nbytes, number, positive, share
from edgert.errors import InputError

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
        type=number(0, 0.99),
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
        "--share",
        type=positive,
        metavar="VALUES",
        help="how many different values the weights of a layer may have, 2 to 256, in a network on "
        "floats: as fast as before, and the file has a code of 1 to 8 bits for each",
    )
    group.add_argument(
        "--half",
        action="store_true",
        help="store the weights of a network on floats in 16 bits, half the file; it computes as "
        "before",
    )
    group.add_argument(
        "--slack",
        type=number(0),
        metavar="SHARE",
        help="how much slower and larger than with bytes alone the network may become, both "
        "together, where layers that lose much get a more exact form for it (default: 0.1, ten per "
        "cent, with --quantize int8)",
    )
    group.add_argument(
        "--bits",
        type=number(1.6, 8),
        metavar="N",
        help="how many a weight has in the file on average, 1.6 to 8: as fast as int8, and "
        "smaller; layers that lose much have more, others fewer",
    )
    group.add_argument(
        "--max-bytes",
        type=nbytes,
        metavar="N",
        help="what the file may have at most, as in 900k or 1.2MB: with as many bits for the "
        "weights of each layer as that allows, as with --bits",
    )
    group.add_argument(
        "--target",
        metavar="LEVEL,...",
        help="the instruction sets on which layers must be fast, as `edgert isa` names them; what "
        "they cost there stands in a table (default: avx2,avx_vnni,avx512_vnni,neon,neon_dot)",
    )
    group.add_argument(
        "--min-sqnr",
        type=number(),
        metavar="DB",
        help="give layers int16, or float, until this is reached",
    )
    group.add_argument(
        "--min-agreement",
        type=share,
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
        "--min-metric", type=number(), metavar="NUMBER", help="of --metric; as --min-sqnr"
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
        "bits": args.bits,
        "max_bytes": args.max_bytes,
        "prune": args.prune,
        "pattern": args.pattern,
        "method": args.method,
        "share": args.share,
        "half": args.half or None,
        "target": None if args.target is None else args.target.split(","),
        "min_sqnr": args.min_sqnr,
        "min_agreement": args.min_agreement,
        "min_metric": args.min_metric,
        "metric": None if args.metric is None else load_metric(args.metric),
        "recipe": args.recipe,
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
