"""Random nodes of dynamic_conv and dynamic_gemm: (attributes, inputs, indices of the constants)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from qconv_cases import QuantizedCase

from edgert.schema import UnaryFn

CONSTANTS = [1, 2]
ACTIVATIONS: list[dict[str, Any]] = [
    {},
    {"fn": UnaryFn.relu},
    {"fn": UnaryFn.hard_swish},
    {"fn": UnaryFn.clip, "alpha": -1.0, "beta": 2.0},
]


def dynamic_gemm_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """Ranks, rows, depths beyond what one piece of a range holds, and rows that are no numbers."""
    shapes = [(1, 1), (5,), (7, 33), (2, 9, 64), (2, 3, 5, 130), (1, 4099), (3, 8192), (1, 9001),
              (70, 4100), (0, 8), (40, 256), (601, 48)]  # fmt: skip
    for i, shape in enumerate(shapes):
        for outputs in (1, 16, 37):
            x = _spread(rng, shape)
            inputs = _operands(rng, x, (outputs, shape[-1]), (*shape[:-1], outputs), i + outputs)
            yield {"activation": ACTIVATIONS[(i + outputs) % 4]}, inputs, CONSTANTS
    x = _spread(rng, (14, 40))
    for row, values in enumerate(_special(40)):
        x[row] = values
    for activation in ACTIVATIONS:
        inputs = _operands(rng, x, (19, 40), (14, 19), 0)
        yield {"activation": activation}, inputs, CONSTANTS
    w = rng.integers(-128, 128, (5, 0)).astype(np.int8)  # no depth: nothing but the bias
    inputs = [np.zeros((3, 0), np.float32), w, *_operands(rng, x, (5, 1), (3, 5), 0)[2:]]
    yield {}, inputs, CONSTANTS


def block_gemm_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """Weights of 8, 4 and 2 bits, blocks that end with the depth or not, with and without zeros."""
    shapes = [(16,), (1, 64), (3, 80), (2, 3, 208), (0, 32), (70, 48), (2, 4096), (1, 1040)]
    for i, shape in enumerate(shapes):
        for bits in (8, 4, 2):
            depth, outputs = shape[-1], (1, 16, 37, 200)[(i + bits) % 4]
            block = (16, 32, 64, 256)[i % 4]
            x = _spread(rng, shape)
            yield _blocks(rng, x, outputs, depth, block, bits, i + bits)
    special = np.stack(_special(96))
    for bits in (8, 4, 2):
        yield _blocks(rng, special, 19, 96, 32, bits, bits)


def _blocks(
    rng: np.random.Generator,
    x: np.ndarray,
    outputs: int,
    depth: int,
    block: int,
    bits: int,
    seed: int,
) -> QuantizedCase:
    blocks = -(-depth // block)
    w = rng.integers(0, 2**bits, (outputs, depth)).astype(np.uint8)
    scales = rng.uniform(-1e-2, 1e-2, (blocks, outputs)).astype(np.float32)
    zeros = rng.integers(0, 256, (blocks, outputs)).astype(np.uint8) if seed % 2 else None
    inputs = [x, w, scales, zeros]
    if seed % 3:
        inputs.append(rng.normal(size=outputs).astype(np.float32))
    attrs = {"block": block, "zero": 2 ** (bits - 1), "activation": ACTIVATIONS[seed % 4]}
    constants = [1, 2, 3] if seed % 4 == 1 else [1, 2]
    return attrs, inputs, constants


def dynamic_conv_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """Kernels, strides, dilations, pads, groups, batches and images that are no numbers."""
    for seed in range(48):
        groups = int(rng.choice([1, 1, 1, 2, 3]))
        channels, outputs = (int(n) for n in rng.integers(1, 40, 2))
        if seed % 6 == 5:  # depthwise
            groups, channels, outputs = int(rng.integers(2, 50)), 1, 1
        batch, height, width = (int(n) for n in rng.integers((1, 6, 6), (4, 30, 30)))
        kernel = rng.integers(1, 4, 2).tolist()
        if seed % 6 == 4:
            kernel = [1, 1]
        attrs = {
            "strides": rng.integers(1, 3, 2).tolist(),
            "dilations": [1, 1] if seed % 2 else rng.integers(1, 3, 2).tolist(),
            "pads": [0] * 4 if seed % 6 == 4 else rng.integers(0, 3, 4).tolist(),
            "groups": groups,
            "activation": ACTIVATIONS[seed % 4],
        }
        image = [
            (size + sum(attrs["pads"][i::2]) - (kernel[i] - 1) * attrs["dilations"][i] - 1)
            // attrs["strides"][i]
            + 1
            for i, size in enumerate((height, width))
        ]
        x = _spread(rng, (batch, height, width, groups * channels))
        if seed % 8 == 7:
            special = _special(x[0].size)
            x[0] = special[seed // 8 % len(special)].reshape(x[0].shape)
        w = (groups * outputs, *kernel, channels)
        yield attrs, _operands(rng, x, w, (batch, *image, groups * outputs), seed), CONSTANTS


def _spread(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Sets of very different ranges, some of one sign only."""
    x = rng.normal(size=shape) * np.exp2(rng.integers(-9, 9, (*shape[:1], *[1] * (len(shape) - 1))))
    return (np.abs(x) if rng.integers(3) == 0 else x).astype(np.float32)


def _special(n: int) -> list[np.ndarray]:
    """Sets without a range, at the ends of float32, and with what is not finite."""
    ramp = np.linspace(-1, 1, n, dtype=np.float32)
    sets = [ramp * 0, ramp * np.float32(1e-44), ramp * np.float32(2e-37), ramp * np.float32(1.6e38),
            ramp * np.float32(3e38), np.abs(ramp) * np.float32(3.4e38), np.full(n, 0.7),
            np.full(n, -0.7)]  # fmt: skip
    for value in (np.nan, np.inf, -np.inf):
        for at in (0, n - 1):
            sets.append(ramp.copy())
            sets[-1][at] = value
    return [np.asarray(s, np.float32) for s in sets]


def _operands(
    rng: np.random.Generator,
    x: np.ndarray,
    w: tuple[int, ...],
    y: tuple[int, ...],
    seed: int,
) -> list[np.ndarray | None]:
    """Weights whose products fit 16 bits in fours, twos or not; a bias or a residual, or both."""
    limit = (32, 64, 128)[seed % 3]
    weights = rng.integers(-limit, min(limit, 127) + 1, w).astype(np.int8)
    multiplier = rng.uniform(-1e-3, 1e-2, w[0]).astype(np.float32)
    inputs: list[np.ndarray | None] = [x, weights, multiplier]
    if seed % 4:
        inputs.append(rng.normal(size=w[0]).astype(np.float32) if seed % 4 > 1 else None)
        if seed % 2:
            inputs.append(rng.normal(size=y).astype(np.float32))
    return inputs
