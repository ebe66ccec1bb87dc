"""Attributes of ONNX nodes: each is known and heeded, or refused by name and value."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, defs, helper, numpy_helper
from onnx_models import Case, Const, make_model, value_info
from onnx_names import in_branch, meaning
from onnx_refusals import F32, WEIGHT, X, refuse, relu
from quantized_models import I8, MICROSOFT, U8, Model
from test_dynamic_onnx import BLOCKS, N_BITS, K, product, small_bytes, zero_of
from test_dynamic_onnx import X as ROWS
from test_dynamic_onnx import lstm as quantized_lstm
from test_dynamic_onnx import model as dynamic_model
from test_importer_ops import CASES
from test_quantized_onnx import OPERATORS as ON_BYTES

from edgert import interp
from edgert.errors import FormatError, UnsupportedError
from edgert.importer import import_model
from edgert.importer.call import Call
from edgert.importer.dynamic import DOMAIN
from edgert.importer.registry import OPERATORS

Key = tuple[str, str]  # domain, operator


# --- models that have the attributes --------------------------------------------------------------


Q = [np.ones((2, 3), F32), Const(np.array(0.1, F32)), Const(np.array(3, U8))]
REDUCTIONS = "Mean", "Sum", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"
# Nodes that the tests of operators do not have.
MORE_CASES = [
    *(Case(f"Reduce{op}", 18, [WEIGHT], {"noop_with_empty_axes": 1}) for op in REDUCTIONS),
    *(Case("QuantizeLinear", opset, Q, {}) for opset in (19, 21, 23)),
    *(Case("DequantizeLinear", opset, [Q[0].astype(U8), *Q[1:]], {}) for opset in (21, 23)),
    Case("Pow", 1, [np.ones((2, 3), F32), np.ones(2, F32)], {"axis": 0, "broadcast": 1}),
    Case("BatchNormalization", 14, [np.ones((1, 3, 2), F32), *[Const(np.ones(3, F32))] * 4], {}),
]
ALL_CASES = [*CASES, *(c for c in MORE_CASES if c.opset <= defs.onnx_opset_version())]


def _others() -> Iterator[onnx.ModelProto]:
    """Models with what no case has."""
    for condition in (True, False):
        yield in_branch(make_model([relu("x", "y")], [X], ["y"]), condition)
    values = numpy_helper.from_array(np.array([2.0], F32), "values")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([1])), [3])
    yield Case("Constant", 13, [], {"sparse_value": sparse}).model()
    m = Model()
    x, w = [m.x(1, 2, 9, 9, dtype=U8), *m.point(0.02, 119)], m.c(np.ones((2, 2, 3, 3)), I8)
    window = {"dilations": [2, 2], "kernel_shape": [3, 3]}
    yield m.proto(m.op("QLinearConv", *x, w, *m.point(0.1, 0, I8), *m.point(0.1, 3), **window))
    m = Model()
    m.result = F32
    bytes_ = m.op("QuantizeLinear", m.x(2, 3), *m.point(0.1, 3), domain=MICROSOFT)
    yield m.proto(m.op("DequantizeLinear", bytes_, *m.point(0.1, 3), domain=MICROSOFT))
    node = helper.make_node("MatMulNBits", ["x", *BLOCKS], ["y"], "p", domain=MICROSOFT, **N_BITS)
    yield dynamic_model([node], ROWS, BLOCKS)
    window = {"dilations": [1, 1], "kernel_shape": [3, 3], "strides": [1, 2], "group": 1}
    for pads in ({"pads": [1, 1, 1, 1]}, {"auto_pad": "VALID"}):
        nodes = product("ConvInteger", **window, **pads)
        weights = {"w": small_bytes(U8, 4, 2, 3, 3), "wz": zero_of(U8), "ws": np.array(1e-3, F32)}
        yield dynamic_model(nodes, np.zeros((1, 2, 9, 9), F32), weights)
    gates = {"activations": ["HardSigmoid", "Tanh", "Tanh"], "activation_alpha": [0.3],
             "activation_beta": [0.4], "clip": 2.0, "input_forget": 1}  # fmt: skip
    nodes, weights = quantized_lstm(I8, 1, False, **gates)
    yield dynamic_model(nodes, np.zeros((5, 3, K), F32), weights)


def _models() -> Iterator[onnx.ModelProto]:
    yield from (case.model() for case in ALL_CASES)
    for build, _ in ON_BYTES.values():
        m = Model()
        yield m.proto(build(m))
    yield from _others()


@functools.cache
def models() -> dict[Key, list[tuple[set[str], onnx.ModelProto]]]:
    """For each operator the models that have it, each with the attributes of a node of it."""
    found: dict[Key, list[tuple[set[str], onnx.ModelProto]]] = {}
    for model in _models():
        for node in model.graph.node:
            joined = {"ConvInteger": "DynamicConv"}.get(node.op_type)
            key = (DOMAIN, joined) if joined else (node.domain, node.op_type)
            names = {attribute.name for attribute in node.attribute}
            found.setdefault(key, []).append((names, model))
    return found


# --- known ones -----------------------------------------------------------------------------------


class Noting(Mapping):
    """Attributes that note which of them somebody looks at."""

    def __init__(self, attrs: Mapping[str, Any]) -> None:
        self.attrs, self.seen = attrs, set()

    def __getitem__(self, name: str) -> Any:
        self.seen.add(name)
        return self.attrs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.attrs)

    def __len__(self) -> int:
        return len(self.attrs)


def pairs(which: str) -> list[tuple[Key, str]]:
    """(operator, attribute) for all ``attrs``, or ``unused`` ones, of the registry."""
    return [(key, name) for key, op in OPERATORS.items() for name in sorted(getattr(op, which))]


@pytest.mark.parametrize(("key", "name"), pairs("attrs"), ids=str)
def test_each_known_attribute_is_read(key: Key, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attribute that is accepted and forgotten would be a wrong answer."""
    noted: list[Noting] = []

    def run(call: Call) -> Any:
        noted.append(Noting(call.attrs))
        call.attrs = noted[-1]
        return operator.run(call)

    operator = OPERATORS[key]
    monkeypatch.setitem(OPERATORS, key, replace(operator, run=run))
    having_it = [model for names, model in models()[key] if name in names]
    for model in having_it or [model for _, model in models()[key]]:
        import_model(model)
        if any(name in attrs.seen for attrs in noted):
            return
    pytest.fail(f"{key} does not read {name}")


