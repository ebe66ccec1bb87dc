"""Operators that take, or replace, elements at places of their own.

They are said in ``gather`` from a flat view of the data, whose elements have one number each. Known
indices become a table of these numbers; of indices that are computed, the numbers are looked up,
coordinate by coordinate, in tables as long as an axis: whatever is out of range is refused there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgert.importer.call import Call
from edgert.importer.handlers.images import reshape
from edgert.importer.handlers.reduce import normal_axis
from edgert.importer.registry import onnx_op
from edgert.importer.values import Constant, Tensor, UnsupportedNodeError
from edgert.schema import BinaryFn

_REDUCTIONS = {
    "add": BinaryFn.add,
    "mul": BinaryFn.mul,
    "max": BinaryFn.max,
    "min": BinaryFn.min,
}
_MOST_ROUNDS = 64  # of updates of one element
_MOST_PIECES = 8  # into which data is cut rather than gathered element by element


@onnx_op("GatherElements", attrs="axis")
def gather_elements(call: Call) -> Tensor:
    """As many axes in the indices as in the data: all coordinates but one are the index's own."""
    x, indices = call.input(0), call.input(1)
    axis = normal_axis(call.attr("axis", 0), len(x.shape))
    numbers = _element_numbers(call, x.shape, indices, axis)
    return _take(call, reshape(call, x, [math.prod(x.shape)]), numbers)


@onnx_op("GatherND", attrs="batch_dims")
def gather_nd(call: Call) -> Tensor:
    """The last axis of the indices has the coordinates of the first axes of the data."""
    x, indices, batch = call.input(0), call.input(1), call.attr("batch_dims", 0)
    taken = _check_coordinates(x.shape, indices.shape, batch)
    numbers = _row_numbers(call, x.shape[batch:taken], indices)
    if batch:
        shape = x.shape[:batch] + (1,) * (len(numbers.shape) - batch)
        size = math.prod(x.shape[batch:taken])
        first = np.arange(math.prod(x.shape[:batch]), dtype=np.int64) * size
        numbers = _sum(call, numbers, call.const(first.reshape(shape)))
    rows = reshape(call, x, [math.prod(x.shape[:taken]), *x.shape[taken:]])
    return _take(call, rows, numbers)


@onnx_op("ScatterElements", attrs="axis reduction")
@onnx_op("Scatter", attrs="axis")
def scatter_elements(call: Call) -> Tensor:
    """The data with other elements at known places."""
    x, indices, updates = call.input(0), call.input(1), call.input(2)
    call.constant(1, "indices")
    axis = normal_axis(call.attr("axis", 0), len(x.shape))
    if indices.shape != updates.shape:
        raise ValueError(f"indices {indices.shape}, updates {updates.shape}")
    numbers = _element_numbers(call, x.shape, indices, axis).data.reshape(-1)
    flat = reshape(call, x, [math.prod(x.shape)])
    y = _replace(call, flat, numbers, reshape(call, updates, [numbers.size]))
    return reshape(call, y, x.shape)


@onnx_op("ScatterND", attrs="reduction")
def scatter_nd(call: Call) -> Tensor:
    """The data with other elements, or rows of them, at known places."""
    x, indices, updates = call.input(0), call.input(1), call.input(2)
    call.constant(1, "indices")
    taken = _check_coordinates(x.shape, indices.shape, 0)
    if updates.shape != indices.shape[:-1] + x.shape[taken:]:
        raise ValueError(f"data {x.shape}, indices {indices.shape}, updates {updates.shape}")
    numbers = _row_numbers(call, x.shape[:taken], indices).data.reshape(-1)
    rows = reshape(call, x, [math.prod(x.shape[:taken]), *x.shape[taken:]])
    y = _replace(call, rows, numbers, reshape(call, updates, [numbers.size, *x.shape[taken:]]))
    return reshape(call, y, x.shape)


@onnx_op("ReverseSequence", attrs="batch_axis time_axis")
def reverse_sequence(call: Call) -> Tensor:
    """The first elements of each sequence the other way round; both axes are the first ones."""
    x, lengths = call.input(0), call.constant(1, "sequence_lens")
    batch, time = call.attr("batch_axis", 1), call.attr("time_axis", 0)
    if {batch, time} != {0, 1} or lengths.shape != (x.shape[batch],):
        raise ValueError(f"axes {batch}, {time}, lengths {lengths.shape} for {x.shape}")
    place = np.arange(x.shape[time])[:, np.newaxis]
    place = np.where(place < lengths, lengths - 1 - place, place)
    if place.min(initial=0) < 0 or place.max(initial=0) >= x.shape[time]:
        raise ValueError(f"lengths {lengths.tolist()} of at most {x.shape[time]}")
    if time == 0:
        numbers = place * x.shape[1] + np.arange(x.shape[1])
    else:
        numbers = place.T + np.arange(x.shape[0])[:, np.newaxis] * x.shape[1]
    rows = reshape(call, x, [x.shape[0] * x.shape[1], *x.shape[2:]])
    return _take(call, rows, call.const(numbers, np.int64))


@onnx_op("Compress", attrs="axis")
def compress(call: Call) -> Tensor:
    """Those for which a known condition holds, along an axis or of all elements."""
    x, condition = call.input(0), call.constant(1, "condition")
    axis = call.attr("axis", None)
    if axis is None:
        x, axis = reshape(call, x, [math.prod(x.shape)]), 0
    places = np.flatnonzero(condition)
    return call.call("Gather", [x, call.const(places, np.int64)], axis=axis)


