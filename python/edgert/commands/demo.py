"""``edgert demo``: the first minute, with the digit classifier that ships with edgert."""

from __future__ import annotations

import argparse
import statistics
import sys
from importlib import resources

import numpy as np

from edgert.commands.convert import CHECK_FAILED, convert_file, parity_data, parity_text
from edgert.files import refuse_input
from edgert.measure import latencies
from edgert.model import Model, load
from edgert.parity import check_parity
from edgert.report import Outcome, milliseconds, table

HELP = "convert and run the digit classifier that ships with edgert"
DETAILS = (
    "Converts the model, classifies 360 images of handwritten digits that it was not trained on, "
    "and prints accuracy, sizes and latency."
)
SHADES, ASCII_SHADES = " ░▒▓█", " .:*#"
DRAWN = 6
MAX_PIXEL = 16  # of scikit-learn's digits
SECONDS = 1.0  # of measuring


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "-o",
        "--output",
        default="digits.edgert",
        metavar="OUT.edgert",
        help="file to write (default: digits.edgert)",
    )


def execute(args: argparse.Namespace) -> Outcome:
    """Converts the model, classifies the held-out images and measures it."""
    examples = resources.files("edgert") / "examples"
    with resources.as_file(examples / "digits_test.npz") as path, np.load(path) as arrays:
        refuse_input(args.output, [path])
        images, labels = arrays["images"], arrays["labels"]
    pixels = (images / np.float32(MAX_PIXEL)).astype(np.float32)[:, None, None]
    with resources.as_file(examples / "digits.onnx") as path:
        data, converted, _ = convert_file(str(path), args.output, {})
        model = load(args.output)
        parity = check_parity(str(path), model, [{model.inputs[0].name: pixels[0]}])
    digits = classify(model, pixels)
    times = latencies(lambda: model(pixels[0]), SECONDS)
    right = int((digits == labels).sum())
    data.update(
        check=parity_data(parity),
        images=len(labels),
        right=right,
        accuracy=right / len(labels),
        median_ms=statistics.median(times),
        threads=model.threads,
    )
    results = [
        ("accuracy", f"{right / len(labels):.2%}, {right} of {len(labels)} held-out images"),
        ("latency", f"{milliseconds(data['median_ms'])} an image, median of {len(times)} runs"),
    ]
    parts = [
        f"digits.onnx (ships with edgert) -> {args.output}",
        converted,
        parity_text(parity, "the first image"),
        drawing(images[:DRAWN], digits[:DRAWN]),
        table(results),
        f"Next: edgert info {args.output} --plan, edgert bench {args.output} --profile",
    ]
    return Outcome(data, "\n\n".join(parts), 0 if parity.passed else CHECK_FAILED)


def classify(model: Model, pixels: np.ndarray) -> np.ndarray:
    """The most probable digit of each image."""
    return np.array([int(np.argmax(model(image))) for image in pixels])


def drawing(images: np.ndarray, digits: np.ndarray) -> str:
    """The images side by side, each above the digit that the model sees."""
    shades = SHADES
    try:
        shades.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        shades = ASCII_SHADES
    levels = images.astype(int) * (len(shades) - 1) // MAX_PIXEL
    lines = [
        "  ".join("".join(shades[v] * 2 for v in image[y]) for image in levels).rstrip()
        for y in range(images.shape[1])
    ]
    width = 2 * images.shape[2]
    lines.append("  ".join(f"-> {digit}".center(width) for digit in digits).rstrip())
    return "\n".join(lines)