def schemas(key: Key) -> list[defs.OpSchema]:
    """The definitions of an operator of ONNX, the last one first."""
    found = [s for s in defs.get_all_schemas_with_history() if (s.domain, s.name) == key]
    return sorted(found, key=lambda schema: -schema.since_version)


@pytest.mark.parametrize("key", [k for k in OPERATORS if k[0] == ""], ids=str)
def test_known_attributes_are_those_of_onnx(key: Key) -> None:
    """None is misspelt."""
    theirs = {name for schema in schemas(key) for name in schema.attributes}
    assert OPERATORS[key].attrs <= theirs
    assert OPERATORS[key].unused <= {*theirs, "consumed_inputs"}


def other_value(attribute: defs.OpSchema.Attribute) -> Any:
    """One that is not the default."""
    kind = defs.OpSchema.AttrType
    return {kind.INT: 7, kind.FLOAT: 7.5, kind.STRING: "seven", kind.INTS: [7]}[attribute.type]


def case_with(key: Key, name: str) -> tuple[Case, Any]:
    """A case of an operator in an operator set that has the attribute, and a value for it."""
    for schema in schemas(key):
        for case in ALL_CASES:
            fits = case.op == key[1] and name in schema.attributes
            if (
                fits
                and defs.get_schema(case.op, case.opset, "").since_version == schema.since_version
            ):
                return case, other_value(schema.attributes[name])
    raise AssertionError(f"no case of {key} can have {name}")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (key, name)
        for key, name in pairs("unused")
        if key[0] == "" and name != "consumed_inputs"
        and key[1] not in ("ConvInteger", "Constant")  # refused whatever they say
    ],
    ids=str,
)  # fmt: skip
def test_unused_attributes_say_nothing(key: Key, name: str) -> None:
    case, value = case_with(key, name)
    changed = replace(case, attrs={**case.attrs, name: value})
    assert meaning(import_model(changed.model())) == meaning(import_model(case.model()))


# --- unknown ones ---------------------------------------------------------------------------------


UNKNOWN = [
    (key, name)
    for key, operator in OPERATORS.items()
    if key[0] == ""
    for name in sorted({n for schema in schemas(key) for n in schema.attributes})
    if not operator.knows(name)
]


@pytest.mark.parametrize(("key", "name"), UNKNOWN, ids=str)
def test_unknown_attributes_of_onnx(key: Key, name: str) -> None:
    """Are refused, but with the value that ONNX assumes without them."""
    case, value = case_with(key, name)
    model = replace(case, attrs={**case.attrs, name: value}).model()
    message = refuse(UnsupportedError, "OP", model)
    for text in (key[1], "'node'", repr(name), repr(value)):
        assert text in message
    default = defs.get_schema(key[1], case.opset, "").attributes[name].default_value
    same = replace(case, attrs={**case.attrs, name: helper.get_attribute_value(default)})
    assert meaning(import_model(same.model())) == meaning(import_model(case.model()))


