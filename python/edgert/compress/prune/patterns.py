"""The patterns in which weights may be pruned, and the masks that they allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgert.errors import InputError


@dataclass(frozen=True)
class Pattern:
    """Blocks of ``high`` outputs by ``wide`` weights of the last dimension that are pruned as one;
    or, if there is a ``window``, ``kept`` of so many weights of the last dimension that stay.
    """

    high: int = 1
    wide: int = 1
    kept: int = 0
    window: int = 0

    @property
    def fixed_sparsity(self) -> float | None:
        """The sparsity that the pattern itself says, None if any is possible."""
        return 1 - self.kept / self.window if self.window else None


PATTERNS = {
    "unstructured": Pattern(),
    "1x4": Pattern(1, 4),
    "4x4": Pattern(4, 4),
}


def pattern_named(name: str) -> Pattern:
    """One of ``PATTERNS``, or "N:M": N of each M neighbouring weights stay."""
    if name in PATTERNS:
        return PATTERNS[name]
    kept, _, window = str(name).partition(":")
    if kept.isdecimal() and window.isdecimal() and 0 < int(kept) < int(window) <= 32:
        return Pattern(kept=int(kept), window=int(window))
    raise InputError(
        f"pattern is {name!r}, expected one of {list(PATTERNS)}, or N:M as in '2:4', M up to 32",
        "OPTION",
    )


def blocks(values: np.ndarray, high: int, wide: int) -> np.ndarray:
    """``values`` [outputs, ..., last] as [rows of blocks, columns of blocks, high * wide], padded
    with zeros at the end of outputs and of the last dimension.
    """
    outputs, last = len(values), values.shape[-1]
    rows = values.reshape(outputs, -1, last)
    rows = np.pad(rows, ((0, -outputs % high), (0, 0), (0, -last % wide)))
    split = rows.reshape(len(rows) // high, high, -1, rows.shape[2] // wide, wide)
    return split.transpose(0, 2, 3, 1, 4).reshape(len(split), -1, high * wide)


def spread(kept: np.ndarray, shape: tuple[int, ...], high: int, wide: int) -> np.ndarray:
    """The mask of a weight of the ``shape`` of which the blocks ``kept`` [rows, columns] stay."""
    outputs, last = shape[0], shape[-1]
    columns = -(-last // wide)
    mask = kept.reshape(len(kept), -1, columns).repeat(high, 0).repeat(wide, 2)
    return mask[:outputs, :, :last].reshape(shape)


def mask_of(scores: np.ndarray, pattern: Pattern, sparsity: float) -> np.ndarray:
    """Which weights stay: those of the blocks with the largest sums of ``scores``, as many as leave
    the part ``sparsity`` out, one at least; of equal ones the last.
    """
    if pattern.window:
        return _mask_of_windows(scores, pattern)
    sums = blocks(scores, pattern.high, pattern.wide).sum(2)
    left_out = min(round(sparsity * sums.size), sums.size - 1)
    order = np.argsort(sums, axis=None, kind="stable")
    kept = np.ones(sums.size, bool)
    kept[order[:left_out]] = False
    return spread(kept.reshape(sums.shape), scores.shape, pattern.high, pattern.wide)


def _mask_of_windows(scores: np.ndarray, pattern: Pattern) -> np.ndarray:
    """The ``kept`` largest of each window stay; a last one that is not full keeps as many."""
    last, window = scores.shape[-1], pattern.window
    rows = scores.reshape(-1, last)
    padded = np.pad(rows, ((0, 0), (0, -last % window)), constant_values=-np.inf)
    split = padded.reshape(len(rows), -1, window)
    order = np.argsort(-split, axis=2, kind="stable")
    mask = np.zeros(split.shape, bool)
    np.put_along_axis(mask, order[:, :, : pattern.kept], True, axis=2)
    return mask.reshape(len(rows), -1)[:, :last].reshape(scores.shape)
