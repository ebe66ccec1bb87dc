"""Descriptions of inputs: what they may say, as objects and as JSON.

The JSON of a file's metadata is `{"NAME": {"type": "image", ...}}`, with every member of the
class. Anybody may have made the file: each member has its type and its bounds.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, NamedTuple, Protocol, Union

import numpy as np

from edgert.errors import EdgertError, FormatError, InputError, require
from edgert.preprocess.text import read_text

PREPROCESS = "edgert.preprocess"
MAX_TEXT = 1 << 16  # characters of JSON
MAX_TOLD = 300  # characters of an error about a file
MAX_NUMBER = 1e6
COLORS = "RGB", "BGR"
RESIZES = "stretch", "crop", "letterbox"
INTERPOLATIONS = "nearest", "box", "bilinear", "bicubic", "lanczos"
LAYOUTS = "NCHW", "NHWC"
LENGTHS = "exact", "pad_or_trim"
MAX_RATE = 768_000


class Axes(NamedTuple):
    """The axes of one image in a tensor."""

    height: int
    width: int
    channels: int
    channels_last: bool


@dataclass(frozen=True)
class ImageInput:
    """How an image becomes the tensor of an input.

    Pixels, 0 to 255, of a floating point input become ``(pixel * scale - mean) / std``, computed in
    float64 and rounded once; those of a uint8 input stay what they are. ``mean``, ``std`` and
    ``fill`` are one number or one for each channel, in the order of the tensor's channels, which
    ``color`` says: "RGB" or "BGR", for four channels with alpha behind them.

    ``resize``: "stretch" to the input's height and width; "crop": scale until the image covers the
    input and cut out the middle, of which ``crop_pct`` of its shorter side stay (torchvision's
    Resize(256) and CenterCrop(224) are 0.875); "letterbox": scale until it fits into the input,
    with bars of ``fill`` on both sides. ``interpolation`` is "nearest", "box", "bilinear",
    "bicubic" or "lanczos" as Pillow has them: they average where an image shrinks.
    ``layout``, "NCHW" or "NHWC", follows from the input's shape unless it is given.
    """

    scale: float = 1 / 255
    mean: Sequence[float] = (0.0,)
    std: Sequence[float] = (1.0,)
    color: str = "RGB"
    resize: str = "stretch"
    crop_pct: float = 1.0
    fill: Sequence[float] = (114,)
    interpolation: str = "bilinear"
    layout: str | None = None

    type: ClassVar[str] = "image"

    def __post_init__(self) -> None:
        """Refuses what no image can be made a tensor by."""
        for name in ("mean", "std", "fill"):
            value = getattr(self, name)
            value = value.tolist() if isinstance(value, np.ndarray) else value
            found = list(value) if isinstance(value, (list, tuple)) else [value]
            fine = len(found) in (1, 3, 4) and all(map(_is_number, found))
            require(fine, name, value, "a finite number, or one for each channel")
            object.__setattr__(self, name, tuple(map(float, found)))
        require(_is_number(self.scale) and self.scale != 0, "scale", self.scale, "a number, not 0")
        object.__setattr__(self, "scale", float(self.scale))
        require(all(abs(v) > 1e-6 for v in self.std), "std", self.std, "numbers that are not 0")
        most = 255 * abs(self.scale)
        require(
            all(abs(m) <= most * 1.001 for m in self.mean), "mean", self.mean,
            f"at most {most:g}, as a pixel times scale; the mean of pixels from 0 to 255 needs "
            "scale 1",
        )  # fmt: skip
        fine = all(0 <= v <= 255 and v == int(v) for v in self.fill)
        require(fine, "fill", self.fill, "whole numbers from 0 to 255")
        for name, known in (
            ("color", COLORS),
            ("resize", RESIZES),
            ("interpolation", INTERPOLATIONS),
            ("layout", (*LAYOUTS, None)),
        ):
            value = getattr(self, name)
            require(isinstance(value, (str, type(None))) and value in known, name, value,
                    f"one of {[k for k in known if k]}")  # fmt: skip
        fine = _is_number(self.crop_pct) and 0.1 <= self.crop_pct <= 1
        require(fine, "crop_pct", self.crop_pct, "a number from 0.1 to 1")
        object.__setattr__(self, "crop_pct", float(self.crop_pct))

    def axes(self, name: str, shape: Sequence[int], dtype: np.dtype) -> Axes:
        """Where one image lies in the input. Raises InputError if it is no input of images."""
        dtype, axes = np.dtype(dtype), self._axes(shape)
        if axes is None:
            layout = f" in {self.layout}" if self.layout else ""
            raise InputError(
                f"input '{name}' of shape {list(shape)} is no image of 1, 3 or 4 channels{layout}; "
                "give it as .npy",
                "INPUT",
            )
        if not self.suits(shape, dtype):
            raise InputError(f"input '{name}' is {dtype}, not pixels; give it as .npy", "INPUT")
        for field in ("mean", "std", "fill"):
            found = getattr(self, field)
            if len(found) not in (1, axes.channels):
                raise InputError(
                    f"{field} has {len(found)} numbers, input '{name}' {axes.channels} channels",
                    "INPUT",
                )
        plain = ImageInput()
        if dtype == np.uint8 and any(
            getattr(self, field) != getattr(plain, field) for field in ("scale", "mean", "std")
        ):
            raise InputError(
                f"input '{name}' is uint8 and takes pixels as they are: leave out scale, mean "
                "and std",
                "INPUT",
            )
        return axes

    def suits(self, shape: Sequence[int], dtype: np.dtype) -> bool:
        """Whether an input of this shape and type can be made from an image at all."""
        dtype = np.dtype(dtype)
        return (dtype == np.uint8 or dtype.kind == "f") and self._axes(shape) is not None

    def _axes(self, shape: Sequence[int]) -> Axes | None:
        dims = tuple(shape[1:] if len(shape) == 4 else shape)
        first, last = (len(dims) == 3 and dims[i] in (1, 3, 4) for i in (0, 2))
        if len(dims) == 2 and self.layout is None:
            return Axes(*dims, 1, True)
        if first and self.layout != "NHWC":
            return Axes(dims[1], dims[2], dims[0], False)
        if last and self.layout != "NCHW":
            return Axes(*dims, True)
        return None

    def placed(self, size: tuple[int, int], into: tuple[int, int]) -> tuple[int, int, int, int]:
        """Where an image of ``size``, (width, height), lies in an input of the size ``into``:
        (left, top, width, height), beyond its edges where it is cut. For boxes and points, which
        have to go back: ``x = (x - left) * size[0] / width``.
        """
        (w, h), (wide, high) = size, into
        if self.resize == "stretch":
            return 0, 0, wide, high
        if self.resize == "letterbox":
            ratio = min(wide / w, high / h)
            width, height = max(round(w * ratio), 1), max(round(h * ratio), 1)
            return (wide - width) // 2, (high - height) // 2, width, height
        wider, higher = (int(side / self.crop_pct + 1e-9) for side in (wide, high))
        if w * higher >= h * wider:  # the height decides
            width, height = w * higher // h, higher
        else:
            width, height = wider, h * wider // w
        return -round((width - wide) / 2), -round((height - high) / 2), width, height

    def __str__(self) -> str:
        """For people: "RGB, letterbox, bilinear, (pixel * 0.003922 - 0.5) / 0.5"."""
        mean, std = (",".join(f"{v:.4g}" for v in values) for values in (self.mean, self.std))
        size = self.resize
        size += f" {self.crop_pct:g}" if self.resize == "crop" and self.crop_pct != 1 else ""
        if self.resize == "letterbox":
            size += f" on {','.join(f'{v:g}' for v in self.fill)}"
        layout = f", {self.layout}" if self.layout else ""
        numbers = f"(pixel * {self.scale:.4g} - {mean}) / {std}"
        return f"image, {self.color}, {size}, {self.interpolation}{layout}, {numbers}"


@dataclass(frozen=True)
class AudioInput:
    """How a sound becomes the tensor of an input.

    ``rate`` is that of the samples in Hz; sounds of another one are refused. The loudest sample is
    ``scale`` of a floating point input, 1 unless it is given, and 32768 of one of int16. With
    ``mono`` the channels of a sound are averaged; otherwise the last axes of the input are
    [channels, samples]. ``length``: "exact" refuses sounds that are longer or shorter than the
    input, "pad_or_trim" adds zeros at the end or cuts it off.
    """

    rate: int
    scale: float = 1.0
    mono: bool = True
    length: str = "exact"

    type: ClassVar[str] = "audio"

    def __post_init__(self) -> None:
        """Refuses what no sound can be made a tensor by."""
        fine = isinstance(self.rate, int) and not isinstance(self.rate, bool)
        require(fine and 1 <= self.rate <= MAX_RATE, "rate", self.rate,
                f"a whole number of Hz from 1 to {MAX_RATE}")  # fmt: skip
        require(_is_number(self.scale) and self.scale != 0, "scale", self.scale, "a number, not 0")
        object.__setattr__(self, "scale", float(self.scale))
        require(isinstance(self.mono, bool), "mono", self.mono, "True or False")
        fine = isinstance(self.length, str) and self.length in LENGTHS
        require(fine, "length", self.length, f"one of {list(LENGTHS)}")

    def axes(self, name: str, shape: Sequence[int], dtype: np.dtype) -> tuple[int, int]:
        """(channels, samples) of the input. Raises InputError if it is no input of sound."""
        dtype = np.dtype(dtype)
        if not self.suits(shape, dtype):
            expected = "[1, samples]" if self.mono else "[1, channels, samples]"
            raise InputError(
                f"input '{name}', {dtype}{list(shape)}, is no sound, expected floats or int16, "
                f"{expected}; give it as .npy",
                "INPUT",
            )
        if dtype == np.int16 and self.scale != 1:
            raise InputError(f"input '{name}' is int16: leave out scale", "INPUT")
        return (1 if self.mono else int(shape[-2])), int(shape[-1])

    def suits(self, shape: Sequence[int], dtype: np.dtype) -> bool:
        """Whether an input of this shape and type can be made from a sound at all."""
        kept, dtype = (1 if self.mono else 2), np.dtype(dtype)
        fine = len(shape) >= kept and all(dim == 1 for dim in shape[:-kept])
        return fine and (dtype == np.int16 or dtype.kind == "f")

    def __str__(self) -> str:
        """For people: "audio, 16000 Hz, mono"."""
        scale = f", times {self.scale:g}" if self.scale != 1 else ""
        length = "" if self.length == "exact" else f", {self.length}"
        return f"audio, {self.rate} Hz{', mono' if self.mono else ''}{scale}{length}"


Input = Union[ImageInput, AudioInput]
KINDS: dict[str, type[Input]] = {kind.type: kind for kind in (ImageInput, AudioInput)}


class Tensor(Protocol):
    """What is to be known of an input."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype: ...


