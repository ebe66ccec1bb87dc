"""Operators that change a shape or the order of axes, or repeat elements."""

from __future__ import annotations

import math

import numpy as np

from edgert.importer.call import Call
from edgert.importer.handlers.images import reshape as emit_reshape
from edgert.importer.handlers.images import transpose as emit_transpose
from edgert.importer.handlers.reduce import normal_axis
from edgert.importer.registry import onnx_op
from edgert.importer.values import Tensor, UnsupportedNodeError
from edgert.schema import MAX_RANK

# In which order channels count: first pixels of a block, then channels, or the other way round.
_BLOCK_ORDERS = "DCR", "CRD"


@onnx_op("Reshape", attrs="shape allowzero")
def reshape(call: Call) -> Tensor:
    """0 copies a dimension unless allowzero is set, -1 is what is left."""
    x, wanted = call.input(0), call.ints(1, "shape")
    dims = list(wanted)
    if not call.attr("allowzero", 0):
        dims = [x.shape[i] if dim == 0 else dim for i, dim in enumerate(wanted)]
    if -1 in dims:
        i = dims.index(-1)
        rest = math.prod(dims[:i] + dims[i + 1 :])
        dims[i] = math.prod(x.shape) // rest
    if min(dims, default=0) < 0 or math.prod(dims) != math.prod(x.shape):
        raise ValueError(f"cannot reshape {x.shape} to {wanted}")
    return emit_reshape(call, x, dims)


@onnx_op("Flatten", attrs="axis")
def flatten(call: Call) -> Tensor:
    """Two axes: those before the attribute axis and the others."""
    x, axis = call.input(0), call.attr("axis", 1)
    rank = len(x.shape)
    axis = rank if axis == rank else normal_axis(axis, rank)
    return emit_reshape(call, x, [math.prod(x.shape[:axis]), math.prod(x.shape[axis:])])


@onnx_op("Squeeze", attrs="axes")
def squeeze(call: Call) -> Tensor:
    """Without axes, all of size one go."""
    x, axes = call.input(0), call.ints(1, "axes")
    rank = len(x.shape)
    if axes is None:
        axes = [i for i, dim in enumerate(x.shape) if dim == 1]
    gone = {normal_axis(axis, rank) for axis in axes}
    if any(x.shape[i] != 1 for i in gone):
        raise ValueError(f"axes {axes} of {x.shape} are not all of size 1")
    return emit_reshape(call, x, [dim for i, dim in enumerate(x.shape) if i not in gone])


@onnx_op("Unsqueeze", attrs="axes")
def unsqueeze(call: Call) -> Tensor:
    """The axes count in the result."""
    x, axes = call.input(0), call.ints(1, "axes")
    rank = len(x.shape) + len(axes)
    new = {normal_axis(axis, rank) for axis in axes}
    if len(new) != len(axes):
        raise ValueError(f"axes {axes} name an axis twice")
    dims = iter(x.shape)
    return emit_reshape(call, x, [1 if i in new else next(dims) for i in range(rank)])


@onnx_op("Transpose", attrs="perm")
def transpose(call: Call) -> Tensor:
    """By default the axes are reversed."""
    x = call.input(0)
    rank = len(x.shape)
    perm = list(call.attr("perm", range(rank)[::-1]))
    if sorted(perm) != list(range(rank)):
        raise ValueError(f"perm {perm} for rank {rank}")
    return emit_transpose(call, x, perm)


@onnx_op("Shape", attrs="start end")
def shape(call: Call) -> Tensor:
    """Shapes are static; start and end select as a slice does."""
    dims = call.input(0).shape[call.attr("start", 0) : call.attr("end", None)]
    return call.const(dims, np.int64)


@onnx_op("Size")
def size(call: Call) -> Tensor:
    """The number of elements."""
    return call.const(math.prod(call.input(0).shape), np.int64)


@onnx_op("Expand")
def expand(call: Call) -> Tensor:
    """Broadcasting in both directions: a 1 in the shape keeps the input's dimension."""
    x = call.input(0)
    shape = call.ints(1, "shape")
    if len(shape) > MAX_RANK:  # NumPy has a limit of its own
        raise UnsupportedNodeError(f"its shape has {len(shape)} axes, at most {MAX_RANK}")
    dims = np.broadcast_shapes(x.shape, tuple(shape))
    if dims == x.shape:
        return x
    return call.emit("expand", [x], {"rank": len(dims), "dims": list(dims)})


@onnx_op("Tile")
def tile(call: Call) -> Tensor:
    """Up to operator set 5: the scalars tiles and axis."""
    x = call.input(0)
    repeats = call.ints(1, "repeats")
    if call.opset < 6:
        axis = normal_axis(call.ints(2, "axis")[0], len(x.shape))
        repeats = [repeats[0] if i == axis else 1 for i in range(len(x.shape))]
    if len(repeats) != len(x.shape) or min(repeats, default=0) < 0:
        raise ValueError(f"repeats {repeats} for {x.shape}")
    return x if set(repeats) <= {1} else call.emit("tile", [x], {"repeats": repeats})


@onnx_op("DepthToSpace", attrs="blocksize mode")
def depth_to_space(call: Call) -> Tensor:
    """Blocks of channels become blocks of pixels, in the order DCR or CRD."""
    x, block = call.input(0), call.attrs["blocksize"]
    batch, channels, height, width = x.shape
    depth = channels // (block * block)
    if call.choice("mode", "DCR", _BLOCK_ORDERS) == "DCR":
        parts, perm = (batch, block, block, depth, height, width), [0, 3, 4, 1, 5, 2]
    else:
        parts, perm = (batch, depth, block, block, height, width), [0, 1, 4, 2, 5, 3]
    y = emit_transpose(call, emit_reshape(call, x, parts), perm)
    return emit_reshape(call, y, (batch, depth, height * block, width * block))


@onnx_op("SpaceToDepth", attrs="blocksize mode")
def space_to_depth(call: Call) -> Tensor:
    """Blocks of pixels become blocks of channels, in the order DCR or CRD."""
    x, block = call.input(0), call.attrs["blocksize"]
    batch, channels, height, width = x.shape
    height, width = height // block, width // block
    y = emit_reshape(call, x, (batch, channels, height, block, width, block))
    dcr = call.choice("mode", "DCR", _BLOCK_ORDERS) == "DCR"
    y = emit_transpose(call, y, [0, 3, 5, 1, 2, 4] if dcr else [0, 1, 3, 5, 2, 4])
    return emit_reshape(call, y, (batch, channels * block * block, height, width))
