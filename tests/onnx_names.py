"""ONNX models under other names, and what a graph computes whatever its names are."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgert import ir

# What edgert calls the values that it makes for a node "n".
_LIKE_EDGERT = (
    "", "_1", "_", "/constant", "/constant_1", "/reshape", "/transpose", "/binary", "/conv",
    "/gemm", ".q", ".q_1", "_scale", "_bias", "__1",
)  # fmt: skip


def hostile_names() -> Iterator[str]:
    """Different names, each one that edgert could make for a node called "n" or like another."""
    yield from (f"n{suffix}" for suffix in _LIKE_EDGERT)
    yield from (f"n{suffix}_{i}" for i in itertools.count(2) for suffix in _LIKE_EDGERT)


def meaning(graph: ir.Graph) -> list[str]:
    """A digest of each output: of all that leads to it but names, and the order of the nodes."""
    known = {name: _digest("input", i) for i, name in enumerate(graph.inputs)}
    for name, value in graph.values.items():
        if value.data is not None:
            known[name] = _digest(value.dtype, value.shape, value.data.tobytes())
    for node in graph.nodes:
        operands = [known[name] if name else "" for name in node.inputs]
        attrs = ir.encode_attrs(node.op, node.attrs)
        shape = graph.values[node.output].shape
        if node.op == "reshape" and graph.values[node.inputs[0]].shape == shape:
            known[node.output] = operands[0]  # two outputs, one constant
            continue
        dynamic = node.name in graph.dynamic
        for i, name in enumerate(node.outputs):
            known[name] = _digest(node.op, attrs, operands, dynamic, i)
    return [known[name] for name in graph.outputs]


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def value_names(model: onnx.ModelProto) -> list[str]:
    """The names of all tensors: of inputs, initializers and results."""
    names = [value.name for value in model.graph.input]
    names += [tensor.name for tensor in model.graph.initializer]
    names += [name for node in model.graph.node for name in node.output if name]
    return list(dict.fromkeys(names))


def renamed(
    model: onnx.ModelProto, values: Mapping[str, str], nodes: Sequence[str]
) -> onnx.ModelProto:
    """A copy with other names: ``values`` has those of tensors, ``nodes`` those of the nodes."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    del graph.value_info[:]
    for named in (*graph.input, *graph.output, *graph.initializer):
        named.name = values.get(named.name, named.name)
    for node, name in zip(graph.node, nodes):
        node.name = name
        for names in (node.input, node.output):
            names[:] = [values.get(name, name) for name in names]
    return copy


def in_function(model: onnx.ModelProto, values: Mapping[str, str]) -> onnx.ModelProto:
    """A copy whose nodes are those of a function, in which tensors have other names."""
    inner = renamed(model, values, [node.name for node in model.graph.node])
    constants = {tensor.name for tensor in model.graph.initializer}
    given = [i.name for i in model.graph.input if i.name not in constants] + sorted(constants)
    results = [output.name for output in model.graph.output]
    function = helper.make_function(
        "local", "Whole", [values[name] for name in given], [values[name] for name in results],
        list(inner.graph.node), list(model.opset_import),
    )  # fmt: skip
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.node[:]
    copy.graph.node.append(helper.make_node("Whole", given, results, results[0], domain="local"))
    copy.opset_import.append(helper.make_opsetid("local", 1))
    copy.functions.append(function)
    return copy


def in_branch(model: onnx.ModelProto, condition: bool = True) -> onnx.ModelProto:
    """A copy whose nodes are both branches of an If; outside, its results have other names."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    branch = onnx.GraphProto(name="branch", node=graph.node, output=graph.output)
    outputs = [f"{output.name}_1" for output in graph.output]
    del graph.node[:]
    graph.initializer.append(numpy_helper.from_array(np.array(condition), "if"))
    graph.node.append(
        helper.make_node("If", ["if"], outputs, "if", then_branch=branch, else_branch=branch)
    )
    for output, name in zip(graph.output, outputs):
        output.name = name
    return copy


def variants(model: onnx.ModelProto) -> dict[str, onnx.ModelProto]:
    """The model under other names, and with its nodes elsewhere."""
    names, nodes = value_names(model), model.graph.node
    same = dict(zip(names, names))
    rotated = dict(zip(names, [*names[1:], names[0]]))
    hostile = dict(zip(names, hostile_names()))
    odd = "\u202e\n\x1b[31m\0" + "long" * 1000
    interface = {value.name for value in (*model.graph.input, *model.graph.output)}
    inner = {name: name if name in interface else f"{odd}{i}" for i, name in enumerate(names)}
    firsts = [next(filter(None, node.output), "") for node in nodes]
    backwards = renamed(model, same, [""] * len(nodes))
    del backwards.graph.node[:]
    backwards.graph.node.extend(reversed(nodes))
    return {
        "nameless": renamed(model, same, [""] * len(nodes)),
        "equal": renamed(model, same, ["n"] * len(nodes)),
        "named as results": renamed(model, same, firsts),
        "named as other results": renamed(model, same, firsts[::-1]),
        "swapped": renamed(model, rotated, firsts),
        "hostile": renamed(model, hostile, ["n"] * len(nodes)),
        "unprintable": renamed(model, inner, [odd] * len(nodes)),
        "backwards": backwards,
        "function": in_function(model, rotated),
        "hostile function": in_function(renamed(model, hostile, ["n"] * len(nodes)), {
            name: hostile[other] for name, other in zip(hostile.values(), reversed(names))
        }),
        "branch": in_branch(model),
        "hostile branch": in_branch(renamed(model, hostile, ["n"] * len(nodes))),
    }  # fmt: skip


def crowd(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model of a node three times in one, nameless, named as a result, and in a function.

    All names are hostile ones; those in the function are names of what is around it.
    """
    names = value_names(model)
    hostile = hostile_names()
    given = {value.name for value in (*model.graph.input, *model.graph.initializer)}
    shared = {name: next(hostile) for name in names if name in given}
    results = [name for name in names if name not in given]
    copies = [{**shared, **dict(zip(results, hostile))} for _ in range(3)]
    first = renamed(model, copies[0], [""])
    second = renamed(model, copies[1], [copies[0][results[0]]])
    swapped = dict(zip(names, [*copies[0].values()][::-1]))
    third = in_function(renamed(model, copies[2], [copies[1][results[0]]]), {
        copies[2][name]: swapped[name] for name in names
    })  # fmt: skip
    for other in (second, third):
        first.graph.node.extend(other.graph.node)
        first.graph.output.extend(other.graph.output)
    first.functions.extend(third.functions)
    first.opset_import.extend(third.opset_import[-1:])
    return first
