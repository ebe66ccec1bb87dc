"""Models for the sweeps in which the system refuses memory, mappings and threads: fault_models.py
FOLDER writes them. Small, as each is loaded and run for every request that it makes, but with
operators that are worth several threads.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import digest_models
import numpy as np
from mutate import coded_graph, packed_graph, shorts_graph
from random_graphs import random_graph

from edgert.ir import Graph
from edgert.pack import pack


def convolutions() -> Graph:
    """Convolutions of floats: by Winograd's method, strided, depthwise, with a residual; a gemm."""
    rng = np.random.default_rng(1)
    graph = Graph()

    def conv(
        x: str, outputs: int, kernel: int, stride: int = 1, groups: int = 1, residual: str = ""
    ) -> str:
        channels = graph.values[x].shape[-1] // groups
        w = rng.standard_normal((outputs, kernel, kernel, channels)).astype(np.float32) / kernel
        inputs = [x, graph.add_constant("w", w), graph.add_constant("b", w[:, 0, 0, 0]), residual]
        attrs = {"strides": [stride] * 2, "dilations": [1, 1], "pads": [kernel // 2] * 4,
                 "groups": groups, "activation": {"fn": 1}}  # fmt: skip
        return graph.add("conv", inputs, attrs)

    y = conv(graph.add_input("x", np.float32, (1, 16, 16, 3)), 32, 3)
    y = conv(y, 32, 3, residual=y)
    y = conv(conv(y, 32, 3, groups=32), 48, 5, stride=2)
    y = graph.add("reshape", [y], {"rank": 2, "dims": [64, 48]})
    w = graph.add_constant("w", rng.standard_normal((70, 48)).astype(np.float32))
    graph.outputs = [graph.add("gemm", [y, w], {"activation": {"fn": 0}})]
    return graph


MODELS: dict[str, Callable[[], Graph]] = {
    "float": convolutions,
    "int8": lambda: digest_models.mobile(1, 63),
    "dynamic": lambda: digest_models.dynamic(1, 127),
    "many": lambda: random_graph(np.random.default_rng(12), 60),
    "shorts": shorts_graph,
    "coded": coded_graph,
    "packed": packed_graph,
}


def write(folder: str | Path) -> list[Path]:
    """Writes the models and returns their files."""
    paths = []
    for name, build in MODELS.items():
        paths.append(Path(folder) / f"{name}.edgert")
        paths[-1].write_bytes(pack(build()))
    return paths


if __name__ == "__main__":
    print(*write(sys.argv[1]), sep="\n")
