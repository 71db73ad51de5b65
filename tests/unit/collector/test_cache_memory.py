"""Caches of what clients send: thousands of long texts must not fill the memory."""

from __future__ import annotations

from collector.enrich import languages
from collector.enrich.user_agent import Agents
from collector.model import page


def test_long_urls_are_parsed_and_not_cached() -> None:
    before = len(page._PAGES)
    assert page.page_of(f"https://long.example/{'x' * 5000}").parts["host"] == "long.example"
    assert len(page._PAGES) == before


def test_long_user_agents_are_parsed_and_not_cached() -> None:
    agents = Agents()
    firefox = b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    assert agents.of({b"user-agent": firefox + b" " * 5000}, secure=False).values["browser_name"] == "Firefox"
    assert len(agents._cache) == 0
    agents.of({b"user-agent": firefox}, secure=False)
    assert len(agents._cache) == 1


def test_only_the_beginning_of_a_long_list_of_languages_is_read_and_cached() -> None:
    languages._language_of.cache_clear()
    for end in (b"a", b"b"):
        assert languages.language_of(b"de," + b"x" * 5000 + end).tag == "de"
    assert languages._language_of.cache_info().currsize == 1
