"""Quantise PP-OCR's recogniser and detector with each engine's own tool, and see what they read.

usage: ocr.py FOLDER [--models ppocr_rec,ppocr_det] [--engines edgert,ort] [--bits 4,3]
              [--lines 400] [--fonts /usr/share/fonts]

Takes the networks out of the package rapidocr_onnxruntime and writes NAME.onnx and, from rendered
text, NAME.int8.edgert and NAME.qdq.onnx (onnxruntime's, per channel, min-max; OpenVINO runs it,
too), which models.py times. Prints for the recogniser the characters right, 1 - edit distance /
length, on lines that no calibration has seen, with --bits also of edgert's networks of so many
bits a weight, with their errors compensated and merely rounded; for the detector how much of the
areas found is common with float32 (intersection over union).
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SOURCES = {"ppocr_rec": "ch_PP-OCRv4_rec_infer.onnx", "ppocr_det": "ch_PP-OCRv4_det_infer.onnx"}
SHAPES = {"ppocr_rec": (1, 3, 48, 320), "ppocr_det": (1, 3, 320, 320)}
CALIBRATION_IMAGES = 64
PAGES = 40
THRESHOLD = 0.3  # of the detector's scores
TEXT = """
the quick brown fox jumps over a lazy dog pack my box with five dozen liquor jugs how
vexingly daft zebras jump invoice total amount date number street please return within days
Berlin Paris London Order Customer Address Phone Email Price Quantity Thank You Monday
Friday January March
"""

Run = Callable[[np.ndarray], np.ndarray]


def package_models() -> Path:
    """The folder of the networks of rapidocr_onnxruntime."""
    package = importlib.util.find_spec("rapidocr_onnxruntime")
    if package is None:
        sys.exit("the package rapidocr_onnxruntime is not installed")
    return Path(package.submodule_search_locations[0]) / "models"


def fonts(folder: Path) -> list[Callable[[float], ImageFont.ImageFont]]:
    """Pillow's own font and the TrueType fonts of a folder, each as a function of its size."""
    found = [ImageFont.load_default]
    for path in sorted(folder.rglob("*.ttf")):
        if "Math" not in path.name:
            found.append(lambda size, path=path: ImageFont.truetype(str(path), size))
    return found


class Printer:
    """Renders text in many fonts, sizes and contrasts, blurred and noisy; a seed decides."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = np.random.default_rng(seed)
        self.fonts = fonts(folder)

    def text(self) -> str:
        """Two or three words, or a number and a word."""
        words = list(self.rng.choice(TEXT.split(), int(self.rng.integers(2, 4))))
        if self.rng.random() < 0.4:
            words[0] = f"{self.rng.integers(10, 100000) / 100:.2f}"
        if self.rng.random() < 0.3:
            words[-1] += str(self.rng.choice(list(",.!?:")))
        return " ".join(words)

    def font(self, low: float, high: float) -> ImageFont.ImageFont:
        """A font of some size."""
        return self.fonts[self.rng.integers(len(self.fonts))](self.rng.uniform(low, high))

    def degrade(self, image: Image.Image) -> np.ndarray:
        """An image as [1, 3, height, width] in [-1, 1]: blurred, tinted, with noise."""
        image = image.filter(ImageFilter.GaussianBlur(self.rng.uniform(0, 0.7)))
        ink, paper = sorted(self.rng.uniform(0, 255, 2))
        paper = max(paper, ink + 90)
        if self.rng.random() < 0.25:
            ink, paper = paper, ink
        shade = np.asarray(image, np.float32)[..., None] / 255
        tint = self.rng.uniform(-20, 20, 3)
        pixels = ink + (paper - ink) * shade + tint
        pixels += self.rng.normal(0, self.rng.uniform(0, 8), pixels.shape)
        pixels = np.clip(np.rint(pixels), 0, 255).astype(np.float32)
        return (pixels / 127.5 - 1).transpose(2, 0, 1)[None]

    def line(self) -> tuple[np.ndarray, str]:
        """A line of text 48 pixels high, zeros behind its end, and what it says."""
        _, channels, height, width = SHAPES["ppocr_rec"]
        while True:
            text, font = self.text(), self.font(24, 36)
            end = int(font.getlength(text)) + 16
            if end <= width:
                break
        image = Image.new("L", (end, height), 255)
        at = (8, height / 2 + self.rng.uniform(-3, 3))
        ImageDraw.Draw(image).text(at, text, 0, font, anchor="lm")
        x = np.zeros((1, channels, height, width), np.float32)
        x[..., :end] = self.degrade(image)
        return x, text

    def page(self) -> np.ndarray:
        """A page of some lines."""
        *_, height, width = SHAPES["ppocr_det"]
        image = Image.new("L", (width, height), 255)
        y = self.rng.uniform(5, 40)
        while y < height - 30:
            font = self.font(14, 40)
            at = (self.rng.uniform(2, 80), y)
            ImageDraw.Draw(image).text(at, self.text(), 0, font)
            y += font.size * self.rng.uniform(1.2, 2.5)
        return self.degrade(image)

    def images(self, name: str, count: int) -> Iterator[np.ndarray]:
        """What a network is calibrated with."""
        for _ in range(count):
            yield self.line()[0] if name == "ppocr_rec" else self.page()


def edits(a: str, b: str) -> int:
    """How many characters must be inserted, removed or replaced to make b of a."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        last, row[0] = row[0], i + 1
        for j, y in enumerate(b):
            last, row[j + 1] = row[j + 1], min(last + (x != y), row[j] + 1, row[j + 1] + 1)
    return row[-1]


