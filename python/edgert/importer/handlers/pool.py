"""Pooling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgert.importer.call import Call
from edgert.importer.handlers.images import from_image, to_image
from edgert.importer.handlers.windows import WINDOW_ATTRS, Window, read_window
from edgert.importer.registry import onnx_op
from edgert.importer.values import Tensor, UnsupportedNodeError

_ATTRS = f"{WINDOW_ATTRS} ceil_mode kernel_shape"


@onnx_op("MaxPool", attrs=_ATTRS, unused="storage_order")
@onnx_op("AveragePool", attrs=f"{_ATTRS} count_include_pad")
def pool(call: Call) -> Tensor:
    """Pads count as minus infinity in a maximum and, on request, as zeros in an average."""
    if call.outputs > 1:
        raise UnsupportedNodeError("its output 'Indices' is used")
    x = call.input(0)
    kernel = list(call.attrs["kernel_shape"])
    if len(kernel) != len(x.shape) - 2:
        raise ValueError(f"kernel_shape {kernel} for an input {x.shape}")
    window = read_window(call, kernel, x.shape[2:])
    y = call.emit(
        "max_pool" if call.op == "MaxPool" else "average_pool",
        [to_image(call, x)],
        {
            "kernel": window.kernel,
            "strides": window.strides,
            "dilations": window.dilations,
            "pads": window.pads,
            "ceil_mode": call.attr("ceil_mode", 0),
            "count_include_pad": call.attr("count_include_pad", 0),
        },
    )
    return from_image(call, y, len(x.shape) - 2)


@onnx_op("LpPool", attrs=f"{_ATTRS} p")
def lp_pool(call: Call) -> Tensor:
    """The p-norm of each window: a root of the sum of powers, which is a depthwise convolution."""
    x, kernel, p = call.input(0), list(call.attrs["kernel_shape"]), float(call.attr("p", 2))
    if len(kernel) != len(x.shape) - 2 or p < 1:
        raise ValueError(f"kernel_shape {kernel}, p {p} for an input {x.shape}")
    window = read_window(call, kernel, x.shape[2:])
    channels = x.shape[1]
    exponent = call.const(p, np.float32)
    powers = call.call("Pow", [call.call("Abs", [x]), exponent])
    image = to_image(call, powers)
    sums = call.emit(
        "conv",
        [image, call.const(np.ones((channels, *window.kernel, 1)), np.float32)],
        {
            "strides": window.strides,
            "dilations": window.dilations,
            "pads": _overhanging(window, image.shape[1:3]) if call.attr("ceil_mode", 0)
            else window.pads,
            "groups": channels,
        },
    )  # fmt: skip
    root = call.const(1 / p, np.float32)
    return call.call("Pow", [from_image(call, sums, len(x.shape) - 2), root])


def _overhanging(window: Window, image: Sequence[int]) -> list[int]:
    """The pads with what the last windows hang over them by if sizes are rounded up."""
    pads = list(window.pads)
    for i, size in enumerate(image):
        extent = (window.kernel[i] - 1) * window.dilations[i] + 1
        room = size + pads[i] + pads[i + 2] - extent
        count = -(-room // window.strides[i]) + 1
        if (count - 1) * window.strides[i] >= size + pads[i]:
            count -= 1  # a window must begin inside of the image or its first pads
        pads[i + 2] = (count - 1) * window.strides[i] + extent - size - pads[i]
    return pads


@onnx_op("GlobalLpPool", attrs="p")
def global_lp_pool(call: Call) -> Tensor:
    """The p-norm over all spatial axes."""
    x, p = call.input(0), float(call.attr("p", 2))
    axes = call.const(range(2, len(x.shape)), "int64")
    powers = call.call("Pow", [call.call("Abs", [x]), call.const(p, np.float32)])
    sums = call.call("ReduceSum", [powers, axes], keepdims=1)
    return call.call("Pow", [sums, call.const(1 / p, np.float32)])


@onnx_op("GlobalAveragePool", "GlobalMaxPool")
def global_pool(call: Call) -> Tensor:
    """A reduction over all spatial axes."""
    x = call.input(0)
    reduction = "ReduceMean" if call.op == "GlobalAveragePool" else "ReduceMax"
    axes = call.const(range(2, len(x.shape)), "int64")
    return call.call(reduction, [x, axes], keepdims=1)
