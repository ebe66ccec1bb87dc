"""Data to calibrate, judge and compare with: from files, folders and iterables to samples."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union

import numpy as np

from edgert.errors import InputError, ModelIOError
from edgert.inputs import SAMPLE_SUFFIXES, is_array, load_arrays
from edgert.model import TensorInfo
from edgert.preprocess import Input, is_pixels, prepare

Source = Union[str, "os.PathLike[str]", Iterable[Any]]


@dataclass
class Samples:
    """The samples of a source, each a dict of arrays by input name, of the inputs' own shapes.

    A source is the path of an .npz of arrays by input name, of an .npy, of an image or a sound, or
    of a folder of such files; or an array, a dict of arrays by input name, or an iterable of
    samples. The first axis of an array runs over samples, but for those in folders and iterables,
    which are samples. ``preprocess`` says by input name how images, sounds and arrays of pixels
    become tensors.

    Iterating reads the source once; a source that is an iterator is used up then. ``skipped`` names
    the files of a folder that could not be read, with the reason. Raises InputError for a sample
    that does not fit, that has a NaN or an infinity, and if there is none at all.
    """

    source: Source
    infos: Sequence[TensorInfo]
    preprocess: Mapping[str, Input] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        """The samples, in the order of the source; the files of a folder by name."""
        for _, sample in self.located():
            yield sample

    def located(self) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        """The same, each with what it is called: its file, or its place in the data."""
        count = 0
        for where, item in self._items():
            yield where, self._checked(where, item)
            count += 1
        if count == 0:
            reason = f": {'; '.join(self.skipped)}" if self.skipped else ""
            raise InputError(f"the data has no samples{reason}", "CALIBRATION")

    def __len__(self) -> int:
        """How many samples there are at most, 0 if that is unknown."""
        if isinstance(self.source, (str, os.PathLike)):
            files = source_files(self.source)
            alone = files == [Path(self.source)] and is_array(files[0])
            return _count(self._arrays(files[0])) if alone else len(files)
        try:
            return len(self.source)  # type: ignore[arg-type]
        except TypeError:
            return 0

    def class_folders(self) -> list[str]:
        """The folders that a folder has for its classes, by name."""
        if not isinstance(self.source, (str, os.PathLike)) or not Path(self.source).is_dir():
            return []
        return sorted(
            {p.parent.name for p in source_files(self.source) if p.parent != Path(self.source)}
        )

    def _items(self) -> Iterator[tuple[str, Any]]:
        if not isinstance(self.source, (str, os.PathLike)):
            if isinstance(self.source, (np.ndarray, Mapping)):
                yield from self._rows("the data", self._named(self.source))
                return
            if not isinstance(self.source, Iterable) or np.isscalar(self.source):
                kind = type(self.source).__name__
                raise InputError(f"the data is a {kind}, not samples", "CALIBRATION")
            for i, item in enumerate(self.source):
                yield f"sample {i}", self._named(item)
            return
        path = Path(self.source)
        if path.is_dir():
            yield from self._folder()
        elif is_array(path):
            yield from self._rows(str(path), self._arrays(path))
        else:
            yield str(path), self._prepared(path)

    def _prepared(self, path: Path) -> dict[str, np.ndarray]:
        info = self._only()
        return {info.name: prepare(path, self.preprocess.get(info.name), *info)}

    def _folder(self) -> Iterator[tuple[str, Any]]:
        for path in source_files(self.source):
            try:
                if is_array(path):
                    item = self._named_arrays(load_arrays(path))
                else:
                    item = self._prepared(path)
            except (ModelIOError, InputError) as error:
                self.skipped.append(str(error))
                continue
            yield str(path), item

    def _arrays(self, path: Path) -> dict[str, np.ndarray]:
        return self._named_arrays(load_arrays(path, memory_map=True))

    def _named_arrays(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays of a file by input name; one that has no such name is that of the only input."""
        if len(arrays) == 1 and len(self.infos) == 1:
            return {self.infos[0].name: next(iter(arrays.values()))}
        return dict(arrays)

    def _named(self, item: Any) -> dict[str, Any]:
        if isinstance(item, Mapping):
            return dict(item)
        if isinstance(item, (tuple, list)) and len(item) == len(self.infos):
            return {info.name: array for info, array in zip(self.infos, item)}
        return {self._only().name: item}

    def _only(self) -> TensorInfo:
        if len(self.infos) != 1:
            raise InputError(
                f"the model has the inputs {[i.name for i in self.infos]}: give arrays by name",
                "CALIBRATION",
            )
        return self.infos[0]

    def _rows(self, where: str, arrays: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """The samples of arrays whose first axis runs over them."""
        for i in range(_count(arrays)):
            yield f"{where}, sample {i}", {name: array[i] for name, array in arrays.items()}

    def _checked(self, where: str, item: Mapping[str, Any]) -> dict[str, np.ndarray]:
        missing = [info.name for info in self.infos if info.name not in item]
        if missing:
            raise InputError(
                f"{where} has {list(item)}, but not the input {missing}", "CALIBRATION"
            )
        return {info.name: self._as_input(where, item[info.name], info) for info in self.infos}

    def _as_input(self, where: str, item: Any, info: TensorInfo) -> np.ndarray:
        description = self.preprocess.get(info.name)
        if is_pixels(item, description, info.shape, info.dtype):
            item = prepare(item, description, *info)
        return _as_input(where, np.asarray(item), info)


def source_files(source: Source | None) -> list[Path]:
    """The files of a source: itself, or those of a folder by name, or of the folders in it, if it
    has no samples but there; none if it is in memory.
    """
    if not isinstance(source, (str, os.PathLike)):
        return []
    path = Path(source)
    try:
        if not path.is_dir():
            return [path]
        files = _files_of(path)
        if any(p.suffix.lower() in SAMPLE_SUFFIXES for p in files):
            return files
        return [p for own in _entries(path) if own.is_dir() for p in _files_of(own)] or files
    except (OSError, ValueError) as error:
        raise ModelIOError(f"{path}: {getattr(error, 'strerror', None) or error}", "IO") from None


def _entries(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if not p.name.startswith("."))


def _files_of(folder: Path) -> list[Path]:
    return [p for p in _entries(folder) if p.is_file()]


def _count(arrays: Mapping[str, Any]) -> int:
    counts = {name: len(array) if np.ndim(array) else 0 for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise InputError(
            f"the first axis of arrays runs over samples, but they differ in length: {counts}",
            "CALIBRATION",
        )
    return next(iter(counts.values()), 0)


def _as_input(where: str, array: np.ndarray, info: TensorInfo) -> np.ndarray:
    """``array`` as the input wants it; a sample of a model for batches is repeated."""
    if not np.can_cast(array.dtype, info.dtype, "same_kind"):
        raise InputError(
            f"{where}: '{info.name}' is {array.dtype}, not {info.dtype}", "CALIBRATION"
        )
    shape = tuple(info.shape)
    if array.shape == shape[1:] or array.shape == (1, *shape[1:]):
        array = np.broadcast_to(array, shape)
    if array.shape != shape:
        raise InputError(
            f"{where}: '{info.name}' has shape {list(array.shape)}, expected {list(shape)}",
            "CALIBRATION",
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"{where}: '{info.name}' has NaN or infinite elements", "CALIBRATION")
    return np.ascontiguousarray(array, info.dtype)
