"""What callers have in the place of numpy's arrays: tensors of other libraries, and lists."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from edgert.errors import InputError


def as_array(value: Any, name: str, dtype: np.dtype) -> np.ndarray:
    """``value`` as an array for the input ``name``.

    What has ``__array__`` or ``__dlpack__``, as tensors of other libraries do, keeps its dtype.
    Numbers, and lists and tuples of them, become of the ``dtype``: rounded to a float, but never to
    another integer. Raises InputError for anything else; an address in an ``__array_interface__``
    is not trusted.
    """
    is_list = isinstance(value, (list, tuple, numbers.Real)) and not isinstance(value, np.generic)
    try:
        if isinstance(value, np.ndarray):
            return value
        if is_list:
            return _of_numbers(value, name, dtype)
        if hasattr(value, "__array__"):
            found = value.__array__()
        elif hasattr(value, "__dlpack__"):
            found = np.from_dlpack(value)
        else:
            found = None
    except InputError:
        raise
    except Exception as error:  # whatever the other library raises
        raise InputError(
            f"'{name}': {type(value).__name__} is no array: {error}", "ARRAY"
        ) from None
    if not isinstance(found, np.ndarray):
        raise InputError(
            f"'{name}': expected an array, a tensor or a list of numbers, found {type(value)}; see "
            "numpy.asarray",
            "ARRAY",
        )
    return found


def _of_numbers(value: Any, name: str, dtype: np.dtype) -> np.ndarray:
    found = np.asarray(value)
    fine = found.dtype.kind in "biuf"
    if fine:
        with np.errstate(over="ignore", invalid="ignore"):
            array = found.astype(dtype)
        fine = dtype.kind == "f" or np.array_equal(array, found)
    if not fine:
        raise InputError(f"'{name}': expected numbers that are {dtype}, found others", "DTYPE")
    return array
