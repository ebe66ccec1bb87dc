"""When softmax and layer normalisation are computed on bytes."""

from __future__ import annotations

import pytest
from pass_nets import Net
from quantized_nets import INT8, INT16, ops, quantized, samples_of, stating

from edgert.compress import compress
from edgert.compress.ladder import Form


def layer_norm(net: Net, x: str, epsilon: float = 1e-5) -> str:
    channels = net.values[x].shape[-1]
    return net.op("layer_norm", x, net.random(channels), net.random(channels), epsilon=epsilon)


@pytest.mark.parametrize("epsilon", [0.0, 1e-5, 0.7])
def test_layer_norm_between_bytes(epsilon: float) -> None:
    """A sum that is the residual of the next one, as in transformers."""
    net = Net()
    x = net.gemm(net.x(2, 9, 24), 40)
    y = net.gemm(layer_norm(net, x, epsilon), 40)
    y = net.op("gemm", y, net.random(40, 40), net.random(40), x)
    graph, _, found = quantized(net, net.gemm(y, 5))
    assert [n.op for n in graph.nodes] == [
        "quantize", "qgemm", "qlayer_norm", "qgemm", "qgemm", "qgemm"
    ]  # fmt: skip
    assert found > 28


def test_softmax_between_bytes() -> None:
    net = Net()
    x = net.gemm(net.x(2, 9, 24), 40)
    y = net.gemm(net.op("softmax", x, axis=2, log=0), 5)
    graph, _, found = quantized(net, y, net.gemm(x, 3))
    assert [n.op for n in graph.nodes] == ["quantize", "qgemm", "qsoftmax", "qgemm", "qgemm"]
    assert found > 28


@pytest.mark.parametrize("attrs", [{"axis": 1, "log": 0}, {"axis": 2, "log": 1}])
def test_softmax_of_another_kind(attrs: dict) -> None:
    """Over an axis in the middle, or its logarithm."""
    net = Net()
    x = net.gemm(net.x(2, 9, 24), 40)
    graph, _, _ = quantized(net, net.gemm(net.op("softmax", x, **attrs), 5), net.gemm(x, 3))
    assert ops(graph)["softmax"] == 1
    assert ops(graph)["qsoftmax"] == 0


def test_a_product_that_rows_alone_read_is_not_rounded() -> None:
    """It writes floats, which cost less than its rounding would."""
    net = Net()
    y = net.op("softmax", net.gemm(net.x(2, 9, 24), 40), axis=2, log=0)
    graph, _, _ = quantized(net, net.gemm(layer_norm(net, net.gemm(y, 40)), 5))
    assert [n.op for n in graph.nodes] == [
        "quantize", "qgemm", "softmax", "quantize", "qgemm", "layer_norm", "quantize", "qgemm"
    ]  # fmt: skip


def test_rows_in_front_of_floats_stay_float() -> None:
    """A probability or a normalised value that no product on bytes reads is not rounded."""
    net = Net()
    x = net.gemm(net.x(3, 24), 40)
    outputs = net.op("softmax", x, axis=1, log=0), layer_norm(net, x)
    graph, _, _ = quantized(net, *outputs, net.gemm(x, 5))
    assert ops(graph) == {"quantize": 1, "qgemm": 2, "dequantize": 1, "softmax": 1, "layer_norm": 1}


def test_attention_stays_float() -> None:
    """A product of two activations is computed in floats, and so is the softmax in front of it."""
    net = Net()
    x = net.x(2, 9, 24)
    keys, values = net.transpose(net.gemm(x, 16), 0, 2, 1), net.gemm(x, 16)
    scores = net.op("softmax", net.op("matmul", net.gemm(x, 16), keys), axis=2, log=0)
    graph, _, _ = quantized(net, net.gemm(net.op("matmul", scores, values), 5))
    assert ops(graph)["softmax"] == 1
    assert ops(graph)["qsoftmax"] == 0


def test_rows_between_int16_stay_float() -> None:
    """They have no form on int16."""
    net = Net()
    x = net.gemm(net.x(2, 9, 24), 40)
    softmax = net.op("softmax", x, axis=2, log=0)
    net.outputs = [net.gemm(softmax, 5), net.gemm(layer_norm(net, x), 5)]
    graph, done = compress(net, samples_of(net), INT16)
    assert {"softmax", "layer_norm"} < set(ops(graph))
    assert done.quality.sqnr > 50


def test_longer_rows_than_sums_allow() -> None:
    net = Net()
    x = net.conv(net.x(1, 60, 60, 3), 10)
    y = layer_norm(net, net.reshape(x, 1, 36000))
    graph, _, _ = quantized(net, net.conv(net.reshape(y, 1, 60, 60, 10), 2), net.conv(x, 2))
    assert ops(graph)["layer_norm"] == 1


def test_the_gate_keeps_normalised_rows_too() -> None:
    """With its product in float, a layer norm in front of it is, too."""
    net = Net()
    x = net.gemm(net.x(2, 9, 24), 40)
    last = net.gemm(layer_norm(net, x), 5)
    graph, _, _ = quantized(net, last, net.gemm(x, 5), recipe=stating(INT8, Form.f32, last))
    assert [n.op for n in graph.nodes][2:] == ["dequantize", "layer_norm", "gemm", "qgemm"]
