"""Recurrent operators: streams, rows of different lengths, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from one_op import one_op_graph
from onnx import helper, numpy_helper
from onnx_models import make_model, run_elsewhere, value_info
from onnx_recurrent_cases import GATES

import edgert
from edgert import interp, pack, passes
from edgert.converter import convert
from edgert.errors import FormatError, InputError, UnsupportedError
from edgert.importer import import_model
from edgert.ir import Node
from edgert.schema import OPS, UnaryFn

F, I32 = np.float32, np.int32
SIGMOID, TANH = {"fn": UnaryFn.sigmoid}, {"fn": UnaryFn.tanh}
ATTRS: dict[str, dict[str, Any]] = {
    "rnn": {"reverse": 0, "clip": 0.0, "hidden": TANH},
    "lstm": {"reverse": 0, "clip": 0.0, "input_forget": 0, "gate": SIGMOID, "cell": TANH,
             "hidden": TANH},
    "gru": {"reverse": 0, "clip": 0.0, "linear_before_reset": 0, "gate": SIGMOID,
            "candidate": TANH},
}  # fmt: skip
LENGTHS = {"rnn": 3, "lstm": 4, "gru": 5}  # the input that has them


def arrays(op: str, steps: int, batch: int, units: int) -> list[np.ndarray | None]:
    """The inputs, all of them but the lengths and what stands behind them."""
    rng = np.random.default_rng(units)
    weights = {"rnn": [1], "lstm": [4], "gru": [2, 1]}[op]
    inputs: list[np.ndarray | None] = [rng.normal(size=(steps, batch, sum(weights) * units))]
    inputs += [rng.normal(size=(rows * units, units)) / units**0.5 for rows in weights]
    inputs += [rng.normal(size=units)] if op == "gru" else []
    inputs += [rng.normal(size=(batch, units)) for _ in range(OPS[op].outputs - 1)]
    return [a.astype(F) for a in inputs]


def load(op: str, inputs: list, attrs: dict[str, Any], **options: Any) -> edgert.Model:
    """A model of one node, whose weights are constants."""
    constants = range(1, 3 if op == "gru" else 2)
    return edgert.load(pack.pack(one_op_graph(op, inputs, attrs, constants)), **options)


def run(model: edgert.Model, inputs: list) -> list[np.ndarray]:
    """The outputs."""
    return list(model.run({i.name: inputs[int(i.name[1:])] for i in model.inputs}).values())


@pytest.mark.parametrize("op", ATTRS)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_stream_has_the_bits_of_the_whole(op: str, batch: int) -> None:
    """Piece after piece, each with the states of the one before it."""
    inputs = arrays(op, 12, batch, 37)
    states = OPS[op].outputs - 1
    whole = run(load(op, inputs, ATTRS[op]), inputs)
    piece = [inputs[0][:4], *inputs[1:]]
    model = load(op, piece, ATTRS[op])
    parts = []
    for start in range(0, 12, 4):
        piece[0] = np.ascontiguousarray(inputs[0][start : start + 4])
        y, *last = run(model, piece)
        parts.append(y)
        piece[-states:] = last
    assert np.concatenate(parts).tobytes() == whole[0].tobytes()
    assert [s.tobytes() for s in last] == [s.tobytes() for s in whole[1:]]


@pytest.mark.parametrize("op", ATTRS)
@pytest.mark.parametrize("reverse", [0, 1])
def test_rows_that_end_early_are_runs_of_their_own(op: str, reverse: int) -> None:
    """Whatever lies behind their ends: the bits are those of a batch of one with fewer steps."""
    lengths = np.array([5, 0, 2, 5, 1], I32)
    inputs = [*arrays(op, 5, len(lengths), 19), lengths]
    for row, length in enumerate(lengths):
        inputs[0][length:, row] = np.nan
    attrs = {**ATTRS[op], "reverse": reverse}
    y, *last = run(load(op, inputs, attrs), inputs)
    states = len(last)
    for row, length in enumerate(lengths):
        assert not y[length:, row].any()
        if length == 0:
            assert not any(state[row].any() for state in last)
            continue
        alone = [*inputs[:-1]]
        alone[0] = np.ascontiguousarray(alone[0][:length, row : row + 1])
        alone[-states:] = [state[row : row + 1] for state in alone[-states:]]
        results = run(load(op, alone, attrs), alone)
        assert results[0].tobytes() == np.ascontiguousarray(y[:length, row : row + 1]).tobytes()
        for state, one in zip(last, results[1:]):
            assert state[row].tobytes() == one.tobytes()


@pytest.mark.parametrize("op", ATTRS)
def test_large_steps_on_several_threads(op: str) -> None:
    """Weights and batches that are worth sharing."""
    inputs = arrays(op, 3, 40, 300)
    one, several = (run(load(op, inputs, ATTRS[op], threads=count), inputs) for count in (1, 3))
    assert [a.tobytes() for a in one] == [a.tobytes() for a in several]
    node = Node(op, [f"x{i}" for i in range(len(inputs))], ["y"], ATTRS[op], "node")
    for found, wanted in zip(one, interp.run_node(node, inputs)):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("op", ATTRS)
@pytest.mark.parametrize("wrong", [-1, 6, 2**31 - 1, -(2**31)])
def test_lengths_out_of_range(op: str, wrong: int) -> None:
    inputs = [*arrays(op, 5, 2, 3), np.array([5, wrong], I32)]
    model = load(op, inputs, ATTRS[op])
    with pytest.raises(InputError, match=rf"length 1 is {wrong}, expected 0 to 5") as error:
        run(model, inputs)
    assert error.value.rule == "INDEX"
    inputs[-1] = np.array([5, 0], I32)
    assert all(np.isfinite(result).all() for result in run(model, inputs))
    inputs[-1] = np.array([5, wrong], I32)
    constants = [*range(1, 3 if op == "gru" else 2), LENGTHS[op]]
    graph = one_op_graph(op, inputs, ATTRS[op], constants)
    with pytest.raises(FormatError, match=f"length 1 is {wrong}") as refused:
        edgert.load(pack.pack(graph))
    assert refused.value.rule == "INDEX"


@pytest.mark.parametrize("op", ATTRS)
def test_nan_and_infinity_in_a_row_stay_there(op: str) -> None:
    inputs = arrays(op, 4, 3, 9)
    inputs[0][1, 1] = np.nan
    inputs[0][2, 2] = np.inf
    y = run(load(op, inputs, ATTRS[op]), inputs)[0]
    assert np.isfinite(y[:, 0]).all()
    assert np.isfinite(y[:1]).all()
    assert np.isnan(y[1:, 1]).all()


def test_no_steps_leave_states_of_zeros() -> None:
    for op, attrs in ATTRS.items():
        inputs = arrays(op, 0, 2, 3)
        y, *last = run(load(op, inputs, attrs), inputs)
        assert y.shape == (0, 2, 3)
        assert not any(state.any() for state in last)


REFUSED: list[tuple[str, str, int, Any]] = [
    # operator, rule, input, what it is instead
    *((op, "SHAPE", 0, np.zeros((4, 2), F)) for op in ATTRS),
    *((op, "SHAPE", 0, np.zeros((4, 2, 7), F)) for op in ATTRS),
    *((op, "SHAPE", 1, np.zeros((3, 3, 1), F)) for op in ATTRS),
    *((op, "SHAPE", 1, np.zeros((5, 3), F)) for op in ATTRS),
    *((op, "SHAPE", 1, np.zeros((0, 0), F)) for op in ATTRS),
    *((op, "DTYPE", 0, np.zeros((4, 2, 3), np.float64)) for op in ATTRS),
    *((op, "DTYPE", 1, np.zeros((3, 3), np.float16)) for op in ATTRS),
    *((op, "SHAPE", i, np.zeros(3, I32)) for op, i in LENGTHS.items()),
    *((op, "SHAPE", i, np.zeros((2, 1), I32)) for op, i in LENGTHS.items()),
    *((op, "DTYPE", i, np.zeros(2, np.int64)) for op, i in LENGTHS.items()),
    *((op, "SHAPE", i - 1, np.zeros((1, 2, 3), F)) for op, i in LENGTHS.items()),
    *((op, "SHAPE", i - 1, np.zeros((3, 2), F)) for op, i in LENGTHS.items()),
    ("lstm", "SHAPE", 2, np.zeros((2, 4), F)),
    ("lstm", "SHAPE", 5, np.zeros(8, F)),
    ("lstm", "DTYPE", 5, np.zeros(9, I32)),
    ("gru", "SHAPE", 2, np.zeros((3, 4), F)),
    ("gru", "SHAPE", 2, np.zeros((6, 3), F)),
    ("gru", "SHAPE", 3, np.zeros(9, F)),
]


@pytest.mark.parametrize(("op", "rule", "i", "array"), REFUSED)
def test_wrong_inputs(op: str, rule: str, i: int, array: np.ndarray) -> None:
    inputs: list[Any] = [*arrays(op, 4, 2, 3), *[None] * 2][: OPS[op].max_inputs]
    one_op_graph(op, inputs, ATTRS[op])
    inputs[i] = array
    with pytest.raises(FormatError, match=rf"{op} 'node': ") as error:
        one_op_graph(op, inputs, ATTRS[op])
    assert error.value.rule == rule


@pytest.mark.parametrize("op", ATTRS)
def test_wrong_attributes(op: str) -> None:
    inputs = arrays(op, 4, 2, 3)
    flags = {"lstm": ["input_forget"], "gru": ["linear_before_reset"]}.get(op, [])
    wrong: list[tuple[str, Any]] = [(flag, value) for flag in ["reverse", *flags]
                                    for value in (-1, 2)]  # fmt: skip
    wrong += [("clip", value) for value in (-1.0, -1e-30, float("nan"))]
    functions = [name for name, value in ATTRS[op].items() if isinstance(value, dict)]
    wrong += [(name, {"fn": fn}) for name in functions for fn in (-1, len(UnaryFn))]
    wrong += [(name, {"fn": UnaryFn.elu, "alpha": float("nan")}) for name in functions]
    for name, value in wrong:
        with pytest.raises(FormatError) as error:
            one_op_graph(op, inputs, {**ATTRS[op], name: value})
        assert error.value.rule == "ATTR", (name, value)


# ONNX ------------------------------------------------------------------------------------------

FUNCTIONS = {"Sigmoid": 0, "Tanh": 0, "Relu": 0, "HardSigmoid": 2, "Softsign": 0, "LeakyRelu": 1,
             "ThresholdedRelu": 1, "ScaledTanh": 2, "Elu": 1, "Affine": 2}  # fmt: skip


def random_node(rng: np.random.Generator) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """A node with random attributes, and inputs that are constants, given or left out."""
    op = str(rng.choice(list(GATES)))
    steps, batch, inputs, units = (int(rng.integers(1, high)) for high in (7, 5, 9, 40))
    direction = str(rng.choice(["forward", "reverse", "bidirectional"]))
    directions = 2 if direction == "bidirectional" else 1
    attrs: dict[str, Any] = {"hidden_size": units, "direction": direction}
    if rng.random() < 0.4:
        attrs["clip"] = float(rng.choice([0.25, 1.5]))
    if rng.random() < 0.3:
        attrs.update({"LSTM": {"input_forget": 1}, "GRU": {"linear_before_reset": 1}}.get(op, {}))
    if rng.random() < 0.5:
        count = {"RNN": 1, "GRU": 2, "LSTM": 3}[op] * directions
        names = [str(name) for name in rng.choice(list(FUNCTIONS), count)]
        attrs["activations"] = names
        for kind, least in (("alpha", 1), ("beta", 2)):
            values = [rng.integers(1, 4) / 4 for name in names if FUNCTIONS[name] >= least]
            attrs.update({f"activation_{kind}": values} if values else {})

    def draw(*shape: int) -> np.ndarray:
        return (rng.normal(size=shape) * 0.4).astype(F)

    rows = GATES[op] * units
    arrays = [draw(steps, batch, inputs), draw(directions, rows, inputs),
              draw(directions, rows, units) / F(units**0.5), draw(directions, 2 * rows),
              rng.integers(0, steps + 1, batch).astype(I32),
              draw(directions, batch, units)]  # fmt: skip
    if op == "LSTM":
        arrays += [draw(directions, batch, units), draw(directions, 3 * units)]
    there = [i < 3 or rng.random() < 0.5 for i in range(len(arrays))]
    names = [f"i{i}" if is_there else "" for i, is_there in enumerate(there)]
    given = [i for i, name in enumerate(names) if name and (i == 0 or rng.random() < 0.3)]
    outputs = ["y", "h", "c"][: 3 if op == "LSTM" else 2]
    node = helper.make_node(op, names, outputs, "node", **attrs)
    constants = [numpy_helper.from_array(array, name)
                 for i, (array, name) in enumerate(zip(arrays, names))
                 if name and i not in given]  # fmt: skip
    infos = [value_info(names[i], arrays[i]) for i in given]
    opset = int(rng.choice([7, 14, 22]))
    return make_model([node], infos, outputs, constants, opset), {
        names[i]: arrays[i] for i in given
    }


@pytest.mark.parametrize("seed", range(40))
def test_random_nodes_as_elsewhere(seed: int, tmp_path: Any) -> None:
    model, feeds = random_node(np.random.default_rng(seed))
    convert(model, tmp_path / "m.edgert", check=False)
    found = edgert.load(tmp_path / "m.edgert").run(feeds)
    for wanted, result in zip(run_elsewhere(model, feeds), found.values()):
        assert result.shape == wanted.shape
        scale = float(np.abs(wanted).max(initial=1))
        np.testing.assert_allclose(result, wanted, rtol=2e-5, atol=1e-5 * scale)


def node_model(op: str = "LSTM", outputs: list[str] | None = None, **attrs: Any) -> onnx.ModelProto:
    """A node of 4 steps, 2 rows, 3 inputs and 5 units."""
    rows = GATES[op] * 5
    weights = [numpy_helper.from_array(np.ones(shape, F), name)
               for name, shape in [("w", (1, rows, 3)), ("r", (1, rows, 5))]]  # fmt: skip
    node = helper.make_node(op, ["x", "w", "r"], outputs or ["y"], "node", **attrs)
    return make_model([node], [value_info("x", np.zeros((4, 2, 3), F))],
                      [name for name in outputs or ["y"] if name], weights)  # fmt: skip


def test_outputs_that_are_left_out(tmp_path: Any) -> None:
    for outputs in (["y"], ["", "h"], ["", "", "c"], ["y", "", "c"], ["y", "h", "c"]):
        model = node_model(outputs=outputs)
        convert(model, tmp_path / "m.edgert", check=False)
        feeds = {"x": np.linspace(-1, 1, 24, dtype=F).reshape(4, 2, 3)}
        found = edgert.load(tmp_path / "m.edgert").run(feeds)
        assert list(found) == [name for name in outputs if name]
        for wanted, result in zip(run_elsewhere(model, feeds), found.values()):
            np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("error", "attrs", "message"),
    [
        (UnsupportedError, {"clip": 0.0}, "its clip is 0.0, expected a positive number"),
        (UnsupportedError, {"clip": -1.0}, "its clip is -1.0"),
        (UnsupportedError, {"direction": "sideways"}, "its direction is 'sideways'"),
        (UnsupportedError, {"layout": 2}, "its layout is 2"),
        (UnsupportedError, {"input_forget": 2}, "its input_forget is 2"),
        (UnsupportedError, {"activations": ["Sigmoid", "Sine", "Tanh"]}, "'Sine' is not one"),
        (UnsupportedError, {"activations": ["Sigmoid", "ScaledTanh", "Tanh"]},
         "activation_alpha of ScaledTanh is not given"),
        (FormatError, {"activations": ["Sigmoid"]}, r"activations \['Sigmoid'\] for 1 direction"),
        (FormatError, {"hidden_size": 6}, "hidden_size 6"),
        (FormatError, {"direction": "bidirectional"}, r"input 1 has shape \(1, 20, 3\)"),
    ],
)  # fmt: skip
def test_nodes_that_are_refused(error: type[Exception], attrs: dict, message: str) -> None:
    with pytest.raises(error, match=message):
        import_model(node_model(**attrs))


def test_names_of_functions_in_any_case() -> None:
    names = ["SIGMOID", "tanh", "Tanh"]
    (node,) = (n for n in import_model(node_model(activations=names)).nodes if n.op == "lstm")
    assert [node.attrs[k]["fn"] for k in ("gate", "cell", "hidden")] == [
        UnaryFn.sigmoid, UnaryFn.tanh, UnaryFn.tanh
    ]  # fmt: skip


def test_the_input_is_multiplied_by_one_product() -> None:
    """Of all steps, with the biases; lengths that say nothing and states of zeros are gone."""
    zeros = numpy_helper.from_array(np.zeros((1, 2, 5), F), "zeros")
    rest = [numpy_helper.from_array(np.full(2, 4, I32), "lengths"),
            numpy_helper.from_array(np.ones((1, 40), F), "b"), zeros]  # fmt: skip
    model = node_model()
    model.graph.initializer.extend(rest)
    model.graph.node[0].input.extend(["b", "lengths", "zeros", "zeros"])
    graph = import_model(model)
    passes.optimize(graph)
    ops = [node.op for node in graph.nodes]
    assert ops.count("gemm") == 1
    assert ops.count("binary") == 0
    (gemm,) = (node for node in graph.nodes if node.op == "gemm")
    (lstm,) = (node for node in graph.nodes if node.op == "lstm")
    assert gemm.inputs[2]
    assert not any(lstm.inputs[2:])