def describe(given: Any, infos: Sequence[Tensor]) -> dict[str, Input]:
    """Descriptions by input name, checked: from such a dict, of objects or of what JSON has; from
    one description, of the only input that it suits; or from the path of a file of JSON.

    Raises InputError for anything else.
    """
    if isinstance(given, (str, os.PathLike)):
        given = read_file(given)
    if isinstance(given, Mapping) and not isinstance(given.get("type"), str):
        found = {name: _one(name, item) for name, item in given.items()}
    else:
        one = _one("preprocess", given)
        suited = [info.name for info in infos if one.suits(info.shape, info.dtype)]
        if len(infos) == 1:  # what does not suit is told below
            suited = [infos[0].name]
        if len(suited) != 1:
            inputs = ", ".join(f"{i.name} {np.dtype(i.dtype)} {list(i.shape)}" for i in infos)
            raise InputError(
                f"{len(suited) or 'no'} inputs suit a description of {one.type}: describe them by "
                f"name. The model has {inputs}",
                "INPUT",
            )
        found = {suited[0]: one}
    known = {info.name: info for info in infos}
    for name, description in found.items():
        if name not in known:
            raise InputError(f"there is no input {name!r}, but {list(known)}", "INPUT")
        description.axes(name, known[name].shape, known[name].dtype)
    return found


