"""Keeps bytes unsigned: the kernels compute on u8."""

from __future__ import annotations

import numpy as np

from edgert.ir import Graph, Node
from edgert.ops import Trait, having
from edgert.passes.base import PassReport
from edgert.schema import DType, PadMode

_OFFSET = 128  # from i8 to u8
_KEEPS_SCALE = having(Trait.KEEPS_SCALE)


def make_unsigned(graph: Graph) -> PassReport:
    """Turns i8 tensors into u8 whose zero points are larger by 128: the same numbers.

    1. A tensor is turned if quantize or a node that moves bytes makes it, and if only dequantize
       and such nodes read it, whose other tensors are turned, too.
    2. Not inputs and outputs of the graph, and what is moved to or from them.
    """
    report = PassReport("make_unsigned")
    turned = _find(graph)
    for name in turned:
        value = graph.values[name]
        value.dtype = np.dtype(np.uint8)
        if value.data is not None:
            value.data = (value.data.astype(np.int16) + _OFFSET).astype(np.uint8)
    for node in graph.nodes:
        if node.output in turned and node.op == "quantize":
            zero = node.attrs["zero"] + _OFFSET
            node.attrs = {**node.attrs, "dtype": DType.uint8, "zero": zero}
        elif node.op == "dequantize" and node.inputs[0] in turned:
            node.attrs = {**node.attrs, "zero": node.attrs["zero"] + _OFFSET}
        elif node.op == "pad" and node.output in turned and node.attrs["mode"] == PadMode.constant:
            node.attrs = {**node.attrs, "value": node.attrs["value"] + _OFFSET}
    report.changed = len(turned)
    return report


def _find(graph: Graph) -> set[str]:
    found = {name for name, value in graph.values.items() if value.dtype == np.int8}
    found -= {*graph.inputs, *graph.outputs}
    before = None
    while before != len(found):
        before = len(found)
        for node in graph.nodes:
            signed = [n for n in (*node.inputs, *node.outputs) if n and _is_signed(graph, n)]
            if not all(_turns(node, name) and name in found for name in signed):
                found.difference_update(signed)
    return found


def _is_signed(graph: Graph, name: str) -> bool:
    return graph.values[name].dtype == np.int8


def _turns(node: Node, name: str) -> bool:
    """Whether the node makes or reads ``name`` in a way that can be turned."""
    if node.op in _KEEPS_SCALE:
        return True
    return node.op == ("quantize" if name == node.output else "dequantize")
