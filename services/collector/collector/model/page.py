"""The parts of a URL that records hold."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from collector.model.cache import BoundedCache
from collector.model.campaign import Campaign, campaign_of

_LOOSE: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
"""Any URL, whatever its host: for what urlsplit refuses to take apart."""
_MOST_PARAMETERS: Final = 200
LONGEST_HOST: Final = 253
"""What DNS allows. Look-ups of a host go up its domains one by one, and a host may fill a whole request."""


class Page:
    """A location or referrer, taken apart once. Of a URL that is not quite one, what can be read is kept."""

    __slots__ = ("campaign", "fragments", "parts", "query", "url")

    def __init__(self, url: str) -> None:
        """Take the URL apart. Never fails: any text can stand in a beacon."""
        self.url = url
        self.parts: dict[str, str] = {}
        self.query: dict[str, list[str]] = {}
        self.fragments: dict[int, bytes] = {}
        self.campaign: Campaign | None = None
        scheme, host, port, path, query, fragment = _split(url)
        parts = {
            "scheme": scheme,
            "host": host if len(host) <= LONGEST_HOST else "",
            "port": port,
            "path": unquote(path),
            "raw_path": path,
            "query": query,
            "fragment": unquote(fragment),
            "raw_fragment": fragment,
        }
        self.parts = {name: text for name, text in parts.items() if text}
        if query:
            kept = query if query.count("&") < _MOST_PARAMETERS else "&".join(query.split("&")[:_MOST_PARAMETERS])
            self.query = parse_qs(kept, keep_blank_values=True)
        campaign = campaign_of(query, fragment) if query or fragment else None
        if campaign is not None:
            self.campaign = campaign
            self.parts |= campaign.tags
            if campaign.click is not None:
                self.parts["click_id"] = campaign.click_value
                self.parts["click_id_name"] = campaign.click.name


def _split(url: str) -> tuple[str, str, str, str, str, str]:
    """Scheme, host, port, path, query and fragment; empty texts for what the URL lacks or nobody can read."""
    try:
        split = urlsplit(url)
    except ValueError:  # an IPv6 address without its bracket, or a host with signs that stand for others
        found = _LOOSE.match(url)
        if found is None:
            return "", "", "", "", "", ""
        scheme, authority, path, query, fragment = (part or "" for part in found.groups())
        host, _, port = authority.rpartition("@")[2].partition(":")
        if host.startswith("["):
            host = port = ""
        return scheme.lower(), host.lower(), port if _is_port(port) else "", path, query, fragment
    try:
        port = "" if split.port is None else str(split.port)
    except ValueError:  # no number, or above 65,535
        port = ""
    return split.scheme, split.hostname or "", port, split.path, split.query, split.fragment


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65_535


_PAGES: Final = BoundedCache[str, Page](8192)
LONGEST_KEPT: Final = 4096
"""Longer URLs are not cached: a URL may fill a whole request, and thousands of those the memory."""


def page_of(url: str) -> Page:
    """The page of a URL; sites have few pages, so most of them are known already."""
    page = _PAGES.get(url)
    if page is None:
        page = Page(url)
        if len(url) <= LONGEST_KEPT:
            _PAGES.put(url, page)
    return page
