"""Cross-origin resource sharing: which pages may read the answers of the event endpoints.

Cookies play no part: events carry their ids, so no answer allows credentials.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from collector.http.responses import response

if TYPE_CHECKING:
    from collections.abc import Iterable

# Retry-After is not among the headers that a page may read by default.
_READABLE: Final = (
    b"Access-Control-Expose-Headers: Retry-After\r\n"
    # Pages that are isolated from other origins (COEP) load the beacon's picture only with this.
    b"Cross-Origin-Resource-Policy: cross-origin\r\n"
)
_VARY: Final = b"Vary: Origin\r\n"
_ANY_ORIGIN: Final = b"Access-Control-Allow-Origin: *\r\n" + _READABLE
# Browsers shorten it: Chromium to two hours, Firefox to a day.
_PREFLIGHT_MAX_AGE: Final = "86400"


class CorsPolicy:
    """Which origins may read answers: those that are listed, or any when none is."""

    def __init__(self, origins: Iterable[str] = ()) -> None:
        """`*` in the list stands for any origin."""
        listed = frozenset(origin.encode("latin-1") for origin in origins)
        self._origins = frozenset[bytes]() if b"*" in listed else listed

    def headers(self, origin: bytes) -> bytes:
        """Header lines of an answer to a request of that origin; empty when the request names none."""
        if not self._origins:
            return _ANY_ORIGIN
        if origin in self._origins:
            return _VARY + b"Access-Control-Allow-Origin: " + origin + b"\r\n" + _READABLE
        return _VARY


def preflight(methods: Iterable[bytes]) -> bytes:
    """The answer to a browser that asks before it sends. Whether its page may, the policy's headers say."""
    headers = {
        "Access-Control-Allow-Methods": b", ".join(methods).decode(),
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Max-Age": _PREFLIGHT_MAX_AGE,
    }
    return response(HTTPStatus.NO_CONTENT, None, headers=headers)
