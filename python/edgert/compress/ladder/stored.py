"""In which form weights are stored: those with many zeros without them."""

from __future__ import annotations

from collections import Counter

import numpy as np

from edgert import _core
from edgert.ir import Graph, Node, possible_forms

LEAST_ZEROS = 0.3  # of the weights, for a look at forms without them
# Of float weights, from where on products without zeros are faster; those that Winograd's method
# does in fewer multiplications must have more.
LEAST_FLOAT_ZEROS, LEAST_WINOGRAD_ZEROS = 0.75, 0.92
MOST_ROOM = 0.9  # of the dense form: for less there is no other


def choose_stored(graph: Graph) -> None:
    """Says of weights with many zeros in which sparse form they are stored; the others stay dense.

    It is the form with the fewest bytes. Zeros lose their sign, which masks leave to half of them.
    Of integers the runtime unpacks what is faster with its zeros on the CPU that it runs on: the
    results have the same bits. Those of floats have not, so that the choice is made here, once for
    all.
    """
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    for node in graph.nodes:
        name = node.inputs[1] if len(node.inputs) > 1 else ""
        weight = graph.constant(name) if name else None
        if weight is None or weight.ndim < 2 or not weight.size or readers[name] > 1:
            continue
        zeros = 1 - np.count_nonzero(weight) / weight.size
        if zeros < (_least_float_zeros(node, weight) if weight.dtype.kind == "f" else LEAST_ZEROS):
            continue
        weight = weight + weight.dtype.type(0)
        dense, *sparse = possible_forms(graph, node)[1]
        sizes = {form: _core.pack_weight(weight, form).nbytes for form in (dense, *sparse)}
        best = min(sizes, key=sizes.__getitem__)
        if sizes[best] <= MOST_ROOM * sizes[dense]:
            graph.values[name].data, graph.forms[name] = weight, best


def _least_float_zeros(node: Node, weight: np.ndarray) -> float:
    if weight.ndim != 4 or weight.shape[1:3] != (3, 3):
        return LEAST_FLOAT_ZEROS
    is_plain = [*node.attrs["strides"], *node.attrs["dilations"]] == [1, 1, 1, 1]
    return LEAST_WINOGRAD_ZEROS if is_plain else LEAST_FLOAT_ZEROS
