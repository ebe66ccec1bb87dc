"""Cases of RNN, LSTM and GRU for test_importer_ops.py: every attribute, every input that may be
left out, constant and given at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import helper, numpy_helper
from onnx_models import LATEST, Const, make_model, run_elsewhere, value_info

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_random = np.random.default_rng(51)


def _draw(*shape: int) -> np.ndarray:
    return _random.normal(0, 0.5, shape).astype(np.float32)


def _weights(op: str, directions: int, inputs: int, units: int) -> list[np.ndarray]:
    """W, R and B."""
    rows = GATES[op] * units
    return [
        _draw(directions, rows, inputs), _draw(directions, rows, units),
        _draw(directions, 2 * rows),
    ]  # fmt: skip


def batch_first(op: str, count: int) -> Callable[..., Any]:
    """What a node with layout 1 means, which ONNX Runtime lacks: the same on other axes."""

    def expect(x: np.ndarray, w: np.ndarray, r: np.ndarray, b: np.ndarray, *states: Any) -> Any:
        arrays = [np.swapaxes(x, 0, 1), w, r, b, None, *(np.swapaxes(s, 0, 1) for s in states[1:])]
        names = ["" if a is None else f"i{k}" for k, a in enumerate(arrays)]
        outputs = ["y", "h", "c"][:count]
        node = helper.make_node(op, names, outputs, direction="bidirectional",
                                hidden_size=r.shape[2])  # fmt: skip
        weights = [numpy_helper.from_array(a, n) for a, n in zip(arrays[1:], names[1:]) if n]
        model = make_model([node], [value_info("i0", arrays[0])], outputs, weights)
        y, *last = run_elsewhere(model, {"i0": np.ascontiguousarray(arrays[0])})
        return [np.transpose(y, (2, 0, 1, 3)), *(np.swapaxes(s, 0, 1) for s in last)]

    return expect


def recurrent_cases(case: Callable[..., None]) -> None:
    """Adds them by ``case``."""
    for op in GATES:
        count, states = (3, 2) if op == "LSTM" else (2, 1)
        w, r, b = map(Const, _weights(op, 1, 3, 5))
        x = _draw(6, 2, 3)
        initial = [_draw(1, 2, 5) for _ in range(states)]
        lengths = np.array([4, 0], np.int32)
        every = (7, LATEST)
        for direction in ("forward", "reverse"):
            case(op, (1, LATEST), x, w, r, hidden_size=5, direction=direction, like=7,
                 outputs=2)  # fmt: skip
            case(op, every, x, w, r, b, Const(lengths), *initial, hidden_size=5, outputs=count,
                 direction=direction)  # fmt: skip
        case(op, every, x, w, r, b, lengths, hidden_size=5, outputs=2)
        case(op, every, x, w, r, b, None, *map(Const, initial), hidden_size=5, outputs=count)
        case(op, every, x, w, r, None, Const(np.full(2, 6, np.int32)), hidden_size=5)
        case(op, every, x, w, r, b, hidden_size=5, clip=0.25)
        case(op, every, x, w.data, r.data, b.data, hidden_size=5, outputs=count)
        both = _weights(op, 2, 3, 5)
        case(op, every, x, *map(Const, both), lengths, hidden_size=5, direction="bidirectional",
             outputs=count)  # fmt: skip
        names = [["Softsign"], ["HardSigmoid", "Softsign"], ["HardSigmoid", "Elu", "Affine"]]
        alphas = [[], [0.25], [0.25, 0.5, 0.75]]
        case(op, every, x, *map(Const, both), direction="bidirectional", hidden_size=5,
             activations=2 * names[count - 1 if op == "LSTM" else int(op == "GRU")],
             **_parameters(alphas, count if op == "LSTM" else int(op == "GRU") + 1))  # fmt: skip
        batched = [np.ascontiguousarray(np.swapaxes(_draw(2, 2, 5), 0, 1)) for _ in range(states)]
        case(op, (14, LATEST), _draw(2, 6, 3), *map(Const, both), None, *map(Const, batched),
             hidden_size=5, direction="bidirectional", layout=1, outputs=count,
             expect=batch_first(op, count))  # fmt: skip
    w, r, b = map(Const, _weights("LSTM", 1, 3, 5))
    zeros = Const(np.zeros((1, 2, 5), np.float32))
    case("LSTM", (7, LATEST), x, w, r, b, None, zeros, zeros, Const(_draw(1, 15)), hidden_size=5,
         outputs=3)  # fmt: skip
    case("LSTM", (7, LATEST), x, w, r, None, None, None, None, _draw(1, 15), hidden_size=5,
         input_forget=1)  # fmt: skip
    w, r, b = map(Const, _weights("GRU", 1, 3, 5))
    for bias in (b, None, b.data):
        case("GRU", (7, LATEST), x, w, r, bias, hidden_size=5, linear_before_reset=1, outputs=2)


def _parameters(alphas: list[list[float]], functions: int) -> dict[str, list[float]]:
    """activation_alpha and activation_beta of both directions."""
    alpha = 2 * alphas[functions - 1]
    beta = {1: [], 2: [0.5, 0.25], 3: [0.5, 0.125, 0.25, 0.0]}[functions]
    return {k: v for k, v in (("activation_alpha", alpha), ("activation_beta", beta)) if v}
