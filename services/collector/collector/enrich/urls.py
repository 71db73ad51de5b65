"""What may be kept of URLs: their queries can hold anything, from e-mail addresses to keys that log a visitor in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from collector.model.cache import BoundedCache
from collector.model.campaign import MOST_PARAMETERS, SEPARATORS, TAGS, parameter_name, parameter_value, tag_of
from collector.model.page import LONGEST_KEPT, Page, page_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collector.model.json_types import JsonValue

ALL: Final = "*"
"""In the list of allowed parameters: URLs are kept as they are."""
URL: Final = "url"
_LINKS: Final = frozenset({"outbound", "download"})
"""Events of the tracker with the address of a link in their parameter `url`."""
_CONTROLS: Final = str.maketrans("", "", "\t\r\n")
"""Parsers of URLs remove these, so they must not hide a delimiter from us."""
_CREDENTIALS: Final = re.compile(r"^([^/?#]*//)[^/?#]*@")
_PATH_PARAMETERS: Final = re.compile(r"(?:[;&]|%3[bB]|%26)[^/;&=]{0,100}?(?:=|%3[dD])[^/;&]*")
"""As in `/page;jsessionid=A1` and `/page&id=1`. Bounded, for a path may have thousands of semicolons."""
_QUESTION_MARK: Final = re.compile(r"%3[fF]")
_EQUALS_SIGN: Final = re.compile(r"=|%3[dD]")
_WITHIN: Final = re.compile(r"[?&;#][^?&;#=]*=")
"""Where a value contains another parameter: links put together by programs are encoded once too often."""


class Urls:
    """Reduces URLs to host, path and the allowed parameters of query and fragment."""

    def __init__(self, allowed: Iterable[str]) -> None:
        """Names of parameters, in any case; `*` alone allows everything."""
        self._allowed = frozenset(name.lower() for name in allowed)
        self.keeps_all = ALL in self._allowed
        self._kept: BoundedCache[str, Page] = BoundedCache(8192)
        self._bare: BoundedCache[str, Page] = BoundedCache(8192)

    def page(self, page: Page) -> Page:
        """The page with the allowed parameters, and with the tags and the click ID's name that it had."""
        if self.keeps_all:
            return page
        kept = self._kept.get(page.url)
        if kept is None:
            kept = self._reduced(page)
            if len(page.url) <= LONGEST_KEPT:
                self._kept.put(page.url, kept)
        return kept

    def bare(self, page: Page) -> Page:
        """The page without query and fragment, and without what was read from them."""
        kept = self._bare.get(page.url)
        if kept is None:
            kept = page_of(_head(page.url.translate(_CONTROLS).partition("#")[0].partition("?")[0]))
            if len(page.url) <= LONGEST_KEPT:
                self._bare.put(page.url, kept)
        return kept

    def text(self, url: str) -> str:
        """The URL with the allowed parameters, without a user name or password. Any text can stand for a URL."""
        if self.keeps_all:
            return url
        rest, _, fragment = url.translate(_CONTROLS).partition("#")
        head, _, query = rest.partition("?")
        text = _head(head)
        if query := self._query(query):
            text = f"{text}?{query}"
        if fragment := self._fragment(fragment):
            text = f"{text}#{fragment}"
        return text

    def parameters(self, event_type: str | None, given: JsonValue) -> JsonValue:
        """An event's own parameters, with the address of the link that the tracker reports reduced."""
        if self.keeps_all or event_type not in _LINKS or not isinstance(given, dict):
            return given
        url = given.get(URL)
        return {**given, URL: self.text(url)} if isinstance(url, str) else given

    def _reduced(self, page: Page) -> Page:
        url = self.text(page.url)
        kept = page_of(url)
        parts = {name: text for name, text in kept.parts.items() if name not in TAGS and not name.startswith("click_")}
        campaign = page.campaign
        if campaign is not None:
            # Read from the whole address: there are more ways to write a tag than the reduced one keeps.
            parts |= {name: text for name, tag in campaign.tags.items() if self._allows(name) and (text := _cut(tag))}
            click = campaign.click
            if click is not None:
                parts["click_id_name"] = click.name
                if self._allows(click.name.lower()):
                    parts["click_id"] = _cut(campaign.click_value)
        if parts == kept.parts:
            return kept
        own = Page(url)
        own.parts = parts
        return own

    def _allows(self, name: str) -> bool:
        """Whether the parameter is allowed, or the tag that it stands for (`mtm_source`)."""
        return name in self._allowed or tag_of(name) in self._allowed

    def _query(self, query: str) -> str:
        kept: list[str] = []
        if "=" not in query:
            return ""
        for part in SEPARATORS.split(query, MOST_PARAMETERS)[:MOST_PARAMETERS]:
            raw, _, given = part.partition("=")
            if not self._allows(parameter_name(raw)):
                continue
            value = parameter_value(given)
            cut = _cut(value)
            kept.append(part if cut == value else f"{raw}={quote(cut)}")
        return "&".join(kept)

    def _fragment(self, fragment: str) -> str:
        """An anchor, or the route of an app in the page, whose own query is reduced as the page's is."""
        text = fragment.partition(":~:")[0]
        if "=" not in parameter_value(text):
            return text
        route, mark, query = text.partition("?")
        if not mark or "=" in parameter_value(route):
            return self._query(text)
        return f"{route}?{query}" if (query := self._query(query)) else route


def _head(head: str) -> str:
    """What stands before the query, without credentials and without parameters in the path."""
    text = _CREDENTIALS.sub(r"\1", head)
    if "=" in text or "%3" in text:
        # A query whose question mark was encoded is part of the path.
        found = _QUESTION_MARK.search(text)
        if found is not None and _EQUALS_SIGN.search(text, found.end()):
            text = text[: found.start()]
        text = _PATH_PARAMETERS.sub("", text)
    return text


def _cut(value: str) -> str:
    """A value up to the parameters within it."""
    found = _WITHIN.search(value)
    return value if found is None else value[: found.start()]
