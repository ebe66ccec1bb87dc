"""The recurrent operators in numpy: in float64, rounded once, at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgert.errors import InputError
from edgert.interp.plain import Inputs, Operator, activate

# The states behind a step, the first of which goes to y, from x[t] [B,..] and the states before it.
_Cell = Callable[[np.ndarray, Sequence[np.ndarray]], Sequence[np.ndarray]]


def _f64(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float64)


def _limited(attrs: np.void, x: np.ndarray, function: str) -> np.ndarray:
    """A function of the record, behind its clip."""
    clip = float(attrs["clip"])
    return activate(np.clip(x, -clip, clip) if clip > 0 else x, attrs[function])


def _walk(
    attrs: np.void,
    x: np.ndarray,
    initial: Sequence[np.ndarray | None],
    lengths: np.ndarray | None,
    units: int,
    cell: _Cell,
) -> tuple[np.ndarray, ...]:
    """y and the last states. Rows behind their length keep their states."""
    steps, batch = x.shape[:2]
    lengths = np.full(batch, steps) if lengths is None else lengths
    if np.any((lengths < 0) | (lengths > steps)):
        raise InputError(f"a length is outside of [0, {steps}]", "INDEX")
    y = np.zeros((steps, batch, units))
    states = [np.zeros((batch, units)) if s is None else _f64(s) for s in initial]
    states = [np.where(lengths[:, None] > 0, state, 0) for state in states]
    for t in range(steps)[:: -1 if attrs["reverse"] else 1]:
        runs = (t < lengths)[:, None]
        new = cell(_f64(x[t]), states)
        y[t] = np.where(runs, new[0], 0)
        states = [np.where(runs, after, before) for after, before in zip(new, states)]
    return tuple(result.astype(np.float32) for result in (y, *states))


def _inputs(inputs: Inputs, count: int) -> list[np.ndarray | None]:
    return [*inputs, *[None] * (count - len(inputs))]


def _rnn(attrs: np.void, inputs: Inputs) -> tuple[np.ndarray, ...]:
    x, r, h0, lengths = _inputs(inputs, 4)

    def cell(seen: np.ndarray, states: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        return [_limited(attrs, seen + states[0] @ _f64(r).T, "hidden")]

    return _walk(attrs, x, [h0], lengths, r.shape[1], cell)


def _lstm(attrs: np.void, inputs: Inputs) -> tuple[np.ndarray, ...]:
    x, r, h0, c0, lengths, peephole = _inputs(inputs, 6)
    units = r.shape[1]
    p_i, p_o, p_f = np.zeros((3, units)) if peephole is None else _f64(peephole).reshape(3, units)

    def cell(seen: np.ndarray, states: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        h, c = states
        s_i, s_o, s_f, s_g = np.split(seen + h @ _f64(r).T, 4, axis=1)
        i = _limited(attrs, s_i + p_i * c, "gate")
        forget = 1 - i if attrs["input_forget"] else _limited(attrs, s_f + p_f * c, "gate")
        c = forget * c + i * _limited(attrs, s_g, "cell")
        o = _limited(attrs, s_o + p_o * c, "gate")
        return [o * activate(c, attrs["hidden"]), c]

    return _walk(attrs, x, [h0, c0], lengths, units, cell)


def _gru(attrs: np.void, inputs: Inputs) -> tuple[np.ndarray, ...]:
    x, r, s, bias, h0, lengths = _inputs(inputs, 6)
    bias = 0 if bias is None else _f64(bias)

    def cell(seen: np.ndarray, states: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        (h,) = states
        x_z, x_r, x_n = np.split(seen, 3, axis=1)
        s_z, s_r = np.split(h @ _f64(r).T, 2, axis=1)
        z, reset = (_limited(attrs, gate, "gate") for gate in (x_z + s_z, x_r + s_r))
        if attrs["linear_before_reset"]:
            n = x_n + reset * (h @ _f64(s).T + bias)
        else:
            n = x_n + (reset * h) @ _f64(s).T + bias
        return [(1 - z) * _limited(attrs, n, "candidate") + z * h]

    return _walk(attrs, x, [h0], lengths, r.shape[1], cell)


OPERATORS: dict[str, Operator] = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}
