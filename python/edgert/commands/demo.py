"""``edgert demo``: the first minute, with the digit classifier that ships with edgert."""

from __future__ import annotations

import argparse
import io
import shlex
import shutil
import statistics
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from edgert.commands.progress import progress
from edgert.errors import QualityError, UnsupportedError
from edgert.files import making_folder, replacing
from edgert.measure import latencies
from edgert.model import Model, load
from edgert.report import Outcome, decibels, json_number, milliseconds, size, table

HELP = "convert and run the digit classifier that ships with edgert"
DETAILS = (
    "Makes a float and an int8 network of the model, classifies handwritten digits that neither "
    "was made with, and prints sizes, accuracy and latency side by side. The folder that it leaves "
    "has the models, and files to try the other commands with."
)
SHADES, ASCII_SHADES = " ░▒▓█", " .:*#"
DRAWN = 6
MAX_PIXEL = 16  # of scikit-learn's digits
TYPICAL = 32  # images to calibrate with; the others are classified
SECONDS = 1.0  # of measuring


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "-o", "--output", default="demo", metavar="FOLDER", help="folder to write (default: demo)"
    )


def execute(args: argparse.Namespace) -> Outcome:
    """Converts the model twice, classifies the other images, and measures."""
    try:
        from PIL import Image

        from edgert.converter import convert
    except ImportError as error:
        raise UnsupportedError(
            f'the demo needs the package {error.name}; pip install "edgert[convert]"', "IMPORT"
        ) from None
    examples = resources.files("edgert") / "examples"
    with resources.as_file(examples / "digits_test.npz") as path, np.load(path) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    pixels = (images / np.float32(MAX_PIXEL)).astype(np.float32)[:, None]
    folder = making_folder(args.output)
    original = folder / "digits.onnx"
    _write(original, (examples / "digits.onnx").read_bytes())
    arrays = {"typical": pixels[:TYPICAL], "test": pixels[TYPICAL:], "labels": labels[TYPICAL:],
              "digit": pixels[TYPICAL][None]}  # fmt: skip
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array)
        _write(folder / f"{name}.npy", buffer.getvalue())
    _write(folder / "names.txt", "".join(f"digit {i}\n" for i in range(10)).encode())
    picture = io.BytesIO()
    Image.fromarray(np.round(pixels[TYPICAL, 0] * 255).astype(np.uint8)).save(picture, "PNG")
    _write(folder / "digit.png", picture.getvalue())

    with progress("demo") as show:
        kinds: dict[str, dict[str, Any]] = {
            "digits": {"data": arrays["test"]},
            "small": {"quantize": "int8", "calibrate": folder / "typical.npy"},
        }
        try:
            reports = [
                convert(original, folder / f"{name}.edgert", progress=show, **options)
                for name, options in kinds.items()
            ]
        except QualityError as error:
            return Outcome(error.report.data(), str(error.report), 1)
        rows = []
        for report, kind in zip(reports, ("float32", "int8")):
            show(f"run {kind}")
            model = load(report.output, threads=1)
            digits = classify(model, arrays["test"])
            times = list(latencies(lambda model=model: model(arrays["digit"]), SECONDS))
            found = report.compression.quality if report.compression else report.parity.outputs[0]
            rows.append(
                {
                    "model": report.output,
                    "type": kind,
                    "bytes": report.after.bytes,
                    "right": int((digits == arrays["labels"]).sum()),
                    "median_ms": statistics.median(times),
                    "sqnr": json_number(found.sqnr),
                }
            )
    before = reports[0].before.bytes
    return Outcome(
        {"folder": str(folder), "onnx_bytes": before, "images": len(digits), "models": rows},
        "\n\n".join(
            [
                f"The digits of scikit-learn: {TYPICAL} images show which values occur, and these "
                "are others:",
                drawing(images[TYPICAL:][:DRAWN], digits[:DRAWN]),
                _comparison(before, len(digits), rows),
                SIZES,
                _next(folder),
            ]
        ),
    )


SIZES = (
    "Floats take the room that they take in ONNX, and a little more: weights lie as kernels read\n"
    "them, for 16 outputs at a time, of which the last layer has 10. Bytes take a quarter."
)


def _next(path: Path) -> str:
    """The commands to try, as they can be typed here."""
    program = "edgert" if shutil.which("edgert") else sys.argv[0]
    if Path(program).name != "edgert":
        program = "python -m edgert"
    folder = shlex.quote(str(path))
    commands = (
        f"run {folder}/small.edgert --input {folder}/digit.png --top 3",
        f"bench {folder}/small.edgert",
        f"eval {folder}/digits.edgert {folder}/small.edgert --data {folder}/test.npy --labels "
        f"{folder}/labels.npy",
    )
    return "\n".join(
        [
            "Next:",
            *(f"  {program} {command}" for command in commands),
            "and of a model of your own, with typical inputs in an .npy or a folder:",
            f"  {program} convert MODEL.onnx",
            f"  {program} convert MODEL.onnx -o small.edgert --quantize int8 --calibrate DATA",
        ]
    )


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as file:
        file.write(data)


def _comparison(before: int, images: int, models: list[dict[str, Any]]) -> str:
    """The models side by side, below the original."""
    rows = [("digits.onnx", "float32", size(before), "", "", "")]
    for row in models:
        sqnr = float("inf") if row["sqnr"] is None else row["sqnr"]
        rows.append(
            (Path(row["model"]).name, row["type"], size(row["bytes"]),
             f"{row['right']} of {images}", milliseconds(row["median_ms"]), decibels(sqnr))
        )  # fmt: skip
    return table(rows, ("model", "type", "size", "right", "an image", "SQNR"))


def classify(model: Model, pixels: np.ndarray) -> np.ndarray:
    """The most probable digit of each image."""
    return np.array([int(np.argmax(model(image[None]))) for image in pixels])


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
