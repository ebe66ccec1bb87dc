"""Every ONNX operator that is imported, in every spelling of every operator set.

Each case is one node. The imported graph is interpreted, converted, packed, loaded and run; both
results must be what ONNX Runtime, onnx's reference or the case itself computes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx_everyday_cases import everyday_cases
from onnx_models import LATEST, Case, Const
from onnx_recurrent_cases import recurrent_cases

import edgert
from edgert import interp
from edgert.converter import convert
from edgert.importer import import_model

f32, i64 = np.float32, np.int64
_random = np.random.default_rng(20240229)


def x(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Random numbers, given at run time."""
    return _random.uniform(low, high, shape).astype(f32)


def w(*shape: int, low: float = -1.0, high: float = 1.0) -> Const:
    """Random numbers in an initializer."""
    return Const(x(*shape, low=low, high=high))


def c(data: Any, dtype: Any = None) -> Const:
    """Given numbers in an initializer."""
    return Const(np.array(data, dtype) if dtype else data)


def versions(op: str, low: int, high: int) -> Iterator[int]:
    """The operator sets from ``low`` to ``high`` in which the definition of ``op`` changed."""
    changes = {max(low, since) for since in CHANGES[op] if since <= high}
    yield from sorted(changes | {min(high, LATEST)})


CHANGES: dict[str, set[int]] = {}  # operator: the operator sets that define it anew
for _schema in onnx.defs.get_all_schemas_with_history():
    CHANGES.setdefault(_schema.name, set()).add(_schema.since_version)

CASES: list[Case] = []


def case(
    op: str,
    opsets: tuple[int, int],
    *inputs: Any,
    expect: Any = None,
    like: int = 0,
    outputs: int = 1,
    **attrs: Any,
) -> None:
    """Adds a case for every definition of ``op`` in the range ``opsets``.

    Others are asked what the node means in operator set ``like`` if its own is older.
    """
    for opset in versions(op, *opsets):
        CASES.append(Case(op, opset, inputs, attrs, outputs, expect, max(like, opset)))


def _convolutions() -> None:
    conv = (1, LATEST)
    case("Conv", conv, x(2, 3, 9, 7), w(4, 3, 3, 3))
    case("Conv", conv, x(1, 3, 9, 7), w(4, 3, 3, 3), w(4), pads=[1, 0, 2, 1], strides=[2, 1])
    case("Conv", conv, x(1, 4, 9, 9), w(6, 2, 3, 3), w(6), group=2, dilations=[2, 3])
    case("Conv", conv, x(1, 6, 8, 8), w(6, 1, 3, 5), w(6), group=6, pads=[1, 2, 1, 2])
    case("Conv", conv, x(1, 4, 8, 8), w(12, 1, 3, 3), group=4, kernel_shape=[3, 3])
    case("Conv", conv, x(1, 5, 6, 6), w(7, 5, 1, 1), w(7))
    for mode in ("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"):
        case("Conv", (11, LATEST), x(1, 2, 8, 9), w(3, 2, 3, 4), auto_pad=mode, strides=[2, 3])
        case("Conv", (11, LATEST), x(1, 2, 8, 9), w(3, 2, 2, 3), auto_pad=mode)
    case("Conv", conv, x(2, 3, 11), w(4, 3, 3), w(4), pads=[1, 2], strides=[2])
    case("Conv", conv, x(1, 4, 12), w(4, 1, 5), group=4, dilations=[2])
    case("Conv", (11, LATEST), x(1, 2, 9), w(3, 2, 4), auto_pad="SAME_UPPER", strides=[2])

    case("ConvTranspose", conv, x(1, 3, 5, 4), w(3, 2, 3, 3))
    case("ConvTranspose", conv, x(2, 3, 5, 4), w(3, 2, 2, 2), w(2), strides=[2, 2])
    case("ConvTranspose", conv, x(1, 4, 4, 4), w(4, 3, 3, 3), w(6), group=2, strides=[2, 1],
         pads=[1, 0, 0, 1], output_padding=[1, 0])  # fmt: skip
    case("ConvTranspose", conv, x(1, 2, 4, 4), w(2, 1, 3, 3), dilations=[2, 1], pads=[1, 1, 1, 1])
    case("ConvTranspose", conv, x(1, 2, 4, 5), w(2, 2, 3, 3), strides=[3, 2], output_shape=[10, 9])
    case("ConvTranspose", conv, x(1, 2, 4, 5), w(2, 2, 3, 3), strides=[2, 2], output_shape=[8, 10],
         auto_pad="SAME_UPPER")  # fmt: skip
    for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        case("ConvTranspose", (11, LATEST), x(1, 2, 4, 5), w(2, 2, 3, 3), strides=[2, 2],
             auto_pad=mode)  # fmt: skip
    case("ConvTranspose", conv, x(1, 3, 7), w(3, 2, 4), w(2), strides=[2], pads=[1, 1])
    case("ConvTranspose", conv, x(1, 4, 6), w(4, 1, 3), group=4, strides=[2], output_padding=[1])


