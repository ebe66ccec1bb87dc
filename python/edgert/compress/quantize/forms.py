"""What a form asks of a product: whether it can have it, and what its weights must be."""

from __future__ import annotations

import numpy as np

from edgert.compress.ladder import Form
from edgert.compress.quantize.assign import kind, why_float
from edgert.compress.quantize.options import Options
from edgert.compress.quantize.rounding.affine import MAX_SCALE
from edgert.compress.quantize.rounding.codebook import LEAST_TRIMMED
from edgert.compress.quantize.rounding.weights import WeightKind
from edgert.ir import Graph, Node

# How weights of dynamic layers fit 16 bits unless told "any": for quads they need compensation, and
# that needs data.
DYNAMIC_FIT = "pairs"


def why_not(graph: Graph, node: Node, form: Form) -> str:
    """Why a product cannot have a form, "" if it can, as far as the graph tells."""
    if form.is_dynamic:
        return _why_not_dynamic(graph, node)
    if not form.is_integer:
        return ""
    if node.op == "conv_transpose" and form.reads == np.int16:
        return why_float(graph, node) or "it cannot read int16"
    return why_float(graph, node)


def _why_not_dynamic(graph: Graph, node: Node) -> str:
    if node.op == "conv_transpose":
        return "its inputs cannot be quantised while it runs"
    if kind(graph, node) != "matrix":
        return "its weights are no constants, or not finite"
    weight = graph.constant(node.inputs[1])
    if not np.abs(weight).max(initial=0) <= MAX_SCALE:
        return "its weights are too large"
    return ""


def weight_kind(form: Form, options: Options) -> WeightKind:
    """What the weights of a product in this form must be."""
    if form.is_dynamic:
        return WeightKind("any" if options.weight_fit == "any" else DYNAMIC_FIT)
    if form.reads == np.int16:
        return WeightKind(is_int16=form.weights == np.int16, reads_int16=True)
    if form.is_narrow:
        return WeightKind(
            options.weight_fit if form.values >= LEAST_TRIMMED else "any", form.values
        )
    return WeightKind(options.weight_fit)
