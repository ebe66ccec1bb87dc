"""Random nodes of the products of bytes: (attributes, inputs, indices of the constants)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgert.schema import DType, UnaryFn

QuantizedCase = tuple[dict[str, Any], list[np.ndarray], list[int]]
CONSTANTS = [1, 2, 3]


def qconv_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """Kernels, strides, dilations, pads, groups and channel counts."""
    for seed in range(60):
        groups = int(rng.choice([1, 1, 1, 2, 3]))
        channels, outputs = (int(n) for n in rng.integers(1, 40, 2))
        if seed % 4 == 3:  # depthwise
            groups, channels, outputs = int(rng.integers(2, 80)), 1, 1
        height, width = (int(n) for n in rng.integers(6, 20, 2))
        kernel = [5, 5] if seed % 8 == 7 else rng.integers(1, 4, 2).tolist()
        attrs = {
            "strides": rng.integers(1, 3, 2).tolist(),
            "dilations": [1, 1] if seed % 2 else rng.integers(1, 3, 2).tolist(),
            "pads": rng.integers(0, 3, 4).tolist(),
            "groups": groups,
            "x_zero": int(rng.integers(256)),
            "residual_zero": 33,
            "residual_scale": 0.3,
            "output": _output(rng),
        }
        dilated = [(k - 1) * d + 1 for k, d in zip(kernel, attrs["dilations"])]
        pads, strides = attrs["pads"], attrs["strides"]
        image = [
            (size + before + after - extent) // stride + 1
            for size, before, after, extent, stride in zip(
                (height, width), pads[:2], pads[2:], dilated, strides
            )
        ]
        batch = int(rng.integers(1, 3))
        x = (batch, height, width, groups * channels)
        inputs = _operands(rng, x, (groups * outputs, *kernel, channels))
        if seed % 3 == 0:
            inputs.append(_bytes(rng, (batch, *image, groups * outputs)))
        yield attrs, inputs, CONSTANTS
    yield from _winograd_cases(rng)


def _winograd_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """3x3 convolutions of stride 1, large enough for Winograd's method."""
    sizes = [(1, 9, 8, 48, 50), (2, 14, 17, 53, 49), (1, 8, 31, 64, 64), (1, 11, 16, 130, 48)]
    for seed, (batch, height, width, channels, outputs) in enumerate(sizes * 2):
        pads = [1, 1, 1, 1] if seed < len(sizes) else rng.integers(0, 3, 4).tolist()
        attrs = {
            "strides": [1, 1],
            "dilations": [1, 1],
            "pads": pads,
            "groups": 1,
            "x_zero": int(rng.choice([0, 127, 255])),
            "residual_zero": 33,
            "residual_scale": 0.3,
            "output": _output(rng),
        }
        inputs = _operands(rng, (batch, height, width, channels), (outputs, 3, 3, channels))
        if seed % 2 == 0:
            image = (height + pads[0] + pads[2] - 2, width + pads[1] + pads[3] - 2)
            inputs.append(_bytes(rng, (batch, *image, outputs)))
        yield attrs, inputs, CONSTANTS


def qgemm_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """Rows, depths and outputs."""
    for seed in range(30):
        rows, depth, outputs = (int(rng.integers(1, most)) for most in (40, 300, 70))
        attrs = {"residual_zero": 7, "residual_scale": 0.2, "output": _output(rng)}
        inputs = _operands(rng, (2, rows, depth), (outputs, depth))
        if seed % 3 == 0:
            inputs.append(_bytes(rng, (2, rows, outputs)))
        yield attrs, inputs, CONSTANTS


def qconv_transpose_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """Kernels as large as the strides and larger, pads that cut into the image and beyond it."""
    windows = [
        # kernel, strides, dilations, pads, output_padding
        ([1, 1], [1, 1], [1, 1], [0, 0, 0, 0], [0, 0]),
        ([2, 2], [2, 2], [1, 1], [0, 0, 0, 0], [0, 0]),
        ([2, 2], [2, 2], [1, 1], [1, 1, 1, 1], [0, 0]),
        ([2, 2], [2, 2], [1, 1], [3, 4, 0, 1], [1, 1]),
        ([3, 3], [2, 2], [1, 1], [1, 1, 1, 1], [1, 1]),
        ([3, 3], [2, 2], [1, 1], [0, 0, 1, 1], [0, 0]),
        ([4, 4], [2, 2], [1, 1], [1, 1, 1, 1], [0, 0]),
        ([4, 4], [2, 2], [1, 1], [0, 0, 0, 0], [0, 0]),
        ([5, 3], [3, 1], [2, 2], [2, 0, 1, 3], [1, 1]),
        ([3, 4], [1, 3], [1, 2], [0, 5, 0, 2], [0, 2]),
        ([1, 16], [1, 8], [1, 1], [0, 4, 0, 4], [0, 0]),
        ([3, 5], [3, 5], [1, 3], [0, 0, 0, 0], [2, 4]),
        ([2, 2], [1, 1], [7, 9], [4, 3, 6, 5], [0, 0]),
    ]
    for seed in range(4 * len(windows)):
        kernel, strides, dilations, pads, added = windows[seed % len(windows)]
        channels, outputs = (int(rng.choice([1, 3, 4, 8, 17, 24, 33, 48])) for _ in range(2))
        height, width = (int(n) for n in rng.integers(2, 14, 2))
        x = (int(rng.integers(1, 3)), 1 if kernel[0] == 1 else height, width, channels)
        attrs = {
            "strides": strides,
            "dilations": dilations,
            "pads": pads,
            "output_padding": added,
            "x_zero": int(rng.integers(256)),
            "output": _output(rng),
        }
        if seed % 7 == 0:
            attrs["output"] = {"dtype": DType.int16, "scale": 40, "low": -30000, "high": 32767}
        yield attrs, _operands(rng, x, (outputs, *kernel, channels)), CONSTANTS


def _output(rng: np.random.Generator) -> dict[str, Any]:
    """A Requantize record: u8 or f32, with and without an activation."""
    output: dict[str, Any] = {"dtype": DType.uint8, "scale": 1, "zero": 100, "low": 3, "high": 240}
    if rng.integers(4) == 0:
        output = {"dtype": DType.float32, "scale": 1}
    if rng.integers(3) == 0:
        output.update(activation={"fn": UnaryFn.hard_swish}, scale=0.7)
    return output


def _bytes(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(0, 256, shape).astype(np.uint8)


def _operands(rng: np.random.Generator, x: tuple[int, ...], w: tuple[int, ...]) -> list[np.ndarray]:
    """Activations, weights, bias and multipliers; products of 4, 2 or 1 weights fit 16 bits."""
    limit = int(rng.choice([32, 64, 127]))
    weights = rng.integers(-limit, limit + 1, w).astype(np.int8)
    bias = rng.integers(-10000, 10001, w[0]).astype(np.int32)
    multiplier = (rng.random(w[0]) * 1e-2).astype(np.float32)
    return [_bytes(rng, x), weights, bias, multiplier]
