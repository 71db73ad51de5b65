"""The tracker in a real Firefox: the parts in which browsers differ."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.browser.firefox import Firefox, executable, firefox
from tests.browser.site_server import SiteServer, accept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_KEEPALIVE = "<script>delete Request.prototype.keepalive</script>"


def leave(browser: Firefox, site: SiteServer) -> None:
    """Go to a page of the same site without the tracker: with a page's process Firefox may end what it still sent."""
    browser.open(f"{site.url}/favicon.ico")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    if executable() is None:
        pytest.skip("Firefox is not installed (Debian: apt-get install firefox-esr)")
    with firefox(tmp_path_factory.mktemp("firefox")) as browser:
        yield browser


@pytest.fixture
def browser(running: Firefox, site: SiteServer) -> Iterator[Firefox]:
    yield running
    running.open(f"{site.url}/favicon.ico")
    running.forget()


def test_page_views_carry_divoltes_ids_and_cookies(browser: Firefox, site: SiteServer) -> None:
    site.body = '<a href="/two">two</a>'
    browser.open(f"{site.url}/one?utm_source=letter")
    site.wait_for("pageView")
    browser.click("a")
    first, second = site.wait_for("pageView", 2)
    assert (first["n"], first["f"], second["n"], second["f"]) == (True, True, False, False)
    assert (second["p"], second["s"]) == (first["p"], first["s"])
    assert second["r"] == first["l"] == f"{site.url}/one?utm_source=letter"
    cookies = browser.cookies()
    assert (cookies["_dvp"]["value"], cookies["_dvs"]["value"]) == (first["p"], first["s"])
    assert cookies["_dvp"]["sameSite"] == "Lax"


def test_signals_travel_together_and_are_confirmed(browser: Firefox, site: SiteServer) -> None:
    browser.open(site.url)
    site.wait_for("pageView")
    ids = browser.evaluate("Array.from({length: 15}, (_, i) => divolte.signal('burst', {i}))")
    site.wait_for("burst", 15)
    assert [len(batch.events) for batch in site.batches] == [1, 15]
    assert [event["e"] for event in site.of_type("burst")] == ids
    browser.wait_until("localStorage._dvq == '[]'")


def test_events_outlive_an_unavailable_collector_and_the_page(browser: Firefox, site: SiteServer) -> None:
    site.answer = lambda _: (503, {})
    browser.open(f"{site.url}/one")
    site.wait("a refusal", lambda: site.batches)
    browser.evaluate("divolte.signal('kept')")
    kept = {event["e"] for event in json.loads(browser.evaluate("localStorage._dvq"))}
    assert len(kept) == 2
    site.answer = accept
    browser.open(f"{site.url}/two")
    site.wait("the kept events", lambda: kept <= {event["e"] for event in site.events})


def test_leaving_reports_time_and_depth_by_a_request_that_outlives_the_page(browser: Firefox, site: SiteServer) -> None:
    browser.open(f"{site.url}/long")
    site.wait_for("pageView")
    browser.evaluate("scrollTo(0, 700)")
    browser.wait_until("scrollY == 700")
    leave(browser, site)
    (event,) = site.wait_for("engagement")
    assert event["l"] == f"{site.url}/long"
    assert event["u"]["scroll_percent"] > 30


def test_without_keepalive_the_extension_sends_a_beacon(browser: Firefox, site: SiteServer) -> None:
    site.extension = f"{NO_KEEPALIVE}<script src='/divolte-sendbeacon.js'></script>"
    browser.open(f"{site.url}/long")
    site.wait_for("pageView")
    browser.evaluate("scrollTo(0, 700)")
    browser.wait_until("scrollY == 700")
    leave(browser, site)
    (event,) = site.wait_for("engagement")
    # Nobody heard that it arrived: the next page sends it again, under the same id.
    browser.open(f"{site.url}/next")
    assert site.wait_for("engagement", 2)[1]["e"] == event["e"]


@pytest.fixture
def shop(scripts: Path, site: SiteServer) -> Iterator[SiteServer]:
    """A site of another port and host name than `site`, which its tag is from."""
    with SiteServer(scripts, script_origin=site.other_url) as server:
        yield server


def test_a_page_of_another_origin_sends_each_event_once(browser: Firefox, site: SiteServer, shop: SiteServer) -> None:
    browser.open(shop.url)
    ids = browser.evaluate("Array.from({length: 50}, () => divolte.signal('order'))")
    browser.wait_until("localStorage._dvq == '[]'")
    sends = Counter(event["e"] for event in site.events)
    assert {sends[event_id] for event_id in ids} == {1}
    assert sends.total() == 51
    assert shop.batches == []
    browser.forget()


def test_a_blocked_answer_is_told_from_a_lost_connection(browser: Firefox, site: SiteServer, shop: SiteServer) -> None:
    site.answer_headers.clear()
    browser.open(shop.url)
    site.wait_for("pageView")
    browser.evaluate("divolte.signal('later')")
    site.wait_for("later")
    # Both have come, so both count as sent once; without a connection they would not.
    browser.wait_until("JSON.parse(localStorage._dvq).every(event => event._n == 1 && event._d > Date.now())")
    assert set(Counter(event["e"] for event in site.events).values()) == {1}
    browser.forget()


def test_single_page_navigation_makes_page_views(browser: Firefox, site: SiteServer) -> None:
    browser.open(f"{site.url}/start")
    site.wait_for("pageView")
    browser.evaluate("history.pushState(null, '', '/pushed')")
    browser.evaluate("history.replaceState(null, '', '/replaced')")
    browser.evaluate("history.back()")
    views = site.wait_for("pageView", 3)
    assert [event["l"].removeprefix(site.url) for event in views] == ["/start", "/pushed", "/start"]


def test_links_that_leave_and_downloads_are_reported(browser: Firefox, site: SiteServer) -> None:
    site.body = f'<a id="out" href="{site.other_url}/there">out</a> <a id="file" href="/manual.pdf">file</a>'
    browser.open(site.url)
    browser.evaluate("addEventListener('click', event => event.preventDefault())")
    browser.click("#out")
    browser.click("#file")
    assert site.wait_for("download")[0]["u"] == {"url": f"{site.url}/manual.pdf"}
    assert site.wait_for("outbound")[0]["u"] == {"url": f"{site.other_url}/there"}


def test_global_privacy_control_is_followed(browser: Firefox, site: SiteServer) -> None:
    browser.prefer("privacy.globalprivacycontrol.enabled", value=True)
    browser.open(site.url)
    assert browser.evaluate("divolte.signal('order')") is None
    browser.prefer("privacy.globalprivacycontrol.enabled", value=False)
    browser.open(f"{site.url}/next")
    site.wait_for("pageView")
    assert [event["l"] for event in site.events] == [f"{site.url}/next"]


def test_a_session_ends_on_an_open_page_after_its_timeout(browser: Firefox, site: SiteServer) -> None:
    site.attributes = 'data-session="1"'
    browser.open(site.url)
    (view,) = site.wait_for("pageView")
    browser.wait_until("!document.cookie.includes('_dvs')")
    browser.evaluate("divolte.signal('after')")
    (after,) = site.wait_for("after")
    assert (after["p"], after["f"]) == (view["p"], True)
    assert after["s"] != view["s"]
