"""The visitor's cookie, set again by the server for browsers that keep a script's cookie for days only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from collector.enrich.privacy import asks_for_privacy
from collector.enrich.sites import Sites
from collector.protocol.cookies import cookie
from collector.protocol.identifier import is_canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.settings import Settings

_SECONDS: Final = 2 * 365 * 86_400
"""As the tracker asks for. Browsers grant 400 days at most."""


class RenewedCookie:
    """Sends a page's own cookie back with the answer, in the form that the tracker wrote it.

    Only what the request brought is set again, so that nobody gets an identifier here. Page and endpoint must have one
    origin: for any other page it would be another cookie, of the collector's domain.
    """

    def __init__(self, settings: Settings) -> None:
        """With the settings' name of the cookie, and their domains for the pages of each site."""
        self._name = settings.party_cookie
        self._domain = settings.cookie_domain
        self._sites = Sites(settings.sites)
        self._privacy = settings.privacy_signals != "ignore"

    def header(self, headers: dict[bytes, bytes]) -> bytes:
        """Return the header line for the answer to a request with these headers; empty if nothing is to be set."""
        if headers.get(b"sec-fetch-site") != b"same-origin" or (self._privacy and asks_for_privacy(headers)):
            return b""
        party = cookie(headers, self._name)
        if party is None or not is_canonical(party):
            return b""
        scheme, host = _page(headers)
        parts = [f"{self._name}={party}", f"Max-Age={_SECONDS}", "Path=/", "SameSite=Lax"]
        if domain := self._sites.cookie_domain(host) or self._domain:
            parts.append(f"Domain={domain}")
        if scheme == "https":
            parts.append("Secure")
        return f"Set-Cookie: {'; '.join(parts)}\r\n".encode()


def _page(headers: Mapping[bytes, bytes]) -> tuple[str, str]:
    """Scheme and host of the page that asks; a GET has no Origin."""
    try:
        page = urlsplit((headers.get(b"origin") or headers.get(b"referer", b"")).decode("latin-1"))
    except ValueError:
        return "", ""
    return page.scheme, page.hostname or ""
