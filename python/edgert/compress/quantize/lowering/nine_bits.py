"""Weights of nine bits: differences of bytes, as those of u8 to a zero point far from 128.

Kernels multiply by i8. A product with a larger weight is the sum of several with smaller ones, if
the input is there as often: its channels are repeated or, where these must stay as many as they
are, its rows. So the sums are exact.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgert.ir import Graph, Node
from edgert.schema import ResizeMode

_LIMITS = np.iinfo(np.int8)


def are_int8(data: np.ndarray) -> bool:
    """Whether weights are i8 as they are."""
    return bool(((data >= _LIMITS.min) & (data <= _LIMITS.max)).all())


def split(
    graph: Graph, fresh: Callable[[str], str], node: Node, x: str, data: np.ndarray
) -> tuple[str, np.ndarray, dict[str, list[int]]]:
    """The input, the weights in i8, and the attributes, of a product with weights of nine bits.

    ``x`` is the input of the product ``node`` as bytes, a value of ``graph``, to which what repeats
    it is added, under ``fresh`` names; ``data`` are the weights [outputs, ..., channels].
    """
    parts, output = _parts(data), fresh(f"{node.output}.input")
    if node.attrs.get("groups", 1) > 1:
        return _repeat_rows(graph, output, node, x, parts)
    axis = len(graph.values[x].shape) - 1
    inputs, weights = [x], [parts[0]]
    for part in parts[1:]:
        channels = np.flatnonzero(part.reshape(-1, part.shape[-1]).any(axis=0))
        weights.append(part[..., channels])
        if len(channels) == part.shape[-1]:
            inputs.append(x)
            continue
        hint = f"{node.output}.channels"
        indices = graph.add_constant(fresh(hint), channels.astype(np.int64))
        inputs.append(
            graph.add("gather", [x, indices], {"axis": axis}, name=node.name,
                      output=fresh(f"{hint}.q"))
        )  # fmt: skip
    output = graph.add("concat", inputs, {"axis": axis}, name=node.name, output=output)
    return output, np.concatenate(weights, axis=-1), {}


def _parts(data: np.ndarray) -> list[np.ndarray]:
    """Arrays of i8 whose sum is ``data``; the first has most of it."""
    parts, rest = [], data.astype(np.int32)
    while not parts or rest.any():
        parts.append(np.clip(rest, _LIMITS.min, _LIMITS.max).astype(np.int8))
        rest = rest - parts[-1]
    return parts


def _repeat_rows(
    graph: Graph, output: str, node: Node, x: str, parts: list[np.ndarray]
) -> tuple[str, np.ndarray, dict[str, list[int]]]:
    """Every row of the image as often as there are parts, which are rows of the kernel."""
    times = len(parts)
    _, height, width, _ = graph.values[x].shape
    attrs = {
        "mode": ResizeMode.nearest, "size": [times * height, width], "first": [0, 0],
        "step": [1, 1], "unit": [times, 1], "cubic_coefficient": 0.0, "exclude_outside": 0,
    }  # fmt: skip
    rows = graph.add("resize", [x], attrs, name=node.name, output=output)
    strides, dilations, pads = (list(node.attrs[k]) for k in ("strides", "dilations", "pads"))
    outputs, taps, *rest = parts[0].shape
    weight = np.zeros((outputs, ((taps - 1) * dilations[0] + 1) * times, *rest), np.int8)
    for i, part in enumerate(parts):
        weight[:, i :: times * dilations[0]] = part
    return rows, weight, {
        "strides": [times * strides[0], strides[1]],
        "dilations": [1, dilations[1]],
        "pads": [times * pads[0], pads[1], times * pads[2], pads[3]],
    }  # fmt: skip
