"""What a model computes does not depend on what anything in it is called, nor on its order."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import Case, make_model, value_info
from onnx_names import crowd, meaning, variants
from onnx_refusals import F32, WEIGHT, X, refuse, relu, tensor
from quantized_models import Model
from test_dynamic_onnx import GOOD, product
from test_dynamic_onnx import X as ROWS
from test_dynamic_onnx import model as dynamic_model
from test_importer_ops import CASES
from test_quantized_onnx import OPERATORS

import edgert
from edgert import passes
from edgert.converter import convert
from edgert.errors import FormatError, LimitError, UnsupportedError
from edgert.importer import import_model
from edgert.parity import check_parity
from edgert.unpack import unpack

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


def run(model: onnx.ModelProto, folder: Path, x: np.ndarray) -> dict[str, np.ndarray]:
    """What the converted model makes of ``x``."""
    convert(model, folder / "m.edgert", check=False)
    return edgert.load(folder / "m.edgert").run({"x": x})


# --- every test model of the importer -------------------------------------------------------------


def _id(item: tuple[int, Case]) -> str:
    return f"{item[1].op}-{item[1].opset}-{item[0]}"


@pytest.mark.parametrize("item", list(enumerate(CASES)), ids=_id)
def test_every_operator(item: tuple[int, Case]) -> None:
    """Beside copies of itself, among names that edgert makes itself."""
    model = item[1].model()
    expected = meaning(import_model(model))
    assert meaning(import_model(crowd(model))) == expected * 3


def quantized(build: Callable[[Model], str]) -> onnx.ModelProto:
    """A model of an operator on bytes."""
    m = Model()
    return m.proto(build(m))


def light(name: str) -> onnx.ModelProto:
    """A network that onnx comes with."""
    return onnx.load(LIGHT / f"light_{name}.onnx")


WHOLE: dict[str, Callable[[], onnx.ModelProto]] = {
    **{name: lambda b=build: quantized(b) for name, (build, _) in OPERATORS.items()},
    "dynamic": lambda: dynamic_model(product("MatMulInteger"), ROWS, GOOD),
    "squeezenet": lambda: light("squeezenet"),
    "shufflenet": lambda: light("shufflenet"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_models(name: str) -> None:
    """As imported, and after the passes."""
    model = WHOLE[name]()
    graph = import_model(model)
    expected = meaning(graph)
    passes.optimize(graph)
    optimized = meaning(graph)
    for variant, other in variants(model).items():
        graph = import_model(other)
        assert meaning(graph) == expected, variant
        names = [value.name for value in other.graph.output]
        assert graph.outputs == names
        if variant in ("equal", "hostile", "hostile function"):
            passes.optimize(graph)
            assert meaning(graph) == optimized, variant
            assert graph.outputs == names


# --- inputs and outputs ---------------------------------------------------------------------------


def test_an_input_is_an_output(tmp_path: Path) -> None:
    """Alone, beside a result, and through Identity under another name."""
    x = np.arange(6, dtype=F32).reshape(2, 3) - 2
    found = run(make_model([], [X], ["x"]), tmp_path, x)
    np.testing.assert_array_equal(found["x"], x)
    same = helper.make_node("Identity", ["x"], ["same"])
    found = run(make_model([relu("x", "y"), same], [X], ["y", "x", "same"]), tmp_path, x)
    assert list(found) == ["y", "x", "same"]
    for name in ("x", "same"):
        np.testing.assert_array_equal(found[name], x)
    np.testing.assert_array_equal(found["y"], np.maximum(x, 0))


def test_an_input_that_is_an_output_of_a_quantised_network(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(1, 3, 8, 8)).astype(F32)
    w = numpy_helper.from_array(rng.normal(size=(4, 3, 3, 3)).astype(F32), "w")
    model = make_model(
        [helper.make_node("Conv", ["x", "w"], ["y"])], [value_info("x", x)], ["x", "y"], [w]
    )
    for quantize in ("int8", "int16", "dynamic"):
        convert(model, tmp_path / "m", quantize=quantize)
        np.testing.assert_array_equal(edgert.load(tmp_path / "m").run({"x": x})["x"], x)


def test_one_value_under_several_names(tmp_path: Path) -> None:
    """Of a node and of a constant."""
    x = np.arange(6, dtype=F32).reshape(2, 3) - 2
    nodes = [
        relu("x", "a"),
        *(helper.make_node("Identity", [a], [b]) for a, b in ("ab", "bc", "wv", "vu")),
    ]
    w = numpy_helper.from_array(WEIGHT, "w")
    for outputs in ("abcwvu", "cbauvw", "cu", "bv", "awu"):
        found = run(make_model(nodes, [X], list(outputs), [w]), tmp_path, x)
        assert list(found) == list(outputs)
        for name, array in found.items():
            np.testing.assert_array_equal(array, np.maximum(x, 0) if name in "abc" else WEIGHT)


def test_the_interface_keeps_its_names_and_others_may_be_anything() -> None:
    """Names that no file could hold, of what nobody gets."""
    odd = "\u202e" * 5000
    graph = import_model(make_model([relu("x", odd, odd), relu(odd, "y", "\0")], [X], ["y"]))
    assert (graph.inputs, graph.outputs) == (["x"], ["y"])
    for name in (odd, "y\0"):
        refuse(FormatError, "NAME", make_model([relu("x", name)], [X], [name]))
        info = value_info(name, np.zeros(1, F32))
        refuse(FormatError, "NAME", make_model([relu(name, "y")], [info], ["y"]))


def test_the_names_of_a_file_that_is_read_again(tmp_path: Path) -> None:
    """Are those of its inputs and outputs, though what is escaped has one of them."""
    nodes = [helper.make_node("Exp", ["x"], ["\a"]), helper.make_node("Tanh", ["\a"], ["\\x07"])]
    convert(make_model(nodes, [X], ["\\x07"]), tmp_path / "m", check=False)
    graph = unpack(tmp_path / "m")
    assert (graph.inputs, graph.outputs) == (["x"], ["\\x07"])
    assert [node.output for node in graph.nodes] == ["\\x07_1", "\\x07"]


# --- nodes of one name ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "y", "t", "n"])
def test_only_the_product_that_is_dynamic_is_noted(name: str) -> None:
    """Though another one has its name."""
    nodes = product("MatMulInteger")
    nodes[-1].output[0] = "t"
    weights = {**GOOD, "v": np.ones((112, 4), F32)}
    nodes.append(helper.make_node("MatMul", ["t", "v"], ["y"]))
    for node in nodes:
        node.name = name
    graph = import_model(dynamic_model(nodes, ROWS, weights))
    dynamic = [node.op for node in graph.nodes if node.name in graph.dynamic]
    assert dynamic == ["gemm", "binary"]
    assert [node.op for node in graph.nodes] == ["gemm", "binary", "gemm"]


def test_the_original_is_compared_whatever_its_nodes_are_called(tmp_path: Path) -> None:
    """ONNX Runtime does not load nodes of one name."""
    nodes = [
        helper.make_node(op, [a], [b], "n") for op, a, b in (("Exp", "x", "t"), ("Neg", "t", "y"))
    ]
    onnx.save(make_model(nodes, [X], ["y"]), tmp_path / "m.onnx")
    convert(tmp_path / "m.onnx")
    model = edgert.load(tmp_path / "m.edgert")
    x = np.ones((2, 3), F32)
    assert check_parity(str(tmp_path / "m.onnx"), model, [{"x": x}]).passed


# --- functions of the model -----------------------------------------------------------------------


def function(
    domain: str, name: str, nodes: list[onnx.NodeProto], inputs: str = "a", overload: str = ""
) -> onnx.FunctionProto:
    """A function of ``inputs``, one a letter, to "b"."""
    return helper.make_function(
        domain, name, list(inputs), ["b"], nodes, [helper.make_opsetid("", 18)], overload=overload
    )


def with_functions(
    nodes: list[onnx.NodeProto], *functions: onnx.FunctionProto, opset: int = 18
) -> onnx.ModelProto:
    """x to y."""
    model = make_model(nodes, [X], ["y"], opset=opset, functions=list(functions))
    domains = {f.domain for f in functions} - {"", "ai.onnx"}
    model.opset_import.extend(helper.make_opsetid(domain, 1) for domain in domains)
    return model


@pytest.mark.parametrize("domain", ["", "ai.onnx"])
@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Celu", ["x"], ["y"], alpha=2.0),  # is said by Div and Mul
        helper.make_node("Swish", ["x"], ["y"], alpha=2.0),
        helper.make_node("MeanVarianceNormalization", ["x"], ["y"], axes=[0]),  # is a function
        helper.make_node("Gelu", ["x"], ["y"]),
    ],
    ids=lambda node: node.op_type,
)
def test_functions_do_not_get_between_operators_and_what_they_mean(
    node: onnx.NodeProto, domain: str
) -> None:
    """Those of the model, with the names of operators, are for the nodes of the model."""
    opset = 24 if node.op_type == "Swish" else 20
    sub = [helper.make_node("Sub", ["a", "c"], ["b"])]
    bad = [function(domain, op, sub, "ac") for op in ("Mul", "Div", "Add", "Pow")]
    neg = [helper.make_node("Neg", ["a"], ["b"])]
    bad += [function(domain, op, neg) for op in ("Sqrt", "Exp", "Sigmoid", "Reshape", "Cast")]
    model = with_functions([node], *bad, opset=opset)
    assert meaning(import_model(model)) == meaning(
        import_model(with_functions([node], opset=opset))
    )


def test_a_function_takes_the_place_of_an_operator() -> None:
    """For the nodes of the model, under both names of ONNX's domain."""
    neg = [helper.make_node("Neg", ["a"], ["b"])]
    expected = meaning(import_model(with_functions([helper.make_node("Neg", ["x"], ["y"])])))
    for domain in ("", "ai.onnx"):
        for called in ("", "ai.onnx"):
            node = helper.make_node("Relu", ["x"], ["y"], domain=called)
            model = with_functions([node], function(domain, "Relu", neg))
            assert meaning(import_model(model)) == expected


