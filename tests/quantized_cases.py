"""Nodes of the quantised operators without weights: (attributes, inputs, constants)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from qconv_cases import QuantizedCase

from edgert.schema import BinaryFn, DType, UnaryFn


def random_bytes(rng: np.random.Generator, *shape: int, dtype: str = "uint8") -> np.ndarray:
    """All values of the type, its limits often."""
    limits = np.iinfo(dtype)
    x = rng.integers(limits.min - 20, limits.max + 20, shape)
    return np.clip(x, limits.min, limits.max).astype(dtype)


# Outputs whose bits do not depend on the instruction set: none has a smooth activation.
HARD_SWISH = {"fn": UnaryFn.hard_swish}
REQUANTIZED = [
    {"dtype": DType.uint8, "scale": 1.0, "zero": 0, "low": 0, "high": 255},
    {"dtype": DType.uint8, "scale": 1.0, "zero": 128, "low": 128, "high": 250},
    {"dtype": DType.uint8, "scale": 37.0, "zero": 77, "low": 3, "high": 255,
     "activation": HARD_SWISH},
    {"dtype": DType.uint8, "scale": 2.0, "zero": 255, "low": 1, "high": 255,
     "activation": {"fn": UnaryFn.sqrt}},  # NaN of negative sums
    {"dtype": DType.float32, "scale": 0.5},
    {"dtype": DType.float32, "scale": 1.0,
     "activation": {"fn": UnaryFn.clip, "alpha": -1.5, "beta": 9.0}},
]  # fmt: skip


def quantize_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """Ties and their neighbours, what has no byte, both types, zero points added before and after
    rounding.
    """
    corners = np.array([0, -0.0, 1e-45, -1e-40, 1e38, -1e38, np.inf, -np.inf, np.nan], np.float32)
    for dtype, zero in [(DType.uint8, 0), (DType.uint8, 131), (DType.int8, 0), (DType.int8, -128)]:
        for scale in (1.0, 0.1, 0.0173, 1e-30, 3e-40, 1e12):
            with np.errstate(all="ignore"):
                ties = (np.arange(-300, 300, dtype=np.float32) / 2) * np.float32(scale)
            x = np.concatenate([ties, np.nextafter(ties, np.float32(9)), corners])
            yield {"dtype": dtype, "scale": scale, "zero": zero}, [x], []
            yield {"dtype": dtype, "scale": scale, "zero": 0, "shift": zero}, [x], []
            yield {"dtype": dtype, "scale": scale, "zero": zero // 2, "shift": zero // 3}, [x], []
            for shape in [(), (1, 5), (3, 37)]:
                x = (100 * scale * rng.normal(size=shape)).astype(np.float32)
                yield {"dtype": dtype, "scale": scale, "zero": zero}, [x], []
    x = np.concatenate([np.arange(-65600, 65600, 11, dtype=np.float32) / 2, corners])
    for scale in (1.0, 0.1):
        yield {"dtype": DType.int16, "scale": scale, "zero": 0}, [x], []


def dequantize_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """All types, scales of zero and next to it."""
    for shape in [(), (1,), (3, 37), (2, 4, 64)]:
        for scale in (1.0, 0.0173, 0.0, 3e-40):
            attrs = {"dtype": DType.float32, "scale": scale}
            yield {**attrs, "zero": 200}, [random_bytes(rng, *shape)], []
            yield {**attrs, "zero": -128}, [random_bytes(rng, *shape, dtype="int8")], []
            x = rng.integers(-(2**31), 2**31, shape).astype(np.int32)
            yield {**attrs, "zero": 0}, [x], []
            yield {**attrs, "zero": 0}, [random_bytes(rng, *shape, dtype="int16")], []


def lookup_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """Tables that are constants, and that are not."""
    for shape in [(), (5,), (3, 37), (2, 5, 64), (256,)]:
        for dtype in ("uint8", "int8"):
            table = rng.permutation(256).astype(np.uint8)
            yield {}, [random_bytes(rng, *shape, dtype=dtype), table], [1]
            yield {}, [random_bytes(rng, *shape, dtype=dtype), table], []


def qbinary_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """Broadcasts, zero points and outputs, with a shift and shifted."""
    pairs = [((), ()), ((3, 5), (3, 5)), ((2, 4, 33), (33,)), ((2, 5, 7, 16), (2, 1, 1, 16)),
             ((1, 7, 9, 40), (1, 1, 1, 40)), ((2, 5, 7, 24), (2, 5, 7, 1)), ((5, 6), ()),
             ((2, 1, 1, 21), (2, 3, 4, 21)), ((1, 6, 5, 130), (1, 6, 5, 130))]  # fmt: skip
    for fn in (BinaryFn.add, BinaryFn.mul):
        for output in REQUANTIZED:
            for i, (a, b) in enumerate(pairs):
                shifted, shift = ((0, 0.0), (1, -3.7), (1, 100.3))[i % 3]
                inputs = [random_bytes(rng, *a), random_bytes(rng, *b)]
                for a_zero, a_scale, b_zero, b_scale in [
                    (0, 0.4, 0, 0.5),
                    (128, 0.013, 255, 1.1),
                    (3, -0.2, 1, 0.25),
                ]:
                    attrs = {"fn": fn, "shifted": shifted, "a_zero": a_zero, "a_scale": a_scale,
                             "b_zero": b_zero, "b_scale": b_scale, "shift": shift,
                             "output": output}  # fmt: skip
                    yield attrs, inputs, []


def qaverage_pool_cases(
    rng: np.random.Generator, pools: Iterable[tuple[dict[str, Any], tuple[int, ...]]]
) -> Iterator[QuantizedCase]:
    """Pool records with shapes of images to use them on, and windows of whole images."""
    for i, (attrs, shape) in enumerate(pools):
        yield _averaged(attrs, random_bytes(rng, *shape), REQUANTIZED[i % 6])
    for size, channels in [(7, 96), (14, 33), (40, 5), (56, 72)]:
        attrs = {"kernel": (size, size), "strides": (1, 1), "dilations": (1, 1)}
        for x in (
            random_bytes(rng, 1, size, size, channels),
            np.full((1, size, size, channels), 255, "u1"),
        ):
            yield _averaged(attrs, x, REQUANTIZED[0])
            yield _averaged(attrs, x, REQUANTIZED[4])


def _averaged(pool: dict[str, Any], x: np.ndarray, output: dict[str, Any]) -> QuantizedCase:
    return {"pool": pool, "x_zero": 19, "x_scale": 0.9, "output": output}, [x], []


def exponentials(scale: float) -> np.ndarray:
    """The table of a softmax of bytes with this scale."""
    return np.rint(2.0**23 * np.exp(scale * np.arange(-255.0, 1))).astype(np.int32)


def qsoftmax_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """Rows around the width of vectors and the block of 256, and scales that make results clamp."""
    tables = [exponentials(0.05), exponentials(1.5), np.full(256, 2**23, np.int32)]
    for shape in [(1,), (3, 5), (2, 3, 40), (9, 197), (3, 256), (2, 257), (2, 1000), (5, 0)]:
        for table in tables:
            for scale, zero in [(1 / 255, 0), (1 / 4000, 131), (0.3, 255), (3e-40, 1)]:
                attrs = {"dtype": DType.uint8, "scale": scale, "zero": zero}
                yield attrs, [random_bytes(rng, *shape), table], [1]
    x = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None], (256, 70)).copy()
    yield {"dtype": DType.uint8, "scale": 1e-3, "zero": 0}, [x, tables[0]], [1]


def qlayer_norm_cases(rng: np.random.Generator) -> Iterator[QuantizedCase]:
    """Rows around the width of vectors, without variance, and results that no byte has."""
    for shape in [(1,), (3, 5), (2, 40, 120), (9, 33), (2, 3, 768), (2, 32768), (5, 0)]:
        scale, shift = (40 * rng.normal(size=(2, shape[-1]))).astype(np.float32)
        for epsilon, zero in [(0.025, 120), (0.0, 0), (1e30, 255)]:
            attrs = {"epsilon": epsilon, "zero": zero}
            for low, high in [(0, 256), (99, 102), (7, 8)]:
                x = rng.integers(low, high, shape).astype(np.uint8)
                yield attrs, [x, scale, shift], [1, 2]
    x = random_bytes(rng, 4, 35)
    wild = np.resize(np.array([np.nan, np.inf, -np.inf, 3e38, 0], np.float32), 35)
    yield {"epsilon": 1.0, "zero": 9}, [x, wild, wild[::-1].copy()], []