def _pools() -> None:
    for op in ("MaxPool", "AveragePool"):
        case(op, (1, LATEST), x(2, 3, 8, 9), kernel_shape=[3, 2], like=7)
        case(op, (1, LATEST), x(1, 3, 8, 9), kernel_shape=[3, 3], strides=[2, 2],
             pads=[1, 1, 1, 1], like=7)  # fmt: skip
        case(op, (1, LATEST), x(1, 3, 7, 9), kernel_shape=[2, 3], strides=[2, 3],
             pads=[0, 1, 1, 0], like=7)  # fmt: skip
        case(op, (1, LATEST), x(1, 3, 10), kernel_shape=[3], strides=[2], pads=[1, 0],
             like=7)  # fmt: skip
        for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
            case(op, (1, LATEST), x(1, 2, 8, 9), kernel_shape=[3, 2], strides=[2, 2],
                 auto_pad=mode, like=7)  # fmt: skip
        case(op, (10, LATEST), x(1, 2, 8, 9), kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)
        case(op, (10, LATEST), x(1, 2, 7, 7), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1,
             pads=[1, 1, 1, 1])  # fmt: skip
        case(op, (10, LATEST), x(1, 2, 9), kernel_shape=[2], strides=[4], ceil_mode=1)
    case("MaxPool", (10, LATEST), x(1, 2, 9, 9), kernel_shape=[3, 3], dilations=[2, 2])
    case("MaxPool", (8, LATEST), x(1, 2, 9, 9), kernel_shape=[3, 3], storage_order=0)
    case("AveragePool", (19, LATEST), x(1, 2, 9, 9), kernel_shape=[2, 2], dilations=[3, 2])
    for opset in (7, 10, 19):
        case("AveragePool", (opset, opset), x(1, 2, 6, 6), kernel_shape=[3, 3], strides=[2, 2],
             pads=[1, 1, 1, 1], count_include_pad=1)  # fmt: skip
    case("AveragePool", (19, LATEST), x(1, 2, 7, 8), kernel_shape=[3, 3], strides=[2, 2],
         pads=[1, 1, 1, 1], count_include_pad=1, ceil_mode=1)  # fmt: skip
    for op in ("GlobalAveragePool", "GlobalMaxPool"):
        case(op, (1, LATEST), x(2, 3, 4, 5))
        case(op, (1, LATEST), x(2, 3, 7))
        case(op, (1, LATEST), x(1, 2, 3, 4, 2))


