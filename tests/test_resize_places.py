"""Which element each one of a resized axis comes from, by the definitions of ONNX in fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_models import make_model, value_info

import edgert
from edgert import UnsupportedError
from edgert.importer import import_model
from edgert.importer.handlers.resize import (
    COORDINATES,
    ROUNDINGS,
    scaled_size,
    source_places,
)

HALF = Fraction(1, 2)


def place(i: int, dim: int, size: int, scale: Fraction, coordinate: str) -> Fraction:
    """Where element i of ``size`` comes from in ``dim``, as ONNX has it for a ``scale``."""
    centre = (i + HALF) / scale - HALF
    if coordinate == "asymmetric":
        return i / scale
    if coordinate == "align_corners":
        return Fraction(i * (dim - 1), size - 1) if size > 1 else Fraction(0)
    if coordinate == "pytorch_half_pixel":
        return centre if size > 1 else Fraction(0)
    if coordinate == "half_pixel_symmetric":
        return Fraction(dim, 2) * (1 - size / (dim * scale)) + centre
    return centre


def nearest(x: Fraction, rounding: str) -> int:
    return {
        "floor": math.floor(x),
        "ceil": math.ceil(x),
        "round_prefer_floor": math.ceil(x - HALF),
        "round_prefer_ceil": math.floor(x + HALF),
    }[rounding]


def check_places(dim: int, size: int, scale: Fraction) -> None:
    for coordinate in COORDINATES:
        expected = [place(i, dim, size, scale, coordinate) for i in range(size)]
        first, step, unit = source_places(dim, size, scale, coordinate, None)
        assert [Fraction(first + i * step, unit) for i in range(size)] == expected
        for rounding in ROUNDINGS:
            first, step, unit = source_places(dim, size, scale, coordinate, rounding)
            found = [(first + i * step) // unit for i in range(size)]
            assert found == [nearest(x, rounding) for x in expected], (dim, size, coordinate)


def test_places_of_all_sizes() -> None:
    for dim in [*range(1, 20), 26, 33, 64]:
        for size in [*range(1, 24), 36, 51, 64]:
            check_places(dim, size, Fraction(size, dim))


@pytest.mark.parametrize("stated", [0.6, 1.7, 0.3, 2.3, 1 / 3, 0.99, 1.01])
def test_places_of_scales(stated: float) -> None:
    for dim in range(4, 60, 5):
        check_places(dim, *scaled_size(dim, stated))


def test_a_scale_is_the_ratio_of_the_sizes_if_it_can_be() -> None:
    """The float32 of 64 / 26 is too large by 2^-25: element 32 would come from just below 13."""
    assert scaled_size(26, 64 / 26) == (64, Fraction(64, 26))
    assert scaled_size(10, 0.7) == (7, Fraction(7, 10))  # whose product in float64 is below 7
    assert scaled_size(10, 0.6) == (6, Fraction(3, 5))
    assert scaled_size(26, 1.7) == (44, Fraction(float(np.float32(1.7))))
    for dim in range(1, 300):
        for size in range(1, 300, 7):
            found = scaled_size(dim, size / dim)
            # A few products with float32 are below the size, for ONNX Runtime, too.
            assert found == (size, Fraction(size, dim)) or found[0] == size - 1


def test_sizes_are_those_of_onnx() -> None:
    """As its shape inference rounds them."""
    rng = np.random.default_rng(0)
    for stated in [0.7, 0.6, 1.7, *rng.uniform(0.1, 4, 30)]:
        dims = rng.integers(1, 3000, 6).tolist()
        scales = numpy_helper.from_array(np.full(6, stated, np.float32), "scales")
        node = helper.make_node("Resize", ["x", "", "scales"], ["y"])
        info = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, dims)
        model = make_model([node], [info], ["y"], [scales], opset=17)
        (output,) = onnx.shape_inference.infer_shapes(model).graph.output
        sizes = [dim.dim_value for dim in output.type.tensor_type.shape.dim]
        assert [scaled_size(dim, stated)[0] for dim in dims] == sizes


def resized(tmp_path: Path, dim: int, values: np.ndarray, **attrs: str) -> np.ndarray:
    """The elements 0, 1, ... of an axis of ``dim``, resized by sizes or scales."""
    is_size = values.dtype == np.int64
    inputs = ["x", "", "", "to"] if is_size else ["x", "", "to"]
    node = helper.make_node("Resize", inputs, ["y"], "resize", **attrs)
    x = np.arange(dim, dtype=np.float32).reshape(1, 1, 1, dim)
    weights = [numpy_helper.from_array(values, "to")]
    path = tmp_path / "resize.edgert"
    model = make_model([node], [value_info("x", x)], ["y"], weights, opset=17)
    edgert.convert(model, path, check=False)
    return edgert.load(path)(x).ravel()


@pytest.mark.parametrize(("dim", "size"), [(18, 21), (7, 2), (26, 64), (10, 7), (21, 18), (64, 26)])
def test_nearest_in_the_runtime(tmp_path: Path, dim: int, size: int) -> None:
    """By sizes, and by their ratio as a float32."""
    scale = Fraction(size, dim)
    for stated in (
        np.array([1, 1, 1, size], np.int64),
        np.array([1, 1, 1, size / dim], np.float32),
    ):
        for coordinate in ("half_pixel", "asymmetric", "align_corners"):
            for rounding in ROUNDINGS:
                y = resized(tmp_path, dim, stated, coordinate_transformation_mode=coordinate,
                            nearest_mode=rounding)  # fmt: skip
                places = [place(i, dim, size, scale, coordinate) for i in range(size)]
                expected = [min(max(nearest(p, rounding), 0), dim - 1) for p in places]
                assert y.tolist() == expected


def test_a_scale_that_makes_large_numbers(tmp_path: Path) -> None:
    """Fractions of 32 bits suffice for scales from 1 / 64 on, and for ratios of sizes."""
    assert len(resized(tmp_path, 4000, np.array([1, 1, 1, 0.0156251], np.float32))) == 62
    assert len(resized(tmp_path, 4000, np.array([1, 1, 1, 0.001], np.float32))) == 4
    with pytest.raises(UnsupportedError, match=r"the scale 0\.0010\d*: the places take more than"):
        resized(tmp_path, 4096, np.array([1, 1, 1, 0.001], np.float32))


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_scales_that_are_none(scale: float) -> None:
    node = helper.make_node("Resize", ["x", "", "to"], ["y"], "resize")
    weights = [numpy_helper.from_array(np.array([1, scale], np.float32), "to")]
    info = value_info("x", np.zeros((2, 3), np.float32))
    with pytest.raises(edgert.FormatError, match="scales"):
        import_model(make_model([node], [info], ["y"], weights, opset=17))
