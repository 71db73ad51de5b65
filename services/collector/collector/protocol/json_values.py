"""JSON values: read as Divolte's parser read them, and written as text.

This parser takes more than a strict one: a byte order mark, UTF-16 and UTF-32, half of a surrogate pair (it becomes
U+FFFD), whole numbers of more than 64 bits, and text after the document that does not start another one.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NoReturn

import orjson

from collector.protocol.numbers import finite_number, whole_number

if TYPE_CHECKING:
    from collector.model.json_types import JsonValue

MAX_DEPTH: Final = 200
"""Levels of lists and objects; what is nested deeper is null."""
_MAX_CUT: Final = 65_536
"""Characters of a document that may be cut, which takes its time."""
_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_BRACKET: Final = re.compile(_STRING + r"|[\[\]{}]", re.DOTALL)
_OTHER: Final = re.compile(_STRING + r'|[^"\[\]{}]+|"', re.DOTALL)
_STEPS: Final = {"[": 1, "{": 1, "]": -1, "}": -1}
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_BLANK: Final = " \t\r\n"


class JsonError(ValueError):
    """Not JSON. The text says why, without repeating what was sent."""


def parse_json(body: bytes) -> JsonValue:
    """The document of a body; JsonError when there is none."""
    try:
        text = body.decode(json.detect_encoding(body)).lstrip(_BLANK)
    except UnicodeDecodeError:
        message = "its text is not valid UTF-8, UTF-16 or UTF-32"
        raise JsonError(message) from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        if len(text) > _MAX_CUT:
            message = f"it is nested deeper than {MAX_DEPTH} levels"
            raise JsonError(message)
        text = _cut(text)
    return _document(text)


def json_text(value: object) -> str | None:
    """A JSON value as text; None for none, and for what is nested more deeply than Python can write."""
    if value is None:
        return None
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a whole number of more than 64 bits, or many levels
        try:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        except RecursionError:
            return None


def _document(text: str) -> JsonValue:
    try:
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        message = f"{error.msg} at character {error.pos}"
        raise JsonError(message) from None
    rest = text[end:].lstrip(_BLANK)
    if rest.startswith(("{", "[")):
        message = "it holds more than one document"
        raise JsonError(message)
    if _SURROGATE.search(text):
        whole = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        value = _DECODER.decode(whole)
    document: JsonValue = value
    return document


def _depth(text: str) -> int:
    return max(accumulate(map(_STEPS.__getitem__, _OTHER.sub("", text))))


def _cut(text: str) -> str:
    """The text with null in place of what is nested deeper than MAX_DEPTH levels."""
    kept: list[str] = []
    depth = start = 0
    for match in _BRACKET.finditer(text):
        step = _STEPS.get(match[0], 0)
        if step == 1 and depth == MAX_DEPTH:
            kept.append(text[start : match.start()])
            start = len(text)  # where it is never closed, the parser reports that
        depth += step
        if step == -1 and depth == MAX_DEPTH:
            kept.append("null")
            start = match.end()
    return "".join(kept) + text[start:]


def _constant(_name: str) -> NoReturn:
    message = "NaN and Infinity are not allowed"
    raise JsonError(message)


_DECODER: Final = json.JSONDecoder(parse_float=finite_number, parse_int=whole_number, parse_constant=_constant)
