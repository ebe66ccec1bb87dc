"""The names of classes: from a text, from an ONNX model's metadata, and in a file."""

from __future__ import annotations

import ast
import json
import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence

from edgert.errors import FormatError, InputError
from edgert.preprocess.text import read_text

LABELS = "edgert.labels"
MAX_TEXT = 1 << 24  # characters
MAX_LABEL = 1024
_KEYS = "names", "labels", "classes", "class_names"  # of ONNX models, where labels may stand
# A class of a list or dict, as JSON or as Python writes it: maybe its number, and its name.
_ITEM = re.compile(
    r"""\s*(?:["']?(\d{1,9})["']?\s*:\s*)?('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")\s*(,|$)"""
)


def read_labels(given: str | os.PathLike[str] | Sequence[str]) -> tuple[str, ...]:
    """Labels from a sequence, or from a file: a label in each line, or a list or dict as JSON has
    them. Raises InputError and ModelIOError.
    """
    if not isinstance(given, (str, os.PathLike)):
        return _checked("labels", given)
    path = os.fsdecode(given)
    text = read_text(path, MAX_TEXT + 1, "LABELS", "utf-8-sig")
    found = _listed(text)
    if found is None and path.lower().endswith(".json"):
        raise InputError(
            f"{path} is no list of labels, nor an object of them by number from 0", "LABELS"
        )
    if found is None:
        found = [line.strip() for line in text.rstrip().splitlines()]
    return _checked(path, found)


def model_labels(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The labels in the metadata of an ONNX model, none if there are none that can be read."""
    for key in _KEYS:
        found = _listed(metadata.get(key, ""))
        if found:
            try:
                return _checked(key, found)
            except InputError:
                continue
    return ()


def labels_text(labels: Sequence[str]) -> str:
    """Labels as they stand in a file."""
    return json.dumps(list(labels), separators=(",", ":"))


def stored_labels(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The labels in the metadata of a file, none if it has none. Raises FormatError (LABELS)."""
    if LABELS not in metadata:
        return ()
    try:
        if len(metadata[LABELS]) > MAX_TEXT:
            raise InputError(f"{len(metadata[LABELS])} characters, at most {MAX_TEXT}", "LABELS")
        return _checked("the list", json.loads(metadata[LABELS]))
    except (ValueError, RecursionError) as error:  # InputError is a ValueError
        raise FormatError(f"metadata {LABELS}: {error}", "LABELS") from None


def _checked(name: str, found: object) -> tuple[str, ...]:
    fine = isinstance(found, Iterable) and not isinstance(found, (str, bytes, Mapping))
    labels = tuple(found) if fine else ()
    if not labels:
        raise InputError(f"{name}: expected a list of labels, found {found!r:.60}", "LABELS")
    for i, label in enumerate(labels):
        if not isinstance(label, str) or not 1 <= len(label) <= MAX_LABEL:
            raise InputError(
                f"{name}: label {i} is {label!r:.60}, expected a text of 1 to {MAX_LABEL} "
                "characters",
                "LABELS",
            )
    return labels


def _listed(text: str) -> list[str] | None:
    """The labels of a list or a dict by number, None if the text is none."""
    text = text.strip()
    if len(text) > MAX_TEXT or text[:1] + text[-1:] not in ("[]", "{}"):
        return None
    is_dict, body, place = text[0] == "{", text[1:-1].rstrip(), 0
    found: dict[int, str] = {}
    while place < len(body):
        item = _ITEM.match(body, place)
        if item is None or (item[1] is not None) != is_dict:
            return None
        number = int(item[1]) if is_dict else len(found)
        try:
            with warnings.catch_warnings():  # of a backslash that Python would rather see twice
                warnings.simplefilter("ignore")
                found.setdefault(number, ast.literal_eval(item[2]))
        except (ValueError, SyntaxError):
            return None
        place = item.end()
    return [found[i] for i in range(len(found))] if sorted(found) == [*range(len(found))] else None
