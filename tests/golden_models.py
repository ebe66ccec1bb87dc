"""Small models that have every operator and every form of constants, for tests/golden.

Sums of floats are exact, for all values are multiples of 1/16, and what no level computes exactly
is rounded to bytes before it leaves: so each has the same bits on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from digest_models import HARD_SWISH, Net, output, window
from resizes import resize_attrs

from edgert.ir import Graph
from edgert.schema import BinaryFn, DType, PadMode, ReduceFn, ResizeMode, UnaryFn

RELU = {"fn": UnaryFn.relu}
ONE = {"strides": [1, 1], "dilations": [1, 1], "groups": 1}  # of a convolution
WORDS = {"dtype": DType.int16, "scale": 1024.0, "zero": 0, "low": -30000, "high": 32767}


def floats() -> Graph:
    """The operators on floats, and those that move elements."""
    net = Net(1, 3)

    def c(*shape: int) -> str:
        return net.add_constant("c", net.draw(shape, -3, 3).astype(np.float32))

    def as_bytes(x: str) -> str:
        return net.op("quantize", x, dtype=DType.uint8, scale=2.0**-5, zero=100)

    x = net.x(6, 7, 6, dtype=np.float32)
    rows = net.op("reshape", x, rank=2, dims=[42, 6])
    sums = net.op("reduce", rows, fn=ReduceFn.sum, axes=2, keep_dims=1)
    logits = net.op("gemm", rows, c(37, 6), c(37))
    images = [
        net.op("conv", x, c(20, 2, 3, 6), c(20), pads=[1, 1, 0, 1], activation=RELU, **ONE),
        net.op("conv", x, c(6, 3, 3, 1), c(6), pads=[1] * 4, **{**ONE, "groups": 6}),
        net.op("conv", x, c(6, 3, 3, 3), c(6), pads=[1] * 4, **{**ONE, "groups": 2}),
        net.op("batch_norm", x, c(6), c(6), activation=RELU),
    ]
    joined = net.op("concat", *images, axis=3)
    up = {"kernel": [2, 2], "output_padding": [0, 0], "pads": [0] * 4, "activation": RELU, **ONE}
    net.outputs = [
        joined,
        net.op("conv_transpose", x, c(2 * 2 * 5, 6), c(5), **{**up, "strides": [2, 2]}),
        net.op("max_pool", joined, **window(3, 2, 2, 1), count_include_pad=0),
        net.op("average_pool", joined, **window(2, 2, 2), count_include_pad=0),
        net.op("resize", x, **resize_attrs(ResizeMode.linear, (6, 7), (12, 14))),
        net.op("resize", x, **resize_attrs(ResizeMode.nearest, (6, 7), (9, 5))),
        net.op("pad", x, mode=PadMode.reflect, before=[0, 2, 1, 0], after=[0, 1, 2, 0], value=0.0),
        net.op("matmul", rows, net.op("transpose", rows, perm=[1, 0])),
        net.op("binary", rows, sums,
               fn=BinaryFn.sub, activation={"fn": UnaryFn.clip, "alpha": -50.0, "beta": 50.0}),
        net.op("unary", rows, function={"fn": UnaryFn.leaky_relu, "alpha": 0.25, "beta": 0.0}),
        net.op("slice", rows, starts=[41, 1], steps=[-4, 2], sizes=[10, 3]),
        net.op("tile", net.op("expand", sums, rank=3, dims=[2, 42, 3]), repeats=[1, 2, 1]),
        net.op("cast", logits, dtype=DType.int32),
        as_bytes(net.op("layer_norm", rows, c(6), c(6), epsilon=2.0**-6)),
        as_bytes(net.op("softmax", rows, axis=1, log=0)),
        as_bytes(net.op("lrn", rows, size=3, alpha=0.25, beta=0.75, bias=1.5)),
    ]  # fmt: skip
    net.outputs.append(net.op("top_k", logits, k=4, smallest=0))
    places = net.nodes[-1].outputs[1]
    net.outputs.append(places)
    net.outputs.append(net.op("gather", rows, places, axis=0))
    return net


def quantized() -> Graph:
    """The operators on bytes, and on floats that become bytes: sums that fit 16 bits or do not."""
    net = Net(1, 32)
    x = net.op("quantize", net.x(7, 9, 5, dtype=np.float32), dtype=DType.uint8, scale=2.0**-5,
               zero=120)  # fmt: skip
    y = net.conv(x, 18, (3, 3), act=HARD_SWISH)
    z = net.depthwise(y, 3, act=RELU)
    net.limit = 127
    wide = net.conv(z, 18, (1, 1), residual=y)
    both = net.both(BinaryFn.add, wide, net.both(BinaryFn.mul, wide, y))
    table = net.add_constant("table", net.draw((256,), 0, 255).astype(np.uint8))
    weight = net.draw((4, 2, 2, 18), -127, 127).astype(np.int8)
    constants = [weight, net.draw((4,), -9000, 9000).astype(np.int32),
                 np.full(4, 2.0**-14, np.float32)]  # fmt: skip
    up = net.op("qconv_transpose", both, *(net.add_constant("c", c) for c in constants),
                strides=[2, 2], dilations=[1, 1], pads=[0] * 4, output_padding=[0, 0], x_zero=120,
                output=output())  # fmt: skip
    scale, shift = (net.add_constant("c", net.draw((18,), 20, 60).astype(np.float32))
                    for _ in range(2))  # fmt: skip
    tokens = net.op("reshape", both, rank=2, dims=[63, 18])
    tokens = net.op("qlayer_norm", tokens, scale, shift, epsilon=2.0**-5, zero=120)
    i = np.arange(256)
    powers = ((64 + i % 64) << 16) >> (3 - i // 64)  # some 2^(i / 64)
    exponentials = net.add_constant("table", powers.astype(np.int32))

    def dynamic(op: str, x: str, weight: Sequence[int], **attrs: object) -> str:
        w = net.draw(weight, -64, 64).astype(np.int8)
        multiplier = np.full(weight[0], 2.0**-10, np.float32)
        bias = (net.draw(weight[:1], -64, 64) / 16).astype(np.float32)
        return net.op(op, x, *(net.add_constant("c", c) for c in (w, multiplier, bias)), **attrs)

    values = net.op("dequantize", both, dtype=DType.float32, scale=2.0**-5, zero=120)
    net.outputs = [
        net.op("lookup", up, table),
        net.mean(both, (7, 9), floats=True),
        net.op("qsoftmax", net.gemm(tokens, 33), exponentials, dtype=DType.uint8, scale=2.0**-10,
               zero=7),
        dynamic("dynamic_conv", values, (9, 3, 3, 18), pads=[1] * 4, activation=RELU, **ONE),
        dynamic("dynamic_gemm", values, (17, 18), activation=HARD_SWISH),
    ]  # fmt: skip
    return net


def words() -> Graph:
    """Activations of 16 bits with weights of 16 bits and of 8."""
    net = Net(1, 4000)

    def product(op: str, x: str, weight: Sequence[int], dtype: type, **more: object) -> str:
        largest = min(np.iinfo(dtype).max, net.limit)
        w = net.draw(weight, -largest, largest).astype(dtype)
        size = largest * math.isqrt(math.prod(weight[1:])) * 4000
        bias = net.draw(weight[:1], -(size >> 16), size >> 16) << 12
        multiplier = np.full(weight[0], 2.0 ** (4 - size.bit_length()), np.float32)
        constants = (net.add_constant("c", c) for c in (w, bias.astype(np.int32), multiplier))
        attrs = {"residual_zero": 0, "residual_scale": 0.0, "output": WORDS, **more}
        return net.op(op, x, *constants, **attrs)

    def conv(x: str, weight: Sequence[int], dtype: type, groups: int = 1) -> str:
        pads = [weight[1] // 2] * 4
        return product("qconv", x, weight, dtype, pads=pads, x_zero=0, **{**ONE, "groups": groups})

    x = net.op("quantize", net.x(7, 9, 5, dtype=np.float32), dtype=DType.int16, scale=2.0**-10,
               zero=0)  # fmt: skip
    y = conv(x, (19, 3, 3, 5), np.int16)
    z = conv(conv(y, (19, 5, 5, 1), np.int16, groups=19), (19, 1, 1, 19), np.int8)
    rows = net.op("reshape", z, rank=2, dims=[63, 19])
    net.outputs = [
        product("qgemm", rows, (11, 19), np.int16, output={"dtype": DType.float32, "scale": 0.75}),
        product("qgemm", rows, (11, 19), np.int8, output=output()),
        net.op("dequantize", z, dtype=DType.float32, scale=2.0**-10, zero=0),
    ]
    return net


MODELS: dict[str, Callable[[], Graph]] = {m.__name__: m for m in (floats, quantized, words)}
