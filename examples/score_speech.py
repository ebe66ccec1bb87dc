"""Scores how good speech sounds, 1 to 5, as listeners would: score_speech.py [IN.wav ...]

The model is DNSMOS P.835 (pip install --no-deps speechmos): the speech, the background and both.
Without recordings, of 16 kHz, a sentence is made (pip install espeakng-loader) and scored with more
and more noise, by which the background becomes worse.
"""

from __future__ import annotations

import sys

import numpy as np
import speech
from models import Timed, float_and_int8, package_file

from edgert.preprocess import AudioInput
from edgert.preprocess.audio import read_wave

# From what the network says to the scale of listeners, as the authors fitted it.
CURVES = {
    "speech": (-0.08397278, 1.22083953, 0.0052439),
    "background": (-0.13166888, 1.60915514, -0.39604546),
    "overall": (-0.06766283, 1.11546468, 0.04602535),
}
NOISES = 0.0, 0.003, 0.03  # of a sound whose loudest sample is 0.5


def windows(sound: np.ndarray, model: Timed) -> list[np.ndarray]:
    """The model's inputs: windows of nine seconds, one a second; a shorter sound is repeated."""
    (info,) = model.model.inputs
    length = info.shape[-1]
    sound = np.resize(sound, max(length, len(sound)))
    starts = range(0, len(sound) - length + 1, speech.RATE)
    return [model.model.prepare(sound[start : start + length]) for start in starts]


def scores(model: Timed, sound: np.ndarray) -> dict[str, float]:
    """The three scores of a sound, means of its windows."""
    raw = np.mean([model(window)[0] for window in windows(sound, model)], 0)
    return {name: np.polyval(curve, value) for (name, curve), value in zip(CURVES.items(), raw)}


def noisy(text: str, seed: int = 0) -> dict[str, np.ndarray]:
    """A sentence with less and more noise."""
    sound, rng = speech.say(text), np.random.default_rng(seed)
    return {f"noise {level}": sound + level * rng.normal(size=len(sound)) for level in NOISES}


def main(*paths: str) -> None:
    """Prints the scores by both models, their time, and how far int8 is from float."""
    onnx = package_file("speechmos", "dnsmos_models/sig_bak_ovr.onnx",
                        "pip install --no-deps speechmos")  # fmt: skip
    texts = ("Good morning. The train leaves at nine.", "What a beautiful day it is!",
             "Two tickets to the museum.", "It rains since yesterday.")  # fmt: skip
    models = float_and_int8(
        onnx,
        lambda model: [
            window
            for seed, text in enumerate(texts)
            for sound in noisy(text, seed).values()
            for window in windows(sound, Timed(model))
        ],
        preprocess=AudioInput(speech.RATE),
    )
    sounds = {path: read_wave(path, speech.RATE).mean(1) for path in paths}
    sounds = sounds or noisy("Please turn on the light in the hall.", 9)
    found = {name: {} for name in models}
    for name, model in models.items():
        timed = Timed(model)
        for sound, samples in sounds.items():
            found[name][sound] = scores(timed, samples)
            told = ", ".join(f"{k} {v:.2f}" for k, v in found[name][sound].items())
            print(f"{name}: {sound}: {told}")
        print(f"{name}: {timed} of nine seconds of sound")
    distance = [abs(found["float"][sound][k] - found["int8"][sound][k])
                for sound in sounds for k in CURVES]  # fmt: skip
    print(f"int8 differs by {np.mean(distance):.2f} on average, {np.max(distance):.2f} at most")


if __name__ == "__main__":
    main(*sys.argv[1:])