def test_functions_that_differ_in_overload_alone() -> None:
    functions = [
        function("f", "F", [helper.make_node(op, ["a"], ["b"])], overload=op)
        for op in ("Neg", "Exp")
    ]
    for op in ("Neg", "Exp"):
        node = helper.make_node("F", ["x"], ["y"], domain="f", overload=op)
        found = meaning(import_model(with_functions([node], *functions)))
        plain = helper.make_node(op, ["x"], ["y"])
        assert found == meaning(import_model(with_functions([plain])))
    refuse(FormatError, "DUPLICATE", with_functions([node], *functions, functions[0]))


def test_what_a_function_hands_on_must_be_given() -> None:
    """An operand that the caller leaves out is no result; what reads it is without it."""
    call = helper.make_node("F", ["x"], ["y"], domain="f")
    clip = [helper.make_node("Clip", ["a", "", "c"], ["b"])]
    assert meaning(import_model(with_functions([call], function("f", "F", clip, "ac")))) == meaning(
        import_model(make_model([helper.make_node("Clip", ["x"], ["y"])], [X], ["y"]))
    )
    hands_on = helper.make_function("f", "F", ["a", "c"], ["c"], [], [helper.make_opsetid("", 18)])
    assert "'c'" in refuse(FormatError, "ARITY", with_functions([call], hands_on))