@pytest.mark.parametrize("op", [op for domain, op in OPERATORS if domain == MICROSOFT])
def test_unknown_attributes_of_onnx_runtime(op: str) -> None:
    """Whatever the node is otherwise."""
    node = helper.make_node(op, ["x"], ["y"], "the node", domain=MICROSOFT, new_mode="fast")
    model = make_model([node], [X], ["y"])
    model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    message = refuse(UnsupportedError, "OP", model)
    for text in (op, "'the node'", "'new_mode'", "'fast'"):
        assert text in message


def test_unknown_attributes_inside_of_functions() -> None:
    """Are refused there, too, with the value that the caller gave."""
    inner = helper.make_node("QLinearAdd", ["a"] * 8, ["b"], "inner", domain=MICROSOFT)
    attribute = inner.attribute.add(name="mode", type=onnx.AttributeProto.INT)
    attribute.ref_attr_name = "outer"
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    function = helper.make_function("f", "F", ["a"], ["b"], [inner], opsets, ["outer"])
    call = helper.make_node("F", ["x"], ["y"], "call", domain="f", outer=42)
    model = make_model([call], [X], ["y"], functions=[function])
    model.opset_import.append(helper.make_opsetid("f", 1))
    message = refuse(UnsupportedError, "OP", model)
    for text in ("QLinearAdd", "'call/inner'", "'mode'", "42"):
        assert text in message


IMAGE = np.zeros((1, 4, 4, 4), F32)
NO_SUCH_VALUES = [
    ("approximate", Case("Gelu", 20, [IMAGE], {"approximate": "erf"})),
    ("auto_pad", Case("MaxPool", 12, [IMAGE], {"auto_pad": "BOTH", "kernel_shape": [2, 2]})),
    ("auto_pad", Case("Conv", 11, [IMAGE, Const(np.ones((1, 4, 2, 2), F32))], {"auto_pad": "S"})),
    ("mode", Case("DepthToSpace", 13, [IMAGE], {"blocksize": 2, "mode": "RCD"})),
    ("mode", Case("SpaceToDepth", 28, [IMAGE], {"blocksize": 2, "mode": "RCD"})),
    ("mode", Case("Pad", 13, [IMAGE, Const(np.ones(8, np.int64))], {"mode": "mirror"})),
    ("p", Case("LpNormalization", 1, [IMAGE], {"p": 3})),
    ("keep_aspect_ratio_policy", Case(
        "Resize", 19, [IMAGE, None, None, Const(np.array([1, 4, 8, 8]))],
        {"keep_aspect_ratio_policy": "fill"},
    )),
    ("nearest_mode", Case(
        "Resize", 13, [IMAGE, None, None, Const(np.array([1, 4, 8, 8]))], {"nearest_mode": "up"},
    )),
    ("equation", Case("Einsum", 12, [IMAGE], {"equation": "...a->a"})),
    ("output_dtype", Case(
        "DequantizeLinear", 23, [IMAGE.astype(U8), Const(np.array(1.0, F32))],
        {"output_dtype": TensorProto.INT32},
    )),
]  # fmt: skip


@pytest.mark.parametrize(("name", "case"), NO_SUCH_VALUES, ids=lambda x: getattr(x, "op", x))
def test_values_that_attributes_do_not_have(name: str, case: Case) -> None:
    """Are not taken for one that they have."""
    if case.opset > defs.onnx_opset_version():
        pytest.skip("the installed onnx package does not know this operator set")
    message = refuse(UnsupportedError, "OP", case.model())
    assert name in message
    assert "'node'" in message


@pytest.mark.parametrize("op", ["Relu", "QLinearAdd"])
def test_an_attribute_that_is_given_twice(op: str) -> None:
    node = helper.make_node(op, ["x"], ["y"], "n", domain="" if op == "Relu" else MICROSOFT, a=1)
    node.attribute.append(helper.make_attribute("a", 2))
    model = make_model([node], [X], ["y"])
    model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    assert "'a' twice" in refuse(FormatError, "DUPLICATE", model)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_both_orders_of_space_to_depth(mode: str) -> None:
    """Each undoes the one of DepthToSpace."""
    if defs.onnx_opset_version() < 28:
        pytest.skip("the installed onnx package does not know this operator set")
    nodes = [
        helper.make_node("SpaceToDepth", ["x"], ["t"], blocksize=2, mode=mode),
        helper.make_node("DepthToSpace", ["t"], ["y"], blocksize=2, mode=mode),
    ]
    x = np.arange(2 * 3 * 4 * 6, dtype=F32).reshape(2, 3, 4, 6)
    model = make_model(nodes, [value_info("x", x)], ["t", "y"], opset=28)
    found = interp.run(import_model(model), {"x": x})
    np.testing.assert_array_equal(found["y"], x)
    assert (
        found["t"][0, :, 0, 0].tolist()
        == {
            "DCR": [0, 24, 48, 1, 25, 49, 6, 30, 54, 7, 31, 55],
            "CRD": [0, 1, 6, 7, 24, 25, 30, 31, 48, 49, 54, 55],
        }[mode]
    )
