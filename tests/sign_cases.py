"""Nodes of signs, bconv and bgemm: (attributes, inputs, indices of the constants)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from dynamic_cases import ACTIVATIONS
from qconv_cases import QuantizedCase

from edgert.interp.signs import pack_bits

CONSTANTS = [1]


def signs_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """Channels around whole bytes, all four meanings of zeros and NaN, and nothing at all."""
    shapes = [(1,), (7,), (8,), (3, 9), (2, 3, 5, 16), (1, 4, 4, 33), (0, 8), (5, 0), (40, 2049)]
    for i, shape in enumerate(shapes):
        for zero, nan in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            special = np.array([0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-45, 1, -1], np.float32)
            x = rng.choice(special, shape)
            yield {"zero": zero, "nan": nan}, [x if i % 2 else np.abs(x) * x], []


def random_bits(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Bits of random signs: the last axis of ``shape`` counts channels."""
    return pack_bits(rng.integers(0, 2, shape).astype(bool))


def bgemm_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """Ranks, rows, and depths around bytes, around what a byte counts, and the longest."""
    shapes = [(1, 1), (5,), (7, 33), (2, 9, 64), (2, 3, 5, 248), (3, 249), (4, 256), (1, 4099),
              (9, 2048), (0, 8), (2, 32766)]  # fmt: skip
    for i, shape in enumerate(shapes):
        for outputs in (1, 8, 16, 37, 130):
            inputs = [random_bits(rng, *shape), random_bits(rng, outputs, shape[-1])]
            end = _end(rng, (*shape[:-1], outputs), shape[-1], i + outputs)
            yield {"channels": shape[-1], **end[0]}, [*inputs, *end[1]], CONSTANTS
    beyond = rng.integers(0, 256, (4, 3)).astype(np.uint8)  # bits that no channel has
    for seed in range(4):
        end = _end(rng, (4, 20), 18, seed)
        yield {"channels": 18, **end[0]}, [beyond, random_bits(rng, 20, 18), *end[1]], CONSTANTS


def bconv_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """Kernels, strides, dilations, groups, pads of zeros and of ones, and batches."""
    for seed in range(64):
        groups = int(rng.choice([1, 1, 1, 2, 3]))
        channels, outputs = (int(n) for n in rng.integers(1, 70, 2))
        if groups > 1:
            channels, outputs = 8 * (channels % 4 + 1), 16 * (outputs % 5 + 1)
        batch, height, width = (int(n) for n in rng.integers((1, 6, 6), (3, 20, 20)))
        kernel = [1, 1] if seed % 6 == 4 else rng.integers(1, 5, 2).tolist()
        attrs = {
            "strides": rng.integers(1, 3, 2).tolist(),
            "dilations": [1, 1] if seed % 2 else rng.integers(1, 3, 2).tolist(),
            "pads": [0] * 4 if seed % 6 == 4 else rng.integers(0, 4, 4).tolist(),
            "groups": groups,
            "channels": groups * channels,
            "pad": seed // 2 % 2,
        }
        image = [
            (size + sum(attrs["pads"][i::2]) - (kernel[i] - 1) * attrs["dilations"][i] - 1)
            // attrs["strides"][i]
            + 1
            for i, size in enumerate((height, width))
        ]
        if min(image) < 1:
            continue
        x = random_bits(rng, batch, height, width, groups * channels)
        if seed % 8 == 7:  # bits that no channel has
            x = rng.integers(0, 256, x.shape).astype(np.uint8)
        w = random_bits(rng, groups * outputs, *kernel, channels)
        depth = kernel[0] * kernel[1] * channels
        more, end = _end(rng, (batch, *image, groups * outputs), depth, seed)
        yield {**attrs, **more}, [x, w, *end], CONSTANTS


def _end(
    rng: np.random.Generator, shape: tuple[int, ...], depth: int, seed: int
) -> tuple[dict[str, Any], list[np.ndarray | None]]:
    """Thresholds around the sums, and for none and all of them; or floats, some with residuals."""
    if seed % 3 == 0:
        thresholds = rng.integers(-int(depth**0.5) - 1, int(depth**0.5) + 2, shape[-1])
        thresholds[::5] = rng.choice([-32768, 32767, -depth, depth + 1], thresholds[::5].shape)
        return {}, [thresholds.astype(np.int16)]
    inputs: list[np.ndarray | None] = [rng.normal(size=shape[-1]).astype(np.float32)]
    if seed % 4:
        inputs.append(rng.normal(size=shape[-1]).astype(np.float32) if seed % 4 > 1 else None)
        if seed % 2:
            inputs.append(rng.normal(size=shape).astype(np.float32))
    return {"activation": ACTIVATIONS[seed % 4]}, inputs
