"""Changes of ONNX models, of a member or of the graph: whether they stay valid does not matter."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any, Callable, Optional

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, helper

from edgert.importer.registry import OPERATORS as IMPORTED

NUMBERS = (-1, 0, 1, 2, 3, 4, 7, 8, 16, 17, 255, 256, 10**9, 2**31 - 1, 2**31, 2**40, 2**63 - 1,
           -(2**31), -(2**63))  # fmt: skip
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-40, 1e38, float("inf"), float("-inf"), float("nan"))
NAMES = ("", "x", "y", "i0", "o0", "\x1b[31m", "\n", "\u202e", "../../x", "%s%n", "a" * 2000)
OPERATORS = sorted({op for _, op in IMPORTED} | {"If", "Loop", "Scan", "Constant", "Unknown"})

Change = Callable[[random.Random, ModelProto], Optional[object]]


def mutate(model: ModelProto, rng: random.Random) -> None:
    """Changes one thing, seldom a few."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choice(CHANGES)(rng, model)


def splice(model: ModelProto, other: ModelProto, rng: random.Random) -> None:
    """Puts the graph of another model behind that of ``model``, joined at one value."""
    ours = [name for node in model.graph.node for name in node.output]
    theirs = [info.name for info in other.graph.input]
    if ours and theirs and rng.random() < 0.8:
        old, new = rng.choice(theirs), rng.choice(ours)
        for node in other.graph.node:
            node.input[:] = [new if name == old else name for name in node.input]
    for field in ("node", "initializer", "input", "output", "sparse_initializer"):
        getattr(model.graph, field).extend(getattr(other.graph, field))
    model.functions.extend(other.functions)


def repair(model: ModelProto) -> None:
    """Gives each value one definition, and outputs that there are: what most changes break."""
    graph = model.graph
    _replace(model.functions, {(f.domain, f.name): f for f in model.functions}.values())
    for items in (graph.input, graph.initializer, graph.output):
        kept = {item.name: item for item in reversed(items) if item.name}
        _replace(items, reversed(kept.values()))
    defined = {item.name for items in (graph.input, graph.initializer) for item in items}
    for i, node in enumerate(graph.node):
        for k, name in enumerate(node.output):
            if name in defined:
                node.output[k] = f"{name[:8]}.{i}.{k}"
            defined.add(node.output[k])
    _replace(graph.output, [item for item in graph.output if item.name in defined])
    names = [name for node in graph.node for name in node.output if name]
    if names and not len(graph.output):
        graph.output.append(helper.make_empty_tensor_value_info(names[-1]))


def _replace(items: Any, kept: Iterable[Any]) -> None:
    kept = [type(item).FromString(item.SerializeToString()) for item in kept]
    del items[:]
    items.extend(kept)


def _number(rng: random.Random, old: int) -> int:
    near = (old + 1, old - 1, old * 2, -old, rng.randrange(8))
    return max(-(2**63), min(rng.choice((rng.choice(NUMBERS), *near)), 2**63 - 1))


def _any(rng: random.Random, items: Sequence[Any]) -> Any:
    return rng.choice(items) if len(items) else None


def _names(graph: GraphProto) -> list[str]:
    names = [name for node in graph.node for name in (*node.input, *node.output)]
    return [*names, *(i.name for i in graph.initializer), *NAMES[:2]]


def _remove_any(rng: random.Random, items: Any) -> None:
    if len(items):
        del items[rng.randrange(len(items))]


# Nodes --------------------------------------------------------------------------------------------


def _operator(rng: random.Random, model: ModelProto) -> None:
    if node := _any(rng, model.graph.node):
        node.op_type = rng.choice(OPERATORS)
        if rng.random() < 0.1:
            node.domain = rng.choice(("", "ai.onnx", "com.microsoft", "x"))


def _edge(rng: random.Random, model: ModelProto) -> None:
    if node := _any(rng, model.graph.node):
        names = node.output if rng.random() < 0.2 else node.input
        kind = rng.randrange(4)
        if kind == 0:
            names.append(rng.choice(_names(model.graph)))
        elif len(names) and kind == 1:
            names.pop()
        elif len(names):
            names[rng.randrange(len(names))] = rng.choice(_names(model.graph))


