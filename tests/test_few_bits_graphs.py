"""Few bits for all kinds of layers: as the interpreter has them, within the average."""

from __future__ import annotations


import pytest
from pass_nets import CONV, Net
from quantized_nets import activation, quantized

from edgert.compress import preset
from edgert.compress.ladder import Form
from edgert.compress.ladder.stored import stored_bytes
from edgert.schema import BinaryFn, UnaryFn

RELU = activation(UnaryFn.relu)


def groups(net: Net) -> str:
    """Some channels to a group, whole panels and less, and one each."""
    y = net.conv(net.x(1, 12, 12, 8), 64, 3, **RELU)
    y = net.conv(y, 64, 3, groups=4, pads=[1] * 4, **RELU)
    y = net.conv(y, 96, 3, groups=8, **RELU)
    y = net.conv(y, 96, 3, groups=96, pads=[1] * 4, **RELU)
    return net.conv(y, 64, 1)


def transposed(net: Net) -> str:
    """Upwards, with overlapping taps."""
    y = net.conv(net.x(1, 6, 6, 32), 64, 3, pads=[1] * 4, **RELU)
    attrs = {**CONV, "strides": [2, 2], "kernel": [3, 3], "output_padding": [0, 0]}
    weight = net.random(3 * 3 * 48, 64)
    return net.op("conv_transpose", y, weight, net.random(48), **attrs)


def attention(net: Net) -> str:
    """A block of a transformer."""
    x = net.x(1, 12, 64)
    q, k, v = (net.gemm(x, 64) for _ in range(3))
    scores = net.op("matmul", q, net.transpose(k, 0, 2, 1))
    y = net.op("matmul", net.op("softmax", scores, axis=2), v)
    y = net.b(BinaryFn.add, net.gemm(y, 64), x)
    y = net.op("layer_norm", y, net.random(64), net.random(64), epsilon=1e-5)
    return net.gemm(net.f(UnaryFn.gelu, net.gemm(y, 128)), 64)


@pytest.mark.parametrize("make", [groups, transposed, attention], ids=lambda make: make.__name__)
@pytest.mark.parametrize("bits", [2, 3.5, 6])
def test_graphs(make, bits: float) -> None:
    net = Net()
    y = make(net)
    weights = sum(net.constant(n.inputs[1]).size for n in net.nodes if n.op in
                  ("conv", "gemm", "conv_transpose"))  # fmt: skip
    graph, done, found = quantized(net, y, recipe=preset(bits=bits))
    assert stored_bytes(graph) <= bits / 8 * weights
    assert all(layer.form.runs_as is Form.i8 for layer in done.layers.values()
               if layer.bytes)  # fmt: skip
    exact = quantized(net_again := Net(), make(net_again), recipe=preset(slack=0))[2]
    assert found > {2: 0, 3.5: 7, 6: min(exact - 8, 25)}[bits]
