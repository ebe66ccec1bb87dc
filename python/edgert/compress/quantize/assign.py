"""Which nodes of a graph become integer ones, of how many bits, and what shares a scale."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import gcd, prod

import numpy as np

from edgert.compress.ladder import Form, reading
from edgert.ir import Graph, Node
from edgert.ops import PRODUCTS, Trait, having
from edgert.passes.base import activation
from edgert.schema import BinaryFn, PadMode, ReduceFn, ResizeMode, UnaryFn

# Sums of 255 * 127 per product and of a bias below 2^29 stay within 32 bits.
MAX_DEPTH = 49_000
MAX_WINDOW = 65_535  # elements of int16 whose sum has 32 bits
MAX_STRIDES = 1024  # the product of those of a transposed convolution
MAX_ROW = 32_768  # bytes whose squares have a sum of 32 bits
_KEEPS_SCALE = having(Trait.KEEPS_SCALE)
_NORMALIZES = having(Trait.NORMALIZES, but=Trait.QUANTIZED)
_FLOAT = np.dtype(np.float32)
_SUMS = BinaryFn.add, BinaryFn.sub, BinaryFn.mul


def kind(graph: Graph, node: Node) -> str:
    """How a node can be computed on bytes, "" if it cannot.

    "matrix": sums of products with constant weights; "elementwise": a result with a scale of its
    own; "mover": bytes of its inputs, unchanged, the largest of them or what lies between them.
    """
    if graph.values[node.output].dtype != np.float32:
        return ""
    data = [name for name in node.inputs if name and graph.constant(name) is None]
    if not data or graph.values[data[0]].dtype != np.float32:
        return ""
    return _kind(graph, node)


def _kind(graph: Graph, node: Node) -> str:
    op, shapes = node.op, [graph.values[name].shape if name else () for name in node.inputs]
    if op in PRODUCTS:
        return "" if why_float(graph, node) else "matrix"
    if op == "unary" or op == "average_pool":
        return "elementwise"
    if op == "batch_norm":
        return "elementwise" if len(shapes[0]) == 4 and _finite(graph, *node.inputs[1:]) else ""
    if op == "binary":
        sums = node.attrs["fn"] in _SUMS and all(
            graph.constant(name) is None or _finite(graph, name) for name in node.inputs
        )
        return "elementwise" if sums or scalar_operand(graph, node) is not None else ""
    if op == "softmax":
        is_row = node.attrs["axis"] == len(shapes[0]) - 1
        return "elementwise" if is_row and not node.attrs["log"] else ""
    if op == "layer_norm":
        exact = shapes[0][-1] <= MAX_ROW and node.attrs["epsilon"] <= 1
        return "elementwise" if exact and _finite(graph, *node.inputs[1:]) else ""
    if op == "reduce":
        is_mean = node.attrs["fn"] == ReduceFn.mean and node.attrs["axes"] == 0b0110
        return "elementwise" if is_mean and len(shapes[0]) == 4 else ""
    if op == "pad":
        value = node.attrs["value"]
        return "mover" if node.attrs["mode"] != PadMode.constant or value == 0 else ""
    if op == "resize":
        return "mover" if node.attrs["mode"] != ResizeMode.cubic else ""
    if op == "gather":
        return "mover" if graph.constant(node.inputs[0]) is None else ""
    return "mover" if op in _KEEPS_SCALE else ""


def interpolates(node: Node) -> bool:
    """Whether a mover makes bytes that none of its inputs has."""
    return node.op == "resize" and node.attrs["mode"] == ResizeMode.linear


def why_float(graph: Graph, node: Node) -> str:
    """Why a matrix product cannot be on bytes, "" if it can."""
    if node.op == "conv_transpose":
        if node.attrs["groups"] > 1:
            return "it has groups"
        window = zip(node.attrs["kernel"], node.attrs["strides"], node.attrs["dilations"])
        if any(kernel < stride or gcd(stride, dilation) > 1 for kernel, stride, dilation in window):
            return "some pixels of its output have no taps"
        if prod(node.attrs["strides"]) > MAX_STRIDES:
            return "its strides are too large"
    if _has_constant_weights(graph, node):
        return ""
    return "its weights are no constants, not finite, or too many for a sum of 32 bits"


def _has_constant_weights(graph: Graph, node: Node) -> bool:
    weight = graph.constant(node.inputs[1])
    if weight is None or not weight.size:
        return False
    if weight.size // graph.values[node.output].shape[-1] > MAX_DEPTH:
        return False
    bias = node.inputs[2] if len(node.inputs) > 2 else ""
    if bias and graph.constant(bias) is None:
        return False
    return graph.constant(node.inputs[0]) is None and _finite(graph, node.inputs[1], bias)


def _finite(graph: Graph, *names: str) -> bool:
    return all(np.isfinite(graph.constant(name)).all() for name in names if name)


def scalar_operand(graph: Graph, node: Node) -> int | None:
    """Which input of a binary node is one constant number and leaves the other's shape as it is."""
    for i, name in enumerate(node.inputs):
        data = graph.constant(name)
        if data is not None and data.size == 1:
            same = graph.values[node.inputs[1 - i]].shape == graph.values[node.output].shape
            return i if same else None
    return None


