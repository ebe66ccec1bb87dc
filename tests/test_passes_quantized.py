"""Passes over quantised graphs: where they fire, and that the bits stay."""

from __future__ import annotations

import numpy as np
import pytest

from edgert import interp, ir
from edgert.passes.align_channels import align_channels
from edgert.schema import DType


def image_graph(
    channels: int, kernel: int, groups: int = 1, perm: tuple = (0, 2, 3, 1)
) -> ir.Graph:
    """quantize -> transpose -> qconv, as the first layer of a network."""
    rng = np.random.default_rng(channels + kernel)
    graph = ir.Graph()
    shape = [2, 0, 0, 0]
    shape[perm[1]], shape[perm[2]], shape[perm[3]] = 9, 8, channels
    x = graph.add_input("x", np.float32, shape)
    attrs = {"dtype": DType.uint8, "scale": 0.02, "zero": 119}
    nhwc = graph.add("transpose", [graph.add("quantize", [x], attrs)], {"perm": perm})
    outputs = 6
    operands = [
        rng.integers(-90, 91, (outputs, kernel, kernel, channels // groups)).astype(np.int8),
        rng.integers(-900, 901, outputs).astype(np.int32),
        rng.random(outputs).astype(np.float32) / 300,
    ]
    window = {"strides": [2, 2], "dilations": [1, 1], "pads": [1, 1, 1, 1], "groups": groups}
    zeros = {"x_zero": 119, "residual_zero": 0, "residual_scale": 0}
    output = {"dtype": DType.uint8, "scale": 1, "zero": 128, "low": 0, "high": 255}
    constants = [graph.add_constant("c", operand) for operand in operands]
    attrs = {**window, **zeros, "output": output}
    graph.outputs = [graph.add("qconv", [nhwc, *constants], attrs)]
    return graph


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("perm", [(0, 2, 3, 1), (0, 1, 3, 2)])
def test_align_channels_fills_up_the_image(channels: int, perm: tuple) -> None:
    """The filter becomes a multiple of four deep, and the result keeps its bits."""
    graph = image_graph(channels, kernel=3, perm=perm)
    x = np.random.default_rng(0).normal(size=graph.values["x"].shape).astype(np.float32)
    (before,) = interp.run(graph, {"x": x}).values()
    assert align_channels(graph).changed == 1
    ir.verify(graph)
    assert graph.values[graph.nodes[-1].inputs[1]].shape[3] % 4 == 0
    (after,) = interp.run(graph, {"x": x}).values()
    np.testing.assert_array_equal(after, before)
    assert align_channels(graph).changed == 0


@pytest.mark.parametrize(
    ("channels", "kernel", "groups"),
    [(4, 3, 1), (8, 3, 1), (3, 1, 1), (6, 3, 3)],
    ids=["aligned", "two blocks", "one tap", "groups"],
)
def test_align_channels_leaves_alone(channels: int, kernel: int, groups: int) -> None:
    """What needs no filling up, or cannot have it, stays."""
    assert align_channels(image_graph(channels, kernel, groups)).changed == 0
