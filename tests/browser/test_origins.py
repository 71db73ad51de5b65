"""The tag on pages of three other origins than the collector's, over http and https, in Chromium and Firefox."""

from __future__ import annotations

import contextlib
import ssl
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import trustme

from tests.browser.collector_server import TAGGED, collector, pages
from tests.browser.firefox import executable, firefox
from tests.support.forwarder import Forwarder
from tests.support.tracker import QUEUE_IS_EMPTY
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

ORIGINS = {
    "another port": ("127.0.0.1", "127.0.0.1"),
    "a subdomain": ("www.shop.localhost", "clicks.shop.localhost"),
    "another domain": ("shop.localhost", "127.0.0.1"),
}
"""Hosts of the page and of the collector. Browsers resolve names under localhost to this machine."""


class Browser(Protocol):
    """What the test needs of a browser."""

    def open(self, url: str) -> None: ...

    def evaluate(self, expression: str) -> Any: ...

    def wait_until(self, expression: str) -> None: ...


class Chromium:
    """A page of Chromium."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def open(self, url: str) -> None:
        self._page.goto(url)

    def evaluate(self, expression: str) -> Any:
        return self._page.evaluate(expression)

    def wait_until(self, expression: str) -> None:
        self._page.wait_for_function(expression)


@pytest.fixture(params=["Chromium", "Firefox"])
def visitor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Browser]:
    """A browser that accepts the certificate of this test."""
    if request.param == "Chromium":
        context = request.getfixturevalue("browser").new_context(ignore_https_errors=True)
        yield Chromium(context.new_page())
        context.close()
        return
    if executable() is None:
        pytest.skip("Firefox is not installed")
    with firefox(tmp_path, acceptInsecureCerts=True) as running:
        yield running


@pytest.fixture(params=["http", "https"])
def tls(request: pytest.FixtureRequest) -> ssl.SSLContext | None:
    if request.param == "http":
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    hosts = {host for pair in ORIGINS.values() for host in pair}
    trustme.CA().issue_cert(*sorted(hosts)).configure_cert(context)
    return context


def test_every_event_arrives_once_even_if_the_collector_is_away_for_a_while(
    visitor: Browser, tls: ssl.SSLContext | None, tmp_path: Path, scripts: Path
) -> None:
    sent: list[str] = []
    with contextlib.ExitStack() as open_things:
        server = open_things.enter_context(collector(tmp_path, script_file=scripts / "divolte.js"))
        way = open_things.enter_context(Forwarder(server.port, tls))
        for shop, collecting in ORIGINS.values():
            html = TAGGED.format(origin=way.url(collecting))
            site = open_things.enter_context(pages(html))
            page = open_things.enter_context(Forwarder(int(site.rpartition(":")[2]), tls))
            visitor.open(f"{page.url(shop)}/lamps")
            sent += visitor.evaluate("[1, 2, 3].map(number => divolte.signal('look', {number}))")
            visitor.wait_until(QUEUE_IS_EMPTY)
            way.close()
            before = way.refused
            sent += visitor.evaluate("[4, 5].map(number => divolte.signal('look', {number}))")
            until(lambda before=before: way.refused > before, what="an attempt", seconds=60)  # type: ignore[misc]
            way.open()
            visitor.evaluate("dispatchEvent(new Event('online'))")
            visitor.wait_until(QUEUE_IS_EMPTY)
        records = server.records(server.accepted)
    by_type = {kind: [record for record in records if record["event_type"] == kind] for kind in ("pageView", "look")}
    assert Counter(record["event_id"] for record in by_type["look"]) == Counter(sent)
    shops = Counter(shop for shop, _ in ORIGINS.values())
    assert Counter(record["host"] for record in by_type["pageView"]) == shops
    assert {record["location"].partition(":")[0] for record in records} == {"http" if tls is None else "https"}
    assert len({record["event_id"] for record in records}) == len(records), "none twice"
    assert not any(record["is_duplicate"] or record["is_corrupt"] for record in records)


BLOCKED = {
    "the script by policy": ("script-src 'self'", False, False),
    "the events by policy": ("connect-src 'self'", False, True),
    "the script by the network": ("", True, False),
}
"""The policy of the page, whether the collector cannot be reached, and whether the tracker runs there."""


@pytest.mark.parametrize("blocked", BLOCKED)
def test_a_page_where_it_is_blocked_works_and_a_later_page_sends_what_waits(
    blocked: str, visitor: Browser, tmp_path: Path, scripts: Path
) -> None:
    policy, is_cut, runs = BLOCKED[blocked]
    with contextlib.ExitStack() as open_things:
        server = open_things.enter_context(collector(tmp_path, script_file=scripts / "divolte.js"))
        way = open_things.enter_context(Forwarder(server.port))
        site = open_things.enter_context(
            pages(TAGGED.format(origin=way.url("localhost")), policy=policy, policy_at="/strict")
        )
        if is_cut:
            way.close()
        visitor.open(f"{site}/strict")
        assert visitor.evaluate("[document.title, typeof window.divolte]") == [
            "A shop", "object" if runs else "undefined",
        ]  # fmt: skip
        sent = visitor.evaluate("[1, 2].map(number => divolte.signal('look', {number}))") if runs else []
        if runs:
            visitor.wait_until("JSON.parse(localStorage._dvq).length == 3")
        assert server.accepted == 0
        way.open()
        visitor.open(f"{site}/open")
        visitor.evaluate("divolte.signal('last')")
        visitor.wait_until(QUEUE_IS_EMPTY)
        records = server.records(server.accepted)
    looks = [record["event_id"] for record in records if record["event_type"] == "look"]
    views = [record["path"] for record in records if record["event_type"] == "pageView"]
    assert Counter(looks) == Counter(sent)
    assert sorted(views) == (["/open", "/strict"] if runs else ["/open"])
    assert not any(record["is_duplicate"] or record["is_corrupt"] for record in records)
