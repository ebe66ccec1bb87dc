"""JSON whose parts know in which line they stand."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from edgert.errors import InputError

_MAX_DEPTH = 16
_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder()

Path = tuple  # of keys and indices, from the whole to a part


class Document:
    """A JSON text: its ``value``, and the line of each part. Raises InputError if it is none."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self._text, self._places = name, text, {(): 0}
        try:
            self.value, end = self._parse(self._skip(0), ())
            if self._skip(end) != len(text):
                raise json.JSONDecodeError("Extra data", text, self._skip(end))
        except json.JSONDecodeError as error:
            raise InputError(f"{name}:{error.lineno}: not JSON: {error.msg}", "RECIPE") from None

    def refuse(self, path: Path, why: str) -> NoReturn:
        """Raises InputError, which names the line of a part, or of the least one that it is in."""
        while path not in self._places:
            path = path[:-1]
        line = self._text.count("\n", 0, self._places[path]) + 1
        raise InputError(f"{self.name}:{line}: {why}", "RECIPE")

    def _skip(self, at: int) -> int:
        while at < len(self._text) and self._text[at] in _SPACE:
            at += 1
        return at

    def _parse(self, at: int, path: Path) -> tuple[Any, int]:
        self._places.setdefault(path, at)
        if len(path) > _MAX_DEPTH:
            raise json.JSONDecodeError("Nested too deeply", self._text, at)
        opening = self._text[at : at + 1]
        if opening == "{":
            return self._parse_object(at, path)
        if opening == "[":
            return self._parse_array(at, path)
        try:
            value, end = _DECODER.raw_decode(self._text, at)
        except (RecursionError, ValueError) as error:
            if isinstance(error, json.JSONDecodeError):
                raise
            raise json.JSONDecodeError(
                "Expecting a number of fewer digits", self._text, at
            ) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise json.JSONDecodeError("Expecting a finite number", self._text, at)
        return value, end

    def _parse_object(self, at: int, path: Path) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        at = self._skip(at + 1)
        while self._text[at : at + 1] != "}":
            if found:
                at = self._expect(",", at)
            if self._text[at : at + 1] != '"':
                raise json.JSONDecodeError("Expecting a name in double quotes", self._text, at)
            key, end = json.decoder.scanstring(self._text, at + 1, True)
            self._places[(*path, key)] = at
            if key in found:
                self.refuse((*path, key), f"{key!r} stands twice")
            value = self._expect(":", self._skip(end))
            found[key], at = self._parse(value, (*path, key))
            at = self._skip(at)
        return found, at + 1

    def _parse_array(self, at: int, path: Path) -> tuple[list[Any], int]:
        found: list[Any] = []
        at = self._skip(at + 1)
        while self._text[at : at + 1] != "]":
            if found:
                at = self._expect(",", at)
            item, at = self._parse(at, (*path, len(found)))
            found.append(item)
            at = self._skip(at)
        return found, at + 1

    def _expect(self, character: str, at: int) -> int:
        if self._text[at : at + 1] != character:
            raise json.JSONDecodeError(f"Expecting {character!r}", self._text, at)
        return self._skip(at + 1)
