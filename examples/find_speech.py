"""Finds speech in a recording, chunk by chunk as a microphone gives them: find_speech.py [IN.wav]

The model is Silero VAD (pip install --no-deps silero-vad). Without a recording, of 16 kHz,
sentences are made (pip install espeakng-loader), and what is found is compared with where they lie.
"""

from __future__ import annotations

import sys

import numpy as np
import speech
from models import Timed, float_and_int8, package_file

from edgert.preprocess.audio import read_wave

RATE = speech.RATE
CHUNK, CONTEXT = 512, 64  # samples; each chunk is seen with the end of the one before it
THRESHOLD, SHORTEST, LONGEST_GAP = 0.5, 0.2, 0.3  # of probabilities; seconds


def chunks(sound: np.ndarray) -> list[np.ndarray]:
    """The model's inputs, float32[1, 576]."""
    padded = np.concatenate([np.zeros(CONTEXT), sound]).astype(np.float32)
    places = range(0, len(sound) - CHUNK + 1, CHUNK)
    return [padded[None, place : place + CONTEXT + CHUNK] for place in places]


def listen(model: Timed, sound: np.ndarray) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:
    """How likely each chunk is speech, and what the model was given: the chunk and its state."""
    state = np.zeros((2, 1, 128), np.float32)
    likely, given = [], []
    for chunk in chunks(sound):
        given.append({"input": chunk, "state": state})
        output, state = model(chunk, state)
        likely.append(output.item())
    return np.array(likely), given


def spans(likely: np.ndarray) -> list[tuple[float, float]]:
    """From when to when there is speech, in seconds."""
    found: list[list[float]] = []
    for i in np.flatnonzero(likely > THRESHOLD):
        begin, end = i * CHUNK / RATE, (i + 1) * CHUNK / RATE
        if found and begin - found[-1][1] <= LONGEST_GAP:
            found[-1][1] = end
        else:
            found.append([begin, end])
    return [(begin, end) for begin, end in found if end - begin >= SHORTEST]


def recording(*texts: str) -> tuple[np.ndarray, np.ndarray]:
    """Sentences with pauses in a noisy room, and which chunks are speech."""
    parts = [part for text in texts for part in (np.zeros(RATE), speech.say(text))]
    sound = np.concatenate([*parts, np.zeros(RATE)])
    loud = np.concatenate([np.full(len(p), i % 2) for i, p in enumerate([*parts, np.zeros(RATE)])])
    noise = np.random.default_rng(0).normal(size=len(sound)) * 0.003
    count = len(sound) // CHUNK
    return sound + noise, loud[: count * CHUNK].reshape(count, CHUNK).mean(1) > 0.5


def main(path: str | None = None) -> None:
    """Prints the spans that both models find, their time, and how often they are right."""
    onnx = package_file("silero_vad", "data/silero_vad_16k_op15.onnx",
                        "pip install --no-deps silero-vad")  # fmt: skip
    if path is None:
        sound, truth = recording("Is anybody at the door?", "Please turn on the light in the hall.")
    else:
        sound, truth = read_wave(path, RATE).mean(1), None
    models = float_and_int8(
        onnx,
        lambda model: listen(Timed(model), recording("Good morning. The train leaves at nine.",
                                                     "What a beautiful day it is!")[0])[1],
        input_shapes={"input": (1, CONTEXT + CHUNK), "state": (2, 1, 128)},
        input_values={"sr": RATE},
    )  # fmt: skip
    for name, model in models.items():
        timed = Timed(model)
        likely, _ = listen(timed, sound)
        text = ", ".join(f"{begin:.1f} to {end:.1f} s" for begin, end in spans(likely))
        print(
            f"{name}: speech {text or 'nowhere'}; {timed} of {1e3 * CHUNK / RATE:.0f} ms of sound"
        )
        if truth is not None:
            right = np.mean((likely > THRESHOLD) == truth)
            print(f"{name}: {right:.1%} of {len(truth)} chunks are right")


if __name__ == "__main__":
    main(*sys.argv[1:])
