"""Writes a sentence as speech, as the examples about speech need some: speech.py OUT.wav TEXT...

Each text is said after a pause of a second. Needs numpy and `pip install espeakng-loader`, which
brings the synthesiser eSpeak NG.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import wave

import numpy as np

RATE = 16000
PAUSE = 1.0  # seconds
SYNCHRONOUS, UTF8 = 2, 1  # of eSpeak's speak_lib.h
SHORTS = ctypes.POINTER(ctypes.c_short)
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, SHORTS, ctypes.c_int, ctypes.c_void_p)


CHUNKS: list[np.ndarray] = []  # of what is being said


@CALLBACK
def take(samples: ctypes.Array, count: int, _: int) -> int:
    """Keeps what the synthesiser has ready."""
    if samples and count:
        CHUNKS.append(np.ctypeslib.as_array(samples, (count,)).copy())
    return 0


@functools.cache
def synthesiser() -> tuple[ctypes.CDLL, int]:
    """The library, which must be initialised once, and the rate of its samples."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    folder = espeakng_loader.get_data_path().encode()
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, folder, 0)
    library.espeak_SetSynthCallback(take)
    return library, rate


def say(text: str, voice: str = "en") -> np.ndarray:
    """A sentence as float64[samples] at 16 kHz, the loudest of which is 0.5."""
    library, rate = synthesiser()
    CHUNKS.clear()
    library.espeak_SetVoiceByName(voice.encode())
    data = text.encode()
    library.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 0, 0, UTF8, None, None)
    if not any(chunk.any() for chunk in CHUNKS):
        sys.exit(f"{voice} cannot say {text!r}")
    sound = np.concatenate(CHUNKS).astype(np.float64)
    # To another rate: the same spectrum, as far as it reaches.
    count = len(sound) * RATE // rate
    sound = np.fft.irfft(np.fft.rfft(sound)[: count // 2 + 1], count)
    return sound * (0.5 / np.abs(sound).max())


def write(path: str, sound: np.ndarray) -> None:
    """Writes float[samples], -1 to 1, as a WAV file of 16 bits."""
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.rint(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    pause = np.zeros(int(PAUSE * RATE))
    parts = [part for text in sys.argv[2:] for part in (pause, say(text))]
    write(sys.argv[1], np.concatenate([*parts, pause]))
