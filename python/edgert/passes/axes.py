"""Arithmetic of shapes and permutations of axes."""

from __future__ import annotations

from collections.abc import Sequence


def reshape_attrs(shape: tuple[int, ...]) -> dict:
    """The attributes of a reshape or expand to ``shape``."""
    return {"rank": len(shape), "dims": list(shape)}


def moves(shape: Sequence[int], perm: Sequence[int]) -> bool:
    """Whether transposing a value of this shape moves an axis longer than one."""
    moved = [axis for axis in perm if shape[axis] != 1]
    return moved != sorted(moved)


def inverse(perm: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes ``perm``."""
    return tuple(perm.index(axis) for axis in range(len(perm)))


def split_groups(whole: tuple[int, ...], parts: tuple[int, ...]) -> list[list[int]] | None:
    """For each axis of ``whole``, in order, the axes of ``parts`` that it is split into.

    Axes of length one belong to a neighbour. None if ``parts`` is not ``whole`` with axes split.
    """
    if 0 in whole or 0 in parts:
        return None
    groups, axis = [], 0
    for dim in whole:
        group, product = [], 1
        while product < dim and axis < len(parts):
            product *= parts[axis]
            group.append(axis)
            axis += 1
        if product != dim:
            return None
        groups.append(group)
    rest = list(range(axis, len(parts)))
    if any(parts[axis] != 1 for axis in rest):
        return None
    if rest and not groups:
        return None
    if rest:
        groups[-1] += rest
    return groups
