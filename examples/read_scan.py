"""Turns a scan upright and reads its lines: read_scan.py [IN.png]

The models are PP-OCRv4 (pip install rapidocr-onnxruntime): where there is text, which side is up,
and what it says. Without a scan a page is drawn, upside down, and what is read compared with it.
"""

from __future__ import annotations

import difflib
import sys

import numpy as np
from models import Timed, float_and_int8, package_file
from page import draw
from PIL import Image

from edgert.preprocess import ImageInput

PAGE = 480, 480
MODELS = {"models/ch_PP-OCRv4_det_infer.onnx": PAGE,  # width and height of their inputs
          "models/ch_ppocr_mobile_v2.0_cls_infer.onnx": (192, 48),
          "models/ch_PP-OCRv4_rec_infer.onnx": (480, 48)}  # fmt: skip
TEXT = 0.3  # least probability of a pixel of text
TO_ONE = {"scale": 1 / 127.5, "mean": 1.0, "fill": 255, "resize": "letterbox", "color": "BGR"}
LINES = ["Dear Ms Miller,", "the parcel of 14 March 2026", "has arrived without damage.",
         "Please pay EUR 1,250.75 soon", "to account 4711-0815.", "Yours, J. Smith"]  # fmt: skip
TYPICAL = ["Invoice 2025-0042", "0123456789 (net) 19 % VAT", "The quick brown fox jumps",
           "over the lazy dog; who cares?", "Best wishes to KLMNPQ", "a@b.org"]  # fmt: skip


def boxes(detect: Timed, page: Image.Image) -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom of each line in pixels of the page, from above."""
    mask = detect(detect.model.prepare(page))[0, 0] > TEXT
    mask = mask.reshape(PAGE[1] // 2, 2, PAGE[0] // 2, 2).any((1, 3))
    # Neighbours take the greatest number among them, until a line has one number.
    parts, before = np.where(mask, np.arange(mask.size).reshape(mask.shape) + 1, 0), None
    while before is None or (parts != before).any():
        before = parts
        near = np.pad(parts, 1)
        parts = np.max([near[1:-1, 1:-1], near[:-2, 1:-1], near[2:, 1:-1], near[1:-1, :-2],
                        near[1:-1, 2:]], 0) * mask  # fmt: skip
    left, top, width, height = ImageInput(**TO_ONE).placed(page.size, PAGE)
    found = []
    for part in np.unique(parts[parts > 0]):
        rows, columns = np.nonzero(parts == part)
        if len(rows) > 20:
            around = (np.ptp(rows) + 1) // 2  # the network marks the middle of a line
            first = columns.min() - around, rows.min() - around
            last = columns.max() + 1 + around, rows.max() + 1 + around
            ends = (2 * np.array([first, last]) - [left, top]) / (width, height) * page.size
            found.append(tuple(np.clip(ends, 0, page.size).astype(int).reshape(-1).tolist()))
    return sorted(found, key=lambda box: box[1])


def read(models: list[Timed], page: Image.Image) -> list[str]:
    """The lines of a page, which may be upside down."""
    detect, side, recognise = models
    strips = [page.crop(box) for box in boxes(detect, page)]
    turned = [side(side.model.prepare(strip))[0] for strip in strips]  # probabilities of 0 and 180
    if turned and np.mean(turned, 0).argmax():
        strips = [strip.rotate(180) for strip in strips[::-1]]
    return [decode(recognise, strip) for strip in strips]


def decode(recognise: Timed, strip: Image.Image) -> str:
    """The text of a line: the best letter of each step, what repeats once, without blanks (0)."""
    alphabet = ["", *recognise.model.metadata["character"].splitlines(), " "]
    best = recognise(recognise.model.prepare(strip))[0].argmax(1)
    return "".join(alphabet[i] for i in best[np.diff(best, prepend=-1) != 0])


def main(path: str | None = None) -> None:
    """Prints what all models read in float and on bytes, the time of each, and what is right."""
    page = draw(LINES).rotate(180) if path is None else Image.open(path).convert("RGB")
    typical = draw(TYPICAL)
    found: dict[str, list[Timed]] = {"float": [], "int8": []}
    for name, size in MODELS.items():
        onnx = package_file("rapidocr_onnxruntime", name, "pip install rapidocr-onnxruntime")
        parts = [typical.rotate(angle) for angle in (0, 180)]
        if found["float"]:
            places = [(part, box) for part in parts for box in boxes(found["float"][0], part)]
            parts = [part.crop(box) for part, box in places]
        models = float_and_int8(
            onnx, lambda model, parts=parts: [model.prepare(part) for part in parts],
            input_shapes={"x": (1, 3, *size[::-1])}, preprocess=ImageInput(**TO_ONE),
        )  # fmt: skip
        for kind, model in models.items():
            found[kind].append(Timed(model))
    for name, models in found.items():
        texts = read(models, page)
        print("\n".join(f"{name}: {text}" for text in texts))
        print(f"{name}: find {models[0]}, side {models[1]}, read {models[2]}")
        if path is None:
            ratio = difflib.SequenceMatcher(None, "\n".join(texts), "\n".join(LINES)).ratio()
            print(f"{name}: {ratio:.1%} of the letters are right")


if __name__ == "__main__":
    main(*sys.argv[1:])
