"""The one way from an image or a sound to the tensor of an input."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgert.errors import InputError
from edgert.preprocess.audio import audio_tensor
from edgert.preprocess.describe import AudioInput, ImageInput, Input
from edgert.preprocess.image import image_tensor


def prepare(
    source: Any, description: Input | None, name: str, shape: Sequence[int], dtype: np.dtype
) -> np.ndarray:
    """The tensor of the input ``name`` for one image or sound; of a batch it is one sample.

    Without a description an image is taken as ``ImageInput()`` says. Raises InputError for a source
    that does not suit, ModelIOError for a file that cannot be read, and UnsupportedError if
    Pillow is needed and absent.
    """
    if description is None:
        if is_sound(source):
            raise InputError(
                f"{os.fsdecode(source)}: nothing says how '{name}' is made from a sound: state its "
                "rate, as --rate 16000 or AudioInput(16000)",
                "INPUT",
            )
        description = ImageInput()
    if isinstance(description, AudioInput):
        channels, length = description.axes(name, shape, dtype)
        tensor = audio_tensor(source, description, channels, length, dtype)
    else:
        axes = description.axes(name, shape, dtype)
        tensor = image_tensor(source, description, axes, dtype)
    return tensor.reshape((1, *shape[1:]) if len(shape) == 4 else shape)


def is_sound(source: Any) -> bool:
    """Whether this is the path of a file of sound, by its name."""
    is_path = isinstance(source, (str, os.PathLike))
    return is_path and Path(os.fsdecode(source)).suffix.lower() == ".wav"


def is_pixels(
    source: Any, description: Input | None, shape: Sequence[int], dtype: np.dtype
) -> bool:
    """Whether this is an image of Pillow, or an array of pixels that is no tensor yet."""
    if type(source).__module__.startswith("PIL."):
        return True
    is_array = isinstance(source, np.ndarray) and source.dtype == np.uint8
    if not isinstance(description, ImageInput) or not is_array:
        return False
    return np.dtype(dtype) != np.uint8 or source.shape not in (tuple(shape), tuple(shape[1:]))