def _check_coordinates(shape: Sequence[int], indices: Sequence[int], batch: int) -> int:
    """How many axes of the data are looked at. Raises ValueError if there are not as many."""
    taken = batch + indices[-1]
    if not 0 <= batch < len(indices) or taken > len(shape) or indices[-1] < 1:
        raise ValueError(f"indices {tuple(indices)} for {tuple(shape)}, {batch} axes of a batch")
    if tuple(indices[:batch]) != tuple(shape[:batch]):
        raise ValueError(f"the first {batch} axes of {tuple(indices)} and {tuple(shape)}")
    return taken


def _element_numbers(call: Call, shape: Sequence[int], indices: Tensor, axis: int) -> Tensor:
    """The numbers of the elements whose coordinate along an axis is an index, and the others those
    of the index itself.
    """
    if len(indices.shape) != len(shape) or any(
        own > dim for i, (own, dim) in enumerate(zip(indices.shape, shape)) if i != axis
    ):
        raise ValueError(f"indices {indices.shape} for {tuple(shape)}")
    numbers = _numbers(call, indices, shape[axis], math.prod(shape[axis + 1 :]))
    others = np.zeros([1] * len(shape), np.int64)
    for i, size in enumerate(indices.shape):
        if i != axis:
            steps = np.arange(size) * math.prod(shape[i + 1 :])
            others = others + steps.reshape([size if k == i else 1 for k in range(len(shape))])
    return _sum(call, numbers, call.const(others))


def _row_numbers(call: Call, shape: Sequence[int], indices: Tensor) -> Tensor:
    """The numbers of the rows whose coordinates lie along the last axis of the indices."""
    numbers = None
    last = len(indices.shape) - 1
    for i, size in enumerate(shape):
        coordinate = call.const(i, np.int64)
        own = (
            Constant(indices.name, indices.data[..., i])
            if isinstance(indices, Constant)
            else call.call("Gather", [indices, coordinate], axis=last)
        )
        part = _numbers(call, own, size, math.prod(shape[i + 1 :]))
        numbers = part if numbers is None else _sum(call, numbers, part)
    return numbers


def _numbers(call: Call, indices: Tensor, size: int, step: int) -> Tensor:
    """``step`` times each index, those below zero counted from the end."""
    if not isinstance(indices, Constant):
        call.reserve([size], np.dtype(np.int64))
        table = call.const(np.arange(size, dtype=np.int64) * step)
        return call.emit("gather", [table, indices], {"axis": 0})
    data = indices.data.astype(np.int64)
    if ((data < -size) | (data >= size)).any():
        raise ValueError(f"an index is outside of [-{size}, {size})")
    call.reserve(data.shape, data.dtype)
    return call.const(np.where(data < 0, data + size, data) * step)


def _sum(call: Call, a: Tensor, b: Tensor) -> Tensor:
    if isinstance(a, Constant) and isinstance(b, Constant):
        call.reserve(np.broadcast_shapes(a.shape, b.shape), a.dtype)
        return call.const(a.data + b.data)
    return call.call("Add", [a, b])


def _take(call: Call, rows: Tensor, numbers: Tensor) -> Tensor:
    """The rows with these numbers. Half as many bytes say numbers that are small."""
    if isinstance(numbers, Constant) and math.prod(rows.shape) < 2**31:
        numbers = call.const(numbers.data.astype(np.int32))
    return call.call("Gather", [rows, numbers], axis=0)


def _replace(call: Call, rows: Tensor, numbers: np.ndarray, updates: Tensor) -> Tensor:
    """The rows with updates at these numbers, one after the other."""
    reduction = call.choice("reduction", "none", ["none", *_REDUCTIONS])
    if not numbers.size:
        return rows
    if reduction == "none":
        return _overwrite(call, rows, numbers, updates)
    # Each round has another update of an element that has several.
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    turn = np.empty(len(numbers), np.int64)
    turn[order] = np.arange(len(numbers)) - np.repeat(starts, np.diff(np.r_[starts, len(numbers)]))
    if turn.max() >= _MOST_ROUNDS:
        raise UnsupportedNodeError(
            f"it updates an element {turn.max() + 1} times, at most {_MOST_ROUNDS} are supported"
        )
    for i in range(turn.max() + 1):
        these = np.flatnonzero(turn == i)
        old = _take(call, rows, call.const(numbers[these]))
        new = _take(call, updates, call.const(these))
        new = call.emit("binary", [old, new], {"fn": _REDUCTIONS[reduction]})
        rows = _overwrite(call, rows, numbers[these], new)
    return rows


def _overwrite(call: Call, rows: Tensor, numbers: np.ndarray, updates: Tensor) -> Tensor:
    """The rows with updates at these numbers, the last one where there are several."""
    count = rows.shape[0]
    call.reserve([count], np.dtype(np.int64))
    source = np.arange(count, dtype=np.int64)
    source[numbers] = count + np.arange(len(numbers))
    ends = np.flatnonzero(np.diff(source) != 1) + 1
    if len(ends) >= _MOST_PIECES:
        both = call.call("Concat", [rows, updates], axis=0)
        return _take(call, both, call.const(source))
    pieces = []
    for first, last in zip([0, *ends], [*ends, count]):
        start = int(source[first])
        tensor, start = (rows, start) if start < count else (updates, start - count)
        bounds = [[start], [start + last - first], [0]]
        pieces.append(call.call("Slice", [tensor, *(call.const(b, np.int64) for b in bounds)]))
    return call.call("Concat", pieces, axis=0)
