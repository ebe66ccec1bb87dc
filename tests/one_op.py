"""Graphs of a single operator, run by the runtime or by the interpreter."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np

import edgert
from edgert import interp, ir, pack

Arrays = Sequence[Optional[np.ndarray]]


def one_op_graph(
    op: str, inputs: Arrays, attrs: Mapping[str, Any], constants: Collection[int] = ()
) -> ir.Graph:
    """A graph of one node named "node" with the output "y", and "y_1" and so on.

    Input i is the graph input ``x{i}``, or a constant if i is in ``constants``, or absent if None.
    """
    graph = ir.Graph()
    names = []
    for i, array in enumerate(inputs):
        if array is None:
            names.append("")
        elif i in constants:
            names.append(graph.add_constant(f"c{i}", array))
        else:
            names.append(graph.add_input(f"x{i}", array.dtype, array.shape))
    graph.add(op, names, attrs, name="node", output="y")
    graph.outputs = list(graph.nodes[-1].outputs)
    return graph


def run_op(
    op: str, inputs: Arrays, attrs: Mapping[str, Any], constants: Collection[int] = ()
) -> np.ndarray:
    """The operator's output: packed, loaded and run. The bits must not depend on the threads."""
    graph = one_op_graph(op, inputs, attrs, constants)
    feed = {f"x{i}": a for i, a in enumerate(inputs) if a is not None and i not in constants}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.edgert"
        path.write_bytes(pack.pack(graph))
        results = [edgert.load(path, threads=threads).run(feed)["y"] for threads in (1, 2)]
    assert results[0].tobytes() == results[1].tobytes(), "the bits depend on the threads"
    return results[0]


def expected(op: str, inputs: Arrays, attrs: Mapping[str, Any]) -> np.ndarray:
    """The operator's output as the interpreter defines it."""
    names = [f"x{i}" for i in range(len(inputs))]
    (y,) = interp.run_node(ir.Node(op, names, ["y"], dict(attrs), "node"), inputs)
    return y
