"""What the tracker makes of a collector of another origin that is slow, away, full or silent, and of a full browser."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.browser.site_server import Event, SiteServer, accept, first_values
from tests.support.ports import free_port
from tests.support.tracker import QUEUE_IS_EMPTY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

MOST_SENDS = 4
"""How often the tracker sends an event at most."""
FILL_STORAGE = """
for (let size = 1 << 20; size; size >>= 1) {
  try { for (;;) localStorage['filler' + localStorage.length] = 'x'.repeat(size); } catch {}
}
"""


@pytest.fixture
def collecting(scripts: Path) -> Iterator[SiteServer]:
    """A collector whose answers the test chooses."""
    with SiteServer(scripts) as server:
        yield server


@pytest.fixture
def shop(scripts: Path, collecting: SiteServer) -> Iterator[SiteServer]:
    """A site of another port and host name than its tag's."""
    with SiteServer(scripts, script_origin=collecting.other_url) as server:
        yield server


def sends_of(collecting: SiteServer) -> Counter[str]:
    """How often each event was sent, whatever the answer."""
    return Counter(event["e"] for batch in collecting.batches for event in batch.events)


def test_a_collector_that_is_full_for_a_while_gets_each_event_once(
    shop: SiteServer, collecting: SiteServer, page: Page
) -> None:
    collecting.answer_headers["Retry-After"] = "1"
    collecting.answer = lambda _: (503, {})
    page.goto(shop.url)
    page.evaluate("divolte.signal('order')")
    collecting.wait("three refusals", lambda: len(collecting.batches) >= 3)
    collecting.answer = accept
    page.wait_for_function(QUEUE_IS_EMPTY)
    assert set(Counter(event["e"] for event in collecting.events).values()) == {1}
    assert {event["t"] for event in collecting.events} == {"pageView", "order"}
    times = [batch.time for batch in collecting.batches]
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(times)), "Retry-After was read"
    assert shop.batches == [], "the page's own site is asked nothing"


def test_a_collector_that_is_away_for_a_while_gets_each_event_once(scripts: Path, page: Page) -> None:
    port = free_port()
    with SiteServer(scripts, attributes=f'data-batch="http://localhost:{port}/csc-batch"') as shop:
        page.goto(shop.url)
        ids = page.evaluate("Array.from({length: 30}, () => divolte.signal('order'))")
        for _ in range(3):
            page.wait_for_event("requestfailed")
        with SiteServer(scripts, port=port) as collecting:
            page.wait_for_function(QUEUE_IS_EMPTY)
            sends = sends_of(collecting)
    assert {sends[event_id] for event_id in ids} == {1}
    assert sends.total() == 31


def test_an_answer_that_does_not_come_holds_up_nothing_that_comes_later(
    shop: SiteServer, collecting: SiteServer, page: Page
) -> None:
    release = threading.Event()

    def answer(events: list[Event]) -> tuple[int, object]:
        if events[0]["t"] == "pageView":
            release.wait(60)
        return accept(events)

    collecting.answer = answer
    with page.expect_request("**/csc-batch"):
        page.goto(shop.url)
    page.evaluate("for (let i = 0; i < 25; i++) divolte.signal('later')")
    collecting.wait_for("later", 25)
    page.wait_for_function("JSON.parse(localStorage._dvq).every(event => event.t == 'pageView')")
    release.set()
    sends = sends_of(collecting)
    assert {sends[event["e"]] for event in collecting.of_type("later")} == {1}


def test_what_is_refused_for_good_is_not_sent_again(shop: SiteServer, collecting: SiteServer, page: Page) -> None:
    collecting.answer = lambda events: (403, {}) if any(event["t"] == "bad" for event in events) else accept(events)
    page.goto(shop.url)
    collecting.wait_for("pageView")
    page.evaluate("for (let i = 0; i < 16; i++) divolte.signal(i == 5 ? 'bad' : 'good')")
    page.wait_for_function(QUEUE_IS_EMPTY)
    assert len(collecting.of_type("good")) == 15
    assert set(Counter(event["e"] for event in collecting.events).values()) == {1}
    assert len(collecting.batches) < 12


