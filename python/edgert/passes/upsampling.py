"""Turns transposed convolutions whose windows do not overlap into products."""

from __future__ import annotations

from edgert.ir import Graph, Node
from edgert.passes.axes import reshape_attrs
from edgert.passes.base import PassReport, Sweep, sweep

_MANY_CHANNELS = 16


def conv_transpose_to_gemm(graph: Graph) -> PassReport:
    """Replaces conv_transpose by gemm if every output pixel has one tap.

    1. With strides equal to the kernel each input pixel makes a block of output pixels of its own:
       a gemm with one output per tap and channel, whose blocks are put in rows by a transpose.
    2. Not with 16 channels or more: gathering them pixel by pixel is as fast, and the products
       need not be kept.
    3. Not with groups, pads, dilations or output padding, nor with a weight or bias that is no
       constant.
    """
    return sweep("conv_transpose_to_gemm", graph, _to_gemm)


def _to_gemm(sweep: Sweep, node: Node) -> str | None:
    if node.op != "conv_transpose":
        return None
    attrs = node.attrs
    (kh, kw), plain = attrs["kernel"], attrs["groups"] == 1
    plain &= list(attrs["strides"]) == [kh, kw] and list(attrs["dilations"]) == [1, 1]
    if not plain or any(attrs["pads"]) or any(attrs["output_padding"]):
        sweep.report.skip(node, "its windows overlap, or it has groups or pads")
        return None
    if sweep.shape(node.output)[3] >= _MANY_CHANNELS:
        sweep.report.skip(node, "its pixels have many channels")
        return None
    x, weight, bias = (*node.inputs, "")[:3]
    bias_data = sweep.constant(bias)
    if sweep.constant(weight) is None or (bias and bias_data is None):
        return None
    inputs = [x, weight]
    if bias:
        nbytes = kh * kw * bias_data.nbytes
        if sweep.grows(nbytes, weight, bias):
            sweep.report.skip(node, "it has many taps of nothing")
            return None
        inputs.append(sweep.add_constant(bias, bias_data[None].repeat(kh * kw, 0).reshape(-1)))
    batch, height, width, _ = sweep.shape(x)
    channels = sweep.shape(node.output)[3]
    y = sweep.add("gemm", inputs, {"activation": attrs.get("activation", {})}, node)
    y = sweep.add("reshape", [y], reshape_attrs((batch * height, width, kh, kw * channels)), node)
    y = sweep.add("transpose", [y], {"perm": [0, 2, 1, 3]}, node)
    return sweep.add("reshape", [y], reshape_attrs(sweep.shape(node.output)), node)
