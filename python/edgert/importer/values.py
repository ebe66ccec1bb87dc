"""What a name of the ONNX model stands for while it is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

import numpy as np

from edgert import ir


@dataclass(eq=False)
class Constant:
    """A value that is known now. float64 is kept while constants are folded."""

    name: str
    data: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the data."""
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        """The element type of the data."""
        return self.data.dtype


# A Constant, or a value of the graph that is being built; both have `name`, `shape` and `dtype`.
Tensor = Union[Constant, ir.Value]


class UnsupportedNodeError(Exception):
    """A node that edgert cannot run; the importer collects these and reports them together."""
