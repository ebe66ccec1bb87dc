"""Resize and its predecessor Upsample."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgert.importer.call import Call
from edgert.importer.handlers.images import reshape, transpose
from edgert.importer.handlers.reduce import normal_axis
from edgert.importer.registry import onnx_op
from edgert.importer.values import Tensor, UnsupportedNodeError
from edgert.schema import ResizeCoordinate, ResizeMode, ResizeNearest

# The attribute extrapolation_value is for a kind of coordinates that is refused.
_ATTRS = """antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside
            keep_aspect_ratio_policy mode nearest_mode"""


@onnx_op("Resize", attrs=_ATTRS, unused="extrapolation_value")
@onnx_op("Upsample", attrs="height_scale mode scales width_scale")
def resize(call: Call) -> Tensor:
    """Up to two axes change; they become the height and the width of an image."""
    x = call.input(0)
    size, scale = _sizes_and_scales(call)
    changed = [i for i, dim in enumerate(x.shape) if size[i] != dim or scale[i] != 1.0]
    if len(changed) > 2:
        raise UnsupportedNodeError(f"it resizes {len(changed)} axes, at most 2 are supported")
    if not changed:
        return x
    if call.attr("antialias", 0) and any(scale[i] < 1 for i in changed):
        raise UnsupportedNodeError("it shrinks with antialias")
    attrs = {
        **_modes(call),
        "cubic_coefficient": call.attr("cubic_coeff_a", -0.75),
        "exclude_outside": call.attr("exclude_outside", 0),
    }
    smaller = [i for i in changed if scale[i] < 1]
    if call.opset == 10 and attrs["mode"] == ResizeMode.nearest and smaller:
        # Operator set 10 leaves the rounding open; ONNX Runtime's is this one.
        rounded_up = {**attrs, "nearest": ResizeNearest.ceil}
        x = _resize_axes(call, x, smaller, size, scale, rounded_up)
        changed = [i for i in changed if i not in smaller]
    return _resize_axes(call, x, changed, size, scale, attrs) if changed else x


def _resize_axes(
    call: Call,
    x: Tensor,
    changed: Sequence[int],
    size: Sequence[int],
    scale: Sequence[float],
    attrs: dict[str, object],
) -> Tensor:
    rank = len(x.shape)
    size = [size[i] if i in changed else dim for i, dim in enumerate(x.shape)]
    scale = [scale[i] if i in changed else 1.0 for i in range(rank)]
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
    attrs["size"] = [size[i] for i in rows_and_columns]
    attrs["scale"] = [scale[i] for i in rows_and_columns]
    if len(rows_and_columns) == 1:
        attrs["size"], attrs["scale"] = [1, *attrs["size"]], [1.0, *attrs["scale"]]
    y = call.emit("resize", [y], attrs)
    y = reshape(call, y, [size[i] for i in perm])
    return transpose(call, y, sorted(range(rank), key=perm.__getitem__))


def _sizes_and_scales(call: Call) -> tuple[list[int], list[float]]:
    """Size and scale of every axis of the result."""
    x, rank = call.input(0), len(call.input(0).shape)
    axes = [normal_axis(a, rank) for a in call.attr("axes", range(rank))]
    scales, sizes = _stated(call)
    size, scale = list(x.shape), [1.0] * rank
    stated = sizes if sizes is not None else scales
    if stated is None or len(stated) != len(axes) or min(stated) <= 0:
        raise ValueError(f"sizes {sizes}, scales {scales} for axes {axes}")
    if sizes is not None:
        scales = [wanted / x.shape[axis] for wanted, axis in zip(sizes, axes)]
    policies = {"stretch": None, "not_larger": min, "not_smaller": max}
    choose = policies[call.choice("keep_aspect_ratio_policy", "stretch", policies)]
    if sizes is not None and choose is not None:
        ratio = choose(scales)
        sizes = [math.floor(x.shape[axis] * ratio + 0.5) for axis in axes]
        scales = [ratio] * len(axes)
    for i, axis in enumerate(axes):
        scale[axis] = scales[i]
        size[axis] = math.floor(x.shape[axis] * scales[i]) if sizes is None else sizes[i]
    return size, scale


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


def _modes(call: Call) -> dict[str, int]:
    """The three modes; Upsample and Resize 10 know one kind of coordinates and of rounding."""
    modes = {**ResizeMode.__members__, "bilinear": ResizeMode.linear}
    mode = modes[call.choice("mode", "nearest", modes)]
    if call.op == "Upsample" or call.opset == 10:
        coordinate, nearest = ResizeCoordinate.asymmetric, ResizeNearest.floor
    else:
        kinds, roundings = ResizeCoordinate.__members__, ResizeNearest.__members__
        coordinate = kinds[call.choice("coordinate_transformation_mode", "half_pixel", kinds)]
        nearest = roundings[call.choice("nearest_mode", "round_prefer_floor", roundings)]
    return {"mode": mode, "coordinate": coordinate, "nearest": nearest}