def test_an_answer_without_cors_headers_is_told_from_a_lost_connection(
    shop: SiteServer, collecting: SiteServer, page: Page
) -> None:
    collecting.answer_headers.clear()
    page.goto(shop.url)
    collecting.wait_for("pageView")
    page.evaluate("divolte.signal('later')")
    collecting.wait_for("later")
    # Both have come, so both count as sent once; without a connection they would not.
    page.wait_for_function("JSON.parse(localStorage._dvq).every(event => event._n == 1 && event._d > Date.now())")
    assert set(sends_of(collecting).values()) == {1}


def test_a_full_browser_storage_loses_no_event_and_repeats_none(
    shop: SiteServer, collecting: SiteServer, page: Page
) -> None:
    collecting.answer = lambda _: (503, {})
    page.goto(shop.url)
    collecting.wait("a refusal", lambda: collecting.batches)
    page.evaluate(FILL_STORAGE)
    page.evaluate("divolte.signal('order', {text: 'x'.repeat(1000)})")
    collecting.answer = accept
    collecting.wait_for("order")
    page.evaluate("new Promise(done => divolte.whenCommitted(done))")
    page.goto(f"{shop.url}/next")
    collecting.wait_for("pageView", 2)
    page.evaluate("new Promise(done => divolte.whenCommitted(done))")
    assert set(Counter(event["e"] for event in collecting.events if event["t"] != "engagement").values()) == {1}


def test_tabs_of_a_page_without_locks_lose_nothing_and_send_no_event_without_end(
    shop: SiteServer, collecting: SiteServer, browser: Browser
) -> None:
    """Browsers have locks on encrypted pages only. Without them a tab may read what another has just overwritten."""
    context = browser.new_context()
    context.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', {get: () => undefined})")
    gate = threading.Event()

    def answer(events: list[Event]) -> tuple[int, object]:
        gate.wait(5)
        return accept(events)

    one, other = context.new_page(), context.new_page()
    one.goto(f"{shop.url}/one")
    other.goto(f"{shop.url}/other")
    collecting.wait_for("pageView", 2)
    collecting.answer = answer
    for page in (one, other):
        page.evaluate("for (let i = 0; i < 5; i++) divolte.signal('order')")
    one.wait_for_timeout(1_000)
    gate.set()
    collecting.wait_for("order", 10)
    # An event that the other tab has put back twice is sent again a minute later.
    one.wait_for_function(QUEUE_IS_EMPTY, timeout=100_000)
    sends = sends_of(collecting)
    assert len({event["e"] for event in collecting.events if event["t"] == "order"}) == 10
    assert max(sends.values()) <= MOST_SENDS
    context.close()


class TestBeaconExtension:
    """Divolte's GET beacon, for collectors that know no batches."""

    def test_each_event_is_sent_once_to_another_origin_although_the_answer_cannot_be_read(
        self, shop: SiteServer, collecting: SiteServer, page: Page
    ) -> None:
        shop.extension = f'<script src="{collecting.other_url}/divolte-beacon.js"></script>'
        page.goto(shop.url)
        ids = page.evaluate("Array.from({length: 5}, () => divolte.signal('order'))")
        page.wait_for_function(QUEUE_IS_EMPTY)
        sent = Counter(first_values(query)["e"] for query in collecting.beacons)
        assert {sent[event_id] for event_id in ids} == {1}
        assert sent.total() == 6
        assert collecting.batches == []

    @pytest.mark.parametrize("status", [404, 414])
    def test_what_is_refused_for_good_is_not_sent_again(self, site: SiteServer, page: Page, status: int) -> None:
        site.extension = '<script src="/divolte-beacon.js"></script>'
        site.beacon_status = status
        page.goto(site.url)
        page.evaluate("divolte.signal('order')")
        page.wait_for_function(QUEUE_IS_EMPTY)
        assert len(site.beacons) == 2

    def test_a_collector_that_is_full_for_a_while_gets_each_event_once(self, site: SiteServer, page: Page) -> None:
        site.extension = '<script src="/divolte-beacon.js"></script>'
        site.beacon_status = 503
        page.goto(site.url)
        order = page.evaluate("divolte.signal('order')")
        site.wait("three refusals", lambda: len(site.beacons) >= 3)
        site.beacon_status = 200
        refused = len(site.beacons)
        page.wait_for_function(QUEUE_IS_EMPTY)
        # The request on its way at the change may have been of either kind.
        accepted = [first_values(query)["e"] for query in site.beacons[refused:]]
        assert accepted.count(order) == 1
        assert len(accepted) <= 3
