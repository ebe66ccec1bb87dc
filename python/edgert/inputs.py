"""Tensors for a model from files (.npy, .npz, images, sounds) or at random."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from edgert.budget import Budget
from edgert.errors import InputError, ModelIOError
from edgert.model import TensorInfo
from edgert.preprocess import Input, is_pixels, prepare

ARRAY_SUFFIXES = (".npy", ".npz")
# What a folder of samples has beside texts and the like; other images that Pillow reads do, too.
SAMPLE_SUFFIXES = (*ARRAY_SUFFIXES, ".wav", ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif",
                   ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2")  # fmt: skip
_BYTES = "surrogateescape"  # how bytes that are no text stand in a string


def read_inputs(
    specs: Collection[str], infos: Sequence[TensorInfo], preprocess: Mapping[str, Input]
) -> dict[str, np.ndarray]:
    """Tensors for all inputs of a model from ``name=file`` or ``file`` specifications.

    ``preprocess`` has by input name how images and sounds become tensors. A file without a name
    serves the only input, or is an .npz that holds arrays by the inputs' names. Raises InputError
    if a name is unknown, given twice or missing, ModelIOError if a file cannot be read,
    UnsupportedError if Pillow is needed and absent.
    """
    arrays: dict[str, np.ndarray] = {}
    for spec in specs:
        for name, array in _read_spec(spec, infos, preprocess).items():
            if name in arrays:
                raise InputError(f"input '{name}' is given twice", "INPUT")
            arrays[name] = array
    missing = [info for info in infos if info.name not in arrays]
    if missing:
        wanted = ", ".join(f"{i.name} {i.dtype} {list(i.shape)}" for i in missing)
        raise InputError(f"no file for the input {wanted}; give --input NAME=FILE", "INPUT")
    return arrays


def is_array(path: Path) -> bool:
    """Whether a file holds arrays, by its name; others are images and sounds."""
    return path.suffix.lower() in ARRAY_SUFFIXES


def has_pixels(paths: Iterable[Path]) -> bool:
    """Whether there is an image, a sound, or an array that may be an image among files."""
    return any(
        not is_array(path)
        or any(array.dtype == np.uint8 for array in load_arrays(path, memory_map=True).values())
        for path in paths
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
    spec: str, infos: Sequence[TensorInfo], preprocess: Mapping[str, Input]
) -> dict[str, np.ndarray]:
    info, path = split_spec(spec, infos)
    if info is not None:
        return {info.name: _read_one(path, info, preprocess.get(info.name))}
    by_name = {info.name: info for info in infos}
    if "=" in spec and not os.path.exists(path):
        raise InputError(
            f"the model has no input '{spec.split('=')[0]}'; it has {list(by_name)}", "INPUT"
        )
    if path.suffix.lower() == ".npz":
        arrays = load_arrays(path)
        if set(arrays) & set(by_name):
            return {
                name: _as_input(arrays[name], info, preprocess.get(name))
                for name, info in by_name.items()
                if name in arrays
            }
    if len(infos) != 1:
        raise InputError(
            f"{path}: say which input it is for, as in --input {next(iter(by_name))}={path}; "
            f"the model has {list(by_name)}",
            "INPUT",
        )
    return {infos[0].name: _read_one(path, infos[0], preprocess.get(infos[0].name))}


def _read_one(path: Path, info: TensorInfo, description: Input | None) -> np.ndarray:
    if not is_array(path):
        return prepare(path, description, *info)
    arrays = load_arrays(path)
    if info.name in arrays:
        return _as_input(arrays[info.name], info, description)
    if len(arrays) != 1:
        raise InputError(f"{path} has no array '{info.name}'; it has {list(arrays)}", "INPUT")
    return _as_input(next(iter(arrays.values())), info, description)


def load_arrays(path: Path, memory_map: bool = False) -> dict[str, np.ndarray]:
    """The arrays of an .npy or .npz file by name; pickled objects are refused.

    With ``memory_map`` that of an .npy file stays there until its elements are used.
    """
    try:
        if memory_map and path.suffix.lower() == ".npy":
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


def _as_input(array: np.ndarray, info: TensorInfo, description: Input | None) -> np.ndarray:
    """``array`` in the dtype of the input if that loses no kind, with a batch dimension of 1."""
    if is_pixels(array, description, info.shape, info.dtype):
        return prepare(array, description, *info)
    if array.dtype != info.dtype and np.can_cast(array.dtype, info.dtype, "same_kind"):
        array = array.astype(info.dtype)
    if info.shape[:1] == (1,) and array.shape == tuple(info.shape[1:]):
        array = array[None]
    return array
