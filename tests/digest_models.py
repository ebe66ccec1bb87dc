"""Whole quantised networks whose every bit is computed from integers: no training, no randomness of
a library, no float arithmetic but with powers of two, so that every platform packs the same file.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from resizes import resize_attrs

from edgert.interp.signs import pack_bits
from edgert.ir import Graph
from edgert.schema import (
    BinaryFn,
    DType,
    PadMode,
    ResizeMode,
    UnaryFn,
)
from edgert.selftest import integers

HARD_SWISH = {"fn": UnaryFn.hard_swish}
HARD_SIGMOID = {"fn": UnaryFn.hard_sigmoid, "alpha": 0.1875, "beta": 0.5}
_ZERO = 120  # of every tensor of bytes
_STEP = 2.0**-5  # the scale of every tensor of bytes


def bits(outputs: dict[str, np.ndarray]) -> str:
    """The digest of all outputs, little-endian."""
    digest = hashlib.sha256()
    for name, array in outputs.items():
        digest.update(f"{name} {array.dtype.name} {array.shape} ".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


class Net(Graph):
    """A graph of bytes. Weights reach ``limit``: sums of 4, 2 or 1 of them fit 16 bits."""

    def __init__(self, batch: int, limit: int = 127) -> None:
        super().__init__()
        self.batch, self.limit, self.seed = batch, limit, limit

    def draw(self, shape: Sequence[int], low: int, high: int) -> np.ndarray:
        """The next numbers of the network."""
        self.seed += 1
        return integers(self.seed, shape, low, high)

    def x(self, *shape: int, dtype: type = np.uint8) -> str:
        """An input of one element of the batch times the batch."""
        return self.add_input(f"x{len(self.inputs)}", np.dtype(dtype), (self.batch, *shape))

    def op(self, op: str, *inputs: str, **attrs: Any) -> str:
        """Appends a node."""
        return self.add(op, inputs, attrs)

    def product(
        self, op: str, x: str, weight: Sequence[int], residual: str = "",
        act: dict[str, Any] | None = None, floats: bool = False, **attrs: Any,
    ) -> str:  # fmt: skip
        """A qconv or qgemm whose sums, with a deviation of some 40 levels, lie around zero."""
        w = self.draw(weight, -self.limit, self.limit).astype(np.int8)
        size = self.limit * math.isqrt(math.prod(weight[1:])) * 40
        total = w.astype(np.int64).reshape(len(w), -1).sum(1)
        bias = self.draw(total.shape, -size, size) - _ZERO * total
        multiplier = self.draw(total.shape, 40, 72) * 2.0 ** -(size.bit_length() + 6)
        constants = [w, bias.astype(np.int32), multiplier.astype(np.float32)]
        inputs = [x, *(self.add_constant("c", c) for c in constants)]
        attrs.update(residual_zero=_ZERO, residual_scale=_STEP, output=output(act, floats))
        return self.op(op, *inputs, *filter(None, [residual]), **attrs)

    def conv(
        self, x: str, outputs: int, kernel: Sequence[int] = (1, 1), stride: int = 1,
        dilation: int = 1, groups: int = 1, **more: Any,
    ) -> str:  # fmt: skip
        """A convolution whose pads keep the size of the image, but for its stride."""
        extents = [(k - 1) * dilation for k in kernel]
        weight = (outputs, *kernel, self.values[x].shape[-1] // groups)
        return self.product(
            "qconv", x, weight, strides=[stride] * 2, dilations=[dilation] * 2, groups=groups,
            pads=[e // 2 for e in extents] + [e - e // 2 for e in extents], x_zero=_ZERO, **more,
        )  # fmt: skip

    def depthwise(self, x: str, kernel: int, stride: int = 1, **more: Any) -> str:
        """A convolution of each channel by itself."""
        channels = self.values[x].shape[-1]
        return self.conv(x, channels, (kernel, kernel), stride, groups=channels, **more)

    def gemm(self, x: str, outputs: int, **more: Any) -> str:
        """A product with a matrix."""
        return self.product("qgemm", x, (outputs, self.values[x].shape[-1]), **more)

    def both(self, fn: BinaryFn, a: str, b: str, b_zero: int = _ZERO, **more: Any) -> str:
        """The sum or the product of two tensors of bytes."""
        b_scale = _STEP if fn is BinaryFn.add else 2.0**-6
        return self.op(
            "qbinary", a, b, fn=fn, a_zero=_ZERO, a_scale=_STEP, b_zero=b_zero, b_scale=b_scale,
            output=output(**more),
        )  # fmt: skip

    def mean(self, x: str, kernel: Sequence[int], **more: Any) -> str:
        """The mean of windows of this size, one pixel apart."""
        pool = {**window(*kernel), "count_include_pad": 0}
        return self.op("qaverage_pool", x, pool=pool, x_zero=_ZERO, x_scale=_STEP,
                       output=output(**more))  # fmt: skip

    def excite(self, x: str, squeezed: int) -> str:
        """Squeeze and excitation: each channel times a gate that the means of all decide."""
        _, height, width, channels = self.values[x].shape
        gate = self.conv(self.mean(x, (height, width)), squeezed, act={"fn": UnaryFn.relu})
        gate = self.conv(gate, channels, act=HARD_SIGMOID)
        return self.both(BinaryFn.mul, x, gate, b_zero=0)


def output(act: dict[str, Any] | None = None, floats: bool = False) -> dict[str, Any]:
    """The end of an operator: floats, or bytes with the scale of all; a clamp without ``act``."""
    if floats:
        return {"dtype": DType.float32, "activation": act or {}, "scale": 0.75}
    scale = 1 / _STEP
    act = act or {"fn": UnaryFn.clip, "alpha": -4.0, "beta": 4.25}
    return {"dtype": DType.uint8, "activation": act, "scale": scale, "zero": _ZERO, "low": 0,
            "high": 255}  # fmt: skip


def window(height: int, width: int, stride: int = 1, pad: int = 0) -> dict[str, Any]:
    """The part of a pooling's record that says where its windows are."""
    return {"kernel": [height, width], "strides": [stride] * 2, "dilations": [1, 1],
            "pads": [pad] * 4, "ceil_mode": 0}  # fmt: skip


