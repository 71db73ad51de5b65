"""Decoding of query strings."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

from fast_query_parsers import parse_query_string

_PLAIN_NAME: Final = re.compile(rb"[^=&%]*=").match
_OTHER_NAME: Final = re.compile(rb"&[^=&%]*(?:[&%]|$)").search
"""The fast parser decodes a pair before it splits it, which a name with an escape may not survive. A search from
one `&` to the next is twice as fast as matching the whole query."""


def parse_query(query: bytes) -> list[tuple[str, str]]:
    """Names and decoded values in their order; `+` is a space, a name without `=` has an empty value.

    Never fails: what is not UTF-8 becomes U+FFFD, a bad percent escape stays as it is.
    """
    if query.isascii() and _PLAIN_NAME(query) and not _OTHER_NAME(query):
        try:
            pairs: list[tuple[str, str]] = parse_query_string(query, "&")
        except ValueError:
            pairs = [("=", "")]
        for name, _ in pairs:
            # The fast parser gives up on a pair that is not UTF-8 and returns it whole as a name.
            if "=" in name:
                break
        else:
            return pairs
    # latin-1 keeps the raw bytes, so that unescaped UTF-8 in the URL is decoded with the rest.
    escaped = "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in query)
    return parse_qsl(escaped, keep_blank_values=True, errors="replace")
