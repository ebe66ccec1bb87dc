"""Operators that take tensors apart and put them together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgert.importer.call import Call
from edgert.importer.handlers.images import reshape
from edgert.importer.handlers.reduce import normal_axis
from edgert.importer.registry import onnx_op
from edgert.importer.values import Constant, Tensor
from edgert.schema import OPS, PadMode


@onnx_op("Slice", attrs="axes ends starts")
def slice_(call: Call) -> Tensor:
    """Starts, ends, axes and steps are attributes up to operator set 9, inputs from 10 on."""
    x = call.input(0)
    starts, ends = call.ints(1, "starts"), call.ints(2, "ends")
    axes, steps = call.ints(3, "axes"), call.ints(4, "steps")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ValueError(f"starts {starts}, ends {ends}, axes {axes} and steps {steps}")
    taken = {}
    for start, end, axis, step in zip(starts, ends, axes, steps):
        axis = normal_axis(axis, len(x.shape))
        if axis in taken:
            raise ValueError(f"axes {axes} name an axis twice")
        taken[axis] = range(*slice(start, end, step).indices(x.shape[axis]))
    return take_ranges(call, x, taken)


@onnx_op("Split", attrs="axis num_outputs split")
def split(call: Call) -> Sequence[Tensor]:
    """Sizes are an attribute or input 1; else the parts are equal, the last one may be smaller."""
    x = call.input(0)
    axis = normal_axis(call.attr("axis", 0), len(x.shape))
    size, count = x.shape[axis], call.attr("num_outputs", call.outputs)
    sizes = call.ints(1, "split")
    if not call.outputs <= count <= max(size, call.outputs):
        raise ValueError(f"{count} parts of an axis of {size}")
    if sizes is None:
        part = -(-size // count)
        sizes = [max(min(part, size - i * part), 0) for i in range(call.outputs)]
    elif sum(sizes) != size or min(sizes) < 0 or len(sizes) < call.outputs:
        raise ValueError(f"sizes {sizes} for an axis of {size} and {call.outputs} outputs")
    ends = np.cumsum(sizes[: call.outputs]).tolist()
    return [take_ranges(call, x, {axis: range(e - s, e)}) for s, e in zip(sizes, ends)]


@onnx_op("Gather", attrs="axis")
def gather(call: Call) -> Tensor:
    """A known index, or known ones at equal distances, are a slice."""
    x, indices = call.input(0), call.input(1)
    axis = normal_axis(call.attr("axis", 0), len(x.shape))
    if not isinstance(indices, Constant):
        return call.emit("gather", [x, indices], {"axis": axis})
    size, data = x.shape[axis], indices.data.astype(np.int64)
    if ((data < -size) | (data >= size)).any():
        raise ValueError(f"an index is outside of [-{size}, {size})")
    data = np.where(data < 0, data + size, data)
    walk = _as_range(data.reshape(-1))
    if walk is None:
        return call.emit("gather", [x, call.const(data)], {"axis": axis})
    y = take_ranges(call, x, {axis: walk})
    return reshape(call, y, (*x.shape[:axis], *data.shape, *x.shape[axis + 1 :]))


@onnx_op("Concat", attrs="axis")
def concat(call: Call) -> Tensor:
    """Operator sets before 4 have a default axis."""
    parts = [tensor for tensor in call.inputs if tensor is not None]
    axis = normal_axis(call.attr("axis", 1), len(parts[0].shape))
    limit = OPS["concat"].max_inputs
    while len(parts) > 1:
        parts = [
            call.emit("concat", parts[i : i + limit], {"axis": axis})
            for i in range(0, len(parts), limit)
        ]
    return parts[0]


@onnx_op("Pad", attrs="mode paddings pads value")
def pad(call: Call) -> Tensor:
    """A negative pad cuts; the axes that are padded are an input from operator set 18 on."""
    x, rank = call.input(0), len(call.input(0).shape)
    pads = call.ints(1, "paddings" if "paddings" in call.attrs else "pads")
    axes = call.ints(3, "axes")
    axes = list(range(rank)) if axes is None else [normal_axis(axis, rank) for axis in axes]
    if len(pads) != 2 * len(axes) or len(set(axes)) != len(axes):
        raise ValueError(f"pads {pads} for axes {axes} of rank {rank}")
    before, after = [0] * rank, [0] * rank
    for i, axis in enumerate(axes):
        before[axis], after[axis] = pads[i], pads[i + len(axes)]
    mode = call.choice("mode", "constant", [*PadMode.__members__, "wrap"])
    value = call.constant(2, "constant_value")
    value = call.attr("value", 0.0) if value is None else float(value.reshape(()))
    cut = {
        axis: range(max(-before[axis], 0), x.shape[axis] + min(after[axis], 0))
        for axis in range(rank)
        if min(before[axis], after[axis]) < 0
    }
    x = take_ranges(call, x, cut)
    before, after = [max(p, 0) for p in before], [max(p, 0) for p in after]
    if not any(before + after):
        return x
    if mode == "wrap":
        return _wrap(call, x, before, after)
    attrs = {"mode": PadMode[mode], "before": before, "after": after, "value": value}
    return call.emit("pad", [x], attrs)


def _wrap(call: Call, x: Tensor, before: Sequence[int], after: Sequence[int]) -> Tensor:
    """What lies beyond an end comes from the other one, over and over."""
    for axis, (dim, first, last) in enumerate(zip(x.shape, before, after)):
        if first or last:
            places = np.arange(-first, dim + last) % dim
            x = call.call("Gather", [x, call.const(places, np.int64)], axis=axis)
    return x


def take_ranges(call: Call, x: Tensor, taken: dict[int, range]) -> Tensor:
    """The elements of ``x`` that lie in the ranges given for some of its axes."""
    ranges = [taken.get(axis, range(dim)) for axis, dim in enumerate(x.shape)]
    if all(walk == range(dim) for walk, dim in zip(ranges, x.shape)):
        return x
    return call.emit(
        "slice",
        [x],
        {
            "starts": [walk.start if len(walk) else 0 for walk in ranges],
            "steps": [walk.step if len(walk) > 1 else 1 for walk in ranges],
            "sizes": [len(walk) for walk in ranges],
        },
    )


def _as_range(indices: np.ndarray) -> range | None:
    """The range that has these elements, if there is one."""
    if len(indices) == 0:
        return None
    start = int(indices[0])
    step = int(indices[1]) - start if len(indices) > 1 else 1
    if step == 0 or (np.diff(indices) != step).any():
        return None
    return range(start, start + step * len(indices), step)
