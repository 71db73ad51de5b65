"""Numbers of event parameters, read from text of any length."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

MAX_DIGITS: Final = 2000
"""Python converts some thousands of digits at most, and no reader of a record takes as many as this."""
_JS_EXPONENT: Final = 21
"""From 10**21 on, JavaScript writes whole numbers with an exponent too."""


def whole_number(digits: str, base: int = 10) -> int | None:
    """A whole number; None when it has too many digits."""
    return int(digits, base) if len(digits) <= MAX_DIGITS else None


def finite_number(text: str) -> float | None:
    """A number; None when a double cannot hold it."""
    number = float(text)
    return None if math.isinf(number) else number


def decimal_number(text: str) -> int | float | None:
    """A number with a fraction or an exponent; None when a double cannot hold it.

    `1e+7` is the whole number 10000000, which is how Divolte's tag shortens it, so its text has no fraction.
    """
    number = finite_number(text)
    if number is not None and "e" in text.lower() and number.is_integer() and 0 < abs(number) < 10**_JS_EXPONENT:
        return int(Decimal(text))
    return number
