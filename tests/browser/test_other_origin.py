"""The tag on a page of another origin than the collector's: another port, and another host name."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.browser.collector_server import TAGGED, CollectorServer, collector, pages
from tests.support.tracker import QUEUE_IS_EMPTY
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page

HOSTS = {"another port": ("127.0.0.1", "127.0.0.1"), "another host name": ("shop.localhost", "localhost")}
SECONDS = 60
MOST_SENDS = 4
"""How often an event is sent that gets no answer; within GIVEN_UP_SECONDS."""
GIVEN_UP_SECONDS = 400


@pytest.fixture(params=list(HOSTS.values()), ids=list(HOSTS))
def hosts(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The shop's host name and the collector's."""
    names: tuple[str, str] = request.param
    return names


@pytest.fixture
def server(tmp_path: Path, scripts: Path) -> Iterator[CollectorServer]:
    """The collector as it is by default."""
    with collector(tmp_path, script_file=scripts / "divolte.js") as running:
        yield running


def tagged(server: CollectorServer, host: str = "127.0.0.1") -> str:
    """A page whose tag is the collector's."""
    return TAGGED.format(origin=f"http://{host}:{server.port}")


def sends_of(server: CollectorServer) -> Counter[str]:
    """How often each event has come, by its id."""
    return Counter(record["event_id"] for record in server.records(server.accepted))


def wait_until_accepted(server: CollectorServer, page: Page, count: int) -> None:
    def accepted() -> int:
        page.wait_for_timeout(20)
        return server.accepted

    until(accepted, lambda seen: seen >= count, seconds=SECONDS)


def turn_clock(page: Page, seconds: int) -> None:
    """Let a page with a clock of its own live that long, with time in between for the requests that it makes."""
    for _ in range(0, seconds, 5):
        page.clock.run_for(5_000)
        page.wait_for_load_state("networkidle")


def test_each_event_arrives_once_and_is_confirmed(page: Page, server: CollectorServer, hosts: tuple[str, str]) -> None:
    shop, collecting = hosts
    with pages(tagged(server, collecting)) as site, page.expect_request("**/csc-batch") as sent:
        origin = site.replace("127.0.0.1", shop)
        page.goto(f"{origin}/lamps")
        ids = page.evaluate("[1, 2].map(number => divolte.signal('look', {number}))")
        page.evaluate("new Promise(done => divolte.whenCommitted(done))")
        assert page.evaluate(QUEUE_IS_EMPTY), "confirmed, not only timed out"
        assert sent.value.all_headers()["origin"] == origin
        assert "cookie" not in sent.value.all_headers()
        records = server.records(3)
    assert {record["location"] for record in records} == {f"{origin}/lamps"}
    assert {record["event_id"] for record in records} >= set(ids)
    assert len(records) == 3
    assert not any(record["is_duplicate"] for record in records)
    assert server.dead == 0


def test_fifty_events_that_waited_for_the_network_arrive_once(
    page: Page, context: BrowserContext, server: CollectorServer, hosts: tuple[str, str]
) -> None:
    shop, collecting = hosts
    with pages(tagged(server, collecting)) as site:
        page.goto(site.replace("127.0.0.1", shop))
        page.evaluate("new Promise(done => divolte.whenCommitted(done))")
        context.set_offline(True)
        ids = page.evaluate("Array.from({length: 50}, (_, i) => divolte.signal('offline', {i}))")
        page.wait_for_event("requestfailed")
        context.set_offline(False)
        page.wait_for_function(QUEUE_IS_EMPTY)
        sends = sends_of(server)
    assert {sends[event_id] for event_id in ids} == {1}
    assert sends.total() == 51


def test_where_answers_are_not_for_the_page_the_tracker_sends_each_event_a_few_times(
    page: Page, tmp_path: Path, scripts: Path
) -> None:
    """Before, three events became fifteen rows in fourteen seconds, without end."""
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text) if message.text.startswith("divolte") else None)
    with (
        collector(tmp_path, script_file=scripts / "divolte.js", allowed_origins="https://shop.example") as server,
        pages(tagged(server)) as site,
    ):
        page.clock.install()
        page.goto(site)
        page.wait_for_function("window.divolte")
        ids = page.evaluate("Array.from({length: 25}, () => divolte.signal('early'))")
        # The 21st and later ones do not wait for an answer to the first.
        wait_until_accepted(server, page, 26)
        assert set(sends_of(server).values()) == {1}
        ids.append(page.evaluate("divolte.signal('late')"))
        wait_until_accepted(server, page, 27)
        assert warnings == []
        turn_clock(page, GIVEN_UP_SECONDS)
        page.wait_for_function(QUEUE_IS_EMPTY)
        assert warnings == [f"divolte: no answer http://127.0.0.1:{server.port}/csc-batch"]
        sends = sends_of(server)
        assert {sends[event_id] for event_id in ids} == {MOST_SENDS}
        turn_clock(page, 1000)
        assert sends_of(server) == sends, "nothing is sent after that"
