"""The schema of the file, as the C++ runtime defines it. Nothing here is a literal."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from edgert import _core


class OpSchema(NamedTuple):
    """One operator: its id in files, its attribute record, its inputs and its outputs.

    Bit i of ``optional_inputs``: input i may be absent; of ``weight_inputs``: it is a weight, whose
    form in the file the operator chooses if it is a constant.
    """

    id: int
    attrs: np.dtype
    min_inputs: int
    max_inputs: int
    optional_inputs: int
    weight_inputs: int
    outputs: int


def _enum(name: str) -> type[IntEnum]:
    return IntEnum(name, _core.enums()[name])


DType = _enum("DType")
Form = _enum("Form")
Section = _enum("Section")
UnaryFn = _enum("UnaryFn")
BinaryFn = _enum("BinaryFn")
CompareFn = _enum("CompareFn")
ReduceFn = _enum("ReduceFn")
PadMode = _enum("PadMode")
ResizeMode = _enum("ResizeMode")

OPS: dict[str, OpSchema] = {name: OpSchema(*row) for name, row in _core.ops().items()}

_RECORDS: dict[str, np.dtype] = _core.records()
FileHeader: np.dtype = _RECORDS["FileHeader"]
SectionRecord: np.dtype = _RECORDS["SectionRecord"]
MetadataRecord: np.dtype = _RECORDS["MetadataRecord"]
TensorRecord: np.dtype = _RECORDS["TensorRecord"]
NodeRecord: np.dtype = _RECORDS["NodeRecord"]

MAGIC: bytes = _core.MAGIC
VERSION: int = _core.VERSION
ENDIAN_TAG: int = _core.ENDIAN_TAG
RECORD_ALIGNMENT: int = _core.RECORD_ALIGNMENT
PAYLOAD_ALIGNMENT: int = _core.PAYLOAD_ALIGNMENT
NONE: int = _core.NONE
MAX_RANK: int = _core.MAX_RANK
MAX_NAME_BYTES: int = _core.MAX_NAME_BYTES
MAX_NODES: int = _core.MAX_NODES
