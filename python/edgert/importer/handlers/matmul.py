"""Matrix products. One with a constant second operand is a gemm, whose weights are [N, K]."""

from __future__ import annotations

import math

import numpy as np

from edgert.importer.call import Call
from edgert.importer.handlers.images import reshape, transpose
from edgert.importer.registry import onnx_op
from edgert.importer.values import Constant, Tensor, UnsupportedNodeError


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


@onnx_op("Gemm", attrs="alpha beta transA transB broadcast")
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


@onnx_op("Einsum", attrs="equation")
def einsum(call: Call) -> Tensor:
    """Sums of one operand, or products of two, without diagonals and ellipses."""
    equation = call.attrs["equation"].replace(" ", "")
    terms, arrow, out = equation.partition("->")
    labels = terms.split(",")
    if not arrow:
        out = "".join(sorted(c for c in set(terms) - {","} if terms.count(c) == 1))
    if "." in equation or len(labels) > 2 or any(len(set(t)) != len(t) for t in (*labels, out)):
        raise UnsupportedNodeError(f"its equation is {equation!r}")
    if [len(t) for t in labels] != [len(x.shape) for x in call.inputs]:
        raise ValueError(f"equation {equation!r} for {[x.shape for x in call.inputs]}")
    operands = [
        _sum_over(call, x, own, out + "".join(labels[:i] + labels[i + 1 :]))
        for i, (x, own) in enumerate(zip(call.inputs, labels))
    ]
    if len(operands) == 1:
        ((y, found),) = operands
    else:
        y, found = _product(call, *operands[0], *operands[1], out)
    return _permuted(call, y, found, out)


def _sum_over(call: Call, x: Tensor, own: str, used: str) -> tuple[Tensor, str]:
    """``x`` summed over the labels that nothing else uses, and the labels that are left."""
    axes = [i for i, label in enumerate(own) if label not in used]
    if axes:
        x = call.call("ReduceSum", [x, call.const(axes, np.int64)], keepdims=0)
    return x, "".join(label for label in own if label in used)


def _product(
    call: Call, a: Tensor, a_labels: str, b: Tensor, b_labels: str, out: str
) -> tuple[Tensor, str]:
    """One matrix product per combination of the labels that both operands and the output have."""
    shared = [c for c in a_labels if c in b_labels]
    batch, summed = [c for c in shared if c in out], [c for c in shared if c not in out]
    rows, columns = ([c for c in labels if c not in shared] for labels in (a_labels, b_labels))
    sizes = dict(zip(a_labels + b_labels, (*a.shape, *b.shape)))
    dims = [[sizes[c] for c in group] for group in (batch, rows, summed, columns)]
    n, m, k, p = map(math.prod, dims)
    a = _permuted(call, a, a_labels, "".join(batch + rows + summed))
    b = _permuted(call, b, b_labels, "".join(batch + summed + columns))
    a = call.call("Reshape", [a, call.const([n, m, k], np.int64)])
    b = call.call("Reshape", [b, call.const([n, k, p], np.int64)])
    y = call.call("MatMul", [a, b])
    shape = call.const(dims[0] + dims[1] + dims[3], np.int64)
    return call.call("Reshape", [y, shape]), "".join(batch + rows + columns)


def _permuted(call: Call, x: Tensor, found: str, wanted: str) -> Tensor:
    """``x``, whose axes have the labels ``found``, with them in the order ``wanted``."""
    return call.call("Transpose", [x], perm=[found.index(label) for label in wanted])


def _as_bias(c: Tensor | None, beta: float, outputs: int) -> Constant | None:
    """``beta * c`` with one element per output, if it is known and the same for all rows."""
    if not isinstance(c, Constant) or c.data.size not in (1, outputs):
        return None
    if c.data.size > 1 and c.shape[-1] != outputs:
        return None
    data = _f32(c.data if beta == 1.0 else c.data * np.float32(beta))
    return Constant(c.name, np.broadcast_to(data.reshape(-1), (outputs,)))


def _scaled(call: Call, x: Tensor, factor: float) -> Tensor:
    return x if factor == 1.0 else call.call("Mul", [x, call.const(factor, np.float32)])


def _f32(data: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(data, np.float32) if data.dtype.kind == "f" else data
