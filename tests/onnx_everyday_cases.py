"""Cases of operators that compare, choose and look up, for test_importer_ops.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx_models import LATEST, Const

f32, i32, i64 = np.float32, np.int32, np.int64
_random = np.random.default_rng(20261128)
# Floats that compare, and become integers, in ways of their own; each several times.
_STRANGE = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 0.5], f32)


def strange(*shape: int) -> np.ndarray:
    """Some of few floats."""
    return _random.choice(_STRANGE, shape)


def few(*shape: int, dtype: Any = f32) -> np.ndarray:
    """Small integers, of which many are equal."""
    return _random.integers(-3, 4, shape).astype(dtype)


def flags(*shape: int) -> np.ndarray:
    """Booleans."""
    return _random.integers(0, 2, shape).astype(bool)


def x(*shape: int) -> np.ndarray:
    """Random floats."""
    return _random.uniform(-2, 2, shape).astype(f32)


def c(data: Any, dtype: Any = i64) -> Const:
    """A constant input."""
    return Const(np.array(data, dtype))


def comparisons(case: Callable) -> None:
    """Operators whose results are booleans, and those that read them."""
    for op in ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"):
        since = 16 if op.endswith("OrEqual") else 9 if op != "Equal" else 11
        case(op, (since, LATEST), strange(4, 1, 6), strange(3, 1))
        case(op, (since, LATEST), strange(5, 7), c(0.0, f32))
        case(op, (since, LATEST), c(1.0, f32), strange(5, 33))
        for dtype in (i32, i64):
            case(op, (since, LATEST), few(2, 9, dtype=dtype), few(9, dtype=dtype))
    for dtype in (np.int8, np.uint8, np.int16):
        case("Less", (13, LATEST), few(7, dtype=dtype), c(1, dtype), like=LATEST,
             expect=lambda a, b: a < b)  # fmt: skip
    case("Equal", (7, LATEST), few(3, 4, dtype=i32), few(4, dtype=i32))
    case("Equal", (11, LATEST), flags(3, 4), flags(4))
    case("Greater", (1, 6), x(2, 3, 4), c([0.1, -0.2, 0.3], f32), axis=1, broadcast=1,
         expect=lambda a, b: a > b[:, np.newaxis])  # fmt: skip
    case("Less", (1, 6), x(2, 3), x(2, 3), expect=np.less)
    case("Less", (1, 6), x(2, 3, 4), c([0.5, -0.5], f32), axis=0, broadcast=1,
         expect=lambda a, b: a < b[:, np.newaxis, np.newaxis])  # fmt: skip
    case("Equal", (1, 6), few(2, 3, dtype=i64), c([1, 2]), axis=0, broadcast=1,
         expect=lambda a, b: a == b[:, np.newaxis])  # fmt: skip
    for op, function in (("And", np.logical_and), ("Or", np.logical_or), ("Xor", np.logical_xor)):
        case(op, (7, LATEST), flags(4, 1, 6), flags(3, 1))
        case(op, (7, LATEST), flags(4, 3), c([True, False, True], bool))
        case(op, (1, 6), flags(2, 3), c([True, False], bool), axis=0, broadcast=1,
             expect=lambda a, b, function=function: function(a, b[:, np.newaxis]))  # fmt: skip
    case("Not", (1, LATEST), flags(3, 4))
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        case(op, (18, LATEST), few(3, 5, dtype=i32), few(5, dtype=i32))
        case(op, (18, LATEST), few(3, 5, dtype=np.uint8), c([255, 0, 1, 2, 77], np.uint8))
    case("BitwiseNot", (18, LATEST), few(3, 5, dtype=i64))
    case("BitwiseNot", (18, LATEST), few(3, 5, dtype=np.uint8))
    case("IsNaN", (9, LATEST), strange(3, 20))
    for negative in (0, 1):
        for positive in (0, 1):
            case("IsInf", (10, LATEST), strange(3, 20), detect_negative=negative,
                 detect_positive=positive)  # fmt: skip


def choices(case: Callable) -> None:
    """Operators that take one of two values."""
    for a, b, condition in [((3, 5), (3, 5), (3, 5)), ((4, 1, 6), (3, 1), (6,)),
                            ((), (2, 7), (2, 1)), ((1,), (1,), (4, 33))]:  # fmt: skip
        case("Where", (9, LATEST), flags(*condition), strange(*a), strange(*b))
        for dtype in (i32, i64, np.uint8):
            case(
                "Where", (9, LATEST), flags(*condition), few(*a, dtype=dtype), few(*b, dtype=dtype)
            )
    case("Where", (9, LATEST), flags(3, 4), flags(3, 4), c(False, bool))
    case("Where", (9, LATEST), c([[True], [False]], bool), x(2, 3), c(-np.inf, f32))
    case("Where", (9, LATEST), flags(2, 3), c(1.0, f32), c(0.0, f32))
    for k in (None, -5, -1, 0, 2, 9):
        for upper in (0, 1):
            inputs = [] if k is None else [c(k)]
            case("Trilu", (14, LATEST), x(2, 4, 5), *inputs, upper=upper)
    case("Trilu", (14, LATEST), few(5, 3, dtype=i64))
    for dtype in (i64, i32, f32):
        case("OneHot", (9, LATEST), few(2, 3, dtype=dtype), c(3), c([-1.0, 2.5], f32))
        case("OneHot", (11, LATEST), few(2, 3, dtype=dtype), c([3]), c([0, 7]), axis=1,
             expect=lambda i, d, v: np.moveaxis(np.where(
                 (i[..., None] % 3 == np.arange(3)) & (i >= -3)[..., None] & (i < 3)[..., None],
                 v[1], v[0]), -1, 1))  # fmt: skip
    case("OneHot", (11, LATEST), few(4, dtype=i64), c(4.0, f32), x(2), axis=0)
    case("Hardmax", (1, LATEST), few(3, 4, 5))
    for axis in (0, 1, 2):
        case("Hardmax", (1, LATEST), few(3, 4, 5), axis=axis, like=1)
        case("Hardmax", (13, LATEST), few(3, 4, 5), axis=axis - 3)
    case("EyeLike", (9, LATEST), x(3, 5), k=1)
    case("EyeLike", (9, LATEST), few(4, 3, dtype=i32), k=-1, dtype=1)
    low, high = np.array(-0.5, f32), np.array(0.75, f32)
    case("Clip", (11, LATEST), x(3, 40), low, high)
    case("Clip", (11, LATEST), x(3, 40), None, high)
    case("Clip", (11, LATEST), x(3, 40), c(-0.25, f32), high)
    case("Clip", (12, LATEST), few(3, 7, dtype=np.int8), c(-1, np.int8), c(2, np.int8))


def functions(case: Callable) -> None:
    """Functions of single elements."""
    wide = np.concatenate([x(40), 1e3 * x(40), 1e20 * x(40), np.array([0.0, -0.0, 1e-40], f32)])
    for op in ("Sin", "Cos"):
        case(op, (7, LATEST), wide, expect=getattr(np, op.lower()))
        case(op, (7, LATEST), strange(2, 9))
    for dtype in (f32, i32, i64):
        case("Sign", (9, LATEST), few(3, 9, dtype=dtype))
    case("Sign", (9, LATEST), strange(3, 9), expect=np.sign)
    for dtype in (i32, i64):
        dividend, divisor = (
            few(9, 9, dtype=dtype) * dtype(5),
            few(9, dtype=dtype) * dtype(2) + dtype(1),
        )
        for fmod in (0, 1):
            case("Mod", (10, LATEST), dividend, divisor, fmod=fmod)
    case("Mod", (10, LATEST), 9 * x(4, 9), x(9), fmod=1)
    case("Mod", (13, LATEST), 9 * x(4, 9), x(9), expect=np.mod)
    case("Mod", (13, LATEST), few(4, 9), np.array([[0.5], [-0.5], [1], [-3]], f32),
         expect=np.mod)  # fmt: skip
    case("ThresholdedRelu", (10, LATEST), x(3, 9), alpha=0.5)
    case("Shrink", (9, LATEST), x(3, 9), lambd=0.5, bias=0.25)
    case("Softplus", (1, LATEST), 20 * x(3, 9), like=1)
    for op, dtype in (("CumSum", f32), ("CumSum", i32), ("CumSum", i64), ("CumProd", f32)):
        for exclusive in (0, 1):
            for reverse in (0, 1):
                for axis in (-1, 0, 1):
                    data = few(3, 4, 5, dtype=dtype)
                    case(op, (11 if op == "CumSum" else 26, LATEST), data, c(axis),
                         exclusive=exclusive, reverse=reverse)  # fmt: skip
    for op in ("ReduceMax", "ReduceMin"):
        case(op, (20, LATEST), flags(3, 4), c([1]), keepdims=0)
        case(op, (20, LATEST), flags(3, 4))


def look_ups(case: Callable) -> None:
    """Operators that take or replace elements at places of their own."""
    for axis, size in ((0, 4), (1, 5), (2, 6), (-1, 6)):
        indices = _random.integers(-size, size, (3, 4, 2))
        case("GatherElements", (11, LATEST), x(4, 5, 6), c(indices), axis=axis)
        case("GatherElements", (11, LATEST), x(4, 5, 6), indices, axis=axis)
        case("GatherElements", (11, LATEST), few(4, 5, 6, dtype=np.uint8), indices.astype(i32),
             axis=axis)  # fmt: skip
    pairs = np.stack([_random.integers(-4, 4, (3, 2)), _random.integers(-5, 5, (3, 2))], -1)
    case("GatherND", (11, LATEST), x(4, 5, 6), c(pairs))
    case("GatherND", (11, LATEST), x(4, 5, 6), pairs)
    case("GatherND", (11, LATEST), flags(4, 5), pairs)
    for batch, size in ((1, 2), (2, 5)):
        places = _random.integers(-size, size, (3, 2, 1))
        case("GatherND", (12, LATEST), x(3, 2, 5, 4), c(places), batch_dims=batch)
        case("GatherND", (12, LATEST), x(3, 2, 5, 4), places, batch_dims=batch)
    case("GatherND", (12, LATEST), x(3, 4, 5), c(pairs[:, :1]), batch_dims=1)
    distinct = np.array([[0, 3, 1, -1, 4, 2]]).T
    distinct[3, 0] = 5
    case("ScatterND", (11, LATEST), x(8, 3), c(distinct), x(6, 3))
    case("ScatterND", (11, LATEST), x(8, 3), c([[2], [3], [4]]), x(3, 3))  # a slice
    case("ScatterND", (11, LATEST), few(4, 5, dtype=i64), c(pairs[:1]), few(1, 2, dtype=i64))
    repeated = np.array([[1], [5], [1], [0], [1], [-3]])
    for reduction in ("add", "mul", "max", "min"):
        since = 16 if reduction in ("add", "mul") else 18
        case("ScatterND", (since, LATEST), x(8, 3), c(repeated), x(6, 3), reduction=reduction)
        for axis in (0, 1):
            places = _random.integers(-3, 3, (3, 4))
            case("ScatterElements", (since, LATEST), x(5, 6), c(places), x(3, 4), axis=axis,
                 reduction=reduction)  # fmt: skip
    rows = np.argsort(_random.uniform(size=(3, 4)), axis=1)
    case("ScatterElements", (11, LATEST), x(3, 6), c(rows), x(3, 4), axis=1)
    case("ScatterElements", (11, LATEST), few(3, 6, dtype=i32), c(rows - 6), few(3, 4, dtype=i32),
         axis=-1)  # fmt: skip
    case("Scatter", (9, 10), x(3, 6), c(rows), x(3, 4), axis=1)
    lengths = c([2, 5, 1, 0])
    case("ReverseSequence", (10, LATEST), x(5, 4, 3), lengths, time_axis=0, batch_axis=1)
    case("ReverseSequence", (10, LATEST), x(4, 5), lengths, time_axis=1, batch_axis=0)
    case("Compress", (9, LATEST), x(3, 4), c([True, False, True], bool), axis=0)
    case("Compress", (11, LATEST), x(3, 4), c([False, True, True], bool), axis=-1)
    case("Compress", (9, LATEST), x(3, 4), c([False, True, False, False, False, True], bool))
    for op in ("ArgMax", "ArgMin"):
        for axis in (0, -1):
            case(op, (12, LATEST), few(4, 5, 6), axis=axis, select_last_index=1)
        case(op, (12, LATEST), few(4, 5), keepdims=0, select_last_index=1)
        case(op, (13, LATEST), strange(4, 20), axis=1, select_last_index=0,
             expect=lambda v, op=op: np.expand_dims(getattr(np, op.lower())(v, 1), 1))  # fmt: skip


def windows_and_norms(case: Callable) -> None:
    """Pools by norms, moments of a normalisation, and sizes along three axes."""
    for p in (1, 2, 3):
        case("LpPool", (2, LATEST), x(2, 3, 8, 9), kernel_shape=[3, 2], strides=[2, 1], p=p, like=7)
        case("LpPool", (2, LATEST), x(1, 3, 10), kernel_shape=[3], pads=[1, 2], p=p, like=7)
    case("LpPool", (18, LATEST), x(1, 2, 9, 8), kernel_shape=[3, 3], strides=[2, 3], ceil_mode=1)
    case("LpPool", (18, LATEST), x(1, 2, 9, 8), kernel_shape=[2, 2], dilations=[2, 3])
    case("LpPool", (11, LATEST), x(1, 2, 9, 8), kernel_shape=[3, 2], auto_pad="SAME_UPPER",
         strides=[2, 2])  # fmt: skip
    case("GlobalLpPool", (2, LATEST), x(2, 3, 5, 4), p=3,
         expect=lambda v: (abs(v) ** 3).sum((2, 3), keepdims=True) ** (1 / 3))  # fmt: skip
    case("GlobalLpPool", (2, LATEST), x(2, 3, 5),
         expect=lambda v: np.sqrt((v**2).sum(2, keepdims=True)))  # fmt: skip
    case("LayerNormalization", (17, LATEST), x(2, 3, 5), Const(x(5)), outputs=3)
    case("LayerNormalization", (17, LATEST), x(2, 3, 5), Const(x(3, 5)), axis=1, outputs=2)
    v = x(1, 2, 3, 4, 5)
    for mode in ("nearest", "linear"):
        case("Resize", (13, LATEST), v, None, Const(np.array([1, 1, 2, 2, 2], f32)), mode=mode)
        case("Resize", (13, LATEST), v, None, None, c([1, 2, 2, 6, 7]), mode=mode)
    case("Pad", (19, LATEST), x(3, 4), c([4, 0, 1, 9]), mode="wrap")
    case("Pad", (19, LATEST), x(2, 3, 4), c([-1, 2]), None, c([2]), mode="wrap")
    case("Range", (11, LATEST), c(3.0, f32), c(-2.0, f32), c(-0.75, f32))
    case("Range", (11, LATEST), c(5), c(5), c(1))


def everyday_cases(case: Callable) -> None:
    """All of them, given to the function that adds one."""
    for group in (comparisons, choices, functions, look_ups, windows_and_norms):
        group(case)
