"""Operators that move, window or resample data, one at a time, against numpy and ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.helper
import onnxruntime
import pytest
from one_op import expected, one_op_graph, run_op
from resizes import resize_attrs

from edgert import FormatError, InputError
from edgert.importer.handlers.resize import COORDINATES, ROUNDINGS
from edgert.schema import (
    DType,
    PadMode,
    ResizeMode,
    UnaryFn,
)

DTYPES = [d.name if d.name != "boolean" else "bool" for d in DType]
# Odd sizes beside and beyond the tiles of a transposition; big enough for several threads.
BIG = [(3, 224, 224), (130, 67, 33), (257, 300), (2, 3, 5, 7, 11, 2, 3, 2), (1, 50, 4, 64)]


def data(rng: np.random.Generator, shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    return rng.integers(-100, 100, shape).astype(dtype)


def small_shape(rng: np.random.Generator, rank: int) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(1, (40, 9, 20, 7, 5)[:rank]))


def cases(count: int):
    """Random small arrays of every dtype and rank."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        yield rng, data(rng, small_shape(rng, seed % 6), DTYPES[seed // 6 % len(DTYPES)])


def test_transpose() -> None:
    for rng, x in cases(72):
        perm = rng.permutation(x.ndim)
        np.testing.assert_array_equal(
            run_op("transpose", [x], {"perm": perm}), x.transpose(perm), strict=True
        )


