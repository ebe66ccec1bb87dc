"""What layers cost in their forms."""

from __future__ import annotations

import numpy as np

from edgert.compress.ladder.form import Form
from edgert.ir import Graph, Node

# Multiplications per float that is read or written from which on bytes are faster, measured with
# AVX2; below, the conversions cost more than they save, and so few weights take little room.
LEAST_PRODUCTS = 40
MANY_WEIGHTS = 1 << 16  # are read more slowly than a few inputs are converted
TOO_SMALL = "it is too small to gain"


def why_not_worth(graph: Graph, node: Node, form: Form) -> str:
    """Why a product is no faster in this form than in float, "" if it is, or may be."""
    if not form.is_dynamic:
        return ""
    weight = graph.constant(node.inputs[1])
    if weight is None:
        return ""
    outputs, *taps, channels = weight.shape
    outputs //= node.attrs.get("groups", 1)
    inputs = channels * int(np.prod(node.attrs.get("strides", 1)))  # that each output adds
    products = outputs * int(np.prod(taps)) * channels
    few = products < LEAST_PRODUCTS * (inputs + outputs) and weight.size < MANY_WEIGHTS
    return TOO_SMALL if few else ""