def test_long_names_cost_no_memory_for_each_call() -> None:
    """Up to the limit; and no time worth noting."""
    long = "n" * (1 << 14)
    nodes = [relu("a", long, long), relu(long, "b")]
    calls = [helper.make_node("F", [f"v{i}"], [f"v{i + 1}"], domain="f") for i in range(500)]
    calls[0].input[0] = "x"
    model = with_functions(calls, function("f", "F", nodes))
    model.graph.output[0].name = calls[-1].output[0]
    tracemalloc.start()
    graph = import_model(model)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(graph.nodes) == 1000
    assert most < len(calls) * len(long)
    for bad in (relu("x", "y", long + "n"), relu("x", long + "n"), relu(long + "n", "y")):
        refuse(LimitError, "NAME", make_model([bad], [X], ["y"]))


def test_operators_of_other_domains_are_no_parts_of_dynamic_products() -> None:
    """Whatever they are called."""
    nodes = product("MatMulInteger")
    for i in (0, 1, 3, 4):
        other = [onnx.NodeProto() for _ in nodes]
        for node, source in zip(other, nodes):
            node.CopyFrom(source)
        other[i].domain = "custom"
        model = dynamic_model(other, ROWS, GOOD)
        model.opset_import.append(helper.make_opsetid("custom", 1))
        assert "(custom 1)" in refuse(UnsupportedError, "OP", model)


