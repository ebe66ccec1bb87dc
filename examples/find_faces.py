"""Finds faces in a photograph, with boxes: find_faces.py [IN.jpg]

The model is the YOLOv8 detector of nudenet (pip install --no-deps nudenet), of which only faces are
shown; other exports of ultralytics are read in the same way. Without a photograph that of an
astronaut is taken which scikit-image brings (pip install --no-deps scikit-image).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from models import Timed, float_and_int8, package_file
from PIL import Image

from edgert.preprocess import ImageInput

SIZE = 320
SCORE, OVERLAP = 0.4, 0.45  # least score of a box, and most overlap of two of one class
FACES = "FACE_FEMALE", "FACE_MALE"
ASTRONAUT = 170, 60, 285, 220  # left, top, right, bottom


def overlaps(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The intersection over the union of a box [4] and others [n, 4]: left, top, right, bottom."""
    ends = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    both = np.prod(np.maximum(ends, 0), 1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], 1)
    return both / (np.prod(box[2:] - box[:2]) + areas - both)


def find(model: Timed, picture: Image.Image) -> list[tuple[str, float, np.ndarray]]:
    """Class, score and box, in pixels of the picture, of what is found; the best first."""
    output = model(model.model.prepare(picture))[0].T  # [places, 4 + classes]
    likely = output[:, 4:].max(1)
    output, likely = output[likely >= SCORE], likely[likely >= SCORE]
    kinds = output[:, 4:].argmax(1)
    half = output[:, 2:4] / 2
    boxes = np.concatenate([output[:, :2] - half, output[:, :2] + half], 1)
    # From the input back to the picture.
    (described,) = model.model.preprocess.values()
    left, top, width, height = described.placed(picture.size, (SIZE, SIZE))
    boxes = (boxes - [left, top, left, top]) * np.tile(np.divide(picture.size, (width, height)), 2)
    found, rest = [], np.argsort(-likely, kind="stable")
    while len(rest):  # of boxes that overlap the best one stays
        best, rest = rest[0], rest[1:]
        found.append((model.model.labels[kinds[best]], float(likely[best]), boxes[best]))
        same = (kinds[rest] == kinds[best]) & (overlaps(boxes[best], boxes[rest]) > OVERLAP)
        rest = rest[~same]
    return found


def views(picture: Image.Image, count: int = 15) -> list[Image.Image]:
    """Parts of a picture, mirrored and darkened, that show which values occur."""
    rng, found = np.random.default_rng(0), []
    for _ in range(count):
        side = int(min(picture.size) * rng.uniform(0.3, 1))
        left, top = (int(rng.integers(0, length - side + 1)) for length in picture.size)
        part = picture.crop((left, top, left + side, top + side))
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part
        found.append(part.point([int(v) for v in np.arange(256) * rng.uniform(0.5, 1)] * 3))
    return found


def main(path: str | None = None) -> None:
    """Prints the faces that both models find, their time, and how well the boxes agree."""
    onnx = package_file("nudenet", "320n.onnx", "pip install --no-deps nudenet")
    photograph = path or package_file("skimage", "data/astronaut.png",
                                      "pip install --no-deps scikit-image")  # fmt: skip
    picture = Image.open(photograph).convert("RGB")
    models = float_and_int8(
        onnx,
        lambda model: [model.prepare(view) for view in [*views(picture), picture]],
        input_shapes={"images": (1, 3, SIZE, SIZE)},
        preprocess=ImageInput(resize="letterbox", fill=0),
    )
    found = {}
    for name, model in models.items():
        timed = Timed(model)
        found[name] = [face for face in find(timed, picture) if face[0] in FACES]
        for kind, score, box in found[name]:
            print(f"{name}: {kind} {score:.2f} in {', '.join(f'{v:.0f}' for v in box)}")
        print(f"{name}: {len(found[name])} faces in {Path(photograph).name}; {timed}")
    truth = [box for _, _, box in found["float"]] if path else [np.array(ASTRONAUT)]
    for name in models:
        boxes = np.array([box for _, _, box in found[name]]).reshape(-1, 4)
        hits = sum(bool((overlaps(box, boxes) > 0.5).any()) for box in truth)
        print(f"{name}: {hits} of {len(truth)} faces {'of float ' if path else ''}are found")


if __name__ == "__main__":
    main(*sys.argv[1:])
