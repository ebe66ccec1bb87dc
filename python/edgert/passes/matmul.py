"""Turns products with constant matrices into gemm nodes."""

from __future__ import annotations

import numpy as np

from edgert.ir import Graph, Node
from edgert.passes.base import PassReport, Sweep, sweep


def matmul_to_gemm(graph: Graph) -> PassReport:
    """Replaces matmul(a, b) with a constant b by gemm.

    1. b [K, N], also below leading dimensions of one, becomes the weight [N, K].
    2. Not if b has several matrices, or more dimensions than a.
    """
    return sweep("matmul_to_gemm", graph, _to_gemm)


def _to_gemm(sweep: Sweep, node: Node) -> str | None:
    b = sweep.constant(node.inputs[1]) if node.op == "matmul" else None
    if b is None:
        return None
    if any(dim != 1 for dim in b.shape[:-2]) or b.ndim > len(sweep.shape(node.inputs[0])):
        sweep.report.skip(node, "the constant is more than one matrix")
        return None
    weight = sweep.add_constant(node.inputs[1], np.ascontiguousarray(b.reshape(b.shape[-2:]).T))
    return sweep.add("gemm", [node.inputs[0], weight], {}, node)