@pytest.mark.parametrize("shape", BIG)
@pytest.mark.parametrize("dtype", ["float32", "int8", "int64"])
def test_transpose_big(shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(1)
    x = data(rng, shape, dtype)
    for perm in ((1, *range(2, x.ndim), 0), range(x.ndim)[::-1], rng.permutation(x.ndim)):
        np.testing.assert_array_equal(run_op("transpose", [x], {"perm": perm}), x.transpose(perm))


def test_slice() -> None:
    for rng, x in cases(72):
        starts, steps, sizes, taken = [], [], [], []
        for size in x.shape:
            start, step = int(rng.integers(size)), int(rng.choice([1, 1, 2, 3, -1, -2]))
            most = (size - 1 - start) // step + 1 if step > 0 else start // -step + 1
            count = int(rng.integers(0, most + 1))
            start = start if count else 0
            starts.append(start), steps.append(step), sizes.append(count)
            taken.append(start + step * np.arange(count))
        y = run_op("slice", [x], {"starts": starts, "steps": steps, "sizes": sizes})
        np.testing.assert_array_equal(y, x[np.ix_(*taken)] if x.ndim else x, strict=True)


def test_concat() -> None:
    for rng, x in cases(72):
        if x.ndim == 0:
            continue
        axis, parts = int(rng.integers(x.ndim)), [x]
        for _ in range(int(rng.integers(4))):
            shape = list(x.shape)
            shape[axis] = int(rng.integers(0, 9))
            parts.append(data(rng, tuple(shape), x.dtype.name))
        y = run_op("concat", parts, {"axis": axis}, constants={1})
        np.testing.assert_array_equal(y, np.concatenate(parts, axis), strict=True)


def test_expand() -> None:
    for rng, x in cases(72):
        grown = rng.random(x.ndim) < 0.4
        x = np.asarray(x[tuple(slice(0, 1) if g else slice(None) for g in grown)])
        target = tuple(int(rng.integers(1, 5)) if n == 1 else n for n in x.shape)
        target = (*map(int, rng.integers(1, 4, size=rng.integers(3))), *target)
        y = run_op("expand", [x], {"rank": len(target), "dims": target})
        np.testing.assert_array_equal(y, np.broadcast_to(x, target), strict=True)


def test_tile() -> None:
    for rng, x in cases(72):
        repeats = rng.integers(0 if rng.random() < 0.1 else 1, 4, x.ndim)
        y = run_op("tile", [x], {"repeats": repeats})
        np.testing.assert_array_equal(y, np.tile(x, repeats) if x.ndim else x, strict=True)


@pytest.mark.parametrize("mode", PadMode)
def test_pad(mode: PadMode) -> None:
    for rng, x in cases(72):
        most = [n if mode is PadMode.reflect else 9 for n in x.shape]
        pads = [(int(rng.integers(n)), int(rng.integers(n))) for n in most]
        attrs = {
            "mode": mode,
            "before": [before for before, _ in pads],
            "after": [after for _, after in pads],
            "value": 1,
        }
        fill = {"constant_values": 1} if mode is PadMode.constant else {}
        if x.ndim > 0:
            y = np.pad(x, pads, mode=mode.name, **fill)
            np.testing.assert_array_equal(run_op("pad", [x], attrs), y, strict=True)


def test_pad_value() -> None:
    attrs = {"mode": PadMode.constant, "before": [1], "after": [0]}
    for dtype, value in [
        ("float32", -np.inf),
        ("float32", 0.1),
        ("int8", -128),
        ("uint8", 255),
        ("int32", -(2**31)),
        ("int64", 2.0**40),
    ]:
        y = run_op("pad", [np.zeros(1, dtype)], {**attrs, "value": value})
        np.testing.assert_array_equal(y, [np.float32(value), 0])
    y = run_op("pad", [np.zeros(1, np.float32)], {**attrs, "value": np.nan})
    assert np.isnan(y[0])


@pytest.mark.parametrize("index", ["int32", "int64"])
def test_gather(index: str) -> None:
    for rng, x in cases(36):
        if x.ndim == 0:
            continue
        axis = int(rng.integers(x.ndim))
        size = x.shape[axis]
        indices = rng.integers(-size, size, rng.integers(0, 5, rng.integers(3))).astype(index)
        for constants in ((), (1,)):
            y = run_op("gather", [x, indices], {"axis": axis}, constants)
            np.testing.assert_array_equal(y, x.take(indices, axis), strict=True)


def test_gather_rows_of_an_embedding() -> None:
    rng = np.random.default_rng(0)
    table, indices = data(rng, (5000, 96)), rng.integers(0, 5000, (8, 128))
    y = run_op("gather", [table, indices], {"axis": 0}, constants={0})
    np.testing.assert_array_equal(y, table[indices])


@pytest.mark.parametrize("bad", [5, -6, 2**31 - 1, -(2**31), 2**40, -(2**63)])
def test_gather_out_of_range(bad: int) -> None:
    x = np.zeros((2, 5, 3), np.float32)
    indices = np.array([0, -5, bad, 4], np.int64)
    with pytest.raises(InputError, match=rf"gather 'y': index 2 is {bad}, expected -5 to 4"):
        run_op("gather", [x, indices], {"axis": 1})
    with pytest.raises(FormatError, match=rf"gather 'y': index 2 is {bad}, expected -5 to 4"):
        run_op("gather", [x, indices], {"axis": 1}, constants={1})


# Windows ------------------------------------------------------------------------------------------


def random_pool(rng: np.random.Generator) -> tuple[np.ndarray, dict]:
    kernel = rng.integers(1, 5, 2)
    x = rng.standard_normal(
        (*rng.integers(1, 3, 1), *rng.integers(4, 14, 2), rng.choice([1, 5, 33]))
    )
    return x.astype(np.float32), {
        "kernel": kernel,
        "strides": rng.integers(1, 4, 2),
        "dilations": rng.integers(1, 3, 2),
        "pads": rng.integers(0, np.tile(kernel, 2)),
        "ceil_mode": int(rng.integers(2)),
        "count_include_pad": int(rng.integers(2)),
    }


@pytest.mark.parametrize("op", ["max_pool", "average_pool"])
def test_pool(op: str) -> None:
    refused = 0
    for seed in range(60):
        x, attrs = random_pool(np.random.default_rng(seed))
        try:
            y = run_op(op, [x], attrs)
        except FormatError:
            refused += 1
            continue
        np.testing.assert_allclose(y, expected(op, [x], attrs), rtol=1e-6, atol=1e-6)
    assert refused < 20


def test_pool_passes_over_nan() -> None:
    x = np.array([np.nan, 1, 2, np.nan, np.nan, np.nan, -np.inf], np.float32).reshape(1, 1, 7, 1)
    attrs = {
        "kernel": [1, 3],
        "strides": [1, 1],
        "dilations": [1, 1],
        "pads": [0, 0, 0, 0],
        "ceil_mode": 0,
        "count_include_pad": 0,
    }
    y = run_op("max_pool", [x], attrs).ravel()
    np.testing.assert_array_equal(y, [2, 2, 2, -np.inf, -np.inf])
    mean = run_op("average_pool", [x], {**attrs, "kernel": [1, 2]}).ravel()
    np.testing.assert_array_equal(np.isnan(mean), [True, False, True, True, True, True])


def run_onnx(op: str, x: np.ndarray, *more: np.ndarray | None, **attributes) -> np.ndarray:
    """ONNX Runtime's answer for an image [batch, height, width, channels]."""
    names = ["x", *("" if a is None else f"i{i}" for i, a in enumerate(more))]
    constants = [
        onnx.numpy_helper.from_array(a, f"i{i}") for i, a in enumerate(more) if a is not None
    ]
    x = x.transpose(0, 3, 1, 2)
    node = onnx.helper.make_node(op, names, ["y"], **attributes)
    graph = onnx.helper.make_graph(
        [node],
        "g",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, x.shape)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        constants,
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 19)], ir_version=9
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0].transpose(0, 2, 3, 1)