def test_the_domain_of_edgert_is_its_own() -> None:
    node = helper.make_node("DynamicMatMul", ["x", "w"], ["y"], domain="edgert")
    model = make_model([node], [X], ["y"], [numpy_helper.from_array(WEIGHT.astype(np.int8), "w")])
    model.opset_import.append(helper.make_opsetid("edgert", 1))
    assert "'edgert'" in refuse(UnsupportedError, "OPSET", model)
    neg = [helper.make_node("Neg", ["a"], ["b"])]
    model = with_functions([relu("x", "y")], function("edgert", "DynamicMatMul", neg))
    model.opset_import.pop()
    assert "'edgert'" in refuse(UnsupportedError, "OPSET", model)


# --- order ----------------------------------------------------------------------------------------


def branches(
    *nodes: onnx.NodeProto, output: str = "z", result: str = "y", **weights: np.ndarray
) -> onnx.NodeProto:
    """An If, of which both branches are these nodes."""
    branch = onnx.GraphProto(name="branch", node=nodes)
    branch.output.add(name=output).type.tensor_type.elem_type = TensorProto.FLOAT
    branch.initializer.extend(numpy_helper.from_array(w, name) for name, w in weights.items())
    return helper.make_node("If", ["c"], [result], "if", then_branch=branch, else_branch=branch)


TRUE = numpy_helper.from_array(np.array(True), "c")
NEG = helper.make_node("Neg", ["x"], ["a"], "first")


@pytest.mark.parametrize(
    "model",
    [
        make_model([relu("b", "y"), relu("a", "b"), NEG], [X], ["y"]),
        make_model([relu("b", "y"), branches(relu("a", "z"), result="b"), NEG], [X], ["y"], [TRUE]),
        make_model([branches(relu("b", "z"), relu("a", "b")), NEG], [X], ["y"], [TRUE]),
        make_model(
            [branches(relu("b", "z"), branches(relu("a", "t"), output="t", result="b")), NEG],
            [X], ["y"], [TRUE],
        ),
        with_functions(
            [relu("a", "y"), helper.make_node("F", ["x"], ["a"], domain="f")],
            function("f", "F", [relu("c", "b"), helper.make_node("Neg", ["a"], ["c"])]),
        ),
    ],
    ids=["graph", "reader in a branch", "branch", "branch in a branch", "function"],
)  # fmt: skip
def test_nodes_are_sorted(model: onnx.ModelProto) -> None:
    expected = make_model([NEG, relu("a", "b"), relu("b", "y")], [X], ["y"])
    assert meaning(import_model(model)) == meaning(import_model(expected))


def test_what_no_output_needs_may_stand_anywhere() -> None:
    dead = helper.make_node("NoSuchOperator", ["a"], ["d"], domain="custom")
    model = make_model([dead, relu("a", "y"), NEG], [X], ["y"])
    model.opset_import.append(helper.make_opsetid("custom", 1))
    assert [node.op for node in import_model(model).nodes] == ["unary", "unary"]


@pytest.mark.parametrize("dead", [False, True])
@pytest.mark.parametrize("length", [1, 2, 3, 50])
def test_cycles_name_a_node(length: int, dead: bool) -> None:
    """Whether an output needs them or not."""
    ring = [relu(f"v{(i + 1) % length}", f"v{i}", f"node {i}") for i in range(length)]
    model = make_model([*ring, relu("x" if dead else "v0", "y")], [X], ["y"])
    assert "Relu 'node " in refuse(FormatError, "ORDER", model)


def test_cycles_through_a_branch_and_in_one() -> None:
    message = refuse(
        FormatError, "ORDER", make_model([branches(relu("y", "z"))], [X], ["y"], [TRUE])
    )
    assert "If 'if'" in message
    ring = branches(relu("b", "z", "knot"), relu("z", "b"))
    message = refuse(FormatError, "ORDER", make_model([ring], [X], ["y"], [TRUE]))
    assert "'knot'" in message or "'b'" in message