def decode(scores: np.ndarray, alphabet: list[str]) -> str:
    """Greedy CTC: the best symbol of each step, repetitions merged, blanks (0) left out."""
    best = scores.argmax(1)
    changed = np.concatenate([[True], best[1:] != best[:-1]])
    return "".join(alphabet[i] for i in best[changed] if i)


def judge_reader(runs: dict[str, Run], alphabet: list[str], printer: Printer, count: int) -> None:
    """Prints the characters and lines right of each network."""
    lines = [printer.line() for _ in range(count)]
    length = sum(len(text) for _, text in lines)
    for name, run in runs.items():
        found = [(decode(run(x)[0], alphabet), text) for x, text in lines]
        wrong = sum(edits(a, b) for a, b in found)
        whole = sum(a == b for a, b in found) / count
        print(f"ppocr_rec {name}: {1 - wrong / length:.2%} of {length} characters, "
              f"{whole:.1%} of {count} lines", flush=True)  # fmt: skip


def judge_finder(runs: dict[str, Run], printer: Printer) -> None:
    """Prints how the areas found agree with those of the first network."""
    pages = [printer.page() for _ in range(PAGES)]
    areas = {name: np.stack([run(x) > THRESHOLD for x in pages]) for name, run in runs.items()}
    first = next(iter(areas.values()))
    for name, area in areas.items():
        print(f"ppocr_det {name}: {(area & first).sum() / (area | first).sum():.2%} of the area "
              "in common with float32", flush=True)  # fmt: skip


def quantize_ort(source: Path, target: Path, images: list[np.ndarray]) -> None:
    """Quantises with onnxruntime, which needs a newer opset than the files have."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter([{name: x} for x in images])

        def get_next(self) -> dict | None:
            return next(self.left, None)

    logging.disable(logging.WARNING)
    model = onnx.version_converter.convert_version(onnx.load(str(source)), 17)
    constants = {tensor.name for tensor in model.graph.initializer}
    (name,) = (value.name for value in model.graph.input if value.name not in constants)
    with tempfile.TemporaryDirectory() as folder:
        newer, prepared = (str(Path(folder) / name) for name in ("newer.onnx", "prepared.onnx"))
        onnx.save(model, newer)
        quant_pre_process(newer, prepared, skip_symbolic_shape=True)
        quantize_static(prepared, str(target), Reader(), per_channel=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)  # fmt: skip


def quantize_edgert(
    source: Path, target: Path, images: list[np.ndarray], **options: object
) -> None:
    """Quantises with edgert, to int8 unless told otherwise."""
    import edgert

    shape = {"x": images[0].shape}
    options = options or {"quantize": "int8"}
    edgert.convert(source, target, input_shapes=shape, calibrate=images, force=True, **options)


def few_bits(source: Path, images: list[np.ndarray], bits: float) -> Iterator[tuple[str, Run]]:
    """Networks of so many bits a weight, with and without compensation; tells their bytes."""
    for name, options in ("", {}), (" rounded", {"steps": ("equalize",)}):
        target = source.with_suffix(f".{bits:g}{name.replace(' ', '.')}.edgert")
        quantize_edgert(source, target, images, bits=bits, **options)
        print(
            f"{source.stem} edgert {bits:g} bits{name}: {target.stat().st_size} bytes", flush=True
        )
        yield f"edgert {bits:g} bits{name}", open_edgert(target)


def open_ort(path: Path, optimise: bool = True) -> Run:
    """A network of one input in onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (only,) = session.get_inputs()
    return lambda x: session.run(None, {only.name: x})[0]


def open_openvino(path: Path) -> Run:
    """A network in OpenVINO."""
    import openvino

    model = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda x: model([x])[0]


def open_edgert(path: Path) -> Run:
    """A network in edgert."""
    import edgert

    model = edgert.load(path)
    return lambda x: next(iter(model.run({"x": x}).values()))


# engine: what quantises for it, the suffix of the file, what runs the file
ENGINES = {
    "edgert": (quantize_edgert, ".int8.edgert", open_edgert),
    "ort": (quantize_ort, ".qdq.onnx", open_ort),
    "openvino": (None, ".qdq.onnx", open_openvino),
}


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default=",".join(SOURCES))
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--bits", default="")
    parser.add_argument("--lines", type=int, default=400)
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts"))
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    models = package_models()
    for name in args.models.split(","):
        source = args.folder / f"{name}.onnx"
        source.write_bytes((models / SOURCES[name]).read_bytes())
        images = list(Printer(0, args.fonts).images(name, CALIBRATION_IMAGES))
        runs = {"float32": open_ort(source)}
        for engine in args.engines.split(","):
            quantize, suffix, open_model = ENGINES[engine]
            if quantize:
                quantize(source, source.with_suffix(suffix), images)
            runs[f"{engine} int8"] = open_model(source.with_suffix(suffix))
        for bits in filter(None, args.bits.split(",")):
            runs.update(few_bits(source, images, float(bits)))
        printer = Printer(1, args.fonts)
        if name == "ppocr_det":
            judge_finder(runs, printer)
        else:
            judge_reader(runs, alphabet(source), printer, args.lines)


def alphabet(path: Path) -> list[str]:
    """The characters that the recogniser's outputs stand for."""
    import onnx

    metadata = {p.key: p.value for p in onnx.load(str(path)).metadata_props}
    return ["", *metadata["character"].splitlines(), " "]


if __name__ == "__main__":
    main()