def mobile(batch: int, limit: int) -> Net:
    """MobileNetV3: inverted residuals, some with squeeze and excitation, and a classifier."""
    net = Net(batch, limit)
    y = net.x(3, 27, 30, dtype=np.float32)
    y = net.op("quantize", y, dtype=DType.uint8, scale=_STEP, zero=_ZERO)
    y = net.op("transpose", y, perm=[0, 2, 3, 1])
    y = net.conv(y, 16, (3, 3), stride=2, act=HARD_SWISH)
    for expanded, outputs, kernel, stride, act, squeezed in [
        (16, 16, 3, 1, {"fn": UnaryFn.relu}, 0),
        (64, 24, 3, 2, {"fn": UnaryFn.relu}, 0),
        (72, 24, 5, 1, {"fn": UnaryFn.relu}, 20),
        (88, 40, 5, 2, HARD_SWISH, 24),
        (120, 40, 3, 1, HARD_SWISH, 0),
        (184, 40, 3, 1, HARD_SWISH, 48),
    ]:
        hidden = net.conv(y, expanded, act=act) if expanded > outputs else y
        hidden = net.depthwise(hidden, kernel, stride, act=act)
        if squeezed:
            hidden = net.excite(hidden, squeezed)
        same = net.values[y].shape[1:] == (*net.values[hidden].shape[1:3], outputs)
        y = net.conv(hidden, outputs, residual=y if same else "")
    y = net.conv(y, 240, act=HARD_SWISH)
    y = net.mean(y, net.values[y].shape[1:3])
    y = net.op("reshape", y, rank=2, dims=[batch, 240])
    y = net.gemm(y, 160, act=HARD_SWISH)
    net.outputs = [net.gemm(y, 101, floats=True)]
    return net


