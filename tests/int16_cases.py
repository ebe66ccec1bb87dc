"""Cases of the quantised operators on bytes, turned into ones on integers of 16 bits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from qconv_cases import QuantizedCase

from edgert.schema import DType

_ZEROS = "x_zero", "a_zero", "b_zero", "residual_zero"


def int16_cases(
    rng: np.random.Generator, cases: Iterable[QuantizedCase]
) -> Iterator[QuantizedCase]:
    """Both the cases themselves and their forms on int16."""
    for i, case in enumerate(cases):
        yield case
        yield _int16(rng, *case, i)


def int16_output_cases(cases: Iterable[QuantizedCase]) -> Iterator[QuantizedCase]:
    """Of products of bytes, the cases with a residual, which write and read int16."""
    for attrs, inputs, constants in cases:
        if len(inputs) > 4:
            residual = inputs[4].astype(np.int16) * 100 - 9000
            output = _int16_output(attrs["output"], 7)
            yield ({**attrs, "residual_zero": 0, "output": output}, [*inputs[:4], residual],
                   constants)  # fmt: skip


def _int16(
    rng: np.random.Generator, attrs: dict[str, Any], inputs: list, constants: list[int], i: int
) -> QuantizedCase:
    attrs = {**attrs, **{name: 0 for name in _ZEROS if name in attrs}}
    attrs.pop("shifted", None)
    attrs.pop("shift", None)
    if i % 5:
        attrs["output"] = _int16_output(attrs["output"], i)
    arrays = []
    for place, array in enumerate(inputs):
        if array.dtype == np.uint8:
            array = _words(rng, array.shape, 32768)
        elif array.dtype == np.int8 and i % 3:
            array = _words(rng, array.shape, (100, 4095, 32767)[i // 3 % 3], -1)
        elif place == 3:  # multipliers
            array = array / np.float32(rng.choice([1, 500]))
        elif place == 2 and i % 7 == 0:  # biases
            array = np.where(array % 2, -(2**31), 2**31 - 1).astype(np.int32)
        arrays.append(array)
    return attrs, arrays, constants


def _words(
    rng: np.random.Generator, shape: tuple[int, ...], largest: int, highest: int = 0
) -> np.ndarray:
    """Values of -largest and more, the extremes often."""
    low, high = -largest, largest - 1 - highest
    return np.clip(rng.integers(low * 2, high * 2, shape), low, min(high, 32767)).astype(np.int16)


def _int16_output(output: dict[str, Any], i: int) -> dict[str, Any]:
    if output["dtype"] != DType.uint8:
        return output
    low, high = ((-32768, 32767), (-20000, 111), (0, 32767))[i % 3]
    return {**output, "dtype": DType.int16, "zero": 0, "low": low, "high": high,
            "scale": output["scale"] * 50}  # fmt: skip
