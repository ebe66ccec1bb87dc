"""The traits of operators against what the schema and the interpreter say of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from operator_cases import CASES

from edgert import interp
from edgert.ir import Node
from edgert.ops import PRODUCTS, TRAITS, Trait, having
from edgert.schema import OPS

IMPLIES = {  # what is a part of what
    Trait.REARRANGES: Trait.MOVES,
    Trait.REPEATS: Trait.MOVES,
    Trait.MOVES: Trait.KEEPS_SCALE,
    Trait.POOL: Trait.WINDOW,
    Trait.RESIDUAL: Trait.PRODUCT,
}


def attributes(op: str) -> set[str]:
    """The names in the record of an operator, and in the records within."""
    record = OPS[op].attrs
    inner = (record[name].names or () for name in record.names)
    return {*record.names, *(name for names in inner for name in names)}


def test_every_operator_has_a_row() -> None:
    assert list(TRAITS) == list(OPS)


@pytest.mark.parametrize("trait", Trait)
def test_traits_are_of_some_operators(trait: Trait) -> None:
    assert 0 < len(having(trait)) < len(OPS)
    assert having(trait) - having(trait, but=trait) == having(trait)


@pytest.mark.parametrize("part", IMPLIES)
def test_some_traits_are_parts_of_others(part: Trait) -> None:
    assert having(part) < having(IMPLIES[part])


def test_products_are_what_has_weights() -> None:
    """But for qconv_transpose: its weights are taken apart, and never used as they lie."""
    weights = {op for op, schema in OPS.items() if schema.weight_inputs} - having(Trait.RECURRENT)
    assert all(OPS[op].weight_inputs == 0b10 for op in weights)
    assert having(Trait.PRODUCT) == weights | {"qconv_transpose"}
    assert {"conv", "conv_transpose", "gemm"} == PRODUCTS


def test_what_is_recurrent_has_weights_and_states() -> None:
    """Its outputs behind the first are the states, all of which may be left out at first."""
    for op in having(Trait.RECURRENT):
        assert OPS[op].weight_inputs & 0b11 == 0b10
        states = OPS[op].outputs - 1
        assert bin(OPS[op].optional_inputs).count("1") > states > 0
    assert having(Trait.RECURRENT) == {op for op in OPS if "reverse" in attributes(op)}


def test_a_residual_is_the_last_input_and_may_be_absent() -> None:
    for op in having(Trait.RESIDUAL):
        assert OPS[op].optional_inputs >> (OPS[op].max_inputs - 1) == 1
    others = having(Trait.PRODUCT, but=Trait.RESIDUAL)
    assert others == {"conv_transpose", "qconv_transpose", "block_gemm"}
    assert {op for op in OPS if "residual_scale" in attributes(op)} < having(Trait.RESIDUAL)


def test_activations_and_windows_are_in_the_records() -> None:
    assert having(Trait.ACTIVATION) == {op for op in OPS if "activation" in attributes(op)}
    # lrn has its window along the channels.
    assert having(Trait.WINDOW) - {"lrn"} == {op for op in OPS if "dilations" in attributes(op)}
    assert having(Trait.POOL) == {op for op in OPS if "ceil_mode" in attributes(op)}
    names = {"axis", "axes", "starts", "repeats", "dims", "before"}
    along = {op for op in OPS if names & attributes(op)}
    assert having(Trait.ANY_AXIS) == along - {"reshape", "gather", "qsoftmax"}


def results(op: str) -> Iterator[tuple[Node, list[np.ndarray], np.ndarray]]:
    """The cases of an operator: the node, the data, without indices, and what comes of them."""
    for attrs, inputs, _ in CASES[op](np.random.default_rng(5)):
        node = Node(op, [f"x{i}" for i in range(len(inputs))], ["y"], dict(attrs), op)
        data = inputs if op == "concat" else inputs[:1]
        yield node, list(data), interp.run_node(node, inputs)[0]


@pytest.mark.parametrize("op", sorted(having(Trait.MOVES)))
def test_elements_that_are_moved(op: str) -> None:
    """None is new; if they are rearranged or repeated, each is there equally often."""
    for _, data, result in results(op):
        before = np.concatenate([x.ravel() for x in data])
        assert result.dtype == before.dtype
        assert set(result.ravel().tolist()) <= set(before.tolist())
        if TRAITS[op] & (Trait.REARRANGES | Trait.REPEATS) and before.size:
            times, rest = divmod(result.size, before.size)
            assert rest == 0
            assert times <= 1 or Trait.REPEATS in TRAITS[op]
            assert sorted(result.ravel()) == sorted(np.tile(before, times))


@pytest.mark.parametrize("op", sorted(having(Trait.KEEPS_SCALE)))
def test_integers_keep_their_scale(op: str) -> None:
    """They stay between the least and the greatest, zero points among them."""
    seen = 0
    for node, data, result in results(op):
        before = np.concatenate([x.ravel() for x in data] + [[node.attrs.get("value", 0)]])
        if data[0].dtype.kind in "iu" and result.size:
            seen += 1
            assert result.dtype == data[0].dtype
            assert before.min() <= result.min()
            assert result.max() <= before.max()
    assert seen or op == "pad"


@pytest.mark.parametrize("op", sorted(having(Trait.ELEMENTWISE)))
def test_elementwise_results_are_as_large_as_what_is_broadcast(op: str) -> None:
    for attrs, inputs, _ in CASES[op](np.random.default_rng(5)):
        node = Node(op, [f"x{i}" for i in range(len(inputs))], ["y"], dict(attrs), op)
        (result,) = interp.run_node(node, inputs)
        data = inputs[:1] if op == "lookup" else inputs
        assert result.shape == np.broadcast_shapes(*(x.shape for x in data))