def test_names_in_a_branch_are_its_own() -> None:
    """As long as nothing around it has them; a branch may hand on one of its weights."""
    both = make_model([branches(relu("x", "y"), output="y")], [X], ["y"], [TRUE])
    assert [node.op for node in import_model(both).nodes] == ["unary"]
    weight = make_model([branches(output="w", w=WEIGHT)], [X], ["y"], [TRUE])
    graph = import_model(weight)
    np.testing.assert_array_equal(graph.values["y"].data, WEIGHT)
    taken = make_model([NEG, branches(relu("x", "a"), output="a")], [X], ["y"], [TRUE])
    refuse(FormatError, "DUPLICATE", taken)


# --- operator sets --------------------------------------------------------------------------------


@pytest.mark.parametrize("twice", [("", ""), ("", "ai.onnx"), ("ai.onnx", "ai.onnx"), ("f", "f")])
def test_an_operator_set_may_be_imported_twice(twice: tuple[str, str]) -> None:
    model = make_model([relu("x", "y")], [X], ["y"])
    version = 1 if "f" in twice else 17
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain in twice)
    assert [node.op for node in import_model(model).nodes] == ["unary"]
    model.opset_import[-1].version += 1
    message = refuse(UnsupportedError, "OPSET", model)
    assert f"{version} and {version + 1}" in message or f"{version + 1} and {version}" in message


# --- text in messages -----------------------------------------------------------------------------


ODD = "\u202eevil\n\x1b[2J\u2028"


@pytest.mark.parametrize(
    "model",
    [
        make_model([helper.make_node(ODD, ["x"], ["y"])], [X], ["y"]),
        make_model([relu(ODD, "y")], [X], ["y"]),
        make_model([relu("x", ODD)], [X], [ODD, ODD]),
        make_model([helper.make_node("Flatten", ["x"], ["y"], ODD, axis=9)], [X], ["y"]),
        make_model([helper.make_node("Relu", ["x"], ["y"], **{ODD: 1})], [X], ["y"]),
        make_model([helper.make_node("Gelu", ["x"], ["y"], approximate=ODD)], [X], ["y"], opset=20),
        make_model([helper.make_node("Pad", ["x", "p"], ["y"], mode=ODD)], [X], ["y"],
                   [numpy_helper.from_array(np.array([1, 1, 1, 1]), "p")]),
        make_model([helper.make_node("Einsum", ["x"], ["y"], equation=ODD)], [X], ["y"]),
        make_model([helper.make_node("Det", ["x"], ["y"], ODD)], [X], ["y"]),
        make_model([helper.make_node("MatMul", ["x", "x"], ["y"], ODD)], [X], ["y"]),
        make_model([relu("x", ODD), relu("x", ODD)], [X], ["y"]),
        make_model([relu(ODD, "a"), relu("a", ODD, ODD)], [X], ["y"]),
        make_model([relu("x", "y")], [helper.make_tensor_value_info("x", 1, [3, ODD])], ["y"]),
        make_model([relu(ODD, "y")], [helper.make_tensor_value_info(ODD, 1, [3, "n"])], ["y"]),
        make_model([relu("x", "y")], [X], ["y"], [tensor(name=ODD)] * 2),
        make_model([relu(ODD, "y")], [X], ["y"], [tensor(name=ODD)]),
        make_model([relu(ODD, "y")], [X], ["y"], [tensor(name=ODD, data_type=77)]),
        with_functions([helper.make_node(ODD, ["x"], ["y"], domain=ODD)],
                       function(ODD, ODD, [helper.make_node(ODD, ["a"], ["b"], ODD, domain=ODD)])),
        with_functions([helper.make_node(ODD, ["x"], ["y"], domain=ODD)],
                       function(ODD, ODD, [helper.make_node("Det", ["a"], ["b"], ODD)])),
    ],
)  # fmt: skip
def test_text_of_models_is_escaped(model: onnx.ModelProto) -> None:
    """In every message: no character that moves the cursor, the line or the direction."""
    with pytest.raises((FormatError, LimitError, UnsupportedError)) as info:
        import_model(model)
    message = str(info.value)
    assert "evil" in message, message
    for line in message.split("\n"):
        assert line.isprintable(), message
    assert "evil" not in [line[:4] for line in message.split("\n")]
