"""Convolutions."""

from __future__ import annotations

import numpy as np

from edgert.importer.call import Call
from edgert.importer.handlers.images import from_image, to_image
from edgert.importer.handlers.windows import (
    WINDOW_ATTRS,
    auto_pad,
    axis_values,
    flat,
    pads_2d,
    read_window,
    split_pads,
)
from edgert.importer.registry import onnx_op
from edgert.importer.values import Constant, Tensor, UnsupportedNodeError


@onnx_op("Conv", attrs=f"{WINDOW_ATTRS} group kernel_shape")
def conv(call: Call) -> Tensor:
    """W [O, I/groups, ...] becomes [O, kh, kw, I/groups]."""
    x, weight, groups = call.input(0), _weight(call), call.attr("group", 1)
    _check_kernel_shape(call, weight)
    window = read_window(call, weight.shape[2:], x.shape[2:])
    if x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ValueError(f"weights {weight.shape} in {groups} groups, channels: {x.shape[1]}")
    kernel = weight.reshape(*weight.shape[:2], *window.kernel).transpose(0, 2, 3, 1)
    y = call.emit(
        "conv",
        [to_image(call, x), _named_like(call, 1, kernel), call.input(2)],
        {
            "strides": window.strides,
            "dilations": window.dilations,
            "pads": window.pads,
            "groups": groups,
        },
    )
    return from_image(call, y, len(x.shape) - 2)


@onnx_op("ConvTranspose", attrs=f"{WINDOW_ATTRS} group kernel_shape output_padding output_shape")
def conv_transpose(call: Call) -> Tensor:
    """W [I, O/groups, ...] becomes [groups * kh * kw * O/groups, I/groups]."""
    x, weight, groups = call.input(0), _weight(call), call.attr("group", 1)
    _check_kernel_shape(call, weight)
    if x.shape[1] != weight.shape[0] or weight.shape[0] % groups:
        raise ValueError(f"weights {weight.shape} in {groups} groups, channels: {x.shape[1]}")
    spatial = len(x.shape) - 2
    kernel = list(weight.shape[2:])
    strides = axis_values(call, "strides", [1] * spatial)
    dilations = axis_values(call, "dilations", [1] * spatial)
    pads, output_padding = _transpose_pads(call, x.shape[2:], kernel, strides, dilations)
    kh, kw = flat(kernel, 1)
    inputs, outputs = weight.shape[0] // groups, weight.shape[1]
    rows = weight.reshape(groups, inputs, outputs, kh, kw).transpose(0, 3, 4, 2, 1)
    y = call.emit(
        "conv_transpose",
        [
            to_image(call, x),
            _named_like(call, 1, rows.reshape(groups * kh * kw * outputs, inputs)),
            call.input(2),
        ],
        {
            "kernel": [kh, kw],
            "strides": flat(strides, 1),
            "dilations": flat(dilations, 1),
            "pads": pads_2d(call, pads, spatial),
            "output_padding": flat(output_padding, 0),
            "groups": groups,
        },
    )
    return from_image(call, y, spatial)


def _transpose_pads(
    call: Call,
    image: tuple[int, ...],
    kernel: list[int],
    strides: list[int],
    dilations: list[int],
) -> tuple[list[int], list[int]]:
    """What is cut from the full result, and what is added behind it."""
    mode, spatial = auto_pad(call), len(image)
    output_padding = axis_values(call, "output_padding", [0] * spatial)
    # Without cutting, an axis has stride * (size - 1) + extent + output_padding elements.
    full = [
        s * (n - 1) + (k - 1) * d + 1 + o
        for s, n, k, d, o in zip(strides, image, kernel, dilations, output_padding)
    ]
    shape = list(call.attr("output_shape", []))[-spatial:]
    if shape and len(shape) < spatial:
        raise ValueError(f"output_shape is {shape}, expected {spatial} values")
    if mode.startswith("SAME") and not shape:
        shape = [n * s for n, s in zip(image, strides)]
    if not shape:
        default = [0] * (2 * spatial)
        pads = axis_values(call, "pads", default) if mode == "NOTSET" else default
        return pads, output_padding
    missing = [max(wanted - size, 0) for wanted, size in zip(shape, full)]
    totals = [max(size - wanted, 0) for wanted, size in zip(shape, full)]
    output_padding = [o + m for o, m in zip(output_padding, missing)]
    return split_pads(totals, more_behind=mode == "SAME_UPPER"), output_padding


def _weight(call: Call) -> np.ndarray:
    weight = call.constant(1, "W")
    if weight.ndim != len(call.input(0).shape):
        raise ValueError(f"weights {weight.shape} for an input {call.input(0).shape}")
    if weight.ndim < 3:
        raise ValueError(f"an input {weight.shape} without spatial axes")
    if weight.ndim not in (3, 4):
        raise UnsupportedNodeError(f"it has {weight.ndim - 2} spatial axes: 1 or 2 are supported")
    return weight


def _check_kernel_shape(call: Call, weight: np.ndarray) -> None:
    stated = call.attr("kernel_shape", None)
    if stated is not None and tuple(stated) != weight.shape[2:]:
        raise ValueError(f"kernel_shape is {stated}, the weights have {weight.shape[2:]}")


def _named_like(call: Call, i: int, data: np.ndarray) -> Constant:
    return Constant(call.input(i).name, np.ascontiguousarray(data))
