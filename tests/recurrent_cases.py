"""Cases of rnn, lstm and gru: units and batches at the edges of vectors and tiles, every input that
may be absent, rows that end early, each attribute and some of the functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgert.schema import UnaryFn

Inputs = list["np.ndarray | None"]
SIZES = [(1, 1, 1), (3, 1, 5), (5, 2, 8), (2, 3, 17), (7, 1, 33), (4, 5, 16), (0, 2, 3), (2, 0, 4)]

_SIGMOID, _TANH = {"fn": UnaryFn.sigmoid}, {"fn": UnaryFn.tanh}
_OTHERS: list[dict[str, Any]] = [
    {"fn": UnaryFn.hard_sigmoid, "alpha": 0.25, "beta": 0.5},
    {"fn": UnaryFn.scaled_tanh, "alpha": 0.75, "beta": 0.5},
    {"fn": UnaryFn.softsign},
    {"fn": UnaryFn.thresholded_relu, "alpha": 0.125},
    {"fn": UnaryFn.affine, "alpha": 0.25, "beta": 0.125},
]


def _draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.normal(size=shape) / 2).astype(np.float32)


def _weights(rng: np.random.Generator, rows: int, units: int) -> np.ndarray:
    return (rng.normal(size=(rows * units, units)) / units**0.5).astype(np.float32)


def _lengths(rng: np.random.Generator, steps: int, batch: int) -> np.ndarray:
    return rng.integers(0, steps + 1, batch).astype(np.int32)


def _cases(
    rng: np.random.Generator, gates: int, weights: list[int], states: int, functions: list[str]
) -> Iterator[tuple[dict[str, Any], Inputs, tuple[int, ...]]]:
    """Attributes without those of one operator alone, inputs up to the lengths, and constants."""
    constants = tuple(range(1, 1 + len(weights)))
    for steps, batch, units in SIZES:
        for more in range(8):
            r = [_weights(rng, rows, units) for rows in weights]
            initial = [_draw(rng, batch, units) if more & 1 else None for _ in range(states)]
            lengths = _lengths(rng, steps, batch) if more & 2 else None
            usual = [_SIGMOID, _TANH, _TANH][-len(functions) :]
            if more & 4:
                usual = [_OTHERS[i] for i in rng.permutation(len(_OTHERS))[: len(functions)]]
            attrs = {"reverse": more >> 1 & 1, "clip": 0.5 * (more & 1)}
            attrs.update(zip(functions, usual))
            inputs = [_draw(rng, steps, batch, gates * units), *r, *initial, lengths]
            yield attrs, inputs, constants if more != 5 else ()


def rnn_cases(rng: np.random.Generator) -> Iterator[tuple]:
    """x, R, h0, lengths."""
    yield from _cases(rng, 1, [1], 1, ["hidden"])


def lstm_cases(rng: np.random.Generator) -> Iterator[tuple]:
    """x, R, h0, c0, lengths, peepholes."""
    functions = ["gate", "cell", "hidden"]
    for i, (attrs, inputs, constants) in enumerate(_cases(rng, 4, [4], 2, functions)):
        units = inputs[1].shape[1]
        peephole = [_draw(rng, 3 * units)] if i % 3 == 0 else []
        yield {**attrs, "input_forget": i % 5 % 2}, [*inputs, *peephole], constants


def gru_cases(rng: np.random.Generator) -> Iterator[tuple]:
    """x, R, S, bias, h0, lengths."""
    for i, (attrs, inputs, constants) in enumerate(
        _cases(rng, 3, [2, 1], 1, ["gate", "candidate"])
    ):
        units = inputs[1].shape[1]
        bias = _draw(rng, units) if i % 3 else None
        for linear in (0, 1):
            arrays = [*inputs[:3], bias, *inputs[3:]]
            yield {**attrs, "linear_before_reset": linear}, arrays, constants
