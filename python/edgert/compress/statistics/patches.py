"""What each output of a matrix product reads, as rows: the product is one of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, prod

import numpy as np

from edgert.budget import require_value
from edgert.ir import Node

MAX_POSITIONS = 4096  # of a sample: more positions of an image tell little more
_MOST_ELEMENTS = 1 << 25  # of the positions of a sample: as many as they are of a depth of 8192


def patches(node: Node, weight_shape: Sequence[int], x: np.ndarray) -> np.ndarray:
    """What each output reads of x: [groups, positions, depth], in the order of the weight.

    Raises LimitError if x with its pads is too large.
    """
    if node.op == "gemm":
        return thin(x.reshape(-1, x.shape[-1]), x.shape[-1])[None]
    _, kh, kw, channels = weight_shape
    (sh, sw), (dh, dw) = node.attrs["strides"], node.attrs["dilations"]
    top, left, bottom, right = node.attrs["pads"]
    extent = (kh - 1) * dh + 1, (kw - 1) * dw + 1
    kinds, turn = 1, 1  # of outputs in a row; the order of the taps
    if node.op == "conv_transpose":
        x = _spread(node, x, extent)
        kinds, turn, sh, sw = sw, -1, 1, 1
    else:
        batch, height, width, _ = x.shape
        padded = batch, height + top + bottom, width + left + right, x.shape[3]
        _require_image(node, padded)
        x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, extent, axis=(1, 2))
    windows = windows[:, ::sh, ::sw, :, ::turn, ::turn][..., ::dh, ::dw]  # [B, OH, OW, C, kh, kw]
    batch, height, width = windows.shape[:3]
    count = batch * height * width
    flat = np.arange(0, count, _step(count, kh * kw * x.shape[3], kinds))
    image, pixel = np.divmod(flat, height * width)
    rows = windows[(image, *np.divmod(pixel, width))]
    rows = rows.reshape(len(flat), -1, channels, kh * kw)
    return np.ascontiguousarray(rows.transpose(1, 0, 3, 2)).reshape(rows.shape[1], len(flat), -1)


def _spread(node: Node, x: np.ndarray, extent: tuple[int, int]) -> np.ndarray:
    """An image in which an ordinary convolution of stride 1, its taps turned round, sees what a
    transposed one makes of x: zeros between the pixels and around them.
    """
    (sh, sw), (top, left, bottom, right) = node.attrs["strides"], node.attrs["pads"]
    batch, height, width, channels = x.shape
    around, added = [e - 1 for e in extent], node.attrs["output_padding"]
    rows = (height - 1) * sh + 1 + 2 * around[0] + added[0]
    columns = (width - 1) * sw + 1 + 2 * around[1] + added[1]
    _require_image(node, (batch, rows, columns, channels))
    image = np.zeros((batch, rows, columns, channels), x.dtype)
    image[:, around[0] :: sh, around[1] :: sw][:, :height, :width] = x
    return image[:, top : rows - bottom, left : columns - right]


def _require_image(node: Node, shape: Sequence[int]) -> None:
    nbytes = prod(shape) * np.dtype(np.float32).itemsize
    require_value(nbytes, f"what {node.op} '{node.name}' reads, pads included,")


def thin(rows: np.ndarray, depth: int) -> np.ndarray:
    """Those rows that :func:`_step` leaves."""
    return rows[:: _step(len(rows), depth)]


def _step(positions: int, depth: int, kinds: int = 1) -> int:
    """Which positions to look at: at most MAX_POSITIONS, fewer if they are very deep, spread evenly
    over all and over the ``kinds`` that take turns.
    """
    most = min(MAX_POSITIONS, max(_MOST_ELEMENTS // max(depth, 1), 1))
    step = max(-(-positions // most), 1)
    while gcd(step, kinds) > 1:
        step += 1
    return step
