"""What every operator means: a slow interpreter of ir.Graph in numpy, the oracle of the tests.

Nothing here is optimised: the converter uses it to fold constants, the tests to judge passes and
kernels.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgert.errors import EdgertError, InputError
from edgert.interp import plain, quantized, recurrent, signs
from edgert.ir import Graph, Node, encode_attrs
from edgert.schema import OPS

OPERATORS = {**plain.OPERATORS, **recurrent.OPERATORS, **quantized.OPERATORS, **signs.OPERATORS}


def run(graph: Graph, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Runs the graph once: one array per graph input in, one per graph output out.

    Raises InputError for inputs that do not fit and EdgertError if a node's result does not have
    the type that the graph declares for it.
    """
    arrays: dict[str, np.ndarray] = {}
    for name in graph.inputs:
        value = graph.values[name]
        array = np.asarray(inputs[name])
        if (array.dtype, array.shape) != (value.dtype, value.shape):
            raise InputError(
                f"input {name!r}: expected {value.dtype} {value.shape}, "
                f"found {array.dtype} {array.shape}"
            )
        arrays[name] = array
    arrays.update((name, v.data) for name, v in graph.values.items() if v.data is not None)
    last_reader = {name: node for node in graph.nodes for name in node.inputs}
    for node in graph.nodes:
        results = run_node(node, [arrays[name] if name else None for name in node.inputs])
        for name, result in zip(node.outputs, results):
            value = graph.values[name]
            if (result.dtype, result.shape) != (value.dtype, value.shape):
                raise EdgertError(
                    f"{node.op} {node.name!r}: declared {value.dtype} {value.shape}, "
                    f"computed {result.dtype} {result.shape}"
                )
            arrays[name] = result
        for name in set(node.inputs):
            if name and last_reader[name] is node and name not in graph.outputs:
                arrays.pop(name)
    return {name: arrays[name] for name in graph.outputs}


def run_node(node: Node, arrays: plain.Inputs) -> list[np.ndarray]:
    """The outputs of one node for the given inputs (None for an absent one)."""
    with np.errstate(all="ignore"):
        results = OPERATORS[node.op](record_of(node), arrays)
    results = results if isinstance(results, tuple) else (results,)
    return [np.asarray(result, order="C") for result in results]


def record_of(node: Node) -> np.void:
    """The attributes of a node as the functions of operators read them."""
    return np.frombuffer(encode_attrs(node.op, node.attrs), OPS[node.op].attrs)[0]
