"""Party and session identifiers: `0:<base-36 ms>:<id>`."""

from __future__ import annotations

import re
from typing import Final

from collector.model.base36 import parse_long, to_base36

_FORM: Final = r"0:(?:0|[1-9a-z][0-9a-z]{0,11}):[^:]*"
IDENTIFIER: Final = f"^{_FORM}$"
"""The canonical form, as a pattern for JSON Schema."""

is_canonical: Final = re.compile(_FORM).fullmatch
"""Matches what re-rendering leaves unchanged. At most 12 digits, so that it certainly fits in 64 bits."""


def canonical_identifier(text: str) -> str | None:
    """The identifier with its time re-rendered, or None when it is not one.

    Divolte splits on `:` and wants exactly three parts, version `0` and a base-36 time; the last part is free.
    """
    if is_canonical(text):
        return text
    parts = text.split(":", 3)
    if len(parts) != 3 or parts[0] != "0":
        return None
    timestamp = parse_long(parts[1])
    return None if timestamp is None else f"0:{to_base36(timestamp)}:{parts[2]}"
