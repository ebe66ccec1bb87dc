"""Moves explicit pads into the windows that read them."""

from __future__ import annotations

import math

from edgert.ir import Graph, Node
from edgert.ops import Trait, having
from edgert.passes.base import PassReport, Sweep, sweep
from edgert.schema import PadMode

_POOLS = having(Trait.POOL, but=Trait.QUANTIZED)


def fuse_pads(graph: Graph) -> PassReport:
    """Makes a pad of rows and columns part of the conv or pool that reads it.

    1. Zeros around an image go into the pads of a conv, and of an average_pool that counts its pads
       or has none of its own.
    2. Minus infinity around an image goes into the pads of a max_pool.
    3. Not pads as large as the window of a pool: the pool would see nothing but pads.
    4. Not pads of the batch or the channels, other values, or reflected and repeated edges; not
       zeros into a max_pool, where they would win over negative values.
    """
    return sweep("fuse_pads", graph, _fuse)


def _fuse(sweep: Sweep, node: Node) -> str | None:
    if node.op != "conv" and node.op not in _POOLS:
        return None
    pad = sweep.producer(node.inputs[0], "pad")
    if pad is None:
        return None
    before, after = list(pad.attrs["before"])[:4], list(pad.attrs["after"])[:4]
    expected = -math.inf if node.op == "max_pool" else 0.0
    is_constant = PadMode(pad.attrs["mode"]) is PadMode.constant
    if not is_constant or pad.attrs.get("value", 0.0) != expected:
        sweep.report.skip(node, f"the pad is not of the value {expected}")
        return None
    if any(before[axis] or after[axis] for axis in (0, 3)):
        sweep.report.skip(node, "the pad is not of rows and columns alone")
        return None
    attrs = dict(node.attrs)
    own = list(attrs["pads"])
    if node.op == "average_pool":
        if any(own) and not attrs["count_include_pad"]:
            sweep.report.skip(node, "the pool does not count its own pads")
            return None
        attrs["count_include_pad"] = 1
    added = [before[1], before[2], after[1], after[2]]
    attrs["pads"] = [p + q for p, q in zip(own, added)]
    if node.op != "conv" and any(p >= attrs["kernel"][i % 2] for i, p in enumerate(attrs["pads"])):
        sweep.report.skip(node, "the pads are as large as the window")
        return None
    if attrs.get("ceil_mode", 0):
        sweep.report.skip(node, "the pool rounds its size up")
        return None
    return sweep.add(node.op, [pad.inputs[0], *node.inputs[1:]], attrs, node)