def convolutions(batch: int, limit: int) -> Net:
    """Kernels, strides, dilations and groups that no kernel's tile divides, with every ending."""
    net = Net(batch, limit)
    x = net.x(13, 17, 5)
    stem = net.conv(x, 37, (3, 3))
    branches = [
        net.conv(stem, 33, (1, 1), act={"fn": UnaryFn.sigmoid}),
        net.conv(stem, 18, (3, 3), stride=2, act={"fn": UnaryFn.silu}),
        net.conv(stem, 21, (3, 2), dilation=2, act={"fn": UnaryFn.tanh}),
        net.conv(stem, 74, (5, 5), groups=37, act={"fn": UnaryFn.gelu}),
        net.conv(net.conv(stem, 36, (1, 3)), 24, (3, 3), groups=3, act={"fn": UnaryFn.relu}),
        net.depthwise(stem, 3, act=HARD_SWISH),
        net.depthwise(stem, 5, stride=2),
        net.depthwise(stem, 3, dilation=3, act=HARD_SIGMOID),
        net.depthwise(stem, 7, residual=stem),
        net.conv(stem, 37, (3, 3), residual=stem, act={"fn": UnaryFn.leaky_relu, "alpha": 0.125}),
        net.conv(stem, 9, (1, 1), floats=True, act={"fn": UnaryFn.softplus}),
        net.depthwise(stem, 3, floats=True, residual=stem),
    ]
    rows = net.op("reshape", stem, rank=3, dims=[batch, 221, 37])
    tokens = net.gemm(rows, 52, act={"fn": UnaryFn.gelu_tanh})
    branches += [
        net.gemm(tokens, 37, residual=rows, act={"fn": UnaryFn.elu, "alpha": 0.5}),
        net.gemm(tokens, 1, floats=True),
    ]
    net.outputs = branches
    return net


def movements(batch: int, limit: int) -> Net:
    """What is done to bytes between products: tables, sums, poolings, and their places."""
    net = Net(batch, limit)
    x = net.x(13, 11, 24)
    y = net.conv(x, 24, (3, 3))
    table = net.add_constant("table", net.draw((256,), 0, 255).astype(np.uint8))
    y = net.op("lookup", y, table)
    before, after = [0, 1, 0, 0], [0, 2, 3, 0]
    for mode, value in ((PadMode.constant, _ZERO), (PadMode.reflect, 0), (PadMode.edge, 0)):
        y = net.op("pad", y, mode=mode, before=before, after=after, value=value)
    y = net.op("max_pool", y, **window(3, 3, 2, 1), count_include_pad=0)
    small = net.mean(y, (3, 2))
    up = net.op(
        "resize", net.conv(small, 24), mode=ResizeMode.nearest, size=net.values[y].shape[1:3],
        first=[0, 0], step=[1, 1], unit=[1, 1], cubic_coefficient=0.0, exclude_outside=0,
    )  # fmt: skip
    total = net.both(BinaryFn.add, up, y, act=HARD_SWISH)
    gated = net.both(BinaryFn.mul, total, up, floats=True)
    joined = net.op("concat", total, up, net.conv(total, 7), axis=3)
    part = net.op("slice", joined, starts=[0, 1, 0, 3], steps=[1, 2, 1, 5],
                  sizes=[batch, 5, 10, 10])  # fmt: skip
    image = net.mean(joined, net.values[joined].shape[1:3], floats=True)
    signed = net.op("quantize", gated, dtype=DType.int8, scale=_STEP, zero=-3)
    floats = net.op("dequantize", signed, dtype=DType.float32, scale=_STEP, zero=-3)
    net.outputs = [
        joined,
        gated,
        part,
        image,
        signed,
        floats,
        net.mean(part, (2, 2), act=HARD_SWISH),
    ]
    return net


