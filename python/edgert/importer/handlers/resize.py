"""Resize and its predecessor Upsample.

Which element an element comes from is computed here, in whole numbers and fractions: floats would
lose the ties of "nearest".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from edgert.importer.call import Call
from edgert.importer.handlers.images import reshape, transpose
from edgert.importer.handlers.reduce import normal_axis
from edgert.importer.registry import onnx_op
from edgert.importer.values import Tensor, UnsupportedNodeError
from edgert.schema import ResizeMode

_HALF = Fraction(1, 2)
# The attribute extrapolation_value is for a kind of coordinates that is refused.
_ATTRS = """antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside
            keep_aspect_ratio_policy mode nearest_mode"""
COORDINATES = (
    "half_pixel", "half_pixel_symmetric", "asymmetric", "align_corners", "pytorch_half_pixel",
)  # fmt: skip
ROUNDINGS = "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"


@onnx_op("Resize", attrs=_ATTRS, unused="extrapolation_value")
@onnx_op("Upsample", attrs="height_scale mode scales width_scale")
def resize(call: Call) -> Tensor:
    """Two axes at a time; they become the height and the width of an image."""
    x = call.input(0)
    size, scale = _sizes_and_scales(call)
    changed = [i for i, dim in enumerate(x.shape) if size[i] != dim or scale[i] != 1]
    if call.attr("antialias", 0) and any(scale[i] < 1 for i in changed):
        raise UnsupportedNodeError("it shrinks with antialias")
    mode, coordinate, rounding = _modes(call)
    if len(changed) > 2 and mode != "nearest" and x.dtype.kind != "f":
        raise UnsupportedNodeError(f"it blends {x.dtype} elements over {len(changed)} axes")
    attrs = {
        "mode": ResizeMode[mode],
        "cubic_coefficient": call.attr("cubic_coeff_a", -0.75),
        "exclude_outside": call.attr("exclude_outside", 0),
    }
    places = []
    for dim, to, by in zip(x.shape, size, scale):
        # Operator set 10 leaves the rounding open; ONNX Runtime's is this one.
        rounds = "ceil" if call.op == "Resize" and call.opset == 10 and by < 1 else rounding
        rounds = rounds if mode == "nearest" else None
        if coordinate == "align_corners" and by != Fraction(to, dim):
            raise UnsupportedNodeError(
                f"it aligns the corners of {dim} elements with a scale, {float(by)}, that gives no "
                "whole number of them: implementations differ in where these are; state 'sizes'"
            )
        places.append(source_places(dim, to, by, coordinate, rounds))
    for last in range(len(changed), 0, -2):
        x = _resize_axes(call, x, changed[max(last - 2, 0) : last], size, places, attrs)
    return x


def source_places(
    dim: int, size: int, scale: Fraction, coordinate: str, rounding: str | None
) -> tuple[int, int, int]:
    """``first``, ``step`` and ``unit`` of an axis in the attribute record of resize.

    Element i of ``size`` comes from the place ``(first + i * step) / unit`` of ``dim`` elements;
    with a ``rounding``, from the element at that place rounded down.
    """
    step, first = 1 / scale, Fraction(0)
    if size == 1 and coordinate in ("align_corners", "pytorch_half_pixel"):
        step = Fraction(0)
    elif coordinate == "align_corners":
        step = Fraction(dim - 1, size - 1)
    elif coordinate != "asymmetric":
        first = step / 2 - _HALF
        if coordinate == "half_pixel_symmetric":
            first += (dim - size * step) / 2
    if rounding in ("round_prefer_floor", "round_prefer_ceil"):
        first += _HALF if rounding == "round_prefer_ceil" else -_HALF
    unit = math.lcm(step.denominator, first.denominator)
    if rounding in ("round_prefer_floor", "ceil"):
        first += 1 - Fraction(1, unit)  # rounds up
    place = int(first * unit), int(step * unit), unit
    if max(map(abs, place)) >= 2**31:
        raise UnsupportedNodeError(
            f"it resizes {dim} elements to {size} with the scale {float(scale)}: the places take "
            "more than 32 bits; state 'sizes', or a rounder scale"
        )
    return place


def _resize_axes(
    call: Call,
    x: Tensor,
    changed: Sequence[int],
    size: Sequence[int],
    places: Sequence[tuple[int, int, int]],
    attrs: dict[str, object],
) -> Tensor:
    rank = len(x.shape)
    size = [size[i] if i in changed else x.shape[i] for i in range(rank)]
    if rank == 4 and set(changed) <= {1, 2}:
        perm, rows_and_columns = [0, 1, 2, 3], [1, 2]
    elif rank == 4 and set(changed) <= {2, 3}:
        perm, rows_and_columns = [0, 2, 3, 1], [2, 3]
    else:
        kept = [i for i in range(rank) if i not in changed]
        perm, rows_and_columns = [*kept, *changed], list(changed)
    y = transpose(call, x, perm)
    ordered = list(y.shape)
    if perm[:1] + perm[-1:] != [0, 3] and perm != [0, 2, 3, 1]:
        image = [x.shape[i] for i in rows_and_columns]
        image = [1, *image] if len(image) == 1 else image
        y = reshape(call, y, (math.prod(ordered) // math.prod(image), *image, 1))
    sizes, taken = [size[i] for i in rows_and_columns], [places[i] for i in rows_and_columns]
    if len(rows_and_columns) == 1:
        sizes, taken = [1, *sizes], [(0, 1, 1), *taken]
    first, step, unit = zip(*taken)
    record = {**attrs, "size": sizes, "first": first, "step": step, "unit": unit}
    y = call.emit("resize", [y], record)
    y = reshape(call, y, [size[i] for i in perm])
    return transpose(call, y, sorted(range(rank), key=perm.__getitem__))


def _sizes_and_scales(call: Call) -> tuple[list[int], list[Fraction]]:
    """Size and scale of every axis of the result."""
    x, rank = call.input(0), len(call.input(0).shape)
    axes = [normal_axis(a, rank) for a in call.attr("axes", range(rank))]
    scales, sizes = _stated(call)
    stated = sizes if sizes is not None else scales
    if not stated or len(stated) != len(axes) or not all(0 < v < math.inf for v in stated):
        raise ValueError(f"sizes {sizes}, scales {scales} for axes {axes}")
    size, scale = list(x.shape), [Fraction(1)] * rank
    for axis, number in zip(axes, stated):
        size[axis], scale[axis] = (
            (number, Fraction(number, x.shape[axis]))
            if sizes is not None
            else scaled_size(x.shape[axis], number)
        )
    policies = {"stretch": None, "not_larger": min, "not_smaller": max}
    choose = policies[call.choice("keep_aspect_ratio_policy", "stretch", policies)]
    if sizes is not None and choose is not None:
        ratio = choose(scale[axis] for axis in axes)
        for axis in axes:
            size[axis], scale[axis] = math.floor(x.shape[axis] * ratio + _HALF), ratio
    return size, scale


def scaled_size(dim: int, scale: float) -> tuple[int, Fraction]:
    """What ``dim`` elements become by a scale in float32, and the exact scale that is meant.

    The product is rounded to float32 before it is rounded down, as in ONNX's shape inference and in
    ONNX Runtime. The standard calls the ratio of both sizes the scale: that counts if ``scale`` is
    as near to it as float32 allows; otherwise the size is not the whole product, and the number
    counts as it is stated.
    """
    number = np.float32(scale)
    size = int(np.float32(dim) * number)
    is_ratio = size > 0 and np.float32(size / dim) == number
    return size, Fraction(size, dim) if is_ratio else Fraction(float(number))


def _stated(call: Call) -> tuple[list[float] | None, list[int] | None]:
    """The scales or the sizes that the node states, in whatever place."""
    if call.op == "Upsample":
        if "height_scale" in call.attrs:
            return [1.0, 1.0, call.attrs["height_scale"], call.attrs["width_scale"]], None
        return list(call.attr("scales", None) or _floats(call, 1, "scales")), None
    scales = _floats(call, 1 if call.opset == 10 else 2, "scales") or None
    sizes = call.ints(3, "sizes") or None
    return (None, sizes) if sizes else (scales, None)


def _floats(call: Call, i: int, what: str) -> list[float]:
    data = call.constant(i, what)
    return [] if data is None else data.reshape(-1).tolist()


def _modes(call: Call) -> tuple[str, str, str]:
    """The three modes; Upsample and Resize 10 know one kind of coordinates and of rounding."""
    mode = call.choice("mode", "nearest", [*ResizeMode.__members__, "bilinear"])
    mode = "linear" if mode == "bilinear" else mode
    if call.op == "Upsample" or call.opset == 10:
        return mode, "asymmetric", "floor"
    coordinate = call.choice("coordinate_transformation_mode", "half_pixel", COORDINATES)
    return mode, coordinate, call.choice("nearest_mode", "round_prefer_floor", ROUNDINGS)