def _nodes(rng: random.Random, model: ModelProto) -> None:
    nodes = model.graph.node
    if not len(nodes):
        return
    kind, node = rng.randrange(4), rng.choice(nodes)
    if kind == 0:
        _remove_any(rng, nodes)
    elif kind == 1:
        other = rng.choice(nodes)
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        node.CopyFrom(other)
        other.CopyFrom(copy)
    else:  # the same once more, on its own result or with another's
        new = nodes.add()
        new.CopyFrom(node)
        new.output[:] = [f"{name}'" for name in node.output]
        if len(new.input):
            new.input[0] = rng.choice((node.output[0] if node.output else "", new.input[0]))
        if len(new.output) and len(model.graph.output):
            model.graph.output[0].name = new.output[0]


def _into_branch(rng: random.Random, model: ModelProto) -> None:
    """A node moves into both branches of an If."""
    if not (node := _any(rng, model.graph.node)):
        return
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output]
    branch = helper.make_graph([node], "branch", [], outputs)
    condition = rng.choice(_names(model.graph))
    node.CopyFrom(
        helper.make_node(
            "If", [condition], list(node.output), then_branch=branch, else_branch=branch
        )
    )


def _into_function(rng: random.Random, model: ModelProto) -> None:
    """A node becomes a function of the model."""
    if not (node := _any(rng, model.graph.node)):
        return
    inputs = [name for name in dict.fromkeys(node.input) if name]
    function = helper.make_function(
        "local", "f", inputs, list(node.output), [node], model.opset_import
    )
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("local", 1))
    node.CopyFrom(helper.make_node("f", inputs, list(node.output), domain="local"))


# Attributes ---------------------------------------------------------------------------------------


def _attribute(rng: random.Random, model: ModelProto) -> None:
    nodes = [node for node in model.graph.node if len(node.attribute)]
    if not nodes:
        return
    node = rng.choice(nodes)
    attribute = rng.choice(node.attribute)
    kind = rng.randrange(12)
    if kind == 0:
        _remove_any(rng, node.attribute)
    elif kind == 1:
        attribute.type = rng.randrange(15)
    elif kind == 2:
        attribute.name = rng.choice((*NAMES, rng.choice(rng.choice(nodes).attribute).name))
    elif kind == 3:
        rng.choice(model.graph.node).attribute.append(attribute)
    else:
        _value(rng, attribute)


def _value(rng: random.Random, attribute: AttributeProto) -> None:
    if attribute.type == AttributeProto.INT:
        attribute.i = _number(rng, attribute.i)
    elif attribute.type == AttributeProto.FLOAT:
        attribute.f = rng.choice(FLOATS)
    elif attribute.type == AttributeProto.STRING:
        attribute.s = rng.choice((b"", b"linear", b"SAME_UPPER", b"\xff", b"nearest"))
    elif attribute.type == AttributeProto.TENSOR:
        _tensor(rng, attribute.t)
    elif attribute.type == AttributeProto.INTS:
        kind = rng.randrange(4)
        if kind == 0:
            attribute.ints.append(rng.choice(NUMBERS))
        elif kind == 1:
            _remove_any(rng, attribute.ints)
        elif len(attribute.ints):
            i = rng.randrange(len(attribute.ints))
            attribute.ints[i] = _number(rng, attribute.ints[i])


def _new_attribute(rng: random.Random, model: ModelProto) -> None:
    if node := _any(rng, model.graph.node):
        names = sorted(onnx.defs.get_schema(node.op_type).attributes) if onnx.defs.has(
            node.op_type
        ) else ["axis"]  # fmt: skip
        value = rng.choice((1, 2.0, b"x", [1, 1], [0.5], -1, [0]))
        node.attribute.append(helper.make_attribute(_any(rng, names) or "axis", value))


# Tensors ------------------------------------------------------------------------------------------


def _initializer(rng: random.Random, model: ModelProto) -> None:
    if tensor := _any(rng, model.graph.initializer):
        if rng.random() < 0.1:
            _into_sparse(rng, model, tensor)
        elif rng.random() < 0.2:
            tensor.name = rng.choice(_names(model.graph))
        else:
            _tensor(rng, tensor)


