"""Every operator with inputs that are absent and with dimensions of zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mutate import ModelFile, attempt
from one_op import expected, one_op_graph
from operator_cases import Case, cases

import edgert
from edgert import ir, schema
from edgert.measure import resident_bytes
from edgert.pack import pack
from edgert.schema import OPS, Section


def all_cases(op: str) -> list[Case]:
    """The cases of an operator, the same in each test."""
    return cases(op, np.random.default_rng(0))


def feed(case: Case) -> dict[str, np.ndarray]:
    """The inputs of the graph that ``one_op_graph`` makes of a case."""
    return {
        f"x{i}": array
        for i, array in enumerate(case.inputs)
        if array is not None and i not in case.constants
    }


def graph_of(op: str, case: Case) -> ir.Graph:
    """The case as a graph."""
    return one_op_graph(op, case.inputs, case.attrs, case.constants)


# Absent inputs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("op", OPS)
def test_absent_inputs(op: str) -> None:
    """Each edge set to absent: an error that names it, or the result without that input."""
    for case in all_cases(op):
        data = pack(graph_of(op, case))
        for i, array in enumerate(case.inputs):
            file = ModelFile(data)
            file.edges("y")[i] = schema.NONE
            if OPS[op].optional_inputs >> i & 1:
                inputs = [*case.inputs]
                inputs[i] = None
                plain = edgert.load(pack(one_op_graph(op, inputs, case.attrs, case.constants)))
                found = edgert.load(file.bytes()).run(feed(case))["y"]
                want = plain.run({name: feed(case)[name] for name, _, _ in plain.inputs})["y"]
                assert found.tobytes() == want.tobytes(), (case, i)
            elif array is not None:
                with pytest.raises(edgert.FormatError, match=rf"input {i} is absent.*\[F52\]"):
                    edgert.load(file.bytes())
        file = ModelFile(data)
        file.edges("y")[-1] = schema.NONE
        assert attempt(file.bytes()) == "INDEX"


@pytest.mark.parametrize("op", OPS)
def test_graphs_without_an_input(op: str) -> None:
    """Graph.add() refuses what the file may not have."""
    for case in all_cases(op):
        for i in range(len(case.inputs)):
            inputs = [*case.inputs]
            inputs[i] = None
            if OPS[op].optional_inputs >> i & 1:
                one_op_graph(op, inputs, case.attrs, case.constants)
                continue
            with pytest.raises(edgert.FormatError, match=f"input {i} is absent") as caught:
                one_op_graph(op, inputs, case.attrs, case.constants)
            assert caught.value.rule == "INDEX"


def test_every_input_of_a_long_concat() -> None:
    """The mask of the optional inputs has fewer bits than it may have inputs."""
    count = OPS["concat"].max_inputs
    data = pack(graph_of("concat", Case({"axis": 0}, [np.ones((1, 2), np.float32)] * count)))
    assert attempt(data) == ""
    for i in range(count):
        file = ModelFile(data)
        file.edges("y")[i] = schema.NONE
        assert attempt(file.bytes()) == "INDEX"


def test_masks_are_of_inputs_that_there_are() -> None:
    for name, op in OPS.items():
        assert op.optional_inputs >> op.max_inputs == 0, name
        # What is optional comes last, so that it can be left out altogether, too.
        assert op.optional_inputs in (0, 2**op.max_inputs - 2**op.min_inputs, op.optional_inputs)


# Dimensions of zero ----------------------------------------------------------------------------


SIZES = ("dims", "sizes")  # attributes that repeat those of the input


def emptied(case: Case) -> list[Case]:
    """The case with each size that occurs among its shapes, and each first axis, set to zero."""
    given = [array for array in case.inputs if array is not None]
    sizes = sorted({size for array in given for size in array.shape})
    variants = []
    for size in sizes:
        places = [[d == size for d in array.shape] for array in given]
        variants.append(places)
        if len(given) > 1:  # of one input at a time, too
            variants += [
                [row if i == j else [False] * len(row) for j, row in enumerate(places)]
                for i in range(len(given))
            ]
    for i, array in enumerate(given):
        for axis in range(array.ndim):
            one = [[False] * other.ndim for other in given]
            one[i][axis] = True
            variants.append(one)
    found, seen = [], set()
    for variant in variants:
        if str(variant) in seen or not any(map(any, variant)):
            continue
        seen.add(str(variant))
        left = iter(variant)
        inputs = [
            None
            if array is None
            else np.asarray(array[tuple(slice(0) if zero else slice(None) for zero in next(left))])
            for array in case.inputs
        ]
        gone = {d for row, a in zip(variant, given) for d, zero in zip(a.shape, row) if zero}
        attrs = {
            name: [0 if size in gone else size for size in value] if name in SIZES else value
            for name, value in case.attrs.items()
        }
        found.append(Case(attrs, inputs, case.constants))
    return found


@pytest.mark.parametrize("op", OPS)
@pytest.mark.filterwarnings("ignore")  # numpy warns of means of nothing
def test_dimensions_of_zero(op: str) -> None:
    """A typed error, or a run whose result is that of the interpreter."""
    ran = 0
    cases = all_cases(op)
    for case in cases[:12] + cases[12 :: 1 + len(cases) // 12]:
        for variant in emptied(case):
            try:
                model = edgert.load(pack(graph_of(op, variant)))
                found = model.run(feed(variant))["y"]
            except edgert.EdgertError:  # of a run: an index into nothing
                continue
            ran += 1
            if found.size:
                try:
                    want = expected(op, variant.inputs, variant.attrs)
                except ValueError:  # numpy knows no greatest of nothing
                    assert op == "reduce"
                    continue
                np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-4, err_msg=str(variant))
    assert ran > 0


def resize_attrs(mode: int, size: int) -> dict[str, Any]:
    """Of an image without elements to one as high as that."""
    return {
        "mode": mode,
        "size": [size, 3],
        "first": [0, 0],
        "step": [1, 1],
        "unit": [1, 1],
        "cubic_coefficient": -0.75,
        "exclude_outside": 0,
    }


WIDE = 2**25  # a table of so many entries would show
ACTIVATION = {"fn": 0, "alpha": 0.0, "beta": 0.0}
NOTHING = np.zeros((0, 1, 1, 1), np.float32)
POOL = {
    "kernel": [1, 1],
    "strides": [1, 1],
    "dilations": [1, 1],
    "pads": [0, 0, 0, 0],
    "ceil_mode": 0,
    "count_include_pad": 0,
}
WINDOW = {"strides": [1, 1], "dilations": [1, 1], "groups": 1}
WIDE_NOTHING = {
    "resize nearest": ("resize", [NOTHING], resize_attrs(0, WIDE)),
    "resize linear": ("resize", [NOTHING], resize_attrs(1, WIDE)),
    "resize cubic": ("resize", [NOTHING], resize_attrs(2, WIDE)),
    "resize bytes": ("resize", [NOTHING.astype(np.uint8)], resize_attrs(1, WIDE)),
    "expand": ("expand", [NOTHING], {"rank": 4, "dims": [0, WIDE, 3, 1]}),
    "tile": ("tile", [NOTHING], {"repeats": [1, WIDE, 3, 1]}),
    "pad": ("pad", [NOTHING], {"mode": 2, "before": [0, WIDE, 3], "after": [], "value": 0.0}),
    "conv": (
        "conv",
        [NOTHING, np.ones((1, 1, 1, 1), np.float32)],
        {**WINDOW, "pads": [WIDE, 3, 0, 0], "activation": ACTIVATION},
    ),
    "conv_transpose": (
        "conv_transpose",
        [NOTHING, np.ones((1, 1), np.float32)],
        {
            **WINDOW,
            "strides": [WIDE, 3],
            "kernel": [1, 1],
            "pads": [0, 0, 0, 0],
            "output_padding": [WIDE - 1, 2],
            "activation": ACTIVATION,
        },
    ),
    "max_pool": ("max_pool", [np.zeros((0, WIDE, 3, 1), np.float32)], POOL),
    "pads of a pool": (  # each of its windows once was looked at
        "max_pool",
        [NOTHING],
        {**POOL, "kernel": [2**31 - 1, 1], "pads": [2**31 - 2, 0, 2**31 - 2, 0]},
    ),
    "average_pool": ("average_pool", [np.zeros((0, 3, WIDE, 1), np.float32)], POOL),
    "concat": (
        "concat",
        [np.zeros((0, WIDE), np.float32), np.zeros((0, WIDE), np.float32)],
        {"axis": 1},
    ),
    "gather": ("gather", [np.zeros((WIDE, 0), np.float32), np.zeros(3, np.int32)], {"axis": 0}),
    "reduce": (
        "reduce",
        [np.zeros((WIDE, 0, 5), np.float32)],
        {"fn": 1, "axes": 4, "keep_dims": 0},
    ),
    "matmul": ("matmul", [np.zeros((WIDE, 0), np.float32), np.zeros((0, 0), np.float32)], {}),
    "transpose": ("transpose", [np.zeros((WIDE, 0), np.float32)], {"perm": [1, 0]}),
    "softmax": ("softmax", [np.zeros((WIDE, 0), np.float32)], {"axis": 0, "log": 0}),
}


@pytest.mark.parametrize("name", WIDE_NOTHING)
def test_nothing_is_made_for_results_without_elements(name: str) -> None:
    """However large their other dimensions are."""
    op, inputs, attrs = WIDE_NOTHING[name]
    inputs = [np.broadcast_to(np.zeros((), a.dtype), a.shape) if a.size else a for a in inputs]
    constants = (1,) if op in ("conv", "conv_transpose") else ()
    case = Case(attrs, inputs, constants)
    data = pack(graph_of(op, case))
    _, before = resident_bytes()
    model = edgert.load(data, memory_limit=2**30)
    assert model.run(feed(case))["y"].size == 0
    _, after = resident_bytes()
    assert after - before < 2**25
    assert model.plan()[0].kernel == "none"
    assert model.memory()["arena"] + model.memory()["weights_repacked"] < 2**16


TALL = 2**20
PIXEL = np.zeros((1, 1, 1, 1), np.float32)
TABLES: dict[str, tuple[str, list[np.ndarray], dict[str, Any]]] = {
    "resize": (
        "resize",
        [np.zeros((1, 1, 1, 1), np.uint8)],
        {**resize_attrs(1, TALL), "size": [TALL, 1]},
    ),
    "max_pool": ("max_pool", [np.zeros((1, TALL, 1, 1), np.uint8)], POOL),
    "average_pool": ("average_pool", [np.zeros((1, 1, TALL, 1), np.float32)], POOL),
    "conv": (
        "conv",
        [PIXEL, np.zeros((1, 1, TALL, 1), np.float32)],
        {**WINDOW, "pads": [0, TALL, 0, 0], "activation": ACTIVATION},
    ),
    "conv_transpose": (
        "conv_transpose",
        [np.zeros((1, 64, 1, 1), np.float32), np.zeros((TALL // 16, 1), np.float32)],
        {
            **WINDOW,
            "kernel": [TALL // 16, 1],
            "pads": [0, 0, 0, 0],
            "output_padding": [0, 0],
            "activation": ACTIVATION,
        },
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_count_against_the_limit(name: str) -> None:
    """What steps make for each row, column or tap of files that are small."""
    op, inputs, attrs = TABLES[name]
    case = Case(attrs, inputs, (1,) if op == "conv_transpose" else ())
    data = pack(graph_of(op, case))
    _, before = resident_bytes()
    with pytest.raises(edgert.LimitError) as caught:
        edgert.load(data, memory_limit=5 * TALL)  # enough for the tensors
    assert caught.value.rule == "MEMORY"
    _, after = resident_bytes()
    assert after - before < 2**24
    model = edgert.load(data, memory_limit=2**31)
    assert model.memory()["tables"] > 4 * TALL
    model.run(feed(case))


def test_concat_of_nothing() -> None:
    """From and to memory of which there is none, in a graph without any other."""
    graph = ir.Graph()
    x = graph.add_input("x", np.float32, (0, 2))
    empty = graph.add_constant("empty", np.zeros((0, 2), np.float32))
    both = graph.add("concat", [x, empty], {"axis": 0})
    again = graph.add("concat", [both, empty, both], {"axis": 1})
    graph.outputs = [both, again, empty]
    data = pack(graph)
    assert len(ModelFile(data)[Section.data]) == 0
    assert attempt(data) == ""
