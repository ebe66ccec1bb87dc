"""How each ONNX operator is said in the runtime's operators; importing this fills the registry."""

from edgert.importer.handlers import (
    control,
    conv,
    dynamic,
    elementwise,
    indices,
    logic,
    matmul,
    norm,
    plain,
    pool,
    quantized,
    reduce,
    reshape,
    resize,
    slices,
    top_k,
)

__all__ = [
    "control",
    "conv",
    "dynamic",
    "elementwise",
    "indices",
    "logic",
    "matmul",
    "norm",
    "plain",
    "pool",
    "quantized",
    "reduce",
    "reshape",
    "resize",
    "slices",
    "top_k",
]
