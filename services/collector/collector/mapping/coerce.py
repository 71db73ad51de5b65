"""From values of any type to the type of a field. None where the value does not fit, so the field's default counts.

The rules are Divolte's for JSON: numbers may be written as text, whole numbers are truncated, a list of one is
taken for its element. JSON null is absent (Divolte wrote the text "null").
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, Final

from collector.mapping.avro import pack_float

if TYPE_CHECKING:
    from collections.abc import Callable


def single(value: Any) -> Any:
    """The element of a list of one; anything else as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def to_text(value: Any) -> str | None:
    """Text of text, a number or a boolean."""
    value = single(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else None


def to_boolean(value: Any) -> bool | None:
    """A boolean, or text that spells one."""
    value = single(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return None


def to_number(value: Any) -> float | None:
    """A finite number, or text that spells one."""
    value = single(value)
    if isinstance(value, bool):
        return None
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _whole(value: Any, bits: int) -> int | None:
    value = single(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        digits = text.removeprefix("-")
        value = int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else to_number(text)
    if isinstance(value, float):
        value = math.trunc(value) if math.isfinite(value) else None
    limit = 1 << (bits - 1)
    return value if isinstance(value, int) and -limit <= value < limit else None


def to_float(value: Any) -> float | None:
    """A number of 32 bits; infinity where that is too small, as in Java."""
    number = to_number(value)
    if number is None:
        return None
    try:
        pack_float(number)
    except OverflowError:
        return math.copysign(math.inf, number)
    return number


def to_bytes(value: Any) -> bytes | None:
    """The bytes of base64 text."""
    value = single(value)
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except ValueError:
        return None


def to_int(value: Any) -> int | None:
    """A whole number of 32 bits."""
    return _whole(value, 32)


def to_long(value: Any) -> int | None:
    """A whole number of 64 bits."""
    return _whole(value, 64)


COERCIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "string": to_text, "boolean": to_boolean, "int": to_int, "long": to_long, "float": to_float, "double": to_number,
    "bytes": to_bytes,
}  # fmt: skip
