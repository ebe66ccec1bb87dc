"""Classifies images in a folder: classify_images.py [MODEL FOLDER LABELS [PREPROCESS]]

MODEL is an .onnx; FOLDER has one for each class, called as in the text LABELS, which has a class in
each line; PREPROCESS is a file of JSON (docs/preprocess.md). Without arguments the classifier of
digits and the images that ship with edgert are taken. `edgert convert` and `eval` do the same.
"""

from __future__ import annotations

import sys
import tempfile
from importlib import resources
from pathlib import Path

import numpy as np
from models import Timed, float_and_int8
from PIL import Image

from edgert.preprocess import ImageInput

CALIBRATED = 100  # images that show which values occur; the others are judged


def digits(folder: Path) -> tuple[Path, Path, list[str], ImageInput]:
    """The classifier, a folder with one of images for each class, the classes, and how pixels
    become its inputs: 240 is ink.
    """
    examples = resources.files("edgert") / "examples"
    (folder / "digits.onnx").write_bytes((examples / "digits.onnx").read_bytes())
    labels = [f"digit {i}" for i in range(10)]
    with resources.as_file(examples / "digits_test.npz") as path, np.load(path) as arrays:
        for i, (image, label) in enumerate(zip(arrays["images"], arrays["labels"])):
            own = folder / "images" / labels[label]
            own.mkdir(parents=True, exist_ok=True)
            Image.fromarray((image * 15).astype(np.uint8)).save(own / f"{i:03}.png")
    return folder / "digits.onnx", folder / "images", labels, ImageInput(scale=1 / 240)


def classify(model: Timed, path: Path) -> tuple[str, float]:
    """The best class of an image, and its score."""
    scores = model(model.model.prepare(path)).reshape(-1)
    return model.model.labels[scores.argmax()], float(scores.max())


def main(*arguments: str) -> None:
    """Prints how often both models are right, their time, and what float alone gets right."""
    with tempfile.TemporaryDirectory() as folder:
        if arguments:
            onnx, images = map(Path, arguments[:2])
            labels, description = Path(arguments[2]), (*arguments[3:], ImageInput())[0]
        else:
            onnx, images, labels, description = digits(Path(folder))
        paths = sorted(images.glob("*/*"))
        order = np.random.default_rng(0).permutation(len(paths))
        typical = [paths[i] for i in order[:CALIBRATED]]
        judged = sorted(paths[i] for i in order[CALIBRATED:]) or paths
        models = float_and_int8(onnx, lambda model: [model.prepare(path) for path in typical],
                                preprocess=description, labels=labels)  # fmt: skip
        found = {}
        for name, model in models.items():
            timed = Timed(model)
            found[name] = [classify(timed, path) for path in judged]
            right = sum(label == path.parent.name for path, (label, _) in zip(judged, found[name]))
            print(f"{name}: {right} of {len(judged)} are right, {right / len(judged):.1%}; {timed}")
        for path, (label, score), (other, _) in zip(judged, found["float"], found["int8"]):
            if label != other:
                print(f"{path.parent.name}/{path.name}: {label} ({score:.2f}), on bytes {other}")


if __name__ == "__main__":
    main(*sys.argv[1:])
