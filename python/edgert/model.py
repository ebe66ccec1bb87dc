"""Loading and running a packed model: all that a device needs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from edgert import _core
from edgert.errors import InputError

_NO_LIMIT = 2**62 if os.sys.maxsize > 2**32 else 2**31


class TensorInfo(NamedTuple):
    """An input or output of a model."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype


class Model:
    """A model that is ready to run; see :func:`load`."""

    def __init__(self, path: str, threads: int, memory_limit: int, verify: bool) -> None:
        self._session = _core.Session(path, threads, memory_limit, verify)
        self.path = path

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs the model once."""
        arrays = [inputs[i.name] for i in self.inputs]
        return dict(zip((o.name for o in self.outputs), self._session.run(arrays, None, None)))

    @property
    def inputs(self) -> list[TensorInfo]:
        """The inputs, in the model's order."""
        return [TensorInfo(n, s, np.dtype(d)) for n, s, d in self._session.inputs]

    @property
    def outputs(self) -> list[TensorInfo]:
        """The outputs, in the model's order."""
        return [TensorInfo(n, s, np.dtype(d)) for n, s, d in self._session.outputs]


def load(path: str, threads: int | None = None) -> Model:
    """Loads a model."""
    return Model(os.fspath(path), threads or _core.usable_cpus(), _NO_LIMIT, False)
