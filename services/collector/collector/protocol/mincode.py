"""Mincode: the compact notation of the event parameters in the beacon's `u`.

The grammar is Divolte's: a type character, then (in an object) the property's name, then the payload.
Strings end with `!`; `!` and `~` in them are written `~!` and `~~`.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Final

from collector.model.base36 import to_base36
from collector.protocol.numbers import decimal_number, whole_number

if TYPE_CHECKING:
    from collector.model.json_types import JsonValue

MAX_DEPTH: Final = 64
_STRING: Final = re.compile(r"([^~!]*(?:~.[^~!]*)*)!", re.DOTALL)
_ESCAPE: Final = re.compile(r"~(.)", re.DOTALL)
# As Java's BigInteger and BigDecimal read them, which is more than the tag writes.
_BASE36: Final = re.compile(r"([+-]?[0-9a-zA-Z]+)!")
_DECIMAL: Final = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)!")


class MincodeError(ValueError):
    """The text is not mincode."""


def decode(text: str) -> JsonValue:
    """The value, or MincodeError with the position of the first thing that is wrong.

    What follows the value is ignored, as in Divolte.
    """
    return _value(text, 1, text[:1], 0)[0]


def encode(value: JsonValue) -> str:
    """The value in mincode, by the rules of Divolte's tag: whole numbers take the shorter form."""
    return _encode(value, "")


def _string(text: str, position: int) -> tuple[str, int]:
    match = _STRING.match(text, position)
    if match is None:
        message = f"mincode: string without its closing '!', at position {position}"
        raise MincodeError(message)
    raw = match[1]
    return (_ESCAPE.sub(r"\1", raw) if "~" in raw else raw), match.end()


def _value(text: str, position: int, kind: str, depth: int) -> tuple[JsonValue, int]:
    """The value of that kind whose payload starts at the position, and where it ends."""
    if kind == "s":
        return _string(text, position)
    if kind in _LITERALS:
        return _LITERALS[kind], position
    if kind in ("d", "j"):
        return _number(text, position, kind)
    if depth >= MAX_DEPTH:
        message = f"mincode: nested deeper than {MAX_DEPTH} levels, at position {position}"
        raise MincodeError(message)
    if kind in ("(", "a"):
        return (_object if kind == "(" else _array)(text, position, depth)
    message = (
        f"mincode: {kind!r} is not a type, at position {position - 1}" if kind else "mincode: the text ends too early"
    )
    raise MincodeError(message)


_LITERALS: Final[dict[str, JsonValue]] = {"t": True, "f": False, "n": None}


def _number(text: str, position: int, kind: str) -> tuple[JsonValue, int]:
    """A number, which is None when it is out of any reader's range."""
    match = (_BASE36 if kind == "d" else _DECIMAL).match(text, position)
    if match is None:
        message = f"mincode: not a number, at position {position}"
        raise MincodeError(message)
    digits, end = match[1], match.end()
    if kind == "d":
        return whole_number(digits, 36), end
    if digits.lstrip("+-").isdigit():
        return whole_number(digits), end
    return decimal_number(digits), end


def _object(text: str, position: int, depth: int) -> tuple[JsonValue, int]:
    members: dict[str, JsonValue] = {}
    while True:
        kind = text[position : position + 1]
        if kind == ")":
            return members, position + 1
        name, position = _string(text, position + 1)
        members[name], position = _value(text, position, kind, depth + 1)


def _array(text: str, position: int, depth: int) -> tuple[JsonValue, int]:
    items: list[JsonValue] = []
    while True:
        kind = text[position : position + 1]
        if kind == ".":
            return items, position + 1
        item, position = _value(text, position + 1, kind, depth + 1)
        items.append(item)


def _escape(text: str) -> str:
    return text.replace("~", "~~").replace("!", "~!") + "!"


def _encode(value: JsonValue, name: str) -> str:
    """`name` is what stands between the type and the payload: empty, or the escaped property name."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "n" + name
    if isinstance(value, bool):
        return ("t" if value else "f") + name
    if isinstance(value, str):
        return "s" + name + _escape(value)
    if isinstance(value, int):
        base36, decimal = to_base36(value), json.dumps(value)
        return f"d{name}{base36}!" if len(base36) <= len(decimal) else f"j{name}{decimal}!"
    if isinstance(value, float):
        return f"j{name}{json.dumps(value)}!"
    return _encode_container(value, name)


def _encode_container(value: list[JsonValue] | dict[str, JsonValue], name: str) -> str:
    if isinstance(value, list):
        return "a" + name + "".join(_encode(item, "") for item in value) + "."
    return "(" + name + "".join(_encode(item, _escape(key)) for key, item in value.items()) + ")"
