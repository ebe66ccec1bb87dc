"""Few bits for all kinds of layers: as the interpreter has them, within the average."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pass_nets import CONV, Net
from quantized_nets import activation, quantized
from test_few_bits import DIGITS, digits

import edgert
from edgert import interp
from edgert.compress import preset
from edgert.compress.ladder import Form
from edgert.compress.ladder.stored import stored_bytes
from edgert.schema import BinaryFn, UnaryFn
from edgert.unpack import unpack

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
    y = net.op("matmul", net.op("softmax", scores, axis=2, log=0), v)
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


@pytest.mark.parametrize(("prune", "bits"), [(0.5, 3), (0.9, 4)])
def test_few_bits_of_what_is_left(tmp_path: Path, prune: float, bits: float) -> None:
    """Zeros stay zeros, and are left out where that takes less than codes; the average holds of
    what the file has.
    """
    options = {"calibrate": digits(48), "force": True}
    sizes = {}
    for name, own in (("both", {"prune": prune, "bits": bits}), ("bits", {"bits": bits}),
                      ("prune", {"prune": prune, "quantize": "int8", "slack": 0.0})):  # fmt: skip
        done = edgert.convert(DIGITS, tmp_path / name, **own, **options)
        sizes[name] = (tmp_path / name).stat().st_size
        if name == "both":
            zeros = [layer.zeros or 0 for layer in done.compression.layers.values()]
            assert max(zeros) >= prune
    assert sizes["both"] < 1.05 * min(sizes.values()), sizes
    graph, sample = unpack(tmp_path / "both"), digits(50)[-1]
    weights = [graph.constant(n.inputs[1]) for n in graph.nodes if n.op in ("qconv", "qgemm")]
    pruned = sum(w.size - np.count_nonzero(w) for w in weights) / sum(w.size for w in weights)
    assert pruned >= prune - 0.05, "what is grouped or small stays"
    stored = edgert.load(tmp_path / "both").plan()
    assert prune < 0.8 or any("bsr" in str(step) for step in stored)
    for name, expected in interp.run(graph, sample).items():
        found = edgert.load(tmp_path / "both").run(sample)[name]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
