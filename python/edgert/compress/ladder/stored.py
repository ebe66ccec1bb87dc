"""In which form weights are stored: those with many zeros without them."""

from __future__ import annotations

from collections import Counter

import numpy as np

from edgert.ir import Graph, Node, possible_forms
from edgert.pack import constant_bytes
from edgert.schema import Form

LEAST_ZEROS = 0.3  # of the weights, for a look at forms without them
# Of float weights, from where on products without zeros are faster; those that Winograd's method
# does in fewer multiplications must have more.
LEAST_FLOAT_ZEROS, LEAST_WINOGRAD_ZEROS = 0.75, 0.92
MOST_ROOM = 0.9  # of the dense form: for less there is no other


def choose_stored(graph: Graph) -> None:
    """Says of weights with many zeros in which sparse form they are stored; the others stay dense.

    It is the form with the fewest bytes, of integers also fewer than their codes have. Zeros lose
    their sign, which masks leave to half of them. Of integers the runtime unpacks what is faster
    with its zeros on the CPU that it runs on: the results have the same bits. Those of floats have
    not, so that the choice is made here, once for all.
    """
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    for node in graph.nodes:
        weight = _weight(graph, node)
        if weight is None or readers[node.inputs[1]] > 1:
            continue
        sparse = _sparse_bytes(graph, node, weight)
        if sparse:
            name, best = node.inputs[1], min(sparse, key=sparse.__getitem__)
            graph.values[name].data, graph.forms[name] = _unsigned_zeros(weight), best


def stored_bytes(graph: Graph) -> int:
    """What the weights of a part of a graph will take in the file, but for what fills up panels."""
    total = 0
    for node in graph.nodes:
        weight = _weight(graph, node)
        if weight is not None:
            dense = constant_bytes(weight, possible_forms(graph, node)[1][0])
            dense = min(dense, weight.nbytes)
            total += min(_sparse_bytes(graph, node, weight).values(), default=dense)
    return total


def _weight(graph: Graph, node: Node) -> np.ndarray | None:
    """The constant matrix that a node multiplies with, if it has one."""
    weight = graph.constant(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] else None
    return None if weight is None or weight.ndim < 2 or not weight.size else weight


def _sparse_bytes(graph: Graph, node: Node, weight: np.ndarray) -> dict[Form, int]:
    """The bytes of a weight in the sparse forms that pay."""
    is_float = weight.dtype.kind == "f"
    zeros = 1 - np.count_nonzero(weight) / weight.size
    if zeros < (_least_float_zeros(node, weight) if is_float else LEAST_ZEROS):
        return {}
    weight = _unsigned_zeros(weight)
    dense, *sparse = possible_forms(graph, node)[1]
    # Floats are stored without zeros for the sake of their speed, however few codes may need.
    most = MOST_ROOM * constant_bytes(weight, dense, may_code=not is_float)
    sizes = {form: constant_bytes(weight, form) for form in sparse}
    return {form: size for form, size in sizes.items() if size <= most}


def _unsigned_zeros(weight: np.ndarray) -> np.ndarray:
    return weight + weight.dtype.type(0)


def _least_float_zeros(node: Node, weight: np.ndarray) -> float:
    if weight.ndim != 4 or weight.shape[1:3] != (3, 3):
        return LEAST_FLOAT_ZEROS
    is_plain = [*node.attrs["strides"], *node.attrs["dilations"]] == [1, 1, 1, 1]
    return LEAST_WINOGRAD_ZEROS if is_plain else LEAST_FLOAT_ZEROS
