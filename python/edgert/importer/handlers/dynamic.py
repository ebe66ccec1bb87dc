"""Products whose inputs are quantised while the model runs, and such with weights in blocks.

They are imported as what they mean: products of floats. Which of them compute on bytes is decided
when the graph is optimised; their names are noted for that. Weights in blocks stay what they are
where the runtime has an operator for them.
"""

from __future__ import annotations

import numpy as np

from edgert.errors import FormatError
from edgert.importer.call import Call
from edgert.importer.dynamic import DOMAIN
from edgert.importer.handlers.windows import WINDOW_ATTRS
from edgert.importer.registry import MICROSOFT, onnx_op
from edgert.importer.values import Constant, Tensor, UnsupportedNodeError

_BITS = (2, 4, 8)  # of weights in blocks; those of a byte lie in it from its lowest bits on
# What block_gemm reads: depths and blocks are multiples of the one, blocks have at most the other.
_BLOCK_STEP, _MOST_BLOCK = 16, 256


@onnx_op("DynamicQuantizeLinear", "MatMulInteger")
@onnx_op("ConvInteger", unused=f"{WINDOW_ATTRS} group kernel_shape")
@onnx_op("MatMulIntegerToFloat", domain=MICROSOFT)
def part(call: Call) -> Tensor:
    """What :mod:`edgert.importer.dynamic` has not found to be a part of a dynamic product."""
    raise UnsupportedNodeError(
        "it is no part of a dynamic product as quantize_dynamic writes it: DynamicQuantizeLinear, "
        "ConvInteger or MatMulInteger, Cast to float32, Mul with the product of both scales"
    )


@onnx_op("DynamicConv", domain=DOMAIN, attrs=f"{WINDOW_ATTRS} group kernel_shape")
def dynamic_conv(call: Call) -> Tensor:
    """x, W, scale and zero point of W, bias; the attributes are those of Conv."""
    w, bias = _centred(call, 1, 3, axis=0), call.input(4)
    call.note_dynamic()
    y = call.call("Mul", [call.call("Conv", [call.input(0), w], **call.attrs), call.input(2)])
    if bias is None:
        return y
    channels = call.const([-1, *[1] * (len(y.shape) - 2)], np.int64)
    return call.call("Add", [y, call.call("Reshape", [bias, channels])])


@onnx_op("DynamicMatMul", domain=DOMAIN)
@onnx_op("DynamicQuantizeMatMul", domain=MICROSOFT)
def dynamic_matmul(call: Call) -> Tensor:
    """A, B, scale and zero point of B, bias."""
    b = _centred(call, 1, 3, axis=-1)
    call.note_dynamic()
    y = call.call("Mul", [call.call("MatMul", [call.input(0), b]), call.input(2)])
    return y if call.input(4) is None else call.call("Add", [y, call.input(4)])


@onnx_op("MatMulNBits", domain=MICROSOFT, attrs="K N bits block_size", unused="accuracy_level")
def matmul_n_bits(call: Call) -> Tensor:
    """B [N, blocks, bytes of a block], a scale and a zero point for each block along K."""
    k, n, block = (int(call.attrs[name]) for name in ("K", "N", "block_size"))
    bits = call.attr("bits", 4)
    if bits not in _BITS:
        raise UnsupportedNodeError(f"its weights have {bits} bits, supported are {_BITS}")
    if call.input(4) is not None:
        raise UnsupportedNodeError("its weights are sorted by g_idx; export it without act order")
    if min(k, n, block) < 1:
        raise FormatError(f"K is {k}, N {n} and block_size {block}, expected at least 1", "QUANT")
    blocks = -(-k // block)
    data = _bytes(call, 1, n * blocks * (block * bits // 8), "B").reshape(n, blocks, -1)
    levels = _levels(data, bits)[:, :, :block]
    scale = call.constant(2, "scales").astype(np.float32)
    if scale.size != n * blocks:
        raise FormatError(f"there are {scale.size} scales, expected {n} x {blocks}", "QUANT")
    scale = scale.reshape(n, blocks)
    zero = call.constant(3, "zero_points")
    if zero is None:
        zeros = np.full((n, blocks), 1 << (bits - 1), np.float32)
    elif zero.dtype == np.uint8:
        packed = _bytes(call, 3, n * -(-blocks * bits // 8), "zero_points").reshape(n, -1)
        zeros = _levels(packed, bits)[:, :blocks].astype(np.float32)
    elif zero.size == n * blocks:
        zeros = zero.astype(np.float32).reshape(n, blocks)
    else:
        raise FormatError(f"there are {zero.size} zero points, expected {n} x {blocks}", "QUANT")
    call.note_dynamic()
    aligned = k % _BLOCK_STEP == 0 and block % _BLOCK_STEP == 0 and block <= _MOST_BLOCK
    if aligned and np.all(np.isin(zeros, np.arange(256))):
        return _block_gemm(call, levels.reshape(n, -1)[:, :k], block, scale, zeros)
    weight = (levels - zeros[:, :, None]) * scale[:, :, None]
    b = Constant(call.input(1).name, weight.reshape(n, -1)[:, :k].T)
    y = call.call("MatMul", [call.input(0), b])
    return y if call.input(5) is None else call.call("Add", [y, call.input(5)])


def _block_gemm(
    call: Call, levels: np.ndarray, block: int, scale: np.ndarray, zeros: np.ndarray
) -> Tensor:
    """The product by weights ``(levels - zeros) * scale``, [N, K], of whose blocks each has one."""
    zero, bias = int(zeros[0, 0]), call.input(5)
    known = isinstance(bias, Constant) and bias.data.shape == (len(levels),)
    inputs: list[Tensor | None] = [
        call.input(0),
        Constant(call.input(1).name, levels),
        Constant(call.input(2).name, np.ascontiguousarray(scale.T)),
        None if np.all(zeros == zero) else call.const(zeros.T, np.uint8),
        bias if known else None,
    ]
    y = call.emit("block_gemm", inputs, {"block": block, "zero": zero})
    return y if bias is None or known else call.call("Add", [y, bias])


def _centred(call: Call, i: int, zero: int, axis: int) -> Constant:
    """Input ``i``, constant bytes, in floats and without their zero point, one or one per slice."""
    data, point = call.constant(i, "weights"), call.constant(zero, "zero point of the weights")
    name = call.input(i).name
    if data.dtype not in (np.uint8, np.int8):
        raise FormatError(f"the weights {name!r} are {data.dtype}, expected bytes", "QUANT")
    if point is None:
        return Constant(name, data.astype(np.float32))
    if point.dtype != data.dtype or point.size not in (1, data.shape[axis]):
        raise FormatError(
            f"the zero point of {name!r} is {point.dtype} {list(point.shape)}, expected one "
            f"{data.dtype}, or {data.shape[axis]}",
            "QUANT",
        )
    shape = [1] * data.ndim
    shape[axis] = point.size
    return Constant(name, data.astype(np.float32) - point.reshape(shape).astype(np.float32))


def _bytes(call: Call, i: int, size: int, what: str) -> np.ndarray:
    data = call.constant(i, what)
    if data.dtype != np.uint8 or data.size != size:
        raise FormatError(
            f"{what} {call.input(i).name!r} is {data.dtype} {list(data.shape)}, expected {size} "
            "bytes",
            "QUANT",
        )
    return data


def _levels(data: np.ndarray, bits: int) -> np.ndarray:
    """The numbers in bytes, along the last axis."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    levels = data[..., None] >> shifts & np.uint8((1 << bits) - 1)
    return levels.reshape(*data.shape[:-1], -1)