def change(given: Any, changes: Mapping[str, Any]) -> Any:
    """The same description or descriptions with other members: each member of all kinds that have
    it. Of nothing it makes an AudioInput if the rate is given, else an ImageInput.
    """
    if not changes:
        return given
    if not given:
        return _one("preprocess", {"type": "audio" if "rate" in changes else "image", **changes})
    one = isinstance(given, (ImageInput, AudioInput)) or isinstance(given.get("type"), str)
    descriptions = {"preprocess": given} if one else given
    changed, used = {}, set()
    for name, item in descriptions.items():
        item = _one(name, item)
        own = {k: v for k, v in changes.items() if k in {field.name for field in fields(item)}}
        changed[name] = replace(item, **own)
        used |= own.keys()
    if unused := sorted(changes.keys() - used):
        raise InputError(f"no input has {unused[0]}: {', '.join(map(str, changed.values()))}",
                         "ARGUMENT")  # fmt: skip
    return changed["preprocess"] if one else changed


def read_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The JSON of a file that describes inputs by name, or one. Raises InputError, ModelIOError."""
    text = read_text(path, MAX_TEXT + 1, "INPUT")
    try:
        return from_json(text)
    except InputError as error:
        raise InputError(f"{os.fspath(path)}: {error}", "INPUT") from None


def from_json(text: str) -> dict[str, Any]:
    """A JSON object without what Python's parser lets pass. Raises InputError."""
    require(len(text) <= MAX_TEXT, "the text", f"{len(text)} characters", f"at most {MAX_TEXT}")
    try:
        found = json.loads(text, object_pairs_hook=_members, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", "INPUT") from None
    require(isinstance(found, dict), "the JSON", found, "an object of descriptions by input name")
    return found


def inputs_text(inputs: Mapping[str, Input]) -> str:
    """Descriptions as they stand in a file."""
    members = {name: {"type": item.type, **asdict(item)} for name, item in inputs.items()}
    return json.dumps(members, sort_keys=True, separators=(",", ":"), allow_nan=False)


def stored_inputs(metadata: Mapping[str, str], infos: Sequence[Tensor]) -> dict[str, Input]:
    """The descriptions in the metadata of a file. Raises FormatError (PREPROCESS)."""
    if PREPROCESS not in metadata:
        return {}
    try:
        found = from_json(metadata[PREPROCESS])
        require("type" not in found or isinstance(found["type"], dict), "type", found.get("type"),
                "descriptions by input name")  # fmt: skip
        return describe(found, infos)
    except EdgertError as error:
        told = str(error)  # it may show much of what anybody has written
        told = told if len(told) <= MAX_TOLD else f"{told[:MAX_TOLD]}..."
        raise FormatError(f"metadata {PREPROCESS}: {told}", "PREPROCESS") from None


def _one(name: str, item: Any) -> Input:
    if isinstance(item, (ImageInput, AudioInput)):
        return item
    require(isinstance(name, str), "the name of an input", name, "a string")
    require(isinstance(item, Mapping), name, item, "an ImageInput, an AudioInput or their JSON")
    kind = item.get("type")
    require(isinstance(kind, str) and kind in KINDS, f"{name}: type", kind, f"one of {[*KINDS]}")
    known = [field.name for field in fields(KINDS[kind])]
    unknown = [key for key in item if key not in known and key != "type"]
    if unknown:
        raise InputError(f"{name}: {unknown[0]!r} is not known, but {known}", "ARGUMENT")
    if kind == "audio" and "rate" not in item:
        raise InputError(f"{name}: rate is missing", "ARGUMENT")
    try:
        return KINDS[kind](**{key: value for key, value in item.items() if key != "type"})
    except InputError as error:
        raise InputError(f"{name}: {error}", "ARGUMENT") from None


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    try:
        return math.isfinite(value) and abs(value) <= MAX_NUMBER
    except OverflowError:
        return False


def _members(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        require(key not in found, key, "given twice", "once")
        found[key] = value
    return found


def _no_constant(text: str) -> None:
    raise InputError(f"{text} is no number", "INPUT")
