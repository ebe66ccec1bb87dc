"""Pooling."""

from __future__ import annotations

from edgert.importer.call import Call
from edgert.importer.handlers.images import from_image, to_image
from edgert.importer.handlers.windows import WINDOW_ATTRS, read_window
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


@onnx_op("GlobalAveragePool", "GlobalMaxPool")
def global_pool(call: Call) -> Tensor:
    """A reduction over all spatial axes."""
    x = call.input(0)
    reduction = "ReduceMean" if call.op == "GlobalAveragePool" else "ReduceMax"
    axes = call.const(range(2, len(x.shape)), "int64")
    return call.call(reduction, [x, axes], keepdims=1)