def upsamplings(batch: int, limit: int) -> Net:
    """Larger images: transposed convolutions without and with overlaps, linear interpolation."""
    net = Net(batch, limit)

    def transposed(
        x: str, outputs: int, kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int],
        added: Sequence[int] = (0, 0), dilations: Sequence[int] = (1, 1), **end: Any,
    ) -> str:  # fmt: skip
        weight = (outputs, *kernel, net.values[x].shape[-1])
        w = net.draw(weight, -limit, limit).astype(np.int8)
        taps = -(-kernel[0] // strides[0]) * -(-kernel[1] // strides[1])  # that meet in a pixel
        size = limit * math.isqrt(weight[3] * taps) * 40
        bias = net.draw((outputs,), -size, size).astype(np.int32)
        multiplier = net.draw((outputs,), 40, 72) * 2.0 ** -(size.bit_length() + 6)
        constants = (net.add_constant("c", c) for c in (w, bias, multiplier.astype(np.float32)))
        return net.op(
            "qconv_transpose", x, *constants, strides=strides, dilations=dilations, pads=pads,
            output_padding=added, x_zero=_ZERO, output=output(**end),
        )  # fmt: skip

    def resize(x: str, *size: int, coordinate: str) -> str:
        shape = net.values[x].shape[1:3]
        return net.op("resize", x, **resize_attrs(ResizeMode.linear, shape, size, coordinate))

    x = net.conv(net.x(7, 9, 13), 37, (3, 3))
    blocks = transposed(x, 24, (2, 2), (2, 2), [0] * 4, act=HARD_SWISH)
    smooth = transposed(x, 24, (4, 4), (2, 2), [1] * 4)
    odd = transposed(x, 33, (3, 5), (2, 3), [1, 0, 2, 4], (1, 0), (1, 2), act={"fn": UnaryFn.silu})
    joined = net.both(BinaryFn.add, blocks, smooth)
    twice = resize(joined, 28, 36, coordinate="half_pixel")
    uneven = resize(odd, 9, 61, coordinate="align_corners")
    stem = net.op("quantize", net.op("dequantize", x, dtype=DType.float32, scale=_STEP, zero=_ZERO),
                  dtype=DType.int16, scale=2.0**-10, zero=0)  # fmt: skip
    words = resize(stem, 11, 9, coordinate="asymmetric")
    net.outputs = [
        net.conv(twice, 11),
        uneven,
        net.op("dequantize", words, dtype=DType.float32, scale=2.0**-10, zero=0),
        transposed(odd, 3, (1, 8), (1, 4), [0, 2, 0, 2], floats=True),
    ]
    return net


def one_hot(batch: int, limit: int) -> Net:
    """The largest products: every byte is 255 or 0, every weight at a limit."""
    net = Net(batch, limit)
    x = net.x(5, 7, 128)
    table = net.add_constant("table", np.where(np.arange(256) < 128, 0, 255).astype(np.uint8))
    bits = net.op("lookup", x, table)
    for y, weight in ((bits, (35, 3, 3, 128)), (bits, (128, 3, 3, 1))):
        signs = 2 * net.draw(weight, 0, 1) - 1
        constants = [
            (limit * signs).astype(np.int8),
            np.zeros(weight[0], np.int32),
            np.full(weight[0], 2.0**-10, np.float32),
        ]
        inputs = [y, *(net.add_constant("c", c) for c in constants)]
        net.outputs.append(
            net.op(
                "qconv", *inputs, strides=[1, 1], dilations=[1, 1], pads=[1] * 4,
                groups=128 // weight[3], x_zero=255, residual_zero=0, residual_scale=0.0,
                output=output(floats=True),
            )
        )  # fmt: skip
    return net


def dynamic(batch: int, limit: int) -> Net:
    """Products that quantise their inputs by the range of an image or of a row."""
    net = Net(batch, limit)

    def product(op: str, x: str, weight: Sequence[int], residual: str = "", **attrs: Any) -> str:
        w = net.draw(weight, -limit, limit).astype(np.int8)
        unit = 2.0 ** -(limit * math.isqrt(math.prod(weight[1:]))).bit_length()
        multiplier = (net.draw(weight[:1], 40, 72) * unit / 32).astype(np.float32)
        bias = (net.draw(weight[:1], -64, 64) / 64).astype(np.float32)
        constants = (net.add_constant("c", c) for c in (w, multiplier, bias))
        return net.op(op, x, *constants, *filter(None, [residual]), **attrs)

    def conv(x: str, outputs: int, kernel: int, groups: int = 1, **more: Any) -> str:
        weight = (outputs, kernel, kernel, net.values[x].shape[-1] // groups)
        return product("dynamic_conv", x, weight, strides=[1, 1], dilations=[1, 1], groups=groups,
                       pads=[kernel // 2] * 4, **more)  # fmt: skip

    x = net.x(11, 13, 9, dtype=np.float32)
    stem = conv(x, 34, 3, activation={"fn": UnaryFn.relu})
    y = conv(stem, 34, 1, residual=stem, activation=HARD_SWISH)
    parts = conv(y, 34, 3, groups=2)
    rows = net.op("reshape", y, rank=3, dims=[batch, 143, 34])
    tokens = product("dynamic_gemm", rows, (75, 34), activation=HARD_SWISH)
    net.outputs = [parts, product("dynamic_gemm", tokens, (34, 75), residual=rows)]
    return net


def few_bits(batch: int, limit: int) -> Net:
    """Matrices whose weights stay codes, of 4 and 2 bits, as far as they fit; such in blocks."""
    net = Net(batch, limit)

    def constant(array: np.ndarray, dtype: type) -> str:
        return net.add_constant("c", array.astype(dtype))

    def blocks(x: str, bits: int, zeros: bool, outputs: int) -> str:
        depth = net.values[x].shape[-1]
        count = -(-depth // 32)
        w = constant(net.draw((outputs, depth), 0, 2**bits - 1), np.uint8)
        scales = constant(net.draw((count, outputs), -31, 32) * 2.0 ** -(bits + 6), np.float32)
        zero = constant(net.draw((count, outputs), 0, 2**bits - 1), np.uint8) if zeros else ""
        bias = constant(net.draw((outputs,), -64, 64) / 64, np.float32)
        return net.op("block_gemm", x, w, scales, zero, bias, block=32, zero=2 ** (bits - 1))

    x = net.x(208, dtype=np.float32)
    y = blocks(blocks(blocks(x, 8, True, 208), 4, False, 192), 2, True, 272)
    w = constant(net.draw((160, 272), 0, 15) * (2 * limit // 16) - limit, np.int8)
    unit = 2.0 ** -limit.bit_length()
    multiplier = constant(net.draw((160,), 40, 72) * unit / 2**10, np.float32)
    y = net.op("dynamic_gemm", y, w, multiplier)
    q = net.op("quantize", y, dtype=DType.uint8, scale=_STEP, zero=_ZERO)
    w = constant((2 * net.draw((160, 160), 0, 3) - 3) * (limit // 3), np.int8)
    bias = constant(net.draw((160,), -999, 999), np.int32)
    multiplier = constant(net.draw((160,), 40, 72) * unit / 2**14, np.float32)
    net.outputs = [y, net.op("qgemm", q, w, bias, multiplier, residual_zero=0, residual_scale=0.0,
                             output=output(HARD_SWISH))]  # fmt: skip
    return net


def words(batch: int, limit: int) -> Net:
    """Activations of int16, weights of 8 bits or of more: sums within 32 bits and beyond them."""
    net = Net(batch, limit)
    largest, dtype = (limit, np.int8) if limit == 32 else (limit * limit, np.int16)
    int16_output = {"dtype": DType.int16, "scale": 1024.0, "zero": 0, "low": -30000, "high": 32767}

    def product(op: str, x: str, weight: Sequence[int], residual: str = "", **more: Any) -> str:
        w = net.draw(weight, -largest, largest).astype(dtype)
        size = min(largest * math.isqrt(math.prod(weight[1:])) * 4000, 2**30)
        bias = net.draw(weight[:1], -size, size).astype(np.int32)
        multiplier = net.draw(weight[:1], 40, 72) * 2.0 ** -(size.bit_length() + 5)
        constants = (net.add_constant("c", c) for c in (w, bias, multiplier.astype(np.float32)))
        attrs = {"residual_zero": 0, "residual_scale": 2.0**-10, "output": int16_output, **more}
        return net.op(op, x, *constants, *filter(None, [residual]), **attrs)

    def conv(x: str, outputs: int, kernel: int, stride: int = 1, **more: Any) -> str:
        groups = more.setdefault("groups", 1)
        weight = (outputs, kernel, kernel, net.values[x].shape[-1] // groups)
        return product("qconv", x, weight, strides=[stride] * 2, dilations=[1, 1],
                       pads=[kernel // 2] * 4, x_zero=0, **more)  # fmt: skip

    x = net.x(13, 15, 5, dtype=np.float32)
    x = net.op("quantize", x, dtype=DType.int16, scale=2.0**-10, zero=0)
    stem = conv(x, 37, 3, output={**int16_output, "activation": HARD_SWISH})
    deep = conv(conv(stem, 37, 3, groups=37), 37, 3, residual=stem)
    halved = conv(deep, 37, 5, 2, groups=37)
    pool = {**window(3, 3, 2, 1), "count_include_pad": 0}
    mean = net.op("qaverage_pool", deep, pool=pool, x_zero=0, x_scale=2.0**-10, output=int16_output)
    scales = {
        "a_zero": 0,
        "a_scale": 2.0**-10,
        "b_zero": 0,
        "b_scale": 2.0**-10,
        "output": int16_output,
    }
    total = net.op("qbinary", stem, deep, fn=BinaryFn.add, **scales)
    gated = net.op("qbinary", total, deep, fn=BinaryFn.mul, **scales)
    rows = net.op("reshape", gated, rank=3, dims=[batch, 195, 37])
    end = {"dtype": DType.float32, "scale": 0.75}
    net.outputs = [
        *(net.op("dequantize", y, dtype=DType.float32, scale=2.0**-10, zero=0)
          for y in (halved, net.op("max_pool", mean, **window(2, 2), count_include_pad=0))),
        product("qgemm", rows, (21, 37), output=end),
        product("qgemm", rows, (21, 37), output=output()),
    ]  # fmt: skip
    return net


def rows(batch: int, limit: int) -> Net:
    """Normalised rows and softmax of them, short and long ones."""
    net = Net(batch, limit)

    def normalised(x: str) -> str:
        channels = net.values[x].shape[-1:]
        scale = net.add_constant("c", (net.draw(channels, 20, 60) / 2).astype(np.float32))
        shift = net.add_constant("c", (net.draw(channels, -90, 90) / 8).astype(np.float32))
        return net.op("qlayer_norm", x, scale, shift, epsilon=2.0**-5, zero=_ZERO)

    i = np.arange(256)
    powers = ((64 + i % 64) << 16) >> (3 - i // 64)  # some 2^(i / 64)
    table = net.add_constant("table", powers.astype(np.int32))

    def softmax(x: str, scale: float) -> str:
        return net.op("qsoftmax", x, table, dtype=DType.uint8, scale=scale, zero=7)

    tokens = normalised(net.gemm(net.x(9, 40), 75))
    hidden = normalised(net.gemm(tokens, 203, act=HARD_SWISH))
    short, long = softmax(net.gemm(hidden, 37), 2.0**-11), softmax(net.gemm(hidden, 300), 2.0**-14)
    net.outputs = [tokens, hidden, short, long, net.gemm(long, 21, floats=True)]
    return net


def signs(batch: int, limit: int) -> Net:
    """Layers of signs that stay bits, around a layer of bytes, and floats at the end."""
    net = Net(batch, limit)

    def packed(op: str, x: str, weight: Sequence[int], *end: np.ndarray, **attrs: Any) -> str:
        bits = pack_bits(net.draw(weight, 0, 1).astype(bool))
        constants = [net.add_constant("c", c) for c in (bits, *end)]
        return net.op(op, x, *constants, channels=weight[-1] * attrs.get("groups", 1), **attrs)

    def conv(x: str, weight: Sequence[int], *end: np.ndarray, pad: int = 0, groups: int = 1) -> str:
        geometry = {"strides": [1, 1], "dilations": [1, 1], "pads": [weight[1] // 2] * 4}
        return packed("bconv", x, weight, *end, **geometry, pad=pad, groups=groups)

    def thresholds(outputs: int) -> np.ndarray:
        """Around the sums; now and then none, or all, are below."""
        found = net.draw((outputs,), -9, 9)
        found[::14], found[7::14] = 32767, -32768
        return found.astype(np.int16)

    def floats(outputs: int) -> list[np.ndarray]:
        drawn = net.draw((2, outputs), -limit, limit) / 64
        return [*drawn.astype(np.float32)]

    x = net.x(11, 9, 35, dtype=np.float32)
    y = net.op("signs", x, zero=1, nan=-1)
    y = conv(y, (48, 3, 3, 35), thresholds(48), pad=1)
    y = conv(y, (96, 3, 3, 24), thresholds(96), groups=2)
    y = conv(y, (70, 2, 1, 96), *floats(70), pad=1)
    y = net.op("slice", y, starts=[0] * 4, steps=[1] * 4, sizes=[batch, 11, 9, 35])
    byte = net.op("quantize", y, dtype=DType.uint8, scale=_STEP, zero=_ZERO)
    y = net.conv(byte, 29, (3, 3), floats=True)
    rows = net.op("reshape", net.op("signs", y, zero=-1, nan=1), rank=3, dims=[batch, 99, 4])
    rows = packed("bgemm", rows, (300, 29), thresholds(300))
    net.outputs = [y, packed("bgemm", rows, (41, 300), *floats(41), activation=HARD_SWISH)]
    return net


Builder = Callable[[int], Net]
MODELS: dict[str, Builder] = {
    f"{build.__name__}_{limit}": lambda batch, build=build, limit=limit: build(batch, limit)
    for build in (
        mobile,
        convolutions,
        movements,
        upsamplings,
        one_hot,
        dynamic,
        few_bits,
        words,
        rows,
        signs,
    )
    for limit in (32, 64, 127)
}
