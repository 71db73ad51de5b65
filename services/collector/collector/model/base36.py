"""Base-36 numbers as Divolte's tag writes them: lower case, an optional sign."""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_NUMBER: Final = re.compile(r"[+-]?[0-9a-zA-Z]+")

INT_MAX: Final = 2**31 - 1
LONG_MAX: Final = 2**63 - 1


def parse_long(text: str) -> int | None:
    """The number, or None where Java's `Long.parseLong(text, 36)` would refuse it, or it is not ASCII."""
    if text.isalnum() and len(text) < 13 and text.isascii():
        return int(text, 36)
    # int() also takes spaces and underscores, which Java does not. Java takes other scripts' digits and full-width
    # letters, which no tag writes. The longest 64-bit number has 13 digits: a cheap check keeps huge inputs out.
    if len(text) > 64 or not _NUMBER.fullmatch(text):
        return None
    number = int(text, 36)
    return number if -LONG_MAX - 1 <= number <= LONG_MAX else None


def parse_int(text: str) -> int | None:
    """The number, or None where Java's `Integer.parseInt(text, 36)` would refuse it."""
    if text.isalnum() and len(text) < 6 and text.isascii():
        return int(text, 36)
    number = parse_long(text)
    return number if number is not None and -INT_MAX - 1 <= number <= INT_MAX else None


def to_base36(number: int) -> str:
    """The number in base 36, with `-` in front when negative."""
    if number == 0:
        return "0"
    digits: list[str] = []
    rest = abs(number)
    while rest:
        rest, digit = divmod(rest, 36)
        digits.append(_DIGITS[digit])
    if number < 0:
        digits.append("-")
    return "".join(reversed(digits))
