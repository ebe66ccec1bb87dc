"""Attributes of the operators with a window (convolutions and pools), for two spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgert.importer.call import Call
from edgert.importer.values import UnsupportedNodeError

# The attributes that read_window reads.
WINDOW_ATTRS = "auto_pad dilations pads strides"


@dataclass(frozen=True)
class Window:
    """Kernel, strides, dilations [H, W] and pads [top, left, bottom, right]."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    pads: list[int]


def read_window(call: Call, kernel: Sequence[int], image: Sequence[int]) -> Window:
    """The window of a node with ``kernel`` over spatial axes of the sizes ``image``."""
    spatial = len(image)
    strides = axis_values(call, "strides", [1] * spatial)
    dilations = axis_values(call, "dilations", [1] * spatial)
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    pads = resolve_pads(call, image, extents, strides)
    return Window(
        flat(kernel, 1), flat(strides, 1), flat(dilations, 1), pads_2d(call, pads, spatial)
    )


def resolve_pads(
    call: Call, image: Sequence[int], extents: Sequence[int], strides: Sequence[int]
) -> list[int]:
    """Pads before every spatial axis, then behind every one, auto_pad resolved."""
    mode, spatial = auto_pad(call), len(image)
    if mode == "NOTSET":
        return axis_values(call, "pads", [0] * (2 * spatial))
    if mode == "VALID":
        return [0] * (2 * spatial)
    totals = [
        max((-(-size // stride) - 1) * stride + extent - size, 0)
        for size, extent, stride in zip(image, extents, strides)
    ]
    return split_pads(totals, more_behind=mode == "SAME_UPPER")


def split_pads(totals: Sequence[int], more_behind: bool) -> list[int]:
    """Halves what each axis is padded by; of an odd number one side gets one more."""
    less, more = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return less + more if more_behind else more + less


def auto_pad(call: Call) -> str:
    """The attribute auto_pad, checked."""
    modes = "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER", ""
    return call.choice("auto_pad", "NOTSET", modes) or "NOTSET"


def flat(values: Sequence[int], missing: int) -> list[int]:
    """One value per axis as [H, W]; a signal has the height one."""
    return [missing, *values] if len(values) == 1 else list(values)


def pads_2d(call: Call, pads: Sequence[int], spatial: int) -> list[int]:
    """ONNX's pads as [top, left, bottom, right]."""
    if any(pad < 0 for pad in pads):
        raise UnsupportedNodeError(f"its pads {list(pads)} are negative")
    return flat(pads[:spatial], 0) + flat(pads[spatial:], 0)


def axis_values(call: Call, name: str, default: list[int]) -> list[int]:
    """An attribute with as many values as its default, which one without any means, too."""
    values = list(call.attr(name, default)) or default
    if len(values) != len(default):
        raise ValueError(f"{name} is {values}, expected {len(default)} values")
    return values
