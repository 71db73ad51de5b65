"""Cookies of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping


def cookie(headers: Mapping[bytes, bytes], name: str) -> str | None:
    """The value of the first cookie of that name, unquoted; None without one."""
    for item in headers.get(b"cookie", b"").decode("utf-8", "replace").split(";"):
        key, separator, value = item.strip().partition("=")
        if separator and key == name:
            return unquote(value.strip('"'))
    return None
