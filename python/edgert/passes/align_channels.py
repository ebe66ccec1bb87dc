"""Fills up the channels of images that are read as bytes: kernels take four channels at a time."""

from __future__ import annotations

import numpy as np

from edgert.ir import Graph, Node
from edgert.passes.base import PassReport, Sweep, sweep
from edgert.schema import PadMode

DEPTH = 4


def align_channels(graph: Graph) -> PassReport:
    """Adds channels of zeros to the image in front of a quantised convolution that is no multiple
    of four channels deep and reads a transposed image: planes are appended before they are mixed.
    """
    return sweep("align_channels", graph, _rule)


def _rule(sweep: Sweep, node: Node) -> str | None:
    if node.op != "qconv" or node.attrs["groups"] != 1:
        return None
    transpose = sweep.producer(node.inputs[0], "transpose")
    weight = sweep.constant(node.inputs[1])
    if transpose is None or weight is None or sweep.is_shared(node.inputs[0]):
        return None
    *outer, channels = weight.shape
    missing = -channels % DEPTH
    if missing == 0 or outer[1] * outer[2] == 1:  # one tap needs no filling up
        return None
    perm = list(transpose.attrs["perm"])
    after = [0, 0, 0, 0]
    after[perm[3]] = missing
    attrs = {"mode": PadMode.constant, "before": [0, 0, 0, 0], "after": after}
    padded = sweep.add("pad", transpose.inputs, {**attrs, "value": node.attrs["x_zero"]}, transpose)
    image = sweep.add("transpose", [padded], transpose.attrs, transpose)
    filled = np.concatenate([weight, np.zeros((*outer, missing), weight.dtype)], axis=3)
    inputs = [image, sweep.add_constant(node.inputs[1], filled), *node.inputs[2:]]
    return sweep.add("qconv", inputs, node.attrs, node)
