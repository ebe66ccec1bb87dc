"""Normalisations and softmax."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgert.importer.call import Call
from edgert.importer.handlers.images import channels_first, channels_last, reshape
from edgert.importer.handlers.reduce import normal_axis
from edgert.importer.registry import onnx_op
from edgert.importer.values import Constant, Tensor, UnsupportedNodeError


@onnx_op("BatchNormalization", attrs="epsilon spatial training_mode", unused="is_test momentum")
def batch_normalization(call: Call) -> Tensor:
    """With the statistics of the training: one factor and one summand per channel.

    Before operator set 9, ``spatial`` = 0 has them per element of the image.
    """
    if call.attr("training_mode", 0) or call.outputs > 1:
        raise UnsupportedNodeError("it is in training mode")
    x = call.input(0)
    statistics = [call.constant(i, what) for i, what in enumerate(("scale", "B", "mean", "var"), 1)]
    shapes = [data.shape for data in statistics]
    if len(set(shapes)) != 1:
        raise ValueError(f"statistics of different shapes: {shapes}")
    scale, bias, mean, variance = (data.astype(np.float64) for data in statistics)
    factor = scale / np.sqrt(variance + call.attr("epsilon", 1e-5))
    summand = bias - mean * factor
    factor, summand = (
        Constant(call.input(i).name, values.astype(np.float32))
        for i, values in ((1, factor), (2, summand))
    )
    if not call.attr("spatial", 1):
        return call.call("Add", [call.call("Mul", [x, factor]), summand])
    if len(x.shape) < 2 or factor.shape != (x.shape[1],):
        raise ValueError(f"statistics of shape {factor.shape} for an input {x.shape}")
    return channels_first(call, call.emit("batch_norm", [channels_last(call, x), factor, summand]))


@onnx_op("InstanceNormalization", attrs="epsilon")
def instance_normalization(call: Call) -> Tensor:
    """Every channel of every image is normalised by itself, then scaled."""
    x = call.input(0)
    return _grouped_norm(call, x, x.shape[1])


@onnx_op("GroupNormalization", attrs="epsilon num_groups")
def group_normalization(call: Call) -> Tensor:
    """Groups of channels are normalised, then every channel is scaled; before operator set 21
    every group.
    """
    return _grouped_norm(call, call.input(0), call.attrs["num_groups"], call.opset < 21)


def _grouped_norm(call: Call, x: Tensor, groups: int, scales_groups: bool = False) -> Tensor:
    batch, channels, *spatial = x.shape
    y = reshape(call, x, (batch, groups, channels // groups * math.prod(spatial)))
    y = _layer_norm(call, y, None, None)
    scaled = [groups, 1] if scales_groups else [channels, *[1] * len(spatial)]
    y = y if scales_groups else reshape(call, y, x.shape)
    for i, op in ((1, "Mul"), (2, "Add")):
        parameter = call.call("Reshape", [call.input(i), call.const(scaled, np.int64)])
        y = call.call(op, [y, parameter])
    return reshape(call, y, x.shape)


@onnx_op("LayerNormalization", attrs="axis epsilon", unused="stash_type")
def layer_normalization(call: Call) -> Sequence[Tensor]:
    """Over the axes from the attribute axis on; mean and 1 / deviation on request."""
    return [_normalised(call), *(_moments(call) if call.outputs > 1 else [])][: call.outputs]


def _moments(call: Call) -> list[Tensor]:
    x, epsilon = call.input(0), call.const(call.attr("epsilon", 1e-5), np.float32)
    axis = normal_axis(call.attr("axis", -1), len(x.shape))
    axes = call.const(range(axis, len(x.shape)), np.int64)
    mean = call.call("ReduceMean", [x, axes], keepdims=1)
    centred = call.call("Sub", [x, mean])
    variance = call.call("ReduceMean", [call.call("Mul", [centred, centred]), axes], keepdims=1)
    deviation = call.call("Sqrt", [call.call("Add", [variance, epsilon])])
    return [mean, call.call("Reciprocal", [deviation])]


def _normalised(call: Call) -> Tensor:
    x, scale, bias = call.input(0), call.constant(1, "Scale"), call.constant(2, "B")
    axis = normal_axis(call.attr("axis", -1), len(x.shape))
    normalised = x.shape[axis:]
    flat = (*x.shape[:axis], math.prod(normalised))
    if all(p is None or p.size in (1, flat[-1]) for p in (scale, bias)):
        y = _layer_norm(call, reshape(call, x, flat), scale, bias)
        return reshape(call, y, x.shape)
    y = reshape(call, _layer_norm(call, reshape(call, x, flat), None, None), x.shape)
    y = call.call("Mul", [y, call.input(1)])
    return y if bias is None else call.call("Add", [y, call.input(2)])


def _layer_norm(
    call: Call, x: Tensor, scale: np.ndarray | None, shift: np.ndarray | None
) -> Tensor:
    size = x.shape[-1]
    scale, shift = (
        np.broadcast_to((default if p is None else p).astype(np.float32).reshape(-1), (size,))
        for p, default in ((scale, np.ones(1)), (shift, np.zeros(1)))
    )
    inputs = [x, call.const(scale), call.const(shift)]
    return call.emit("layer_norm", inputs, {"epsilon": call.attr("epsilon", 1e-5)})


@onnx_op("LRN", attrs="alpha beta bias size")
def lrn(call: Call) -> Tensor:
    """Over channels."""
    y = call.emit(
        "lrn",
        [channels_last(call, call.input(0))],
        {
            "size": call.attrs["size"],
            "alpha": call.attr("alpha", 1e-4),
            "beta": call.attr("beta", 0.75),
            "bias": call.attr("bias", 1.0),
        },
    )
    return channels_first(call, y)


@onnx_op("Softmax", "LogSoftmax", attrs="axis")
def softmax(call: Call) -> Tensor:
    """Over one axis; up to operator set 12 over all axes from the attribute axis on."""
    x, rank = call.input(0), len(call.input(0).shape)
    axis = normal_axis(call.attr("axis", 1 if call.opset < 13 else -1), rank)
    shape, log = x.shape, int(call.op == "LogSoftmax")
    if call.opset < 13 and math.prod(shape[axis + 1 :]) != 1:
        x = reshape(call, x, (math.prod(shape[:axis]), math.prod(shape[axis:])))
        axis = 1
    return reshape(call, call.emit("softmax", [x], {"axis": axis, "log": log}), shape)


@onnx_op("LpNormalization", attrs="axis p")
def lp_normalization(call: Call) -> Tensor:
    """x divided by its norm along an axis; zeros stay what they are.

    No divisor is below the least float, which divides nothing but zeros. Squares would become zero
    or infinite where x is far from 1, so that x is divided by its largest magnitude before.
    """
    x, axis = call.input(0), call.const([call.attr("axis", -1)], np.int64)
    p = call.choice("p", 2, (1, 2))
    if p == 2:
        x = _divided(call, x, call.call("ReduceMax", [call.call("Abs", [x]), axis], keepdims=1))
    norm = call.call(f"ReduceL{p}", [x, axis], keepdims=1)
    return _divided(call, x, norm)


def _divided(call: Call, x: Tensor, norm: Tensor) -> Tensor:
    least = call.const(2.0**-149, np.float32)
    return call.call("Div", [x, call.call("Max", [norm, least])])
