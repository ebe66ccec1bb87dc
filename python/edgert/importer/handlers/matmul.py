"""Matrix products. One with a constant second operand is a gemm, whose weights are [N, K]."""

from __future__ import annotations

import numpy as np

from edgert.importer.handlers.images import reshape, transpose
from edgert.importer.lower import Call
from edgert.importer.registry import onnx_op
from edgert.importer.values import Constant, Tensor


@onnx_op("MatMul")
def matmul(call: Call) -> Tensor:
    """As numpy.matmul: a vector is a row on the left and a column on the right."""
    a, b = call.input(0), call.input(1)
    if not a.shape or not b.shape:
        raise ValueError("a scalar operand")
    row, column = len(a.shape) == 1, len(b.shape) == 1
    a = reshape(call, a, (1, *a.shape)) if row else a
    if isinstance(b, Constant) and len(b.shape) <= 2 and not isinstance(a, Constant):
        weights = b.data.reshape(b.shape[0], -1).T
        y = call.emit("gemm", [a, Constant(b.name, _f32(weights))])
    else:
        b = reshape(call, b, (*b.shape, 1)) if column else b
        y = call.emit("matmul", [a, b])
    dims = list(y.shape)
    if column:
        dims.pop(-1)
    if row:
        dims.pop(-1 if column else -2)
    return reshape(call, y, dims)


@onnx_op("Gemm")
def gemm(call: Call) -> Tensor:
    """alpha * A' * B' + beta * C; factors of constants go into the constants."""
    a, b, c = call.input(0), call.input(1), call.input(2)
    alpha, beta = call.attr("alpha", 1.0), call.attr("beta", 1.0)
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise ValueError(f"operands {a.shape} and {b.shape}, expected matrices")
    a = transpose(call, a, [1, 0]) if call.attr("transA", 0) else a
    transposed = call.attr("transB", 0)
    if c is not None and call.opset < 7 and not call.attr("broadcast", 0):
        outputs = b.shape[0 if transposed else 1]
        if c.shape != (a.shape[0], outputs):
            raise ValueError(f"C has shape {c.shape} without broadcast")
    if not isinstance(b, Constant):
        b = transpose(call, b, [1, 0]) if transposed else b
        y = _scaled(call, call.emit("matmul", [a, b]), alpha)
        return y if c is None else call.call("Add", [y, _scaled(call, c, beta)])
    weights = b.data if transposed else b.data.T
    weights = weights if alpha == 1.0 else weights * np.float32(alpha)
    bias = _as_bias(c, beta, weights.shape[0])
    y = call.emit("gemm", [a, Constant(b.name, _f32(weights)), bias])
    if c is None or bias is not None:
        return y
    return call.call("Add", [y, _scaled(call, c, beta)])


def _as_bias(c: Tensor | None, beta: float, outputs: int) -> Constant | None:
    """``beta * c`` with one element per output, if it is known and the same for all rows."""
    if not isinstance(c, Constant) or c.data.size not in (1, outputs):
        return None
    if c.data.size > 1 and c.shape[-1] != outputs:
        return None
    data = c.data if beta == 1.0 else c.data * np.float32(beta)
    return Constant(c.name, _f32(np.broadcast_to(data.reshape(-1), (outputs,))))


def _scaled(call: Call, x: Tensor, factor: float) -> Tensor:
    return x if factor == 1.0 else call.call("Mul", [x, call.const(factor, np.float32)])


def _f32(data: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(data, np.float32) if data.dtype.kind == "f" else data