@pytest.mark.parametrize("op", ["max_pool", "average_pool"])
def test_pool_like_onnxruntime(op: str) -> None:
    compared = 0
    for seed in range(40):
        x, attrs = random_pool(np.random.default_rng(seed))
        try:
            y = run_op(op, [x], attrs)
        except FormatError:
            continue
        count = {"count_include_pad": attrs["count_include_pad"]} if op == "average_pool" else {}
        reference = run_onnx(
            {"max_pool": "MaxPool", "average_pool": "AveragePool"}[op],
            x,
            kernel_shape=attrs["kernel"].tolist(),
            strides=attrs["strides"].tolist(),
            dilations=attrs["dilations"].tolist(),
            pads=attrs["pads"].tolist(),
            ceil_mode=attrs["ceil_mode"],
            **count,
        )
        np.testing.assert_allclose(y, reference, rtol=1e-5, atol=1e-6)
        compared += 1
    assert compared > 20


def random_resize(seed: int) -> tuple[np.ndarray, dict, dict]:
    """An image, the record, and what ONNX states of it."""
    rng = np.random.default_rng(seed)
    mode = list(ResizeMode)[seed % 3]
    x = rng.standard_normal(
        (*rng.integers(1, 3, 1), *rng.integers(1, 14, 2), rng.choice([1, 3, 20]))
    )
    size = rng.integers(1, 30, 2)
    coordinate, rounding = COORDINATES[seed // 3 % 5], ROUNDINGS[seed // 15 % 4]
    coefficient = float(rng.choice([-0.5, -0.75]))
    exclude = int(rng.integers(2)) if mode is ResizeMode.cubic else 0
    attrs = resize_attrs(mode, x.shape[1:3], size, coordinate, rounding, coefficient, exclude)
    stated = {
        "mode": mode.name, "coordinate_transformation_mode": coordinate, "nearest_mode": rounding,
        "cubic_coeff_a": coefficient, "exclude_outside": exclude,
    }  # fmt: skip
    return x.astype(np.float32), attrs, stated


def test_resize() -> None:
    for seed in range(120):
        x, attrs, _ = random_resize(seed)
        y, reference = run_op("resize", [x], attrs), expected("resize", [x], attrs)
        if attrs["mode"] is ResizeMode.nearest:
            np.testing.assert_array_equal(y, reference)
        else:
            np.testing.assert_allclose(y, reference, rtol=1e-5, atol=2e-6)


def test_resize_like_onnxruntime() -> None:
    """But for the places that its float32 misses: rounded up or down, and symmetric ones."""
    for seed in range(120):
        x, attrs, stated = random_resize(seed)
        inexact = "half_pixel_symmetric", "floor", "ceil"
        if attrs["mode"] is ResizeMode.nearest and not set(inexact).isdisjoint(stated.values()):
            continue
        sizes = np.array([x.shape[0], x.shape[3], *attrs["size"]], np.int64)
        reference = run_onnx("Resize", x, None, None, sizes, **stated)
        y = run_op("resize", [x], attrs)
        np.testing.assert_allclose(y, reference, rtol=1e-4, atol=1e-5, err_msg=str(attrs))


@pytest.mark.parametrize("dtype", DTYPES)
def test_resize_nearest_of_every_dtype(dtype: str) -> None:
    x = data(np.random.default_rng(0), (2, 5, 7, 3), dtype)
    attrs = resize_attrs(ResizeMode.nearest, (5, 7), (10, 21), "asymmetric", "floor")
    y = run_op("resize", [x], attrs)
    np.testing.assert_array_equal(y, x.repeat(2, 1).repeat(3, 2), strict=True)


def random_conv_transpose(seed: int) -> tuple[list[np.ndarray | None], dict]:
    rng = np.random.default_rng(seed)
    groups, channels = int(rng.choice([1, 1, 2, 3])), int(rng.choice([1, 3, 8, 16, 17]))
    depth, kernel = int(rng.integers(1, 20)), rng.integers(1, 5, 2)
    strides, dilations = rng.integers(1, 4, (2, 2))
    shape = (*rng.integers(1, 3, 1), *rng.integers(2, 12, 2), groups * depth)
    outputs = groups * channels
    activation = [
        {"fn": UnaryFn.identity},
        {"fn": UnaryFn.relu},
        {"fn": UnaryFn.clip, "alpha": -1, "beta": 2},
        {"fn": UnaryFn.hard_swish},
        {"fn": UnaryFn.sigmoid},
    ][seed % 5]
    inputs = [
        rng.standard_normal(shape, np.float32),
        rng.standard_normal((outputs * kernel.prod(), depth), np.float32),
        rng.standard_normal(outputs, np.float32) if seed % 3 else None,
    ]
    return inputs, {
        "kernel": kernel,
        "strides": strides,
        "dilations": dilations,
        "pads": rng.integers(0, 2, 4),
        "output_padding": rng.integers(0, np.maximum(strides, dilations)),
        "groups": groups,
        "activation": activation,
    }


def test_conv_transpose() -> None:
    for seed in range(60):
        inputs, attrs = random_conv_transpose(seed)
        y = run_op("conv_transpose", inputs, attrs, constants={1, 2})
        reference = expected("conv_transpose", inputs, attrs)
        np.testing.assert_allclose(y, reference, rtol=1e-4, atol=1e-4)


def test_conv_transpose_in_strips() -> None:
    """More products than are held at a time; the filter reaches over the seams."""
    rng = np.random.default_rng(0)
    inputs = [
        rng.standard_normal((2, 60, 50, 8), np.float32),
        rng.standard_normal((40 * 15, 8), np.float32),
    ]
    attrs = {
        "kernel": [5, 3],
        "strides": [2, 1],
        "dilations": [1, 2],
        "pads": [1, 0, 2, 1],
        "output_padding": [1, 0],
        "groups": 1,
    }
    y = run_op("conv_transpose", inputs, attrs, constants={1})
    np.testing.assert_allclose(y, expected("conv_transpose", inputs, attrs), rtol=1e-4, atol=1e-4)


# What infer() refuses -----------------------------------------------------------------------------

F = np.float32
IMAGE = (1, 6, 5, 4)
BIG_INT = 2**31 - 1
POOL = {
    "kernel": [2, 2],
    "strides": [1, 1],
    "dilations": [1, 1],
    "pads": [0, 0, 0, 0],
    "ceil_mode": 0,
    "count_include_pad": 0,
}
RESIZE = {
    "mode": 1,
    "size": [4, 4],
    "first": [0, 0],
    "step": [1, 1],
    "unit": [1, 1],
    "cubic_coefficient": 0,
    "exclude_outside": 0,
}
DECONV = {
    "kernel": [2, 2],
    "strides": [2, 2],
    "dilations": [1, 1],
    "pads": [0, 0, 0, 0],
    "output_padding": [0, 0],
    "groups": 1,
}
PAD = {"mode": 0, "before": [0, 0], "after": [0, 0], "value": 0}

REFUSED = [
    *(
        ("transpose", [(2, 3)], {"perm": p})
        for p in ([0, 0], [1, 2], [-1, 0], [0, 1, 2], [BIG_INT, 0])
    ),
    ("transpose", [(2, 3)], {"perm": [1, 0, 0, 0, 0, 0, 0, 1]}),
    *(("concat", [(2, 3), (2, 3)], {"axis": a}) for a in (2, -1, BIG_INT)),
    ("concat", [()], {"axis": 0}),
    ("concat", [(2, 3), (2, 4)], {"axis": 0}),
    ("concat", [(2, 3), (2, 3, 1)], {"axis": 0}),
    ("concat", [(BIG_INT, 0), (1, 0)], {"axis": 0}),
    *(
        ("slice", [(4,)], {"starts": [start], "steps": [step], "sizes": [size]})
        for start, step, size in (
            (0, 0, 1),
            (0, 1, 5),
            (4, 1, 1),
            (-1, 1, 1),
            (1, -1, 3),
            (0, 2, 3),
            (0, 1, -1),
            (5, 1, 0),
            (0, BIG_INT, 2),
            (3, -BIG_INT, BIG_INT),
        )
    ),
    ("slice", [(4,)], {"starts": [0, 1], "steps": [1], "sizes": [1]}),
    ("slice", [(4,)], {"starts": [0], "steps": [1, 1], "sizes": [1]}),
    *(("gather", [(2, 3), (2,)], {"axis": a}) for a in (2, -1, 8)),
    ("gather", [(), (2,)], {"axis": 0}),
    ("gather", [(1,) * 8, (1, 1)], {"axis": 0}),
    ("expand", [(2, 3)], {"rank": 2, "dims": [2, 4]}),
    ("expand", [(2, 3)], {"rank": 1, "dims": [3]}),
    ("expand", [(2, 3)], {"rank": 9, "dims": [2, 3]}),
    ("expand", [(2, 3)], {"rank": -1, "dims": []}),
    ("expand", [(1, 1)], {"rank": 2, "dims": [-1, 1]}),
    ("expand", [(1,)], {"rank": 4, "dims": [BIG_INT] * 4}),
    ("tile", [(2, 3)], {"repeats": [1, -1]}),
    ("tile", [(2, 3)], {"repeats": [1, BIG_INT]}),
    ("tile", [(2, 3)], {"repeats": [2**30, 2**30]}),
    ("tile", [(2, 3)], {"repeats": [1, 1, 1]}),
    ("pad", [(2, 3)], {**PAD, "mode": 3}),
    ("pad", [(2, 3)], {**PAD, "mode": -1}),
    ("pad", [(2, 3)], {**PAD, "before": [-1, 0]}),
    ("pad", [(2, 3)], {**PAD, "after": [0, -1]}),
    ("pad", [(2, 3)], {**PAD, "before": [0, 0, 1]}),
    ("pad", [(2, 3)], {**PAD, "before": [BIG_INT, 0], "after": [BIG_INT, 0]}),
    ("pad", [(2, 3)], {**PAD, "mode": PadMode.reflect, "before": [2, 0]}),
    ("pad", [(2, 3)], {**PAD, "mode": PadMode.reflect, "after": [0, 3]}),
    ("pad", [(0, 3)], {**PAD, "mode": PadMode.edge, "after": [1, 0]}),
    *(
        (op, [IMAGE], {**POOL, **change})
        for op in ("max_pool", "average_pool")
        for change in (
            {"kernel": [0, 2]},
            {"kernel": [7, 2]},
            {"kernel": [2, -1]},
            {"kernel": [BIG_INT, BIG_INT], "dilations": [BIG_INT, BIG_INT]},
            {"strides": [0, 1]},
            {"strides": [1, -1]},
            {"dilations": [0, 1]},
            {"dilations": [6, 1]},
            {"pads": [-1, 0, 0, 0]},
            {"pads": [2, 0, 0, 0]},
            {"pads": [0, 0, 0, BIG_INT]},
            {"ceil_mode": 2},
            {"count_include_pad": -1},
            # The taps of a window at -1 and 6: both beside the image of six rows.
            {"dilations": [7, 1], "pads": [1, 0, 1, 0]},
        )
    ),
    ("max_pool", [(6, 5, 4)], POOL),
    *(
        ("resize", [IMAGE], {**RESIZE, **change})
        for change in (
            {"mode": 3},
            {"mode": -1},
            {"exclude_outside": 2},
            {"size": [0, 4]},
            {"size": [4, -1]},
            {"unit": [0, 1]},
            {"unit": [1, -1]},
            {"cubic_coefficient": np.nan},
        )
    ),
    ("resize", [(1, 0, 5, 4)], RESIZE),
    ("resize", [(6, 5, 4)], RESIZE),
    *(
        ("conv_transpose", [IMAGE, (12, 4)], {**DECONV, **change})
        for change in (
            {"kernel": [0, 2]},
            {"kernel": [BIG_INT, BIG_INT]},
            {"kernel": [5, 1]},
            {"strides": [0, 2]},
            {"strides": [BIG_INT, BIG_INT]},
            {"dilations": [1, -1]},
            {"pads": [-1, 0, 0, 0]},
            {"pads": [6, 0, 6, 0]},
            {"pads": [BIG_INT, 0, BIG_INT, 0]},
            {"output_padding": [2, 0]},
            {"output_padding": [0, -1]},
            {"groups": 0},
            {"groups": -1},
            {"groups": 3},
            {"groups": 2},
            {"activation": {"fn": 99}},
            {"activation": {"fn": UnaryFn.clip, "alpha": np.nan}},
        )
    ),
    ("conv_transpose", [IMAGE, (12, 4), (4,)], DECONV),
    ("conv_transpose", [IMAGE, (12, 4, 1)], DECONV),
    ("conv_transpose", [(1, 0, 5, 4), (12, 4)], DECONV),
]


@pytest.mark.parametrize(("op", "shapes", "attrs"), REFUSED)
def test_refused(op: str, shapes: list, attrs: dict) -> None:
    dtypes = [np.int64 if op == "gather" and i == 1 else F for i in range(len(shapes))]
    # Nothing this large is ever made: one element stands for them all.
    inputs = [np.broadcast_to(np.zeros((), d), shape) for d, shape in zip(dtypes, shapes)]
    with pytest.raises(FormatError, match=rf"{op} 'node': ") as error:
        one_op_graph(op, inputs, attrs)
    assert error.value.rule in ("ATTR", "SHAPE", "LIMIT")


@pytest.mark.parametrize(
    ("op", "dtypes", "shapes", "attrs"),
    [
        ("gather", [F, F], [(2,), (2,)], {"axis": 0}),
        ("gather", [F, np.int8], [(2,), (2,)], {"axis": 0}),
        ("concat", [F, np.int32], [(2,), (2,)], {"axis": 0}),
        ("max_pool", [np.int32], [IMAGE], POOL),
        ("average_pool", [np.int8], [IMAGE], POOL),
        ("resize", [np.int32], [IMAGE], RESIZE),
        ("resize", [np.int8], [IMAGE], RESIZE),
        ("resize", [np.uint8], [IMAGE], {**RESIZE, "mode": 2}),
        ("conv_transpose", [F, np.int8], [IMAGE, (12, 4)], DECONV),
        ("conv_transpose", [np.int8, F], [IMAGE, (12, 4)], DECONV),
    ],
)
def test_refused_dtype(op: str, dtypes: list, shapes: list, attrs: dict) -> None:
    with pytest.raises(FormatError, match=rf"{op} 'node': input") as error:
        one_op_graph(op, [np.zeros(s, d) for s, d in zip(shapes, dtypes)], attrs)
    assert error.value.rule == "DTYPE"


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("int8", 128),
        ("int8", -129),
        ("uint8", -1),
        ("uint8", 256),
        ("int32", 2.0**31),
        ("int64", 2.0**63),
        ("int32", 0.5),
        ("bool", 2),
        ("int8", np.nan),
        ("int64", np.inf),
    ],
)
def test_pad_value_refused(dtype: str, value: float) -> None:
    with pytest.raises(FormatError, match="pad 'node': cannot pad"):
        one_op_graph("pad", [np.zeros((2, 3), dtype)], {**PAD, "value": value})
