"""For every operator of the schema, graphs of one node: shapes at the edges of what kernels do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, starmap
from typing import Any, NamedTuple

import numpy as np
from dynamic_cases import block_gemm_cases, dynamic_conv_cases, dynamic_gemm_cases
from int16_cases import int16_cases, int16_output_cases
from qconv_cases import (
    QuantizedCase,
    qconv_cases,
    qconv_transpose_cases,
    qgemm_cases,
)
from quantized_cases import (
    dequantize_cases,
    lookup_cases,
    qaverage_pool_cases,
    qbinary_cases,
    qlayer_norm_cases,
    qsoftmax_cases,
    quantize_cases,
    random_bytes,
)
from recurrent_cases import gru_cases, lstm_cases, rnn_cases
from resizes import resize_attrs
from sign_cases import bconv_cases, bgemm_cases, signs_cases

from edgert.importer.handlers.resize import COORDINATES, ROUNDINGS
from edgert.schema import (
    BinaryFn,
    CompareFn,
    DType,
    PadMode,
    ReduceFn,
    ResizeMode,
    UnaryFn,
)


class Case(NamedTuple):
    """One node: its attributes, its inputs (None: absent) and which of them are constants."""

    attrs: dict[str, Any]
    inputs: Sequence[np.ndarray | None]
    constants: Sequence[int] = ()


RELU = {"fn": UnaryFn.relu}
SILU = {"fn": UnaryFn.silu}
NONE: dict[str, Any] = {}
IMAGES = [(1, 1, 1, 1), (2, 5, 7, 3), (1, 9, 4, 17), (1, 14, 15, 32)]
SHAPES: list[tuple[int, ...]] = [(), (1,), (7,), (3, 5), (2, 3, 33), (2, 1, 4, 64), (1, 2, 1, 3, 5)]


def cases(op: str, rng: np.random.Generator) -> list[Case]:
    """The cases of an operator; KeyError if it has none."""
    return list(CASES[op](rng))


def _normal(rng: np.random.Generator, *shape: int, dtype: str = "float32") -> np.ndarray:
    if dtype == "float32":
        return rng.normal(size=shape).astype(np.float32)
    return rng.integers(0 if dtype in ("bool", "uint8") else -50, 2 if dtype == "bool" else 50,
                        shape).astype(dtype)  # fmt: skip


def _conv(rng: np.random.Generator) -> Iterator[Case]:
    settings = [
        # image, outputs, kernel, groups, strides, dilations, pads, activation, bias, residual
        ((1, 1, 1, 1), 1, (1, 1), 1, (1, 1), (1, 1), (0, 0, 0, 0), NONE, False, False),
        ((2, 5, 7, 3), 8, (3, 3), 1, (2, 2), (1, 1), (1, 1, 1, 1), RELU, True, False),
        ((1, 6, 6, 16), 33, (1, 1), 1, (1, 1), (1, 1), (0, 0, 0, 0), SILU, True, True),
        ((1, 8, 9, 32), 16, (1, 1), 1, (2, 2), (1, 1), (0, 0, 0, 0), NONE, True, False),
        ((1, 9, 9, 24), 24, (3, 3), 24, (1, 1), (1, 1), (1, 1, 1, 1), RELU, True, False),
        ((1, 9, 8, 19), 19, (5, 5), 19, (2, 2), (1, 1), (2, 2, 2, 2), SILU, True, True),
        ((1, 9, 9, 4), 8, (3, 2), 4, (1, 2), (2, 1), (2, 0, 2, 1), NONE, False, False),
        ((2, 7, 6, 12), 18, (3, 3), 3, (1, 1), (1, 1), (1, 0, 0, 1), NONE, True, True),
        ((1, 1, 40, 6), 10, (1, 5), 1, (1, 1), (1, 2), (0, 4, 0, 4), RELU, True, False),
        ((1, 4, 4, 3), 5, (3, 3), 1, (1, 1), (1, 1), (3, 3, 3, 3), NONE, True, False),
        ((1, 20, 21, 64), 40, (3, 3), 1, (1, 1), (1, 1), (1, 1, 1, 1), RELU, True, True),
        ((2, 9, 10, 24), 33, (3, 3), 1, (1, 1), (1, 1), (0, 2, 1, 0), SILU, True, True),
        ((1, 12, 12, 32), 64, (3, 3), 2, (2, 1), (1, 1), (1, 1, 1, 1), NONE, True, False),
        ((1, 3, 3, 600), 20, (1, 1), 1, (1, 1), (1, 1), (0, 0, 0, 0), NONE, True, False),
    ]
    for image, outputs, kernel, groups, strides, dilations, pads, act, bias, residual in settings:
        x = _normal(rng, *image)
        w = _normal(rng, outputs, *kernel, image[3] // groups)
        rows, columns = (
            (image[1 + i] + pads[i] + pads[2 + i] - (kernel[i] - 1) * dilations[i] - 1)
            // strides[i] + 1
            for i in range(2)
        )  # fmt: skip
        inputs = [x, w, _normal(rng, outputs) if bias else None]
        if residual:
            inputs.append(_normal(rng, image[0], rows, columns, outputs))
        attrs = {"strides": strides, "dilations": dilations, "pads": pads, "groups": groups}
        yield Case({**attrs, "activation": act}, inputs, (1, 2))


def _conv_transpose(rng: np.random.Generator) -> Iterator[Case]:
    settings = [
        # image, outputs, kernel, groups, strides, dilations, pads, output_padding, bias
        ((1, 1, 1, 1), 1, (1, 1), 1, (1, 1), (1, 1), (0, 0, 0, 0), (0, 0), False),
        ((2, 5, 4, 6), 3, (2, 2), 1, (2, 2), (1, 1), (0, 0, 0, 0), (0, 0), True),
        ((1, 5, 4, 24), 17, (2, 2), 1, (2, 2), (1, 1), (0, 0, 0, 0), (0, 0), True),
        ((1, 5, 4, 6), 4, (3, 3), 2, (2, 2), (1, 1), (1, 1, 1, 1), (1, 1), True),
        ((1, 6, 3, 4), 8, (4, 3), 4, (2, 3), (1, 2), (1, 0, 2, 1), (1, 0), False),
        ((1, 3, 3, 33), 20, (3, 3), 1, (1, 1), (1, 1), (0, 2, 1, 0), (0, 0), True),
    ]
    for image, outputs, kernel, groups, strides, dilations, pads, extra, bias in settings:
        w = _normal(rng, kernel[0] * kernel[1] * outputs, image[3] // groups)
        attrs = {"kernel": kernel, "strides": strides, "dilations": dilations, "pads": pads,
                 "output_padding": extra, "groups": groups, "activation": SILU}  # fmt: skip
        inputs = [_normal(rng, *image), w, _normal(rng, outputs) if bias else None]
        yield Case(attrs, inputs, (1, 2))


def _gemm(rng: np.random.Generator) -> Iterator[Case]:
    for rows, n, k, act in [((1,), 1, 1, NONE), ((1,), 1000, 64, NONE), ((2, 3), 33, 17, SILU),
                            ((40,), 48, 300, RELU), ((), 5, 8, NONE), ((1, 7, 2), 16, 16, NONE),
                            ((65,), 130, 5, NONE)]:  # fmt: skip
        x, w, bias = _normal(rng, *rows, k), _normal(rng, n, k), _normal(rng, n)
        yield Case({"activation": act}, [x, w], (1,))
        yield Case({"activation": act}, [x, w, bias, _normal(rng, *rows, n)], (1, 2))
        yield Case({"activation": act}, [x, w, None, _normal(rng, *rows, n)], (1,))


def _matmul(rng: np.random.Generator) -> Iterator[Case]:
    for a, b in [((1, 1), (1, 1)), ((5, 7), (7, 3)), ((2, 3, 5, 8), (2, 3, 8, 17)),
                 ((4, 1, 3, 40), (2, 40, 33)), ((6, 33), (2, 33, 4)),
                 ((2, 9, 5), (5, 16))]:  # fmt: skip
        yield Case({}, [_normal(rng, *a), _normal(rng, *b)])
        yield Case({}, [_normal(rng, *a), _normal(rng, *b)], (0,))
        yield Case({}, [_normal(rng, *a), _normal(rng, *b)], (1,))


def _pool(rng: np.random.Generator, average: bool) -> Iterator[Case]:
    settings = [
        ((2, 2), (2, 2), (1, 1), (0, 0, 0, 0), 0),
        ((3, 3), (2, 2), (1, 1), (1, 1, 1, 1), 0),
        ((3, 2), (2, 1), (1, 1), (0, 1, 2, 0), 1),
        ((2, 3), (1, 2), (2, 1), (1, 0, 1, 2), 1),
        ((1, 1), (1, 1), (1, 1), (0, 0, 0, 0), 0),
    ]
    for kernel, strides, dilations, pads, ceil in settings:
        for image in [(1, 5, 7, 3), (2, 9, 6, 17), (1, 14, 15, 32)]:
            for count in range(1 + average):
                attrs = {"kernel": kernel, "strides": strides, "dilations": dilations,
                         "pads": pads, "ceil_mode": ceil, "count_include_pad": count}  # fmt: skip
                yield Case(attrs, [_normal(rng, *image)])
                if not average:
                    for dtype in ("uint8", "int8", "int16"):
                        yield Case(attrs, [random_bytes(rng, *image, dtype=dtype)])


def _reduce(rng: np.random.Generator) -> Iterator[Case]:
    for shape in [(7,), (3, 5), (2, 3, 33), (2, 4, 5, 64), (1, 7, 7, 19)]:
        for axes in range(1, 1 << len(shape)):
            for fn in ReduceFn:
                yield Case({"fn": fn, "axes": axes, "keep_dims": axes & 1}, [_normal(rng, *shape)])
    for dtype in ("int32", "int64"):
        for fn in (ReduceFn.sum, ReduceFn.max, ReduceFn.min):
            x = _normal(rng, 4, 6, dtype=dtype)
            yield Case({"fn": fn, "axes": 2, "keep_dims": 0}, [x])


def _top_k(rng: np.random.Generator) -> Iterator[Case]:
    for shape, k in [((1,), 1), ((7,), 0), ((40,), 40), ((3, 5), 1), ((2, 3, 33), 8),
                     ((700, 200), 3), ((0, 4), 2), ((4, 0), 0)]:  # fmt: skip
        for smallest in (0, 1):
            attrs = {"k": k, "smallest": smallest}
            yield Case(attrs, [_normal(rng, *shape)])
            for dtype in ("int64", "int32", "int16", "int8", "uint8"):  # with equal elements
                yield Case(attrs, [rng.integers(0, 9, shape).astype(dtype)])
    strange = np.array([[0, np.nan, -np.inf, -0.0, np.nan, np.inf, 1, np.inf]], np.float32)
    for smallest in (0, 1):
        yield Case({"k": 8, "smallest": smallest}, [strange])


def _unary(rng: np.random.Generator) -> Iterator[Case]:
    positive = UnaryFn.log, UnaryFn.sqrt, UnaryFn.reciprocal
    for fn in UnaryFn:
        for shape in [(), (1,), (5, 19), (2, 3, 4, 32)]:
            x = 2 * _normal(rng, *shape)
            x = np.abs(x) + np.float32(0.25) if fn in positive else x
            alpha, beta = (-0.5, 1.25) if fn is UnaryFn.clip else (0.3, 0.4)
            yield Case({"function": {"fn": fn, "alpha": alpha, "beta": beta}}, [x])


def _binary(rng: np.random.Generator) -> Iterator[Case]:
    pairs = [((), ()), ((3, 5), (3, 5)), ((2, 4, 33), (33,)), ((2, 5, 7, 16), (1, 1, 1, 16)),
             ((2, 5, 7, 16), (2, 1, 1, 16)), ((4, 1, 6), (3, 1)), ((5, 6), ()), ((7,), (2, 3, 7)),
             ((1, 3, 1, 5), (2, 1, 4, 1))]  # fmt: skip
    yield from _integer_binary(rng)
    for fn in (fn for fn in BinaryFn if fn < BinaryFn.modulo):
        for a, b in pairs:
            x, y = _normal(rng, *a), _normal(rng, *b)
            if fn in (BinaryFn.pow, BinaryFn.div):
                x, y = np.abs(x) + np.float32(0.5), np.abs(y) + np.float32(0.5)
            yield Case({"fn": fn, "activation": SILU if len(a) == 2 else NONE}, [x, y])
            yield Case({"fn": fn}, [x, y], (1,))
    for dtype in ("int32", "int64"):
        for fn in (BinaryFn.add, BinaryFn.sub, BinaryFn.mul, BinaryFn.max, BinaryFn.min):
            x, y = _normal(rng, 3, 5, dtype=dtype), _normal(rng, 5, dtype=dtype)
            yield Case({"fn": fn}, [x, y])


def _strange(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Few floats, so that many are equal, among them all that compare in a way of their own."""
    values = [0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 1e-45]
    return rng.choice(np.array(values, np.float32), shape)


