"""Between ONNX's images, [batch, channels, spatial...], and the runtime's, [batch, H, W, channels].

A transpose is emitted before and behind every operator on images; passes cancel what meets. A
one-dimensional signal is an image of height one.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgert import ir
from edgert.importer.call import Call
from edgert.importer.values import Tensor, UnsupportedNodeError


def reshape(call: Call, x: Tensor, shape: Sequence[int]) -> Tensor:
    """``x`` under another shape of as many elements."""
    if tuple(shape) == tuple(x.shape):
        return x
    return call.emit("reshape", [x], {"rank": len(shape), "dims": list(shape)})


def transpose(call: Call, x: Tensor, perm: Sequence[int]) -> Tensor:
    """``x`` with its axes in the order ``perm``."""
    if list(perm) == sorted(perm):
        return x
    return call.emit("transpose", [x], {"perm": list(perm)})


def channels_last(call: Call, x: Tensor) -> Tensor:
    """``x`` [B,C,...] as [B,...,C]."""
    rank = len(x.shape)
    return transpose(call, x, [0, *range(2, rank), 1])


def channels_first(call: Call, x: Tensor) -> Tensor:
    """``x`` [B,...,C] as [B,C,...]."""
    rank = len(x.shape)
    return transpose(call, x, [0, rank - 1, *range(1, rank - 1)])


def to_image(call: Call, x: Tensor) -> Tensor:
    """``x`` [B,C,L] or [B,C,H,W] as [B,H,W,C], H being 1 for the former."""
    rank = len(x.shape)
    if rank not in (3, 4):
        raise UnsupportedNodeError(
            f"its input has shape {x.shape}: one or two spatial axes are supported"
        )
    if rank == 3:
        x = reshape(call, x, (*x.shape[:2], 1, x.shape[2]))
    return channels_last(call, x)


def from_image(call: Call, y: ir.Value, spatial: int) -> Tensor:
    """``y`` [B,H,W,C] as [B,C,L] or [B,C,H,W], as ``spatial`` is 1 or 2."""
    y = channels_first(call, y)
    return y if spatial == 2 else reshape(call, y, (*y.shape[:2], y.shape[3]))
