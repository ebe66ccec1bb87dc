"""Tensors for a model from files (.npy, .npz, images) or at random."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from edgert.budget import Budget
from edgert.errors import InputError, ModelIOError, UnsupportedError, require
from edgert.model import TensorInfo

ARRAY_SUFFIXES = (".npy", ".npz")
_BYTES = "surrogateescape"  # how bytes that are no text stand in a string


@dataclass(frozen=True)
class ImageOptions:
    """How an image becomes a tensor.

    Pixels of a floating point input are ``(value / 255 - mean) / std`` per channel; those of a
    uint8 input stay 0 to 255. ``crop`` scales the image until it covers the input and cuts out the
    middle; otherwise it is stretched.
    """

    mean: Sequence[float] = (0.0,)
    std: Sequence[float] = (1.0,)
    crop: bool = False

    def __post_init__(self) -> None:
        """Refuses what no pixels can be normalised by."""
        for name in ("mean", "std"):
            values = getattr(self, name)
            fine = isinstance(values, (tuple, list, np.ndarray)) and all(
                isinstance(v, (int, float, np.number)) and np.isfinite(v) for v in values
            )
            fine = fine and (name == "mean" or all(values))
            require(fine, f"image.{name}", values, "a list of finite numbers, those of std not 0")


def read_inputs(
    specs: Collection[str], infos: Sequence[TensorInfo], image: ImageOptions | None = None
) -> dict[str, np.ndarray]:
    """Tensors for all inputs of a model from ``name=file`` or ``file`` specifications.

    A file without a name serves the only input, or is an .npz that holds arrays by the inputs'
    names. Raises InputError if a name is unknown, given twice or missing, ModelIOError if a file
    cannot be read, UnsupportedError if Pillow is needed and absent.
    """
    if image is not None and specs and all(spec.endswith(ARRAY_SUFFIXES) for spec in specs):
        refuse_image_options(", ".join(specs))
    arrays: dict[str, np.ndarray] = {}
    for spec in specs:
        for name, array in _read_spec(spec, infos, image or ImageOptions()).items():
            if name in arrays:
                raise InputError(f"input '{name}' is given twice", "INPUT")
            arrays[name] = array
    missing = [info for info in infos if info.name not in arrays]
    if missing:
        wanted = ", ".join(f"{i.name} {i.dtype} {list(i.shape)}" for i in missing)
        raise InputError(f"no file for the input {wanted}; give --input NAME=FILE", "INPUT")
    return arrays


def refuse_image_options(source: str) -> NoReturn:
    """Raises InputError because ``source`` has no images that the options could be for."""
    raise InputError(
        f"mean, std and crop are for images, and there are none in {source}: leave them out, and "
        "normalise arrays yourself",
        "ARGUMENT",
    )


def random_inputs(infos: Iterable[TensorInfo], seed: int = 0) -> dict[str, np.ndarray]:
    """Reproducible tensors: normal floats, uint8 and int8 over their range, other integers 0 or 1.

    (Integers are mostly indices, and 0 and 1 are valid ones everywhere.) Raises LimitError if they
    are too large.
    """
    infos = list(infos)
    require_random(infos)
    rng = np.random.default_rng(seed)
    arrays = {}
    for info in infos:
        dtype = np.dtype(info.dtype)
        if dtype.kind == "f":
            array = rng.standard_normal(info.shape).astype(dtype)
        elif dtype.itemsize == 1 and dtype.kind in "iu":
            limits = np.iinfo(dtype)
            array = rng.integers(limits.min, limits.max + 1, info.shape).astype(dtype)
        else:
            array = rng.integers(0, 2, info.shape).astype(dtype)
        arrays[info.name] = array
    return arrays


def require_random(infos: Sequence[TensorInfo], sets: int = 1) -> None:
    """Raises LimitError if so many sets of random inputs are too large."""
    budget = Budget()
    for info in infos:
        nbytes = sets * math.prod(info.shape) * np.dtype(info.dtype).itemsize
        budget.take(nbytes, f"random data for the input '{info.name}' {list(info.shape)}")


def input_files(specs: Iterable[str], infos: Sequence[TensorInfo]) -> list[Path]:
    """The files of specifications that :func:`read_inputs` reads."""
    return [split_spec(spec, infos)[1] for spec in specs]


def split_spec(spec: str, infos: Sequence[TensorInfo]) -> tuple[TensorInfo | None, Path]:
    """The input that a specification names, if it does, and its file."""
    text = as_utf8(spec)
    named = [info for info in infos if text.startswith(f"{info.name}=")]
    if not named:
        return None, Path(spec)
    info = max(named, key=lambda info: len(info.name))
    path = text[len(info.name) + 1 :]
    return info, Path(path if text == spec else os.fsdecode(path.encode("utf-8", _BYTES)))


def as_utf8(argument: str) -> str:
    """An argument of the command line, where names of tensors are UTF-8 in every locale."""
    try:
        return os.fsencode(argument).decode("utf-8", _BYTES)
    except UnicodeEncodeError:  # it is text that no command line gave
        return argument


def _read_spec(
    spec: str, infos: Sequence[TensorInfo], image: ImageOptions
) -> dict[str, np.ndarray]:
    info, path = split_spec(spec, infos)
    if info is not None:
        return {info.name: _read_one(path, info, image)}
    by_name = {info.name: info for info in infos}
    if "=" in spec and not os.path.exists(path):
        raise InputError(
            f"the model has no input '{spec.split('=')[0]}'; it has {list(by_name)}", "INPUT"
        )
    if path.suffix == ".npz":
        arrays = load_arrays(path)
        if set(arrays) & set(by_name):
            return {k: _as_input(arrays[k], by_name[k]) for k in arrays if k in by_name}
    if len(infos) != 1:
        raise InputError(
            f"{path}: say which input it is for, as in --input {next(iter(by_name))}={path}; "
            f"the model has {list(by_name)}",
            "INPUT",
        )
    return {infos[0].name: _read_one(path, infos[0], image)}


def _read_one(path: Path, info: TensorInfo, image: ImageOptions) -> np.ndarray:
    if path.suffix not in ARRAY_SUFFIXES:
        return read_image(path, info, image)
    arrays = load_arrays(path)
    if info.name in arrays:
        return _as_input(arrays[info.name], info)
    if len(arrays) != 1:
        raise InputError(f"{path} has no array '{info.name}'; it has {list(arrays)}", "INPUT")
    return _as_input(next(iter(arrays.values())), info)


def load_arrays(path: Path, memory_map: bool = False) -> dict[str, np.ndarray]:
    """The arrays of an .npy or .npz file by name; pickled objects are refused.

    With ``memory_map`` that of an .npy file stays there until its elements are used.
    """
    try:
        if memory_map and path.suffix == ".npy":
            return {"": np.load(path, mmap_mode="r", allow_pickle=False)}
        with open(path, "rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"": loaded}
            return {name: loaded[name] for name in loaded.files}
    except OSError as error:
        raise ModelIOError(f"{path}: {error.strerror or error}", "IO") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} is not a {path.suffix} file of arrays: {error}", "INPUT"
        ) from None


def _as_input(array: np.ndarray, info: TensorInfo) -> np.ndarray:
    """``array`` in the dtype of the input if that loses no kind, with a batch dimension of 1."""
    if array.dtype != info.dtype and np.can_cast(array.dtype, info.dtype, "same_kind"):
        array = array.astype(info.dtype)
    if info.shape[:1] == (1,) and array.shape == tuple(info.shape[1:]):
        array = array[None]
    return array


def read_image(path: Path, info: TensorInfo, options: ImageOptions) -> np.ndarray:
    """An image file as the tensor of one image."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise UnsupportedError(
            f'{path}: reading images needs Pillow; pip install "edgert[image]"', "IMAGE"
        ) from None
    height, width, channels, channels_last = _image_axes(info)
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened).convert(mode)
    except FileNotFoundError:
        raise ModelIOError(f"{path}: no such file", "IO") from None
    except (OSError, Image.DecompressionBombError) as error:
        raise ModelIOError(f"{path}: not an image that Pillow reads: {error}", "IO") from None
    if options.crop:
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.BILINEAR)
    else:
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(picture).reshape(height, width, channels)
    if info.dtype.kind == "f":
        scaled = pixels / 255.0
        pixels = (scaled - _per_channel(options.mean, channels)) / _per_channel(
            options.std, channels
        )
    elif info.dtype != np.uint8:
        raise InputError(f"{path}: input '{info.name}' is {info.dtype}, not pixels", "INPUT")
    if not channels_last:
        pixels = pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(pixels, dtype=info.dtype).reshape(info.shape)


def _image_axes(info: TensorInfo) -> tuple[int, int, int, bool]:
    """(height, width, channels, channels last) of one image of the input."""
    dims = tuple(info.shape)
    if len(dims) == 4 and dims[0] == 1:
        dims = dims[1:]
    if len(dims) == 2:
        return dims[0], dims[1], 1, True
    if len(dims) == 3 and dims[0] in (1, 3, 4):
        return dims[1], dims[2], dims[0], False
    if len(dims) == 3 and dims[2] in (1, 3, 4):
        return dims[0], dims[1], dims[2], True
    raise InputError(
        f"input '{info.name}' of shape {list(info.shape)} is not one image of 1, 3 or 4 channels; "
        "give it as .npy",
        "INPUT",
    )


def _per_channel(values: Sequence[float], channels: int) -> np.ndarray:
    if len(values) not in (1, channels):
        raise InputError(
            f"--mean and --std take 1 or {channels} numbers, found {len(values)}", "INPUT"
        )
    return np.asarray(values, dtype=np.float64)