def uniform_affine(graph: Graph, node: Node) -> tuple[float, float] | None:
    """Factor and shift of a batch_norm that does the same to all channels, and nothing else."""
    if node.op != "batch_norm" or activation(node) is not UnaryFn.identity:
        return None
    factor, shift = (graph.constant(name) for name in node.inputs[1:])
    if not factor.size or (factor != factor[0]).any() or (shift != shift[0]).any():
        return None
    return float(factor[0]), float(shift[0])


def is_linear(node: Node) -> bool:
    """Whether the node's activation is a clamp, which bytes do by themselves."""
    return activation(node) in (UnaryFn.identity, UnaryFn.relu, UnaryFn.clip)


@dataclass
class Assignment:
    """What becomes of the nodes, by the names of their outputs, and of the values.

    ``forms`` has the form of each node that is quantised, ``results`` the type that it writes if it
    reads integers. ``values`` has the type of each value that is read as integers; ``group`` maps
    it to the value whose scale it has; ``sources`` are the values of a group that are not moved
    from another one: together they take its range.
    """

    forms: dict[str, Form] = field(default_factory=dict)
    results: dict[str, np.dtype] = field(default_factory=dict)
    values: dict[str, np.dtype] = field(default_factory=dict)
    group: dict[str, str] = field(default_factory=dict)
    sources: dict[str, list[str]] = field(default_factory=dict)

    def form(self, node: Node) -> Form:
        """What the node computes on."""
        return self.forms.get(node.output, Form.f32)

    def is_integer(self, node: Node) -> bool:
        """Whether the node computes on integers."""
        return self.form(node).is_integer

    def writes_integers(self, node: Node) -> bool:
        """Whether the node makes integers of its result itself."""
        return self.results.get(node.output, _FLOAT) != _FLOAT


def assign(graph: Graph, forms: Mapping[str, Form]) -> Assignment:
    """What each node computes on, if the products have ``forms``, float where there is none.

    Other nodes that are float there stay so. The rest follows:

    1. A product is quantised only if its weights are constant.
    2. Other nodes are integer if a product on integers follows: what leads to outputs of the graph,
       or to nodes that need floats, keeps the full precision of the sums.
    3. Elementwise nodes are only if an input is made by a node on integers: rounding once after
       them is more exact than twice. Moving bytes is cheaper than moving floats, so movers need not
       wait, unless a float node reads them too.
    4. Softmax and layer normalisation only are if bytes hold their input anyway: what they make of
       its rounding is more than what they save.
    5. What int16 reads is int16, through sums and movers; what needs a table of all values is
       computed in float there.
    """
    kinds = {node.output: kind(graph, node) for node in graph.nodes}
    for node in graph.nodes:
        own = forms.get(node.output)
        if (own is None and node.op in PRODUCTS) or (own is not None and not own.is_integer):
            kinds[node.output] = ""
    while True:
        group, sources, integer = _share_with_rows(graph, kinds)
        int16 = _int16_values(graph, forms, integer)
        narrow = {
            node.output
            for node in graph.nodes
            if node.output in integer
            and _only_on_bytes(graph, node)
            and not int16.isdisjoint((node.output, *byte_operands(graph, node)))
        }
        if not narrow:
            break
        kinds.update(dict.fromkeys(narrow, ""))
    values = {name: np.dtype(np.int16 if name in int16 else np.uint8) for name in group}
    result = Assignment(values=values, group=group, sources=sources)
    readers = graph.consumers()
    for node in graph.nodes:
        own = forms.get(node.output)
        if node.output in integer:
            is_kept = _keeps_result(graph, node, readers, integer)
            result.results[node.output] = values[node.output] if is_kept else _FLOAT
            is_product = node.op in PRODUCTS
            result.forms[node.output] = own if is_product else reading(values[node.output])
        elif own is not None and own.is_dynamic:
            result.forms[node.output] = own
    return result


