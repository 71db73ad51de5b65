"""Renews the visitor's cookie in answers, for browsers that keep cookies of scripts for days only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from collector.enrich.privacy import asks_for_privacy
from collector.protocol.cookies import cookie
from collector.protocol.identifier import is_canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.enrich.sites import Sites
    from collector.settings import Settings

_SECONDS: Final = 2 * 365 * 86_400
"""The same as in the tracker. Browsers allow at most 400 days."""

_IS_SAFE: Final = re.compile(r"[!#-+\--:<-\[\]-~]+").fullmatch
"""Only what a cookie's value may contain (RFC 6265, 4.1.1). The request's value was percent-decoded: it can hold line
ends, which would split the answer, and semicolons, which would add attributes."""


class RenewedCookie:
    """Sends a page's own cookie back with the answer, with the attributes that the tracker gives it.

    It only repeats the cookie of the request and never makes an identifier. Page and endpoint must have one origin: for
    any other page this would be a different cookie, one of the collector's domain.
    """

    def __init__(self, settings: Settings, sites: Sites) -> None:
        """With the cookie's name and domains from the settings."""
        self._name = settings.party_cookie
        self._domain = settings.cookie_domain
        self._sites = sites
        self._privacy = settings.privacy_signals != "ignore"

    def header(self, headers: dict[bytes, bytes]) -> bytes:
        """Return the header line for the answer to a request with these headers; empty if nothing is to be set."""
        if headers.get(b"sec-fetch-site") != b"same-origin" or (self._privacy and asks_for_privacy(headers)):
            return b""
        party = cookie(headers, self._name)
        if party is None or not is_canonical(party) or not _IS_SAFE(party):
            return b""
        scheme, host = _page(headers)
        parts = [f"{self._name}={party}", f"Max-Age={_SECONDS}", "Path=/", "SameSite=Lax"]
        if domain := self._sites.cookie_domain(host) or self._domain:
            parts.append(f"Domain={domain}")
        if scheme == "https":
            parts.append("Secure")
        return f"Set-Cookie: {'; '.join(parts)}\r\n".encode()


def _page(headers: Mapping[bytes, bytes]) -> tuple[str, str]:
    """Scheme and host of the page that sent the request. A GET has no Origin, so its Referer counts."""
    try:
        page = urlsplit((headers.get(b"origin") or headers.get(b"referer", b"")).decode("latin-1"))
    except ValueError:
        return "", ""
    return page.scheme, page.hostname or ""
