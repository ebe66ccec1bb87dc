"""The three PP-OCRv4 models inside rapidocr-onnxruntime: trained networks that people use."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image, ImageDraw, ImageFont

import edgert
from edgert.converter import convert

SPEC = importlib.util.find_spec("rapidocr_onnxruntime")
pytestmark = pytest.mark.skipif(SPEC is None, reason="rapidocr-onnxruntime is not installed")
FOLDER = Path(SPEC.submodule_search_locations[0]) / "models" if SPEC else Path()
DETECTOR = "ch_PP-OCRv4_det_infer.onnx"
RECOGNISER = "ch_PP-OCRv4_rec_infer.onnx"
CLASSIFIER = "ch_ppocr_mobile_v2.0_cls_infer.onnx"
LINE = "The quick brown fox, 1234567890!"


def picture(text: str, size: tuple[int, int]) -> np.ndarray:
    """Black text on white as [1, 3, height, width], scaled to [-1, 1] as the models want it."""
    width, height = size
    image = Image.new("L", size, 255)
    font = ImageFont.load_default(height * 0.6)
    ImageDraw.Draw(image).text((height // 4, height // 2), text, 0, font, anchor="lm")
    pixels = np.asarray(image, np.float32) / 127.5 - 1
    return np.broadcast_to(pixels, (1, 3, height, width)).copy()


def both(name: str, x: np.ndarray, folder: Path) -> tuple[np.ndarray, np.ndarray, edgert.Model]:
    """What ONNX Runtime and edgert say to ``x``, and the converted model."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    path = str(FOLDER / name)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": x})
    convert(path, folder / "m.edgert", input_shapes={"x": x.shape})
    model = edgert.load(folder / "m.edgert")
    (found,) = model.run({"x": x}).values()
    return expected, found, model


@pytest.mark.parametrize(
    ("name", "size"),
    [(DETECTOR, (320, 320)), (DETECTOR, (416, 96)), (RECOGNISER, (320, 48)),
     (RECOGNISER, (112, 48)), (CLASSIFIER, (192, 48))],
)  # fmt: skip
def test_same_outputs_as_onnx_runtime(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    """On a picture with text."""
    expected, found, _ = both(name, picture("Hello, world", size), tmp_path)
    assert expected.std() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-5)


def test_detector_finds_the_line(tmp_path: Path) -> None:
    """High scores where the text is, low ones elsewhere."""
    x = np.ones((1, 3, 160, 640), np.float32)
    x[:, :, 56:104] = picture(LINE, (640, 48))
    expected, found, _ = both(DETECTOR, x, tmp_path)
    np.testing.assert_array_equal(found > 0.3, expected > 0.3)
    rows = (found[0, 0] > 0.3).any(1)
    assert rows[77:83].all()
    assert not rows[:45].any()
    assert not rows[115:].any()


def test_recogniser_reads_a_line(tmp_path: Path) -> None:
    """From pixels to a string, with the alphabet that lies in the model's metadata."""
    _, found, model = both(RECOGNISER, picture(LINE, (560, 48)), tmp_path)
    alphabet = ["", *model.metadata["character"].splitlines(), " "]
    assert found.shape[2] == len(alphabet)
    assert decode(found[0], alphabet) == LINE


def decode(scores: np.ndarray, alphabet: list[str]) -> str:
    """Greedy CTC: the best symbol of each step, repetitions merged, blanks (0) left out."""
    best = scores.argmax(1)
    changed = np.concatenate([[True], best[1:] != best[:-1]])
    return "".join(alphabet[i] for i in best[changed] if i)
