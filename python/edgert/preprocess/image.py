"""Images, of files, of Pillow and in arrays, as tensors."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from edgert.errors import EdgertError, InputError, ModelIOError, UnsupportedError
from edgert.preprocess.describe import Axes, ImageInput

# What pixels of Pillow's modes become. All others are refused: nobody knows how bright the values
# of "F" and "I" are, and "LAB" is no colour of a screen.
_MODES = {
    "1": "L",
    "L": "L",
    "P": "RGB",
    "RGB": "RGB",
    "RGBX": "RGB",
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "LA": "LA",
    "PA": "RGBA",
    "RGBA": "RGBA",
}
_WITH_ALPHA = {"L": "LA", "RGB": "RGBA"}
_SHORTS = "I;16", "I;16L", "I;16B", "I;16N"
_MANY_PICTURES = "MPO"  # of a camera: the first one is the photograph


def image_tensor(source: Any, description: ImageInput, axes: Axes, dtype: np.dtype) -> np.ndarray:
    """An image as the tensor of one image, [height, width, channels] or [channels, height, width].

    ``source`` is the path of a file, an image of Pillow, or an array of uint8, [height, width] or
    [height, width, channels] with 1, 3 (red, green, blue) or 4 channels (alpha, too).
    """
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source)
        pixels = _file(name)
    elif isinstance(source, np.ndarray):
        name, pixels = "the image", _array(source)
    else:
        name, pixels = "the image", _decoded(source, "the image")
    pixels = _with_channels(pixels, axes.channels, name)
    pixels = _resized(pixels, description, axes)
    if description.color == "BGR" and axes.channels > 1:
        pixels = pixels[..., [2, 1, 0, 3][: axes.channels]]
    planes = pixels if axes.channels_last else pixels.transpose(2, 0, 1)
    dtype = np.dtype(dtype)
    if dtype == np.uint8:
        return np.ascontiguousarray(planes)
    table = _table(description, axes.channels, dtype)  # there are 256 pixels
    if len(table) == 1:
        return table[0][planes]
    if axes.channels_last:
        return np.stack([t[pixels[..., c]] for c, t in enumerate(table)], -1)
    return np.stack([t[plane] for t, plane in zip(table, planes)])


def _table(description: ImageInput, channels: int, dtype: np.dtype) -> np.ndarray:
    """What each pixel becomes, [1 or channels, 256], computed in float64 and rounded once."""
    mean, std = (np.array(v, np.float64)[:, None] for v in (description.mean, description.std))
    table = (np.arange(256) * description.scale - mean) / std
    if not (np.abs(table) <= np.finfo(dtype).max).all():
        raise InputError(f"pixels are too large for {dtype}: {description}", "INPUT")
    return table.astype(dtype)


def _file(path: str | bytes) -> np.ndarray:
    try:
        from PIL import Image
    except ImportError:
        raise UnsupportedError(
            f'{os.fsdecode(path)}: reading images needs Pillow; pip install "edgert[image]"',
            "IMAGE",
        ) from None
    text = os.fsdecode(path)
    try:
        with warnings.catch_warnings():
            # Of images of which Pillow refuses those that are twice as large.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                return _decoded(opened, text)
    except EdgertError:
        raise
    except FileNotFoundError:
        raise ModelIOError(f"{text}: no such file", "IO") from None
    except Exception as error:  # decoders raise anything for a damaged file
        raise ModelIOError(f"{text}: not an image that Pillow reads: {error}", "IO") from None


def _decoded(picture: Any, name: str) -> np.ndarray:
    """The pixels of an image of Pillow, uint8[height, width, 1 to 4]."""
    from PIL import Image, ImageOps

    if not isinstance(picture, Image.Image):
        kind = type(picture).__name__
        raise InputError(
            f"a {kind} is no image; expected a path, an image of Pillow or an array of uint8",
            "INPUT",
        )
    if getattr(picture, "is_animated", False) and picture.format != _MANY_PICTURES:
        raise InputError(
            f"{name} has {picture.n_frames} images, expected one: save the one that counts", "IMAGE"
        )
    is_short = picture.mode in _SHORTS or (
        picture.mode == "I" and picture.format in ("PNG", "PPM")  # where it means 16 bits
    )
    if not is_short and picture.mode not in _MODES:
        raise InputError(
            f"{name} has pixels of the mode {picture.mode!r}, and it is not known how bright they "
            "are: save it with 8 or 16 bits, or give the tensor as .npy",
            "IMAGE",
        )
    transparent = "transparency" in picture.info and not is_short  # one of 65536 levels of gray
    picture = ImageOps.exif_transpose(picture)
    if is_short:  # 65535 is as bright as 255
        return ((np.asarray(picture).astype(np.uint32) + 128) // 257).astype(np.uint8)[..., None]
    mode = _MODES[picture.mode]
    if transparent:
        mode = _WITH_ALPHA.get(mode, mode)
    pixels = np.asarray(picture.convert("RGBA" if mode == "LA" else mode))
    if mode == "LA":
        pixels = pixels[..., [0, 3]]
    return pixels.reshape(*pixels.shape[:2], -1)


def _array(array: np.ndarray) -> np.ndarray:
    fine = array.dtype == np.uint8 and array.size and array.ndim in (2, 3)
    if not fine or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise InputError(
            f"an array {array.dtype}{list(array.shape)} is no image, expected uint8, [height, "
            "width] or [height, width, 1, 3 or 4 channels]",
            "INPUT",
        )
    return array.reshape(*array.shape[:2], -1)


def _with_channels(pixels: np.ndarray, channels: int, name: str) -> np.ndarray:
    """Pixels with other channels: gray becomes three, colours become their luma (BT.601), and alpha
    is dropped if nothing is transparent.
    """
    found = pixels.shape[2]
    if found == channels:
        return pixels
    color, alpha = (pixels, None) if found % 2 else (pixels[..., :-1], pixels[..., -1:])
    if alpha is not None and channels < 4 and alpha.min() < 255:
        raise InputError(
            f"{name} is transparent in places, and the model has no alpha: put it on a background",
            "IMAGE",
        )
    if channels == 1 and color.shape[2] == 3:
        luma = color.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
        return ((luma + 0x8000) >> 16).astype(np.uint8)[..., None]
    if channels > 1 and color.shape[2] == 1:
        color = color.repeat(3, 2)
    if channels < 4:
        return color
    alpha = np.full_like(pixels[..., :1], 255) if alpha is None else alpha
    return np.concatenate([color, alpha], 2)


def _resized(pixels: np.ndarray, description: ImageInput, axes: Axes) -> np.ndarray:
    """Pixels in the height and width of the input."""
    size, into = (pixels.shape[1], pixels.shape[0]), (axes.width, axes.height)
    left, top, width, height = description.placed(size, into)
    if (width, height) != size:
        pixels = _scaled(pixels, (width, height), description.interpolation)
    if description.resize == "letterbox":
        bars = np.empty((axes.height, axes.width, axes.channels), np.uint8)
        fill = description.fill
        if description.color == "BGR" and len(fill) > 1:
            fill = (*fill[2::-1], *fill[3:])  # the channels get their order later
        bars[:] = fill
        bars[top : top + height, left : left + width] = pixels
        return bars
    return pixels[-top : axes.height - top, -left : axes.width - left]


def _scaled(pixels: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    try:
        from PIL import Image
    except ImportError:
        raise UnsupportedError(
            f"an image of {pixels.shape[1]}x{pixels.shape[0]} for an input of another size needs "
            'Pillow; pip install "edgert[image]"',
            "IMAGE",
        ) from None
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    method = Image.Resampling[interpolation.upper()]
    return np.asarray(picture.resize(size, method)).reshape(size[1], size[0], -1)
