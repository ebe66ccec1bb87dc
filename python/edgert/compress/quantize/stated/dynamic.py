"""Graphs that say of products that their inputs become bytes while they run."""

from __future__ import annotations

import numpy as np

from edgert.compress.ladder import Form, why_not_worth
from edgert.compress.quantize.assign import Assignment
from edgert.compress.quantize.forms import DYNAMIC_FIT, why_not
from edgert.compress.quantize.lowering.lower import lower
from edgert.compress.quantize.rounding.grid import grid_steps
from edgert.compress.quantize.rounding.i16_sums import LARGEST, fits
from edgert.compress.quantize.rounding.weights import (
    WeightKind,
    Weights,
    quantize_weights,
    sums_of,
)
from edgert.compress.quantize.stated.plan import Stated
from edgert.ir import Graph, Node
from edgert.ops import PRODUCTS


def lower_dynamic(graph: Graph, report: Stated) -> Graph:
    """The graph with the products on bytes whose model quantises their inputs while it runs.

    They are named in ``graph.dynamic``; ``report`` takes up what becomes of them. Outputs whose
    bytes in the model keep the rule of pairs have these bytes.
    """
    form, assignment, weights = Form.i8_dynamic, Assignment(), {}
    for node in graph.nodes:
        if node.op == "block_gemm":
            report.add(Stated({node.op: 1}))
        if node.op not in PRODUCTS or node.name not in graph.dynamic:
            continue
        if why := why_not(graph, node, form) or why_not_worth(graph, node, form):
            report.floats[node.output] = why
            continue
        found = quantize_weights(graph, node, np.inf, WeightKind(DYNAMIC_FIT))
        weights[node.output], changed = _with_own_bytes(graph, node, found)
        assignment.forms[node.output] = form
        report.add(Stated({node.op: 1}))
        if changed:
            report.rounded[node.output] = (
                f"{changed} of {len(found.data)} outputs, to multiply fast"
            )
    return lower(graph, assignment, {}, weights)


def _with_own_bytes(graph: Graph, node: Node, weights: Weights) -> tuple[Weights, int]:
    """``weights`` with the bytes that those of the model were made from, where they fit.

    Also returns for how many outputs that cannot be.
    """
    exact = graph.constant(node.inputs[1])
    rows = exact.reshape(len(exact), -1).astype(np.float64)
    steps = grid_steps(rows)
    if steps is None:
        return weights, len(rows)
    scale = np.where(steps > 0, steps, 1.0)
    own = np.rint(rows / scale[:, None])
    kept = np.abs(own).max(axis=1, initial=0) <= LARGEST
    sums = sums_of(graph, node, DYNAMIC_FIT)
    kept &= [fits(row[None], sums) for row in own]
    data = np.where(kept[:, None], own, weights.data.reshape(rows.shape)).astype(np.int8)
    return Weights(
        data.reshape(exact.shape), np.where(kept, scale, weights.scale), weights.bias
    ), int((~kept).sum())