def _tensor(rng: random.Random, tensor: TensorProto) -> None:
    kind = rng.randrange(7)
    if kind == 0 and len(tensor.dims):
        i = rng.randrange(len(tensor.dims))
        tensor.dims[i] = _number(rng, tensor.dims[i])
    elif kind == 1:
        tensor.dims.insert(0, rng.choice((0, 1, 1, 2)))
    elif kind == 2:
        _remove_any(rng, tensor.dims)
    elif kind == 3:
        tensor.data_type = rng.randrange(26)
    elif kind == 4:
        tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data) + 1)]
    elif kind == 5:
        data = bytearray(tensor.raw_data)
        for _ in range(rng.randrange(1, 9) if data else 0):
            data[rng.randrange(len(data))] = rng.choice((0, 1, 127, 128, 255))
        tensor.raw_data = bytes(data)
    else:
        tensor.int64_data.append(rng.choice(NUMBERS))


def _into_sparse(rng: random.Random, model: ModelProto, tensor: TensorProto) -> None:
    sparse = model.graph.sparse_initializer.add()
    sparse.dims[:] = [_number(rng, dim) if rng.random() < 0.2 else dim for dim in tensor.dims]
    count = rng.randrange(4)
    sparse.values.CopyFrom(
        TensorProto(
            name=tensor.name,
            data_type=tensor.data_type,
            dims=[count],
            raw_data=tensor.raw_data[: 4 * count],
        )
    )
    kind = rng.choice((TensorProto.INT64, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL))
    indices = [rng.choice((0, 1, 2, -1, 10**6)) for _ in range(count)]
    sparse.indices.CopyFrom(TensorProto(data_type=kind, dims=[count], int64_data=indices))
    model.graph.initializer.remove(tensor)


def _to_input(rng: random.Random, model: ModelProto) -> None:
    """An initializer becomes an input."""
    if tensor := _any(rng, model.graph.initializer):
        dims = [dim if 0 <= dim < 2**31 else 1 for dim in tensor.dims]
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, dims))
        if rng.random() < 0.8:
            model.graph.initializer.remove(tensor)


# The interface and the model ----------------------------------------------------------------------


def _declaration(rng: random.Random, model: ModelProto) -> None:
    infos = model.graph.input if rng.random() < 0.7 else model.graph.output
    if not len(infos):
        return
    info, kind = rng.choice(infos), rng.randrange(7)
    dims = info.type.tensor_type.shape.dim
    if kind == 0:
        info.type.tensor_type.elem_type = rng.randrange(26)
    elif kind == 1:
        info.ClearField("type")
    elif kind == 2:
        _remove_any(rng, infos)
    elif kind == 3:
        info.name = rng.choice(_names(model.graph))
    elif kind == 4:
        infos.append(info)
    elif len(dims) and kind == 5:
        rng.choice(dims).dim_param = rng.choice(("N", ""))
    elif len(dims):
        dim = rng.choice(dims)
        dim.dim_value = _number(rng, dim.dim_value)


def _new_output(rng: random.Random, model: ModelProto) -> None:
    model.graph.output.append(helper.make_empty_tensor_value_info(rng.choice(_names(model.graph))))


def _version(rng: random.Random, model: ModelProto) -> None:
    if rng.random() < 0.2:
        model.ir_version = rng.choice((0, 1, 3, 4, 8, 10, 11, 99))
    elif imported := _any(rng, model.opset_import):
        imported.version = rng.choice((*range(1, 26), 0, -1, 1000))


def _rename(rng: random.Random, model: ModelProto) -> None:
    """A value is called otherwise, wherever it stands."""
    old, new = rng.choice(_names(model.graph)), rng.choice(NAMES)
    for node in model.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
    for items in (model.graph.input, model.graph.output, model.graph.initializer):
        for item in items:
            item.name = new if item.name == old else item.name


def _node_name(rng: random.Random, model: ModelProto) -> None:
    if node := _any(rng, model.graph.node):
        node.name = rng.choice((*NAMES, *_names(model.graph)))


CHANGES: tuple[Change, ...] = (
    *(_operator, _edge, _edge, _nodes, _into_branch, _into_function),
    *(_attribute, _attribute, _attribute, _new_attribute),
    *(_initializer, _initializer, _to_input, _declaration, _declaration, _new_output),
    *(_version, _rename, _node_name),
)
