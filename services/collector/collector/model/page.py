"""The parts of a URL that records hold."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from collector.model.cache import BoundedCache

CLICK_IDS: Final = ("gclid", "fbclid", "msclkid", "ttclid", "twclid", "li_fat_id")


class Page:
    """A location or referrer, taken apart once. What cannot be parsed has only its text."""

    __slots__ = ("fragments", "parts", "query", "url")

    def __init__(self, url: str) -> None:
        """Take the URL apart. Never fails: any text can stand in a beacon."""
        self.url = url
        self.parts: dict[str, str] = {}
        self.query: dict[str, list[str]] = {}
        self.fragments: dict[int, bytes] = {}
        try:
            split = urlsplit(url)
            host, port = split.hostname, split.port
        except ValueError:  # a bad port or IPv6 address
            return
        parts = {
            "scheme": split.scheme,
            "host": host,
            "port": None if port is None else str(port),
            "path": unquote(split.path),
            "raw_path": split.path,
            "query": split.query,
            "fragment": unquote(split.fragment),
            "raw_fragment": split.fragment,
        }
        self.parts = {name: text for name, text in parts.items() if text}
        try:
            self.query = parse_qs(split.query, keep_blank_values=True, max_num_fields=200)
        except ValueError:  # more fields than that
            return
        for name in CLICK_IDS:
            if self.query.get(name, [""])[0]:
                self.parts["click_id"] = self.query[name][0]
                self.parts["click_id_name"] = name
                break


_PAGES: Final = BoundedCache[str, Page](8192)
_LONGEST_KEPT: Final = 4096
"""Longer URLs are not cached: a URL may fill a whole request, and thousands of those the memory."""


def page_of(url: str) -> Page:
    """The page of a URL; sites have few pages, so most of them are known already."""
    page = _PAGES.get(url)
    if page is None:
        page = Page(url)
        if len(url) <= _LONGEST_KEPT:
            _PAGES.put(url, page)
    return page
