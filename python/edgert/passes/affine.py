"""Moves scales and shifts per channel into the weights around them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edgert.ir import Graph, Node
from edgert.ops import PRODUCTS
from edgert.passes.base import PassReport, Sweep, activation, sweep
from edgert.schema import BinaryFn, UnaryFn


def fold_affine(graph: Graph) -> PassReport:
    """Folds batch normalisations, and products and sums with constants per channel.

    1. y = conv(x) * s + t, also of conv_transpose and gemm, goes into the weights and the bias; a
       sum goes into the bias even if there is a residual.
    2. What is left joins the batch_norm before it, or a product before a sum becomes a batch_norm.
    3. conv(x * s + t) and gemm(x * s + t) take s and t into the weights and the bias.
    4. Not if the value between is read elsewhere, has an activation, or is an output. Not a scale
       behind a residual. Not a shift in front of a convolution with pads, which are not shifted.
    """
    return sweep("fold_affine", graph, _into_weights, _into_batch_norm, _from_behind)


class _Affine(NamedTuple):
    """y = x * scale + shift; scale and shift have one element per channel, or one for all."""

    x: str
    scale: np.ndarray
    shift: np.ndarray


def _vector(data: np.ndarray | None, channels: int) -> np.ndarray | None:
    """A constant as one number per channel of the last axis, or one for all, if it is that."""
    if data is None or data.dtype != np.float32:
        return None
    if data.size == 1 or data.size == channels == data.shape[-1]:
        return data.ravel()
    return None


def _affine(sweep: Sweep, node: Node) -> _Affine | None:
    """The node as an affine map per channel; its activation aside."""
    shape = sweep.shape(node.output)
    if not shape or sweep.shape(node.inputs[0]) != shape:
        return None
    x, channels = node.inputs[0], shape[-1]
    if node.op == "batch_norm":
        scale, shift = (_vector(sweep.constant(name), channels) for name in node.inputs[1:])
        return None if scale is None or shift is None else _Affine(x, scale, shift)
    if node.op != "binary":
        return None
    fn = BinaryFn(node.attrs["fn"])
    vector = _vector(sweep.constant(node.inputs[1]), channels)
    if vector is None or fn not in (BinaryFn.mul, BinaryFn.add):
        return None
    if fn is BinaryFn.mul:
        return _Affine(x, vector, np.zeros(1, np.float32))
    return _Affine(x, np.ones(1, np.float32), vector)


def _after(node: Node, earlier: Node) -> dict:
    """The attributes of ``earlier`` with the activation of ``node``."""
    return {**earlier.attrs, "activation": node.attrs.get("activation", {})}


def _foldable(sweep: Sweep, node: Node, name: str, *ops: str) -> Node | None:
    """The producer of ``name`` if it is one of ``ops``, unshared and without activation."""
    earlier = sweep.producer(name, *ops)
    if earlier is None:
        return None
    if sweep.is_shared(name):
        sweep.report.skip(node, f"the result of {earlier.op} {earlier.name!r} is read elsewhere")
        return None
    return earlier if activation(earlier) is UnaryFn.identity else None


def _grows(sweep: Sweep, node: Node, channels: int, *names: str) -> bool:
    """Whether a vector of all channels would be too large for what it is made of."""
    if not sweep.grows(channels * np.dtype(np.float32).itemsize, *node.inputs[1:], *names):
        return False
    sweep.report.skip(node, f"a number would be stored for each of {channels} channels")
    return True


def _scaled_rows(weight: np.ndarray, scale: np.ndarray, node: Node, channels: int) -> np.ndarray:
    """The weight of a conv, conv_transpose or gemm, its outputs scaled."""
    if node.op != "conv_transpose":
        return weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
    groups = node.attrs["groups"]
    per_group = weight.reshape(groups, -1, channels // groups, weight.shape[1])
    scale = np.broadcast_to(scale, channels)
    return (per_group * scale.reshape(groups, 1, -1, 1)).reshape(weight.shape)


def _into_weights(sweep: Sweep, node: Node) -> str | None:
    affine = _affine(sweep, node)
    linear = affine and _foldable(sweep, node, affine.x, *PRODUCTS)
    if not linear:
        return None
    x, weight, bias, residual = (*linear.inputs, "", "")[:4]
    data, bias_data = sweep.constant(weight), sweep.constant(bias)
    channels = sweep.shape(node.output)[-1]
    if data is None or (bias and bias_data is None) or _grows(sweep, node, channels, weight, bias):
        return None
    if residual and (affine.scale != 1).any():
        sweep.report.skip(node, "the scale lies behind a residual")
        return None
    if (affine.scale != 1).any():
        scaled = _scaled_rows(data, affine.scale, linear, channels)
        weight = sweep.add_constant(weight, scaled)
    shift = affine.shift if bias_data is None else bias_data * affine.scale + affine.shift
    shift = np.broadcast_to(shift, channels)
    bias = sweep.add_constant(bias or f"{linear.output}_bias", shift)
    inputs = [x, weight, bias, *([residual] if residual else [])]
    return sweep.add(linear.op, inputs, _after(node, linear), linear)


def _into_batch_norm(sweep: Sweep, node: Node) -> str | None:
    affine = _affine(sweep, node)
    earlier = affine and _foldable(sweep, node, affine.x, "batch_norm", "binary")
    inner = _affine(sweep, earlier) if earlier else None
    channels = sweep.shape(node.output)[-1] if inner else 0
    if inner is None or _grows(sweep, node, channels, *earlier.inputs[1:]):
        return None
    scale = np.broadcast_to(inner.scale * affine.scale, channels)
    shift = np.broadcast_to(inner.shift * affine.scale + affine.shift, channels)
    name = node.output
    inputs = [inner.x, sweep.add_constant(f"{name}_scale", scale),
              sweep.add_constant(f"{name}_shift", shift)]  # fmt: skip
    attributes = {"activation": node.attrs.get("activation", {})}
    return sweep.add("batch_norm", inputs, attributes, node)


def _from_behind(sweep: Sweep, node: Node) -> str | None:
    # Of a transposed convolution, not all outputs have the same taps.
    if node.op not in PRODUCTS or node.op == "conv_transpose":
        return None
    earlier = _foldable(sweep, node, node.inputs[0], "batch_norm", "binary")
    affine = _affine(sweep, earlier) if earlier else None
    weight, bias, residual = (*node.inputs, "", "")[1:4]
    data, bias_data = sweep.constant(weight), sweep.constant(bias)
    if affine is None or data is None or (bias and bias_data is None):
        return None
    if (affine.shift != 0).any() and any(node.attrs.get("pads", ())):
        sweep.report.skip(node, "the pads would have to be shifted, too")
        return None
    groups, channels = node.attrs.get("groups", 1), sweep.shape(affine.x)[-1]
    if _grows(sweep, node, channels):
        return None
    # Row o of the weight reads the channels of its group alone.
    grouped = data.reshape(groups, data.shape[0] // groups, -1, data.shape[-1])
    scale, shift = (np.broadcast_to(v, channels).reshape(groups, 1, 1, -1) for v in affine[1:])
    moved = (grouped * shift).sum((2, 3), dtype=np.float64)
    moved = moved.reshape(-1) + (0 if bias_data is None else bias_data)
    weight = sweep.add_constant(weight, (grouped * scale).reshape(data.shape))
    bias = sweep.add_constant(bias or f"{node.output}_bias", moved.astype(np.float32))
    inputs = [affine.x, weight, bias, *([residual] if residual else [])]
    return sweep.add(node.op, inputs, node.attrs, node)
