"""RNN, LSTM and GRU. What the gates see of the input is one product over all steps, in front of the
operator that walks over them; a bidirectional one is two, whose results are joined.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgert.errors import FormatError
from edgert.importer.call import Call
from edgert.importer.registry import MICROSOFT, onnx_op
from edgert.importer.values import Constant, Tensor, UnsupportedNodeError
from edgert.schema import UnaryFn

_QUANTIZED = "activation_alpha activation_beta activations clip direction hidden_size"
_COMMON = f"{_QUANTIZED} layout"
_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}

# By name in lower case: the function, and what alpha and beta are if the node does not say. ONNX
# says nothing of those of ScaledTanh.
_FUNCTIONS: dict[str, tuple[UnaryFn, tuple[float | None, ...]]] = {
    "affine": (UnaryFn.affine, (1.0, 0.0)),
    "elu": (UnaryFn.elu, (1.0,)),
    "hardsigmoid": (UnaryFn.hard_sigmoid, (0.2, 0.5)),
    "leakyrelu": (UnaryFn.leaky_relu, (0.01,)),
    "relu": (UnaryFn.relu, ()),
    "scaledtanh": (UnaryFn.scaled_tanh, (None, None)),
    "sigmoid": (UnaryFn.sigmoid, ()),
    "softplus": (UnaryFn.softplus, ()),
    "softsign": (UnaryFn.softsign, ()),
    "tanh": (UnaryFn.tanh, ()),
    "thresholdedrelu": (UnaryFn.thresholded_relu, (1.0,)),
}


@onnx_op("RNN", attrs=_COMMON, unused="output_sequence")
def rnn(call: Call) -> Sequence[Tensor]:
    """X, W, R, B, sequence_lens, initial_h."""
    node = _Node(call, gates=1, functions=["Tanh"])
    results = []
    for d, reverse in enumerate(node.directions):
        x = node.projected(d, node.bias(d))
        attrs = {**node.attrs(reverse), "hidden": node.functions(d)[0]}
        inputs = [x, node.part(2, d), node.state(5, d), node.lengths]
        results.append(call.emit_all("rnn", inputs, attrs))
    return node.joined(results)


@onnx_op("LSTM", attrs=f"{_COMMON} input_forget", unused="output_sequence")
def lstm(call: Call) -> Sequence[Tensor]:
    """X, W, R, B, sequence_lens, initial_h, initial_c, P; the gates are in the order i, o, f, c."""
    node = _Node(call, gates=4, functions=["Sigmoid", "Tanh", "Tanh"])
    coupled = call.choice("input_forget", 0, (0, 1))
    results = []
    for d, reverse in enumerate(node.directions):
        x = node.projected(d, node.bias(d))
        functions = dict(zip(("gate", "cell", "hidden"), node.functions(d)))
        attrs = {**node.attrs(reverse), "input_forget": coupled, **functions}
        states = [node.state(5, d), node.state(6, d)]
        inputs = [x, node.part(2, d), *states, node.lengths, node.part(7, d)]
        results.append(call.emit_all("lstm", inputs, attrs))
    return node.joined(results)


@onnx_op("DynamicQuantizeLSTM", domain=MICROSOFT, attrs=f"{_QUANTIZED} input_forget")
def dynamic_lstm(call: Call) -> Sequence[Tensor]:
    """The inputs of LSTM, then scale and zero point of W and of R, which are bytes and transposed.

    The product of the input is on bytes; that of the state, whose weights are these bytes, is not.
    """
    w, r = _weights(call, 1, 8), _weights(call, 2, 10)
    call.inputs = [call.input(0), w, r, *call.inputs[3:8]]
    call.note_dynamic()
    return lstm(call)


def _weights(call: Call, i: int, first: int) -> Constant:
    """Input ``i`` in floats, [directions, rows, depth]; inputs ``first`` and the next have the
    scales and the zero points of each direction, or of each of its rows.
    """
    name, data = call.input(i).name, call.constant(i, "weights")
    scale = call.constant(first, "scale of the weights")
    zero = call.constant(first + 1, "zero point of the weights")
    if data.dtype not in (np.uint8, np.int8) or data.ndim != 3:
        raise FormatError(
            f"the weights {name!r} are {data.dtype} {list(data.shape)}, expected bytes [D, depth, "
            "rows]",
            "QUANT",
        )
    directions, _, rows = data.shape
    zero = np.zeros(scale.shape, data.dtype) if zero is None else zero
    for what, array, dtype in (("scale", scale, np.float32), ("zero point", zero, data.dtype)):
        if array.dtype != dtype or array.shape not in ((directions,), (directions, rows)):
            raise FormatError(
                f"the {what} of {name!r} is {array.dtype} {list(array.shape)}, expected "
                f"{np.dtype(dtype)} {[directions]} or {[directions, rows]}",
                "QUANT",
            )
    scale, zero = (array.reshape(directions, 1, -1) for array in (scale, zero))
    real = (data.astype(np.float32) - zero.astype(np.float32)) * scale
    return Constant(name, np.ascontiguousarray(np.swapaxes(real, 1, 2)))


@onnx_op("GRU", attrs=f"{_COMMON} linear_before_reset", unused="output_sequence")
def gru(call: Call) -> Sequence[Tensor]:
    """X, W, R, B, sequence_lens, initial_h; the gates are in the order z, r, h."""
    node = _Node(call, gates=3, functions=["Sigmoid", "Tanh"])
    linear = call.choice("linear_before_reset", 0, (0, 1))
    results = []
    for d, reverse in enumerate(node.directions):
        r = node.part(2, d)
        bias, inner = node.bias(d), None
        if linear and call.input(3) is not None:
            # That of the candidate's state goes through the reset gate.
            both = node.part(3, d)
            first, inner = node.units_of(both, 0, 5), node.units_of(both, 5, 6)
            zeros = call.const(np.zeros(node.units), np.float32)
            second = call.call("Concat", [node.units_of(first, 3, 5), zeros], axis=0)
            bias = call.call("Add", [node.units_of(first, 0, 3), second])
        functions = dict(zip(("gate", "candidate"), node.functions(d)))
        attrs = {**node.attrs(reverse), "linear_before_reset": linear, **functions}
        weights = [node.units_of(r, 0, 2), node.units_of(r, 2, 3)]
        inputs = [node.projected(d, bias), *weights, inner, node.state(5, d), node.lengths]
        results.append(call.emit_all("gru", inputs, attrs))
    return node.joined(results)


class _Node:
    """What a node of any of these operators states, checked, direction by direction."""

    def __init__(self, call: Call, gates: int, functions: Sequence[str]) -> None:
        self._call = call
        self._default = functions
        direction = call.choice("direction", "forward", _DIRECTIONS)
        self.directions = _DIRECTIONS[direction]
        self._batch_first = bool(call.choice("layout", 0, (0, 1)))
        count = len(self.directions)
        x, w, r = (call.input(i) for i in range(3))
        if len(x.shape) != 3 or len(w.shape) != 3 or len(r.shape) != 3:
            raise ValueError(f"X {x.shape}, W {w.shape} and R {r.shape}, expected three axes each")
        self._x = call.call("Transpose", [x], perm=[1, 0, 2]) if self._batch_first else x
        self.units = r.shape[2]
        if self.units < 1 or call.attr("hidden_size", self.units) != self.units:
            raise ValueError(f"hidden_size {call.attrs.get('hidden_size')}, R {r.shape}")
        steps, batch, inputs = self._x.shape
        rows = gates * self.units
        expected = {1: (count, rows, inputs), 2: (count, rows, self.units), 3: (count, 2 * rows)}
        expected[4] = (batch,)
        expected[7] = (count, 3 * self.units)
        state = (batch, count, self.units) if self._batch_first else (count, batch, self.units)
        expected[5] = expected[6] = state
        for i, shape in expected.items():
            tensor = call.input(i)
            if tensor is not None and tuple(tensor.shape) != shape:
                raise ValueError(f"input {i} has shape {tuple(tensor.shape)}, expected {shape}")
        self._names = self._functions()
        self.lengths = self._lengths(steps)

    def _lengths(self, steps: int) -> Tensor | None:
        """The lengths, unless they are all ``steps``."""
        lengths = self._call.input(4)
        if not isinstance(lengths, Constant):
            return lengths
        if np.any((lengths.data < 0) | (lengths.data > steps)):
            raise ValueError(f"sequence_lens {lengths.data.tolist()}, expected 0 to {steps}")
        return None if steps and np.all(lengths.data == steps) else lengths

    def _functions(self) -> list[dict[str, float]]:
        """The records of the functions of all directions. Each takes as many of the values of
        activation_alpha and activation_beta as it has.
        """
        names = self._call.attr("activations", list(self._default) * len(self.directions))
        names = [n.decode("utf-8", "replace") if isinstance(n, bytes) else n for n in names]
        if len(names) != len(self._default) * len(self.directions):
            raise ValueError(f"activations {names} for {len(self.directions)} directions")
        stated = [list(self._call.attr(f"activation_{kind}", [])) for kind in ("alpha", "beta")]
        records = []
        for name in names:
            if name.lower() not in _FUNCTIONS:
                raise UnsupportedNodeError(f"its function {name!r} is not one of ONNX's")
            fn, defaults = _FUNCTIONS[name.lower()]
            record: dict[str, float] = {"fn": fn, "alpha": 0.0, "beta": 0.0}
            for kind, values, default in zip(("alpha", "beta"), stated, defaults):
                value = values.pop(0) if values else default
                if value is None:
                    raise UnsupportedNodeError(f"activation_{kind} of {name} is not given")
                record[kind] = value
            records.append(record)
        return records

    def functions(self, d: int) -> list[dict[str, float]]:
        """Those of a direction."""
        count = len(self._default)
        return self._names[d * count : (d + 1) * count]

    def attrs(self, reverse: bool) -> dict[str, float]:
        """What all records have."""
        clip = self._call.attr("clip", None)
        if clip is not None and not clip > 0:
            raise UnsupportedNodeError(f"its clip is {clip}, expected a positive number")
        return {"reverse": int(reverse), "clip": 0.0 if clip is None else clip}

    def part(self, i: int, d: int) -> Tensor | None:
        """What input ``i`` has for a direction, its first axis; None if it is left out."""
        return self._taken(self._call.input(i), d, axis=0)

    def state(self, i: int, d: int) -> Tensor | None:
        """The initial state that input ``i`` has for a direction; None if it is zeros."""
        state = self._taken(self._call.input(i), d, axis=int(self._batch_first))
        return None if isinstance(state, Constant) and not np.any(state.data) else state

    def _taken(self, tensor: Tensor | None, d: int, axis: int) -> Tensor | None:
        if tensor is None:
            return None
        return self._call.call("Gather", [tensor, self._call.const(d, np.int64)], axis=axis)

    def units_of(self, tensor: Tensor, first: int, last: int) -> Tensor:
        """Those of the gates ``first`` to ``last`` along the first axis."""
        bounds = [self._call.const([g * self.units], np.int64) for g in (first, last)]
        return self._call.call("Slice", [tensor, *bounds, self._call.const([0], np.int64)])

    def bias(self, d: int) -> Tensor | None:
        """The sum of the biases of the input and the state."""
        both = self.part(3, d)
        if both is None:
            return None
        half = both.shape[0] // self.units // 2
        pair = [self.units_of(both, 0, half), self.units_of(both, half, 2 * half)]
        return self._call.call("Add", pair)

    def projected(self, d: int, bias: Tensor | None) -> Tensor:
        """What the gates see of the input."""
        weights = self._call.call("Transpose", [self.part(1, d)], perm=[1, 0])
        y = self._call.call("MatMul", [self._x, weights])
        return y if bias is None else self._call.call("Add", [y, bias])

    def joined(self, results: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """The outputs of the node from those of the directions: y [T,B,H], states [B,H]."""
        outputs = []
        for i, parts in enumerate(zip(*results)):
            axis = (2 if self._batch_first else 1) if i == 0 else int(self._batch_first)
            if i == 0 and self._batch_first:
                parts = [self._call.call("Transpose", [part], perm=[1, 0, 2]) for part in parts]
            at = self._call.const([axis], np.int64)
            parts = [self._call.call("Unsqueeze", [part, at]) for part in parts]
            joined = self._call.call("Concat", parts, axis=axis) if len(parts) > 1 else parts[0]
            outputs.append(joined)
        return outputs