def _products() -> None:
    for a, b in (
        ((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((4,), (4, 5)), ((3, 4), (4,)), ((4,), (4,)),
        ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((4,), (2, 4, 3)), ((2, 3, 4), (4,)),
        ((1, 1), (1, 1)),
    ):  # fmt: skip
        case("MatMul", (1, LATEST), x(*a), w(*b))
        case("MatMul", (13, LATEST), x(*a), x(*b))
        case("MatMul", (13, 13), w(*a), x(*b))
    for trans_a in (0, 1):
        for trans_b in (0, 1):
            a, b = ((4, 3) if trans_a else (3, 4)), ((5, 4) if trans_b else (4, 5))
            flags = {"transA": trans_a, "transB": trans_b}
            case("Gemm", (7, LATEST), x(*a), w(*b), w(5), alpha=0.5, beta=2.0, **flags)
            case("Gemm", (7, LATEST), x(*a), x(*b), x(3, 5), alpha=0.5, beta=2.0, **flags)
            case("Gemm", (11, LATEST), x(*a), w(*b), **flags)
            case("Gemm", (1, 6), x(*a), w(*b), w(5), broadcast=1, alpha=1.5, **flags, expect=(
                lambda a, b, c, ta=trans_a, tb=trans_b: (
                    f32(1.5) * (a.T if ta else a) @ (b.T if tb else b) + c
                )
            ))  # fmt: skip
    for equation, *shapes in (
        ("ij,jk->ik", (3, 4), (4, 5)), ("ij,kj", (3, 4), (5, 4)), ("bhid,bhjd->bhij", (2, 3, 4, 5),
        (2, 3, 6, 5)), ("nchw,oc->nohw", (2, 3, 4, 5), (6, 3)), ("i,j->ij", (3,), (4,)),
        ("ij,ij->", (3, 4), (3, 4)), ("bij,bj->bi", (2, 3, 4), (2, 4)), ("ij->ji", (3, 4)),
        ("ijk->i", (2, 3, 4)), ("ab , bcd -> dca", (2, 3), (3, 4, 5)), ("ij,jk->k", (2, 3), (3, 4)),
    ):  # fmt: skip
        case("Einsum", (12, LATEST), *[x(*shape) for shape in shapes], equation=equation)
        case("Einsum", (12, 12), x(*shapes[0]), *[w(*s) for s in shapes[1:]], equation=equation)
    for bias in (w(1), w(3, 1), w(1, 5), w(3, 5), c(0.25), x(5), x(3, 1)):
        case("Gemm", (7, LATEST), x(3, 4), w(4, 5), bias)
    case("Gemm", (1, 6), x(3, 4), w(4, 5), w(3, 5), expect=lambda a, b, c: a @ b + c)
    case("Gemm", (13, 13), w(3, 4), x(4, 5), w(5))


def _unary() -> None:
    first = {"Erf": 9, "Round": 11, "HardSwish": 14, "Gelu": 20, "Swish": 24}
    positive = {"Log", "Sqrt", "Reciprocal"}
    numpy_of = {
        "Abs": np.abs, "Ceil": np.ceil, "Exp": np.exp, "Floor": np.floor, "Log": np.log,
        "Neg": np.negative, "Reciprocal": lambda v: 1 / v, "Relu": lambda v: np.maximum(v, 0),
        "Sigmoid": lambda v: 1 / (1 + np.exp(-v)), "Sqrt": np.sqrt, "Tanh": np.tanh,
        "Elu": lambda v: np.where(v < 0, np.expm1(v), v),
        "LeakyRelu": lambda v: np.where(v < 0, f32(0.01) * v, v),
        "HardSigmoid": lambda v: np.clip(f32(0.2) * v + f32(0.5), 0, 1),
        "Selu": lambda v: f32(1.0507) * np.where(v < 0, f32(1.6732) * np.expm1(v), v),
        "Softplus": lambda v: np.log1p(np.exp(v)), "Softsign": lambda v: v / (1 + np.abs(v)),
    }  # fmt: skip
    for op in (*numpy_of, *first, "Celu", "Mish"):
        low = 0.1 if op in positive else -4.0
        since = first.get(op, {"Celu": 12, "Mish": 18}.get(op, 6))
        if since <= LATEST:
            case(op, (since, LATEST), x(2, 3, 5, low=low, high=4.0))
    for op, function in numpy_of.items():
        low = 0.1 if op in positive else -4.0
        case(op, (1, 5), x(2, 3, 4, low=low, high=4.0), expect=function)
        if op not in ("Softplus", "Softsign"):
            case(op, (1, 5), x(7, low=low), expect=function, consumed_inputs=[0])
    case("Round", (11, LATEST), np.array([0.5, 1.5, 2.5, -0.5, -1.5, 2.4999998], f32))
    case("Elu", (6, LATEST), x(3, 4), alpha=0.3)
    case("LeakyRelu", (6, LATEST), x(3, 4), alpha=0.2)
    case("HardSigmoid", (6, LATEST), x(3, 4), alpha=0.1, beta=0.4)
    case("Selu", (6, LATEST), x(3, 4), alpha=1.5, gamma=1.1)
    case("Celu", (12, LATEST), x(3, 4), alpha=0.7)
    case("Gelu", (20, LATEST), x(3, 4), approximate="tanh")
    case("Gelu", (20, LATEST), x(3, 4), approximate="none")
    case("ThresholdedRelu", (10, 10), w(3, 4))
    if LATEST >= 24:
        case("Swish", (24, LATEST), x(3, 4), alpha=1.5,
             expect=lambda v: v / (1 + np.exp(f32(-1.5) * v)))  # fmt: skip


def _clips() -> None:
    v = x(3, 7, low=-9, high=9)
    case("Clip", (6, 10), v, min=0.0, max=6.0)
    case("Clip", (6, 10), v, min=-1.0)
    case("Clip", (6, 10), v, max=1.0)
    case("Clip", (6, 10), v)
    case(
        "Clip", (1, 5), v, min=0.0, max=6.0, consumed_inputs=[0], expect=lambda v: np.clip(v, 0, 6)
    )
    for low, high in ((c(0.0), c(6.0)), (c(-1.0), None), (None, c(1.0)), (c(3.0), c(1.0))):
        expect = None
        if low is not None and high is not None and low.data > high.data:
            expect = lambda v, a, b: np.minimum(np.maximum(v, a), b)  # noqa: E731
        case("Clip", (11, LATEST), v, *([low, high] if high else [low]), expect=expect)
    case("Clip", (11, LATEST), v)


def _binary() -> None:
    shapes = [((2, 3, 4), (2, 3, 4)), ((2, 3, 4), (4,)), ((2, 3, 4), (3, 1)), ((4,), (2, 3, 4)),
              ((2, 1, 4), (3, 1)), ((2, 3), ())]  # fmt: skip
    for op in ("Add", "Sub", "Mul", "Div", "Pow"):
        low = 0.5 if op in ("Div", "Pow") else -2.0
        for a, b in shapes:
            case(op, (7, LATEST), x(*a, low=low), x(*b, low=low))
            case(op, (7, LATEST), x(*a, low=low), w(*b, low=low))
        case(op, (13, 13), w(2, 3, 4, low=low), x(3, 1, low=low))
    function = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}
    for op, f in function.items():
        a = x(2, 3, 4, 5)
        case(op, (1, 6), a, w(2, 3, 4, 5, low=0.5), expect=f)
        case(op, (1, 6), a, w(5, low=0.5), broadcast=1, expect=f)
        case(op, (1, 6), a, w(4, 5, low=0.5), broadcast=1, axis=2, expect=f)
        case(op, (1, 6), a, w(3, low=0.5), broadcast=1, axis=1,
             expect=lambda a, b, f=f: f(a, b.reshape(3, 1, 1)))  # fmt: skip
        case(op, (1, 6), a, x(3, 4, low=0.5), broadcast=1, axis=-3,
             expect=lambda a, b, f=f: f(a, b.reshape(3, 4, 1)))  # fmt: skip
        case(op, (1, 6), a, c(1.5), broadcast=1, expect=f)
        case(op, (1, 5), a, w(2, 1, 1, 1), broadcast=1, axis=0, consumed_inputs=[0, 0], expect=f)
    case("Pow", (1, 6), x(2, 3, low=0.5), w(3), broadcast=1, expect=np.power)
    case("Pow", (12, LATEST), x(2, 3), c([2.0]))
    case("Pow", (12, LATEST), x(2, 3), c(2, i64))
    case("Pow", (12, LATEST), x(2, 3, low=0.1), c(0.5))
    for shape in ((1,), (3, 1, 1), (4, 5), (2, 3, 4, 5)):
        case("PRelu", (9, LATEST), x(2, 3, 4, 5), w(*shape))
    case("PRelu", (7, LATEST), x(2, 3, 4, 5), w(3, 1, 1))
    case("PRelu", (1, 6), x(2, 3, 4, 5), w(3),
         expect=lambda v, s: np.where(v < 0, s.reshape(3, 1, 1) * v, v))  # fmt: skip
    case("PRelu", (1, 6), x(2, 3, 4), w(1), expect=lambda v, s: np.where(v < 0, s * v, v))
    for op in ("Sum", "Max", "Min", "Mean"):
        case(op, (8, LATEST), x(2, 3, 4), w(3, 1), x(4))
        case(op, (8, LATEST), x(2, 3), w(2, 3))
        case(op, (6, LATEST), x(2, 3))
        f = {"Sum": sum, "Max": lambda v: np.max(v, 0), "Min": lambda v: np.min(v, 0),
             "Mean": lambda v: np.mean(v, 0)}[op]  # fmt: skip
        case(op, (1, 7), x(2, 3), w(2, 3), x(2, 3), expect=lambda *v, f=f: f(v))
        case(op, (1, 5), x(2, 3), w(2, 3), consumed_inputs=[0, 0], expect=lambda *v, f=f: f(v))


def _reductions() -> None:
    attribute_until = {"ReduceSum": 12}
    names = ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"]
    names += ["ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"]
    for op in names:
        last, low = attribute_until.get(op, 17), 0.2 if op == "ReduceLogSum" else -2.0
        v = x(2, 3, 4, 5, low=low)
        for axes in ([1], [2, 3], [0, 2], [0, 1, 2, 3]):
            case(op, (1, last), v, axes=axes)
            case(op, (1, last), v, axes=axes, keepdims=0)
            case(op, (last + 1, LATEST), v, c(axes, i64))
            case(op, (last + 1, LATEST), v, c(axes, i64), keepdims=0)
        case(op, (11, last), v, axes=[-1, -3])
        case(op, (last + 1, LATEST), v, c([-1, -3], i64))
        case(op, (1, last), v)
        case(op, (last + 1, LATEST), v)
        case(op, (last + 1, LATEST), v, keepdims=0)
        if op in names[:4]:
            case(op, (last + 1, LATEST), v, noop_with_empty_axes=1)
            case(op, (last + 1, LATEST), v, c([], i64), noop_with_empty_axes=1)
            case(op, (last + 1, LATEST), v, c([], i64))


def _lrn_of_4(v: np.ndarray) -> np.ndarray:
    """An even size has one neighbour more behind; ONNX Runtime knows odd sizes only."""
    squares = [np.square(v[:, max(k - 1, 0) : k + 3]).sum(1) for k in range(v.shape[1])]
    return v / (1 + f32(0.2 / 4) * np.stack(squares, 1)) ** f32(0.75)


def _norms() -> None:
    statistics = lambda n: (w(n), w(n), w(n), w(n, low=0.1, high=2.0))  # noqa: E731
    for shape in ((2, 3, 4, 5), (2, 3), (2, 3, 7)):
        case("BatchNormalization", (9, LATEST), x(*shape), *statistics(3))
    case("BatchNormalization", (7, LATEST), x(1, 3, 4, 4), *statistics(3), epsilon=1e-2)
    normal = lambda v, s, b, m, u: s * (v - m) / np.sqrt(u + f32(1e-5)) + b  # noqa: E731
    column = lambda v, *p: normal(v, *(q.reshape(3, 1, 1) for q in p))  # noqa: E731
    v = x(2, 3, 4, 5)
    case("BatchNormalization", (7, 8), v, *statistics(3), expect=column)
    case("BatchNormalization", (6, 6), v, *statistics(3), is_test=1, expect=column)
    case("BatchNormalization", (1, 5), v, *statistics(3), is_test=1, expect=column,
         consumed_inputs=[0, 0, 0, 1, 1])  # fmt: skip
    image = lambda low=-1.0: w(3, 4, 5, low=low)  # noqa: E731
    case("BatchNormalization", (7, 8), v, image(), image(), image(), image(0.1), spatial=0,
         expect=normal)  # fmt: skip
    case("InstanceNormalization", (6, LATEST), x(2, 3, 4, 5), w(3), w(3))
    case("InstanceNormalization", (6, LATEST), x(2, 3, 9), w(3), w(3), epsilon=1e-3)
    for shape, axis in (((2, 3, 8), -1), ((2, 3, 8), 2), ((2, 3, 8), 1), ((2, 8), 0)):
        size = shape[axis:]
        case("LayerNormalization", (17, LATEST), x(*shape), w(*size), w(*size), axis=axis)
        case("LayerNormalization", (17, LATEST), x(*shape), w(*size), axis=axis, epsilon=1e-2)
    case("LayerNormalization", (17, LATEST), x(2, 3, 8), w(8), w(8))
    case("GroupNormalization", (21, LATEST), x(2, 6, 3, 4), w(6), w(6), num_groups=3)
    case("GroupNormalization", (21, LATEST), x(2, 6, 5), w(6), w(6), num_groups=2, epsilon=1e-3)
    case("GroupNormalization", (18, 20), x(2, 6, 3, 4), w(3), w(3), num_groups=3)
    case("GroupNormalization", (18, 20), x(2, 6, 5), w(2), w(2), num_groups=2, epsilon=1e-3)
    case("GroupNormalization", (18, 20), x(2, 3, 2, 2), w(1), w(1), num_groups=1)
    case("LRN", (1, LATEST), x(2, 7, 3, 4), size=3)
    case("LRN", (1, LATEST), x(2, 7, 3, 4), size=5, alpha=0.1, beta=0.6, bias=1.5)
    case("LRN", (1, LATEST), x(1, 4, 3, 4), size=4, alpha=0.2, expect=_lrn_of_4)
    case("LpNormalization", (1, LATEST), x(2, 3, 4))
    case("LpNormalization", (1, LATEST), x(2, 3, 4), axis=1, p=1)
    sizes = np.array([0, 1e-30, 1e-42, 1, 1e30], f32).reshape(5, 1, 1)
    for p, size in ((1, 12), (2, 12**0.5)):
        ends = np.broadcast_to(np.minimum(sizes, 1e30 if p == 2 else 1e35), (5, 3, 12))
        case("LpNormalization", (1, LATEST), ends.copy(), p=p, axis=2,
             expect=lambda v, size=size: np.where(v > 0, f32(1 / size), 0))  # fmt: skip
    case("MeanVarianceNormalization", (9, LATEST), x(2, 3, 4, 5))
    for op in ("Softmax", "LogSoftmax"):
        for axis in (0, 1, 2):
            case(op, (1, LATEST), x(2, 3, 4), axis=axis)
        case(op, (11, LATEST), x(2, 3, 4), axis=-1)
        case(op, (11, LATEST), x(2, 3, 4), axis=-2)
        case(op, (1, LATEST), x(2, 3, 4, 5))
        case(op, (1, LATEST), x(2, 30, 1, 1), axis=1)


def _casts_and_plain() -> None:
    types = onnx.TensorProto
    for to in (types.FLOAT, types.INT32, types.INT64, types.UINT8, types.INT8, types.BOOL):
        case("Cast", (6, LATEST), x(3, 4, low=0, high=100), to=to)
        case("Cast", (6, LATEST), np.arange(12, dtype=i64).reshape(3, 4), to=to)
        case("Cast", (6, LATEST), np.arange(12, dtype=np.int32), to=to)
        case("Cast", (6, LATEST), np.array([True, False]), to=to)
    case("Cast", (1, 5), np.arange(6, dtype=i64), to="FLOAT", expect=lambda v: v.astype(f32))
    case("CastLike", (15, LATEST), np.arange(6, dtype=i64), w(1))
    case("Identity", (1, LATEST), x(2, 3))
    case("Dropout", (12, LATEST), x(2, 3))
    case("Dropout", (12, LATEST), x(2, 3), c(0.3), c(False, bool))
    case("Dropout", (7, 11), x(2, 3), ratio=0.3)
    case("Dropout", (1, 6), x(2, 3), is_test=1, expect=lambda v: v)
    case("Dropout", (1, 5), x(2, 3), is_test=1, consumed_inputs=[0], expect=lambda v: v)
    case("Dropout", (12, LATEST), x(2, 3), outputs=2)


def _shapes() -> None:
    for wanted in ([6, 4], [-1], [0, -1], [2, 3, 1, 4], [0, 0, 2, 2], [4, 3, 2], [-1, 2]):
        case("Reshape", (5, LATEST), x(2, 3, 4), c(wanted, i64))
        case("Reshape", (1, 4), x(2, 3, 4), shape=wanted, expect=(
            lambda v, s=wanted: v.reshape([v.shape[i] if d == 0 else d for i, d in enumerate(s)])
        ))  # fmt: skip
    case("Reshape", (14, LATEST), x(2, 3, 4), c([4, 6], i64), allowzero=1)
    case("Reshape", (5, LATEST), x(1, 1), c([], i64))
    for axis in range(4):
        case("Flatten", (1, LATEST), x(2, 3, 4), axis=axis)
    case("Flatten", (11, LATEST), x(2, 3, 4), axis=-1)
    case("Flatten", (1, LATEST), x(2, 3, 4))
    case("Squeeze", (1, 12), x(1, 2, 1, 3), axes=[0])
    case("Squeeze", (1, 12), x(1, 2, 1, 3), axes=[0, 2])
    case("Squeeze", (11, 12), x(1, 2, 1, 3), axes=[-2])
    case("Squeeze", (1, LATEST), x(1, 2, 1, 3))
    case("Squeeze", (13, LATEST), x(1, 2, 1, 3), c([0, -2], i64))
    case("Unsqueeze", (1, 12), x(2, 3), axes=[0])
    case("Unsqueeze", (1, 12), x(2, 3), axes=[0, 3])
    case("Unsqueeze", (11, 12), x(2, 3), axes=[-1])
    case("Unsqueeze", (13, LATEST), x(2, 3), c([1, -1], i64))
    case("Unsqueeze", (13, LATEST), x(), c([0], i64))
    case("Transpose", (1, LATEST), x(2, 3, 4))
    case("Transpose", (1, LATEST), x(2, 3, 4, 5), perm=[0, 2, 3, 1])
    case("Transpose", (1, LATEST), x(2, 3), perm=[0, 1])
    case("Transpose", (13, LATEST), np.arange(6, dtype=i64).reshape(2, 3))
    case("Expand", (8, LATEST), x(3, 1), c([2, 1, 6], i64))
    case("Expand", (8, LATEST), x(3, 1), c([3, 4], i64))
    case("Expand", (8, LATEST), x(2, 3, 4), c([3, 1], i64))
    case("Tile", (6, LATEST), x(2, 3), c([2, 3], i64))
    case("Tile", (6, LATEST), x(2, 3), c([1, 1], i64))
    case("Tile", (1, 5), x(2, 3), c(3.0), c(1.0), expect=lambda v, t, a: np.tile(v, (1, 3)))
    for mode in ("DCR", "CRD"):
        case("DepthToSpace", (11, LATEST), x(2, 12, 3, 4), blocksize=2, mode=mode)
    case("DepthToSpace", (1, LATEST), x(1, 9, 2, 2), blocksize=3)
    case("SpaceToDepth", (1, LATEST), x(2, 3, 4, 6), blocksize=2)
    case("Shape", (1, LATEST), x(2, 3, 4))
    case("Shape", (15, LATEST), x(2, 3, 4), start=1)
    case("Shape", (15, LATEST), x(2, 3, 4), start=-2, end=-1)
    case("Size", (1, LATEST), x(2, 3, 4))


def _pieces() -> None:
    v = x(5, 6, 7)
    case("Concat", (4, LATEST), x(2, 3), x(2, 4), w(2, 1), axis=1)
    case("Concat", (11, LATEST), x(2, 3), x(1, 3), axis=-2)
    case("Concat", (1, 3), x(2, 3), x(2, 4), expect=lambda a, b: np.concatenate([a, b], 1))
    case("Concat", (13, LATEST), *[x(1, 2) for _ in range(70)], axis=0)
    ends = [3, 2**31 - 1]
    case("Slice", (1, 9), v, starts=[1, 2], ends=ends)
    case("Slice", (1, 9), v, starts=[-3, 0], ends=[-1, 4], axes=[2, 0])
    for index in (np.int32, i64):
        case("Slice", (10, LATEST), v, c([1, 2], index), c([3, 2**31 - 1], index))
        case("Slice", (10, LATEST), v, c([-3, 0], index), c([-1, 4], index), c([2, 0], index))
        case("Slice", (10, LATEST), v, c([0], index), c([7], index), c([-1], index), c([3], index))
    case("Slice", (10, LATEST), v, c([-1], i64), c([-(2**62)], i64), c([1], i64), c([-1], i64))
    case("Slice", (10, LATEST), v, c([4], i64), c([0], i64), c([0], i64), c([-2], i64))
    case("Slice", (10, LATEST), v, c([0, 1], i64), c([9, 5], i64), None, c([1, 2], i64))
    case("Split", (2, 12), x(2, 6), axis=1, split=[1, 2, 3], outputs=3)
    case("Split", (2, LATEST if LATEST < 18 else 17), x(6, 2), outputs=3)
    case("Split", (13, LATEST), x(2, 6), c([1, 2, 3], i64), axis=1, outputs=3)
    case("Split", (13, LATEST), x(2, 6), c([4, 2], i64), axis=-1, outputs=2)
    case("Split", (18, LATEST), x(7, 2), num_outputs=3, outputs=3)
    case("Split", (18, LATEST), x(6, 2), num_outputs=2, outputs=2)
    case("Split", (1, 1), x(2, 6), axis=1, split=[4, 2], outputs=2,
         expect=lambda v: [v[:, :4], v[:, 4:]])  # fmt: skip
    case("Gather", (1, LATEST), v, c([0, 2, 1], i64))
    case("Gather", (1, LATEST), v, c([[0, 1], [2, 3]], i64), axis=1)
    case("Gather", (1, LATEST), v, c(3, i64), axis=2)
    case("Gather", (11, LATEST), v, c([-1, -2], i64), axis=-1)
    case("Gather", (1, LATEST), v, c([1, 3, 5], np.int32), axis=1)
    case("Gather", (1, LATEST), v, np.array([4, 0, 0], i64))
    case("Gather", (1, LATEST), w(9, 4), np.array([[4, 0], [8, 1]], np.int32))
    for mode in ("constant", "reflect", "edge"):
        case("Pad", (11, LATEST), x(3, 4, 5), c([0, 1, 2, 0, 2, 1], i64), mode=mode)
        case("Pad", (2, 10), x(3, 4, 5), pads=[0, 1, 2, 0, 2, 1], mode=mode)
    case("Pad", (11, LATEST), x(3, 4), c([1, 0, 0, 2], i64), c(1.5))
    case("Pad", (2, 10), x(3, 4), pads=[1, 0, 0, 2], value=1.5)
    case("Pad", (11, LATEST), x(5, 6), c([-1, 2, 0, -3], i64))
    case("Pad", (2, 10), x(5, 6), pads=[-1, 0, -1, -3])
    case("Pad", (11, LATEST), x(5, 6), c([0, 0, 0, 0], i64))
    case("Pad", (18, LATEST), x(3, 4, 5), c([1, 2], i64), None, c([-1], i64))
    case("Pad", (18, LATEST), x(3, 4, 5), c([1, 2, 0, 1], i64), c(0.5), c([2, 0], i64))
    case("Pad", (1, 1), x(2, 3), paddings=[0, 1, 1, 0], value=2.0,
         expect=lambda v: np.pad(v, ((0, 1), (1, 0)), constant_values=2))  # fmt: skip


def _resizes() -> None:
    up, down = c([1, 1, 2, 3], f32), c([1, 1, 0.5, 0.6], f32)
    v = x(1, 2, 6, 5)
    for mode in ("nearest", "linear"):
        case("Upsample", (7, 8), v, scales=[1.0, 1.0, 2.0, 2.0], mode=mode)
        case("Upsample", (9, 9), v, c([1, 1, 2, 3], f32), mode=mode)
        case("Resize", (10, 10), v, up, mode=mode)
        case("Resize", (10, 10), v, down, mode=mode)
    case("Upsample", (1, 6), v, width_scale=2.0, height_scale=3.0, mode="nearest",
         expect=lambda v: v.repeat(3, 2).repeat(2, 3))  # fmt: skip
    none = None
    for mode in ("nearest", "linear", "cubic"):
        for coordinate in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"):
            attrs = {"mode": mode, "coordinate_transformation_mode": coordinate}
            case("Resize", (11, LATEST), v, c([], f32), up, **attrs)
            case("Resize", (11, LATEST), v, c([], f32), down, **attrs)
            case("Resize", (13, LATEST), v, none, none, c([1, 2, 9, 8], i64), **attrs)
            case("Resize", (13, LATEST), v, none, none, c([1, 2, 3, 4], i64), **attrs)
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        case("Resize", (11, LATEST), v, c([], f32), up, nearest_mode=rounding,
             coordinate_transformation_mode="asymmetric")  # fmt: skip
    case("Resize", (11, LATEST), v, c([], f32), up, mode="cubic", cubic_coeff_a=-0.5)
    case("Resize", (11, LATEST), v, c([], f32), up, mode="cubic", exclude_outside=1)
    case("Resize", (13, LATEST), v, none, c([1, 1, 1, 1], f32), mode="linear")
    case("Resize", (13, LATEST), x(1, 2, 6), none, c([1, 1, 2.5], f32), mode="linear")
    case("Resize", (13, LATEST), x(6, 5), none, none, c([12, 3], i64), mode="linear")
    case("Resize", (13, LATEST), x(1, 4, 5, 3), none, c([1, 2, 2, 1], f32), mode="linear")
    case("Resize", (13, LATEST), x(1, 4, 5, 3), none, c([1, 1, 2, 1], f32), mode="nearest")
    case("Resize", (18, LATEST), v, none, c([2, 3], f32), mode="linear", axes=[2, 3])
    case("Resize", (18, LATEST), v, none, none, c([8, 9], i64), mode="linear", axes=[3, 2])
    for policy in ("stretch", "not_larger", "not_smaller"):
        case("Resize", (18, LATEST), v, none, none, c([9, 15], i64), mode="linear", axes=[2, 3],
             keep_aspect_ratio_policy=policy)  # fmt: skip


def _top_ks() -> None:
    few = np.random.default_rng(3).integers(-3, 3, (4, 5, 6)).astype(f32)  # with equal ones
    for axis in (-1, 0, 1):
        case("TopK", (1, 9), few, axis=axis, k=3, outputs=2)
        case("TopK", (10, 10), few, c([4], i64), axis=axis, outputs=2)
        for largest in (0, 1):
            case("TopK", (11, LATEST), few, c([3], i64), axis=axis, largest=largest, outputs=2)
    case("TopK", (11, LATEST), x(3, 40), c([40], i64), outputs=2)
    case("TopK", (11, LATEST), x(3, 40), c([0], i64), outputs=2)
    case("TopK", (11, LATEST), few.astype(i64), c([2], i64), sorted=1, outputs=2)
    for op in ("ArgMax", "ArgMin"):
        case(op, (1, LATEST), few)
        case(op, (1, LATEST), few, axis=1, keepdims=0)
        case(op, (11, LATEST), few.astype(np.int32), axis=-1)
        case(op, (12, LATEST), few, axis=2, select_last_index=0)


def _folded() -> None:
    """Operators that run only on what is known at conversion."""
    a, b = c([[1, -2], [3, 4]], i64), c([[1, 5], [0, 4]], i64)
    for op in ("Equal", "Greater", "Less"):
        case(op, (9, LATEST), a, b)
    case("Where", (9, LATEST), c([[True, False]], bool), a, b)
    case("Range", (11, LATEST), c(0, i64), c(10, i64), c(3, i64))
    case("NonZero", (9, LATEST), a)
    case("ConstantOfShape", (9, LATEST), c([2, 3], i64))
    case("ConstantOfShape", (9, LATEST), c([2], i64),
         value=onnx.helper.make_tensor("v", onnx.TensorProto.INT64, [1], [7]))  # fmt: skip
    for op in ("And", "Or", "Xor"):
        case(op, (7, LATEST), c([True, False], bool), c([True, True], bool))
    case("Not", (1, LATEST), c([True, False], bool))
    case("OneHot", (9, LATEST), c([0, 2], i64), c(3, i64), c([0.0, 1.0]))
    case("Trilu", (14, LATEST), w(3, 3))
    case("CumSum", (11, LATEST), a, c(0, i64))
    case("ArgMax", (1, LATEST), a, axis=1)
    case("Mod", (10, LATEST), a, c([[3, 3], [3, 3]], i64))
    case("Sign", (9, LATEST), a)
    for op, attrs in (("value_int", 3), ("value_float", 1.5), ("value_ints", [1, 2])):
        case("Constant", (12, LATEST), **{op: attrs})
    case("Constant", (12, LATEST), value_floats=[1.0, 2.0])
    case("Constant", (1, LATEST), value=onnx.numpy_helper.from_array(np.ones((2, 2), f32)))


for _group in (
    _convolutions, _pools, _products, _unary, _clips, _binary, _reductions, _norms,
    _casts_and_plain, _shapes, _pieces, _resizes, _top_ks, _folded,
):  # fmt: skip
    _group()
everyday_cases(case)
recurrent_cases(case)


def _id(item: tuple[int, Case]) -> str:
    return f"{item[1].op}-{item[1].opset}-{item[0]}"


@pytest.mark.parametrize("item", list(enumerate(CASES)), ids=_id)
def test_operator(item: tuple[int, Case], tmp_path: Path) -> None:
    """The graph as imported, and the packed model, compute what others compute."""
    case = item[1]
    model, feeds, expected = case.model(), case.feeds(), case.expected()
    graph = import_model(model)
    interpreted = list(interp.run(graph, feeds).values())
    convert(model, tmp_path / "m.edgert", check=False)
    found = list(edgert.load(tmp_path / "m.edgert", threads=1).run(feeds).values())
    for wanted, slow, fast in zip(expected, interpreted, found):
        check(np.asarray(wanted), slow)
        check(np.asarray(wanted), fast)


def check(wanted: np.ndarray, found: np.ndarray) -> None:
    """Same shape and type; same numbers but for rounding."""
    assert found.shape == wanted.shape
    if wanted.dtype.kind != "f":
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype
        return
    assert found.dtype == np.float32
    scale = float(np.max(np.abs(wanted[np.isfinite(wanted)]), initial=1e-3))
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6 * scale)