_BROADCASTS = [((), ()), ((3, 5), (3, 5)), ((2, 4, 33), (33,)), ((2, 5, 7, 16), (2, 1, 1, 16)),
               ((4, 1, 6), (3, 1)), ((7,), (2, 3, 7)), ((1, 3, 1, 5), (2, 1, 4, 1)),
               ((0, 3), (1,))]  # fmt: skip


def _integers(rng: np.random.Generator, dtype: str, *shape: int) -> np.ndarray:
    """Small ones, and the least and the greatest."""
    limits = np.iinfo(dtype)
    some = np.array([limits.min, limits.max, 0, 1, 2, 3, 7, limits.max // 3], dtype)
    return rng.choice(some, shape)


def _integer_binary(rng: np.random.Generator) -> Iterator[Case]:
    fns = [fn for fn in BinaryFn if fn not in (BinaryFn.prelu, BinaryFn.pow)]
    for dtype in ("uint8", "int8", "int16", "int32", "int64"):
        for fn in fns:
            for a, b in _BROADCASTS:
                yield Case({"fn": fn}, [_integers(rng, dtype, *a), _integers(rng, dtype, *b)])
        power = [_integers(rng, dtype, 4, 33), rng.integers(0, 9, 33).astype(dtype)]
        yield Case({"fn": BinaryFn.pow}, power)
    for fn in (BinaryFn.bit_and, BinaryFn.bit_or, BinaryFn.bit_xor):
        for a, b in _BROADCASTS:
            yield Case({"fn": fn}, [_normal(rng, *a, dtype="bool"), _normal(rng, *b, dtype="bool")])


def _compare(rng: np.random.Generator) -> Iterator[Case]:
    for fn in CompareFn:
        for a, b in _BROADCASTS:
            yield Case({"fn": fn}, [_strange(rng, *a), _strange(rng, *b)])
            yield Case({"fn": fn}, [_strange(rng, *a), _strange(rng, *b)], (1,))
            for dtype in ("uint8", "int8", "int16", "int32", "int64"):
                yield Case({"fn": fn}, [_integers(rng, dtype, *a), _integers(rng, dtype, *b)])
            if fn in (CompareFn.equal, CompareFn.not_equal):
                inputs = [_normal(rng, *a, dtype="bool"), _normal(rng, *b, dtype="bool")]
                yield Case({"fn": fn}, inputs)


def _select(rng: np.random.Generator) -> Iterator[Case]:
    thirds: list[tuple[int, ...]] = [(), (1,), (1, 1), (1, 1, 1)]
    for a, b in _BROADCASTS:
        out = np.broadcast_shapes(a, b)
        for c in [out, out[-1:], *thirds[: len(out) + 1]]:
            for shapes in [(c, a, b), (a, b, c), (b, c, a)]:
                inputs = [_normal(rng, *shapes[0], dtype="bool")]
                yield Case({}, [*inputs, _strange(rng, *shapes[1]), _strange(rng, *shapes[2])])
    for x in _all_dtypes(rng, 3, 33):
        yield Case({}, [_normal(rng, 3, 1, dtype="bool"), x, x[:1]], (2,))
        yield Case({}, [_normal(rng, 2, 1, 33, dtype="bool"), x[:, :1], x], (0,))


def _cumulate(rng: np.random.Generator) -> Iterator[Case]:
    for fn in (ReduceFn.sum, ReduceFn.prod):
        for shape in [(1,), (7,), (3, 5), (2, 40, 3), (2, 3, 300), (4, 0), (0, 4)]:
            for axis in range(len(shape)):
                attrs = {"fn": fn, "axis": axis}
                yield Case(attrs, [_normal(rng, *shape)])
                for dtype in ("int32", "int64"):
                    yield Case(attrs, [_normal(rng, *shape, dtype=dtype)])
    yield Case({"fn": ReduceFn.sum, "axis": 1}, [_strange(rng, 3, 20)])


def _batch_norm(rng: np.random.Generator) -> Iterator[Case]:
    for shape in [(1,), (3, 5), (1, 4, 3, 33), (2, 3, 4, 64)]:
        channels = shape[-1]
        inputs = [_normal(rng, *shape), _normal(rng, channels), _normal(rng, channels)]
        yield Case({"activation": {"fn": UnaryFn.hard_swish}}, inputs, (1, 2))
        yield Case({}, inputs)


def _layer_norm(rng: np.random.Generator) -> Iterator[Case]:
    for shape in [(3,), (3, 5), (1, 40, 120), (2, 3, 4, 64)]:
        channels = shape[-1]
        inputs = [_normal(rng, *shape), _normal(rng, channels), _normal(rng, channels)]
        yield Case({"epsilon": 1e-3}, inputs, (1, 2))


def _softmax(rng: np.random.Generator) -> Iterator[Case]:
    for shape in [(1,), (3, 5), (2, 3, 33), (1, 40, 1000), (2, 3, 4, 16)]:
        for axis in range(len(shape)):
            yield Case({"axis": axis, "log": axis & 1}, [3 * _normal(rng, *shape)])


def _lrn(rng: np.random.Generator) -> Iterator[Case]:
    for size in (1, 2, 3, 5, 8):
        for shape in [(5,), (1, 4, 3, 33)]:
            attrs = {"size": size, "alpha": 0.3, "beta": 0.75, "bias": 1.5}
            yield Case(attrs, [_normal(rng, *shape)])


def _all_dtypes(rng: np.random.Generator, *shape: int) -> Iterator[np.ndarray]:
    for dtype in DType:
        yield _normal(rng, *shape, dtype="bool" if dtype.name == "boolean" else dtype.name)


def _transpose(rng: np.random.Generator) -> Iterator[Case]:
    for shape in [*SHAPES, (1, 3, 40, 50), (2, 19, 33, 7), (1, 2, 3, 4, 5, 2)]:
        for _ in range(3):
            perm = rng.permutation(len(shape)).tolist()
            for x in _all_dtypes(rng, *shape):
                yield Case({"perm": perm}, [x])
    yield Case({"perm": [0, 2, 3, 1]}, [_normal(rng, 1, 3, 61, 67)])
    yield Case({"perm": [0, 3, 1, 2]}, [_normal(rng, 1, 61, 67, 3)])


def _reshape(rng: np.random.Generator) -> Iterator[Case]:
    for x in _all_dtypes(rng, 2, 3, 4):
        yield Case({"rank": 2, "dims": [4, 6]}, [x])
    yield Case({"rank": 0, "dims": []}, [_normal(rng, 1, 1)])


def _concat(rng: np.random.Generator) -> Iterator[Case]:
    for x in _all_dtypes(rng, 2, 3, 5):
        for axis in range(3):
            sizes = list(x.shape)
            sizes[axis] = 2
            other = np.resize(x, sizes)
            yield Case({"axis": axis}, [x, other, x], (1,))


def _slice(rng: np.random.Generator) -> Iterator[Case]:
    for x in _all_dtypes(rng, 6, 5, 7):
        for starts, steps, sizes in [
            ([0, 1, 2], [1, 1, 1], [6, 3, 4]),
            ([5, 0, 6], [-2, 2, -1], [3, 2, 7]),
            ([2, 4, 0], [1, -4, 3], [1, 2, 3]),
        ]:
            yield Case({"starts": starts, "steps": steps, "sizes": sizes}, [x])


def _gather(rng: np.random.Generator) -> Iterator[Case]:
    for x in _all_dtypes(rng, 4, 5, 6):
        for axis in range(3):
            for shape in [(), (3,), (2, 2)]:
                size = x.shape[axis]
                indices = rng.integers(-size, size, shape)
                dtype = np.int32 if axis else np.int64
                yield Case({"axis": axis}, [x, indices.astype(dtype)], (1,) if shape else ())


def _expand(rng: np.random.Generator) -> Iterator[Case]:
    for shape, dims in [((), (3,)), ((1, 4, 1), (2, 4, 5)), ((5,), (2, 3, 5)), ((3, 1), (3, 33))]:
        for x in _all_dtypes(rng, *shape):
            yield Case({"rank": len(dims), "dims": dims}, [x])


def _tile(rng: np.random.Generator) -> Iterator[Case]:
    for x in _all_dtypes(rng, 2, 3, 4):
        for repeats in ([1, 2, 3], [3, 1, 1], [2, 2, 2]):
            yield Case({"repeats": repeats}, [x])


def _pad(rng: np.random.Generator) -> Iterator[Case]:
    for x in _all_dtypes(rng, 3, 4, 5):
        for mode in PadMode:
            yield Case({"mode": mode, "before": [1, 0, 2], "after": [0, 3, 4], "value": 1.0}, [x])
    infinite = {"mode": PadMode.constant, "before": [0, 1], "after": [2, 0], "value": -np.inf}
    yield Case(infinite, [_normal(rng, 2, 3)])


def _resize(rng: np.random.Generator) -> Iterator[Case]:
    for mode in ResizeMode:
        for coordinate in COORDINATES:
            for i, size in enumerate([(8, 10), (2, 3), (7, 1), (4, 5)]):
                attrs = resize_attrs(
                    mode, (4, 5), size, coordinate, ROUNDINGS[i], exclude_outside=i & 1
                )
                shape = (1, 4, 5, 3 + 14 * (i % 2))
                yield Case(attrs, [_normal(rng, *shape)])
                if mode is not ResizeMode.cubic:
                    yield Case(attrs, [random_bytes(rng, *shape)])
                if mode is ResizeMode.linear:
                    yield Case(attrs, [random_bytes(rng, *shape, dtype="int16")])
                    yield Case(attrs, [random_bytes(rng, 2, 4, 5, 70)])


def _cast(rng: np.random.Generator) -> Iterator[Case]:
    for x in filter(lambda x: x.dtype != np.int16, _all_dtypes(rng, 3, 7)):
        for dtype in (t for t in DType if t != DType.int16):
            values = np.abs(x) if dtype is DType.uint8 and x.dtype != bool else x
            yield Case({"dtype": dtype}, [values])


def _qaverage_pool(rng: np.random.Generator) -> Iterator[Case]:
    pools = [(case.attrs, case.inputs[0].shape) for case in _pool(rng, average=True)]
    return starmap(Case, int16_cases(rng, qaverage_pool_cases(rng, pools)))


def _products(
    rng: np.random.Generator, cases: Callable[[np.random.Generator], Iterator[QuantizedCase]]
) -> Iterator[QuantizedCase]:
    return chain(int16_cases(rng, cases(rng)), int16_output_cases(cases(rng)))


CASES = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "gemm": _gemm,
    "matmul": _matmul,
    "max_pool": lambda rng: _pool(rng, average=False),
    "average_pool": lambda rng: _pool(rng, average=True),
    "reduce": _reduce,
    "top_k": _top_k,
    "compare": _compare,
    "select": _select,
    "cumulate": _cumulate,
    "unary": _unary,
    "binary": _binary,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "softmax": _softmax,
    "lrn": _lrn,
    "transpose": _transpose,
    "reshape": _reshape,
    "concat": _concat,
    "slice": _slice,
    "gather": _gather,
    "expand": _expand,
    "tile": _tile,
    "pad": _pad,
    "resize": _resize,
    "cast": _cast,
    "quantize": lambda rng: starmap(Case, quantize_cases(rng)),
    "dequantize": lambda rng: starmap(Case, dequantize_cases(rng)),
    "lookup": lambda rng: starmap(Case, lookup_cases(rng)),
    "qconv": lambda rng: starmap(Case, _products(rng, qconv_cases)),
    "qgemm": lambda rng: starmap(Case, _products(rng, qgemm_cases)),
    "qconv_transpose": lambda rng: starmap(Case, qconv_transpose_cases(rng)),
    "qbinary": lambda rng: starmap(Case, int16_cases(rng, qbinary_cases(rng))),
    "qaverage_pool": _qaverage_pool,
    "qsoftmax": lambda rng: starmap(Case, qsoftmax_cases(rng)),
    "qlayer_norm": lambda rng: starmap(Case, qlayer_norm_cases(rng)),
    "dynamic_conv": lambda rng: starmap(Case, dynamic_conv_cases(rng)),
    "dynamic_gemm": lambda rng: starmap(Case, dynamic_gemm_cases(rng)),
    "rnn": lambda rng: starmap(Case, rnn_cases(rng)),
    "lstm": lambda rng: starmap(Case, lstm_cases(rng)),
    "gru": lambda rng: starmap(Case, gru_cases(rng)),
    "signs": lambda rng: starmap(Case, signs_cases(rng)),
    "bconv": lambda rng: starmap(Case, bconv_cases(rng)),
    "bgemm": lambda rng: starmap(Case, bgemm_cases(rng)),
    "block_gemm": lambda rng: starmap(Case, block_gemm_cases(rng)),
}
