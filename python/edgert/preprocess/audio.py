"""Sounds, of WAV files and in arrays, as tensors."""

from __future__ import annotations

import os
import wave
from typing import Any

import numpy as np

from edgert.errors import EdgertError, InputError, ModelIOError
from edgert.preprocess.describe import AudioInput


def audio_tensor(
    source: Any, description: AudioInput, channels: int, length: int, dtype: np.dtype
) -> np.ndarray:
    """A sound as [channels, length].

    ``source`` is the path of a WAV file of 8, 16, 24 or 32 bits, or an array of int16 or floats,
    [samples] or [samples, channels], which has the rate of the description.
    """
    if isinstance(source, (str, os.PathLike)):
        name = os.fsdecode(source)
        sound = read_wave(name, description.rate)
    else:
        name, sound = "the sound", _array(source)
    if description.mono:
        sound = sound.mean(1, keepdims=True)
    elif sound.shape[1] != channels:
        raise InputError(f"{name} has {sound.shape[1]} channels, expected {channels}", "AUDIO")
    if description.length == "pad_or_trim":
        missing = max(length - len(sound), 0)
        sound = np.pad(sound[:length], ((0, missing), (0, 0)))
    if len(sound) != length:
        raise InputError(
            f"{name} has {len(sound)} samples, the model takes {length}: cut it into pieces, or "
            "let it be padded or cut off by the length pad_or_trim",
            "AUDIO",
        )
    dtype = np.dtype(dtype)
    if dtype == np.int16:
        sound = np.clip(np.rint(sound * 32768), -32768, 32767)
    return np.ascontiguousarray((sound * description.scale).astype(dtype).T)


def read_wave(path: str, rate: int) -> np.ndarray:
    """The samples of a WAV file, float64[samples, channels], of which 1 is the loudest.

    Raises InputError for a file of another rate and for what is no whole WAV file of integers,
    ModelIOError for one that cannot be read.
    """
    try:
        with wave.open(path, "rb") as file:
            channels, width, found, count = file.getparams()[:4]
            if found != rate:
                raise InputError(
                    f"{path} has {found} samples a second, the model takes {rate}: resample it, as "
                    f"by ffmpeg -i IN.wav -ar {rate} OUT.wav",
                    "AUDIO",
                )
            if not 1 <= width <= 4:
                raise InputError(f"{path} has samples of {width} bytes, expected 1 to 4", "AUDIO")
            frame = channels * width
            data = file.readframes(min(count, os.path.getsize(path) // frame + 1))
    except EdgertError:
        raise
    except OSError as error:
        raise ModelIOError(f"{path}: {error.strerror or error}", "IO") from None
    except Exception as error:  # the reader raises anything for a damaged file
        reason = str(error) or type(error).__name__
        raise InputError(
            f"{path} is no WAV file of integers: {reason}; write one, as by ffmpeg -i IN -ar "
            f"{rate} -c:a pcm_s16le OUT.wav",
            "AUDIO",
        ) from None
    if not count or len(data) != count * frame:
        raise InputError(
            f"{path} has {len(data) // frame} samples, of {count} that its header tells", "AUDIO"
        )
    if width == 1:
        samples = np.frombuffer(data, np.uint8).astype(np.float64) - 128
    elif width == 3:
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3)
        padded = np.zeros((len(parts), 4), np.uint8)
        padded[:, 1:] = parts
        samples = padded.view("<i4")[:, 0] / 256.0
    else:
        samples = np.frombuffer(data, f"<i{width}").astype(np.float64)
    return (samples / 2.0 ** (8 * width - 1)).reshape(-1, channels)


def _array(source: Any) -> np.ndarray:
    array = np.asarray(source)
    fine = (
        array.ndim in (1, 2) and array.size and (array.dtype == np.int16 or array.dtype.kind == "f")
    )
    if not fine or not np.isfinite(array).all():
        raise InputError(
            f"{array.dtype}{list(array.shape)} is no sound, expected int16 or finite floats, "
            "[samples] or [samples, channels]",
            "INPUT",
        )
    sound = array.reshape(len(array), -1).astype(np.float64)
    return sound / 32768 if array.dtype == np.int16 else sound
