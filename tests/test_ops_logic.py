"""Comparisons, choices and cumulations in the runtime: corners, memory that is shared, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from one_op import expected, one_op_graph, run_op

import edgert
from edgert import ir, pack
from edgert.errors import FormatError
from edgert.schema import BinaryFn, CompareFn, ReduceFn, UnaryFn

F, B = np.float32, np.bool_
LARGE = (64, 129, 65)  # enough for several threads


def test_any_byte_but_zero_is_true() -> None:
    """Whatever bytes the caller's array of booleans holds."""
    strange = np.arange(256, dtype=np.uint8).view(np.bool_)
    truth = np.arange(256) != 0
    others = np.roll(truth, 7)
    ones, zeros = np.ones(256, F), np.zeros(256, F)
    assert (run_op("select", [strange, ones, zeros], {}) == truth).all()
    for fn, want in (
        (BinaryFn.bit_and, truth & others),
        (BinaryFn.bit_or, truth | others),
        (BinaryFn.bit_xor, truth ^ others),
    ):
        found = run_op("binary", [strange, others], {"fn": fn})
        assert found.tobytes() == want.tobytes()
    for fn, want in ((CompareFn.equal, truth == others), (CompareFn.not_equal, truth != others)):
        assert run_op("compare", [strange, others], {"fn": fn}).tobytes() == want.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "int64", "int32", "int16", "uint8"])
def test_select_moves_bits(dtype: str) -> None:
    """On several threads, with a condition for each row, each column or each element."""
    rng = np.random.default_rng(1)
    words = np.dtype(dtype).itemsize
    a, b = (
        np.frombuffer(rng.bytes(words * int(np.prod(LARGE))), dtype).reshape(LARGE)
        for _ in range(2)
    )
    for shape in (LARGE, LARGE[1:], LARGE[2:], (64, 1, 1), (129, 1), ()):
        c = rng.integers(0, 2, shape).astype(bool)
        found = run_op("select", [c, a, b], {})
        assert found.tobytes() == np.where(c, a, b).astype(dtype).tobytes()


@pytest.mark.parametrize("fn", CompareFn)
def test_compare_on_several_threads(fn: CompareFn) -> None:
    rng = np.random.default_rng(2)
    a = rng.integers(-2, 3, LARGE).astype(F)
    for shape in (LARGE, LARGE[2:], (129, 1), ()):
        b = rng.integers(-2, 3, shape).astype(F)
        for inputs in ([a, b], [b, a]):
            found = run_op("compare", inputs, {"fn": fn})
            assert found.tobytes() == expected("compare", inputs, {"fn": fn}).tobytes()


@pytest.mark.parametrize("axis", range(3))
def test_cumulate_on_several_threads(axis: int) -> None:
    x = np.random.default_rng(3).integers(-9, 9, LARGE).astype(F)
    attrs = {"fn": ReduceFn.sum, "axis": axis}
    assert (run_op("cumulate", [x], attrs) == np.cumsum(x, axis)).all()
    whole = x.astype(np.int64) << 57  # wraps around
    assert (run_op("cumulate", [whole], attrs) == np.cumsum(whole, axis)).all()


def test_results_in_the_memory_of_inputs() -> None:
    """Chains in which nobody reads an input later, and ones in which somebody does."""
    rng = np.random.default_rng(4)
    arrays = {"c": rng.integers(0, 2, (7, 33)).astype(bool)}
    graph = ir.Graph()
    graph.add_input("c", B, (7, 33))
    for name in ("a", "b"):
        arrays[name] = rng.normal(size=(7, 33)).astype(F)
        graph.add_input(name, F, (7, 33))
    negative = {"function": {"fn": UnaryFn.neg, "alpha": 0.0, "beta": 0.0}}
    a, b = (graph.add("unary", [name], negative) for name in ("a", "b"))
    first = graph.add("select", ["c", a, b])
    second = graph.add("cumulate", [first], {"fn": ReduceFn.sum, "axis": 0})
    third = graph.add("cumulate", [second], {"fn": ReduceFn.sum, "axis": 1})
    graph.outputs = [graph.add("select", ["c", third, first])]
    (found,) = edgert.load(pack.pack(graph)).run(arrays).values()
    (want,) = edgert.interp.run(graph, arrays).values()
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-5)


REFUSED: list[tuple[str, str, list, list, dict[str, Any]]] = [
    # operator, rule, types, shapes, attributes
    ("compare", "ATTR", [F, F], [(2,), (2,)], {"fn": 4}),
    ("compare", "ATTR", [F, F], [(2,), (2,)], {"fn": -1}),
    ("compare", "SHAPE", [F, F], [(2,), (3,)], {"fn": 0}),
    ("compare", "DTYPE", [F, np.int32], [(2,), (2,)], {"fn": 0}),
    ("compare", "DTYPE", [B, B], [(2,), (2,)], {"fn": 2}),
    ("compare", "DTYPE", [B, B], [(2,), (2,)], {"fn": 3}),
    ("compare", "DTYPE", [np.float64] * 2, [(2,), (2,)], {"fn": 0}),
    ("compare", "DTYPE", [np.float16] * 2, [(2,), (2,)], {"fn": 0}),
    ("select", "DTYPE", [np.uint8, F, F], [(2,)] * 3, {}),
    ("select", "DTYPE", [B, F, np.int32], [(2,)] * 3, {}),
    ("select", "SHAPE", [B, F, F], [(3,), (2,), (2,)], {}),
    ("select", "SHAPE", [B, F, F], [(2,), (2,), (3, 3)], {}),
    ("select", "ATTR", [B, F, F], [(2,)] * 3, {"reserved": 1}),
    ("cumulate", "ATTR", [F], [(2, 3)], {"fn": 1, "axis": 2}),
    ("cumulate", "ATTR", [F], [(2, 3)], {"fn": 1, "axis": -1}),
    ("cumulate", "ATTR", [F], [()], {"fn": 1, "axis": 0}),
    *(("cumulate", "ATTR", [F], [(2,)], {"fn": fn, "axis": 0}) for fn in (-1, 0, 2, 3, 5)),
    ("cumulate", "DTYPE", [np.uint8], [(2,)], {"fn": 1, "axis": 0}),
    ("cumulate", "DTYPE", [np.float64], [(2,)], {"fn": 1, "axis": 0}),
    *(("binary", "DTYPE", [F, F], [(2,), (2,)], {"fn": fn}) for fn in (9, 10, 11, 12)),
    *(("binary", "DTYPE", [B, B], [(2,), (2,)], {"fn": fn}) for fn in range(10)),
    ("binary", "DTYPE", [np.int8] * 2, [(2,), (2,)], {"fn": BinaryFn.prelu}),
    ("binary", "DTYPE", [np.uint8] * 2, [(2,), (2,)], {"fn": 0, "activation": {"fn": 1}}),
    ("binary", "ATTR", [F, F], [(2,), (2,)], {"fn": 13}),
    ("unary", "DTYPE", [np.int32], [(2,)], {"function": {"fn": UnaryFn.sin}}),
    ("unary", "DTYPE", [np.uint8], [(2,)], {"function": {"fn": UnaryFn.sign}}),
]


@pytest.mark.parametrize(("op", "rule", "dtypes", "shapes", "attrs"), REFUSED)
def test_refused(op: str, rule: str, dtypes: list, shapes: list, attrs: dict) -> None:
    with pytest.raises(FormatError, match=rf"{op} 'node': ") as error:
        one_op_graph(op, [np.zeros(s, d) for s, d in zip(shapes, dtypes)], attrs)
    assert error.value.rule == rule
