"""What a file tells of its integers: the scale and the zero point of each tensor."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import numpy as np

from edgert.compress.quantize.rounding.affine import Affine
from edgert.compress.technique import Change
from edgert.ir import Graph, Node

# Metadata: [scale, zero point] of the result of each node that writes u8 or i16, in their order.
# The scale is null if the channels were equalised, or if it is not known, and ``MIXED`` if they
# were mixed, too.
SCALES = "edgert.scales"
MIXED = "mixed"


def scale_text(
    quantized: Graph,
    affine: Mapping[str, Affine],
    changes: Mapping[str, Change] = {},
) -> str:
    """The scales and zero points of a quantised graph's results, for ``SCALES``.

    ``changes`` has the tensors that hold other values than those of the model.
    """

    def scale(name: str) -> float | str | None:
        change = changes.get(name)
        if change is None:
            return float(str(np.float32(affine[name].scale)))
        return MIXED if change is Change.mixed else None

    def row(name: str) -> list:
        return [scale(name), affine[name].zero] if name in affine else [None, 0]

    rows = [row(node.output) for node in _integer_nodes(quantized)]
    return json.dumps(rows, separators=(",", ":"))


def scales_of(quantized: Graph) -> dict[str, list]:
    """What ``SCALES`` of a quantised graph says, by tensor."""
    rows = json.loads(quantized.metadata.get(SCALES, "[]"))
    return {node.output: row for node, row in zip(_integer_nodes(quantized), rows)}


def _integer_nodes(graph: Graph) -> Iterator[Node]:
    """The nodes whose results stand for reals by a scale."""
    return (n for n in graph.nodes if graph.values[n.output].dtype in (np.uint8, np.int16))
