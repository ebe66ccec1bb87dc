"""The operators on signs in numpy: the same bits as the kernels, but for smooth activations.

Numbers that are 1 or -1 are bits, eight channels to a byte; a set bit is -1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgert.interp.plain import Inputs, Operator, convolve
from edgert.interp.quantized import activate


def pack_bits(negative: np.ndarray) -> np.ndarray:
    """Bits of booleans [..., C] as bytes [..., ceil(C / 8)], the rest of the last one clear."""
    return np.packbits(negative, axis=-1, bitorder="little")


def unpack_signs(data: np.ndarray) -> np.ndarray:
    """The numbers of bytes [..., n], 8 * n of 1.0 and -1.0."""
    return 1.0 - 2.0 * np.unpackbits(data, axis=-1, bitorder="little")


def is_negative(x: np.ndarray, attrs: Mapping[str, Any]) -> np.ndarray:
    """Which elements the node ``signs`` with these attributes makes -1."""
    return (x < 0) | ((x == 0) & (attrs["zero"] < 0)) | (np.isnan(x) & (attrs["nan"] < 0))


def _signs(attrs: np.void, inputs: Inputs) -> np.ndarray:
    return pack_bits(is_negative(inputs[0], attrs))


def finish(total: np.ndarray, attrs: np.void, inputs: Inputs) -> np.ndarray:
    """What bconv and bgemm make of sums, which are whole numbers; of ``inputs`` from 2 on."""
    sums = total.astype(np.int64).astype(np.int16)  # modulo 2^16
    end, bias, residual = (*inputs[2:], None, None)[:3]
    if end.dtype == np.int16:
        return pack_bits(sums < end)
    t = sums.astype(np.float32) * end
    t = t + (np.float32(0) if bias is None else bias)
    t = t if residual is None else t + residual
    return activate(t, attrs["activation"])


def _bconv(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x, w = unpack_signs(inputs[0]), unpack_signs(inputs[1])
    (batch, height, width, bits), (top, left, bottom, right) = x.shape, attrs["pads"]
    # Bits beyond the channels are equal, in pads too: they add 1 to each tap of a sum.
    fill = np.where(np.arange(bits) < attrs["channels"], attrs["pad"], 1.0)
    padded = np.tile(fill, (batch, top + height + bottom, left + width + right, 1))
    padded[:, top : top + height, left : left + width] = x
    window = attrs.copy()
    window["pads"] = 0
    beyond = (bits - attrs["channels"]) * w.shape[1] * w.shape[2]
    return finish(convolve(window, padded, w) - beyond, attrs, inputs)


def _bgemm(attrs: np.void, inputs: Inputs) -> np.ndarray:
    x, w = unpack_signs(inputs[0]), unpack_signs(inputs[1])
    return finish(x @ w.T - (x.shape[-1] - attrs["channels"]), attrs, inputs)


OPERATORS: dict[str, Operator] = {"signs": _signs, "bconv": _bconv, "bgemm": _bgemm}