def _int16_values(graph: Graph, forms: Mapping[str, Form], integer: Collection[str]) -> set[str]:
    int16: set[str] = set()
    for node in reversed(graph.nodes):
        if node.output not in integer:
            continue
        data, *residual = byte_operands(graph, node)
        if node.op not in PRODUCTS:
            if node.output in int16:
                int16.update((data, *residual))
            continue
        if forms[node.output].reads == np.int16:
            int16.add(data)
        if node.output in int16:
            int16.update(residual)
    return int16


def _only_on_bytes(graph: Graph, node: Node) -> bool:
    """Whether a node has no form on int16, or might overflow its sums."""
    if node.op == "binary":
        return scalar_operand(graph, node) is not None and node.attrs["fn"] not in _SUMS
    if node.op == "reduce":
        _, height, width, _ = graph.values[node.inputs[0]].shape
        return height * width > MAX_WINDOW
    return (
        node.op == "unary"
        or node.op in _NORMALIZES
        or (node.op == "average_pool" and int(np.prod(node.attrs["kernel"])) > MAX_WINDOW)
    )


def _share_with_rows(
    graph: Graph, kinds: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, list[str]], set[str]]:
    """Groups, their sources and the integer nodes: rows whose input is kept as bytes without them
    are added until there are no more.
    """
    left = {node.output: node.inputs[0] for node in graph.nodes if node.op in _NORMALIZES}
    while True:
        some = {**kinds, **dict.fromkeys(left, "")}
        integer = _integer_nodes(graph, some)
        group, sources = _share_scales(graph, some, integer)
        held = [output for output, x in left.items() if x in group]
        if not held:
            return group, sources, integer
        for output in held:
            del left[output]


def _integer_nodes(graph: Graph, kinds: Mapping[str, str]) -> set[str]:
    """The nodes of a kind that are computed on integers, as rules 2 and 3 say."""
    readers = graph.consumers()
    integer = {output for output, k in kinds.items() if k}
    before = None
    while before != integer:
        before = set(integer)
        for node in reversed(graph.nodes):
            users = [user for user in readers[node.output] if user.output in integer]
            if kinds[node.output] != "matrix" and not users:
                integer.discard(node.output)
        for node in graph.nodes:
            if node.output not in integer or kinds[node.output] == "matrix":
                continue
            if any(name in integer for name in node.inputs):
                continue
            users = readers[node.output]
            float_user = any(user.output not in integer for user in users)
            if kinds[node.output] == "elementwise" or float_user:
                integer.discard(node.output)
    return integer


def _share_scales(
    graph: Graph, kinds: Mapping[str, str], integer: Collection[str]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """``group`` and ``sources`` of an :class:`Assignment`."""
    readers, producers = graph.consumers(), graph.producers()
    parent: dict[str, str] = {}
    group: dict[str, str] = {}
    sources: dict[str, list[str]] = {}

    def find(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            name = parent[name]
        return name

    def is_moved(name: str) -> bool:
        node = producers.get(name)
        return bool(node) and name in integer and kinds[name] == "mover"

    for node in graph.nodes:
        if node.output not in integer:
            continue
        if kinds[node.output] != "mover":
            for name in byte_operands(graph, node):
                find(name)
            if _keeps_result(graph, node, readers, integer):
                find(node.output)
        elif node.op != "concat":
            parent[find(node.output)] = find(node.inputs[0])
        else:
            find(node.output)
            for name in filter(lambda n: graph.constant(n) is None, node.inputs):
                own = find(name)
                if _has_one_reader(graph, name, producers, readers, is_moved):
                    parent[own] = find(node.output)
    for name in parent:
        representative = find(name)
        group[name] = representative
        node = producers.get(name)
        if not is_moved(name) or node.op == "concat":
            sources.setdefault(representative, []).append(name)
    return group, sources


def _keeps_result(graph: Graph, node: Node, readers, integer: Collection[str]) -> bool:
    """Whether the result of an integer node is kept as integers: else it is a float at once."""
    is_read = any(user.output in integer for user in readers[node.output])
    return node.op not in PRODUCTS or (is_read and node.output not in graph.outputs)


def byte_operands(graph: Graph, node: Node) -> list[str]:
    """The inputs of an integer node that are read as bytes with a scale."""
    if node.op in PRODUCTS:
        return [node.inputs[0], *filter(None, node.inputs[3:])]
    if node.op == "binary":
        scalar = scalar_operand(graph, node)
        return [name for i, name in enumerate(node.inputs) if i != scalar]
    return node.inputs if node.op == "concat" else node.inputs[:1]


def _has_one_reader(graph, name, producers, readers, is_moved) -> bool:
    """Whether nothing but a chain of movers to one reader depends on the scale of ``name``."""
    while True:
        if len(readers[name]) > 1 or name in graph.outputs:
            return False
        if not is_moved(name) or producers[name].op == "concat":
            return True
        name = producers[name].inputs[0]
