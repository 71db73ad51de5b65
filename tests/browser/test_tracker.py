"""The tracker in a real browser: what it sends, keeps and leaves alone."""

from __future__ import annotations

import json
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.site_server import Event, SiteServer, accept, first_values

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

TIMED_ID = re.compile(r"0:[0-9a-z]+:[A-Za-z0-9~_]{32}")
VIEW_ID = re.compile(r"0:[A-Za-z0-9~_]{32}")


def cookies(context: BrowserContext) -> dict[str, Any]:
    return {cookie.get("name", ""): cookie for cookie in context.cookies()}


def queue(page: Page) -> list[Event]:
    events: list[Event] = json.loads(page.evaluate("localStorage._dvq || '[]'"))
    return events


def test_the_first_page_view_names_a_new_visitor_and_sets_divoltes_cookies(
    site: SiteServer, page: Page, context: BrowserContext
) -> None:
    before = time.time() * 1000
    page.goto(f"{site.url}/shop?utm_source=letter#part")
    (event,) = site.wait_for("pageView")
    assert TIMED_ID.fullmatch(event["p"])
    assert TIMED_ID.fullmatch(event["s"])
    assert VIEW_ID.fullmatch(event["v"])
    assert event["e"] == event["v"] + "0"
    assert (event["n"], event["f"]) == (True, True)
    assert before - 1000 < event["c"] < time.time() * 1000 + 1000
    assert before - 1000 < int(event["p"].split(":")[1], 36) < time.time() * 1000 + 1000
    assert event["l"] == f"{site.url}/shop?utm_source=letter#part"
    assert "r" not in event
    assert (event["w"], event["h"], event["k"]) == (1200, 800, 1)
    assert event["i"] > 0
    assert event["j"] > 0
    jar = cookies(context)
    assert jar["_dvp"]["value"] == event["p"]
    assert jar["_dvs"]["value"] == event["s"]
    assert jar["_dvp"]["expires"] - time.time() == pytest.approx(34_560_000, rel=0.9)
    assert jar["_dvs"]["expires"] - time.time() == pytest.approx(1800, abs=60)
    assert {cookie["sameSite"] for cookie in jar.values()} == {"Lax"}
    assert {cookie["path"] for cookie in jar.values()} == {"/"}


def test_the_second_page_belongs_to_the_same_visit_and_knows_where_it_came_from(site: SiteServer, page: Page) -> None:
    site.body = '<a href="/two">two</a>'
    page.goto(f"{site.url}/one")
    (first,) = site.wait_for("pageView")
    page.click("a")
    second = site.wait_for("pageView", 2)[1]
    assert (second["p"], second["s"]) == (first["p"], first["s"])
    assert second["v"] != first["v"]
    assert (second["n"], second["f"]) == (False, False)
    assert second["r"] == f"{site.url}/one"


def test_the_api_is_divoltes(site: SiteServer, page: Page) -> None:
    page.goto(site.url)
    (view,) = site.wait_for("pageView")
    seen = page.evaluate(
        "({p: divolte.partyId, s: divolte.sessionId, v: divolte.pageViewId, n: divolte.isNewPartyId, "
        "f: divolte.isFirstInSession, server: divolte.isServerPageView})"
    )
    assert seen == {"p": view["p"], "s": view["s"], "v": view["v"], "n": True, "f": True, "server": False}
    assert page.evaluate("divolte.signal('')") is None
    ids = page.evaluate(
        "Array.from({length: 17}, (_, i) => divolte.signal('counted', {i, when: new Date(0), gone: undefined}))"
    )
    assert ids == [f"{view['v']}{number:x}" for number in range(1, 18)]
    events = site.wait_for("counted", 17)
    assert [event["e"] for event in events] == ids
    assert events[3]["u"] == {"i": 3, "when": "1970-01-01T00:00:00.000Z"}
    assert [event["n"] for event in events] == [False] * 17


def test_when_committed_calls_back_after_the_collector_has_answered(site: SiteServer, page: Page) -> None:
    page.goto(site.url)
    page.evaluate("divolte.signal('order'); new Promise(done => divolte.whenCommitted(done))")
    assert len(site.of_type("order")) == 1
    assert queue(page) == []


def test_when_committed_calls_back_after_its_timeout_at_the_latest(site: SiteServer, page: Page) -> None:
    site.answer = lambda _: (503, {})
    page.goto(site.url)
    calls = page.evaluate(
        "new Promise(done => { let n = 0; divolte.signal('order');"
        "divolte.whenCommitted(() => n++, 50); setTimeout(() => done(n), 400) })"
    )
    assert calls == 1
    assert len(queue(page)) == 2


def test_signals_in_quick_succession_travel_together(site: SiteServer, page: Page) -> None:
    page.goto(site.url)
    site.wait_for("pageView")
    page.evaluate("for (let i = 0; i < 15; i++) divolte.signal('burst', {i})")
    site.wait_for("burst", 15)
    assert [len(batch.events) for batch in site.batches] == [1, 15]


def test_events_outlive_an_unavailable_collector_and_the_page(site: SiteServer, page: Page) -> None:
    site.answer = lambda _: (503, {})
    page.goto(f"{site.url}/one")
    site.wait("a refusal", lambda: site.batches)
    page.evaluate("divolte.signal('kept', {n: 1})")
    kept = {event["e"] for event in queue(page)}
    assert len(kept) == 2
    page.goto("about:blank")
    site.answer = accept
    page.goto(f"{site.url}/two")
    site.wait("the kept events", lambda: kept <= {event["e"] for event in site.events})
    page.wait_for_function("localStorage._dvq == '[]'")


def test_events_outlive_a_lost_connection(site: SiteServer, page: Page, context: BrowserContext) -> None:
    page.goto(site.url)
    site.wait_for("pageView")
    context.set_offline(True)
    sent = page.evaluate("divolte.signal('offline')")
    page.wait_for_event("requestfailed")
    assert [event["e"] for event in queue(page)] == [sent]
    context.set_offline(False)
    assert [event["e"] for event in site.wait_for("offline")] == [sent]
    page.wait_for_function("localStorage._dvq == '[]'")


def test_an_event_is_removed_only_when_the_collector_named_it(site: SiteServer, page: Page) -> None:
    def answer(events: list[Event]) -> tuple[int, object]:
        named = [event["e"] for event in events if event["t"] != "later" or len(site.batches) > 2]
        return 200, {"accepted": named, "rejected": []}

    site.answer = answer
    page.goto(site.url)
    site.wait_for("pageView")
    page.evaluate("divolte.signal('later'); divolte.signal('now')")
    site.wait_for("later", 2)
    page.wait_for_function("localStorage._dvq == '[]'")
    assert len(site.of_type("now")) == 1


def test_a_rejected_event_is_not_sent_again(site: SiteServer, page: Page) -> None:
    def answer(events: list[Event]) -> tuple[int, object]:
        good = [event["e"] for event in events if event["t"] != "bad"]
        bad = [{"index": index, "reason": "no"} for index, event in enumerate(events) if event["t"] == "bad"]
        return 200, {"accepted": good, "rejected": bad}

    site.answer = answer
    page.goto(site.url)
    page.evaluate("divolte.signal('bad'); divolte.signal('good')")
    site.wait_for("good")
    page.wait_for_function("localStorage._dvq == '[]'")
    assert len(site.of_type("bad")) == 1


def test_one_event_too_large_does_not_hold_up_the_others(site: SiteServer, page: Page) -> None:
    def answer(events: list[Event]) -> tuple[int, object]:
        return (413, {}) if len(json.dumps(events)) > 50_000 else accept(events)

    site.answer = answer
    page.goto(site.url)
    page.evaluate("divolte.signal('huge', {text: 'x'.repeat(60000)}); divolte.signal('small')")
    site.wait_for("small")
    page.wait_for_function("localStorage._dvq == '[]'")
    assert site.of_type("huge") == []
    assert len(site.of_type("pageView")) == 1


def test_a_damaged_queue_is_replaced(site: SiteServer, page: Page) -> None:
    page.goto(site.url)
    site.wait_for("pageView")
    page.evaluate("localStorage._dvq = '[{'")
    page.goto(f"{site.url}/next")
    assert site.wait_for("pageView", 2)[1]["l"].endswith("/next")


def test_a_session_ends_on_an_open_page_after_its_timeout(site: SiteServer, page: Page) -> None:
    site.attributes = 'data-session="1"'
    page.goto(site.url)
    (view,) = site.wait_for("pageView")
    page.wait_for_function("!document.cookie.includes('_dvs')")
    page.evaluate("divolte.signal('after'); divolte.signal('again')")
    after, again = site.wait_for("again") and [*site.of_type("after"), *site.of_type("again")]
    assert after["p"] == view["p"]
    assert after["s"] != view["s"]
    assert (after["n"], after["f"]) == (False, True)
    assert (again["s"], again["f"]) == (after["s"], False)
    assert page.evaluate("divolte.sessionId") == after["s"]


def test_a_tab_takes_over_the_session_that_another_tab_began(
    site: SiteServer, page: Page, context: BrowserContext
) -> None:
    page.goto(site.url)
    site.wait_for("pageView")
    context.add_cookies([{"name": "_dvs", "value": "0:mwtvtr7i:" + "s" * 32, "url": site.url}])
    page.evaluate("divolte.signal('later')")
    (event,) = site.wait_for("later")
    assert event["s"] == "0:mwtvtr7i:" + "s" * 32
    assert event["f"] is False


def test_single_page_navigation_makes_page_views(site: SiteServer, page: Page) -> None:
    page.goto(f"{site.url}/start")
    site.wait_for("pageView")
    page.evaluate("history.pushState(null, '', '/pushed')")
    page.evaluate("history.replaceState(null, '', '/replaced')")
    page.evaluate("history.replaceState({only: 'state'}, '', '/replaced')")
    page.evaluate("history.pushState(null, '', '#section')")
    page.evaluate("history.pushState(null, '', '/last')")
    page.go_back()
    page.go_back()
    views = site.wait_for("pageView", 4)
    paths = [event["l"].removeprefix(site.url) for event in views]
    assert paths == ["/start", "/pushed", "/last", "/replaced#section"]
    assert [event.get("r", "").removeprefix(site.url) for event in views][:3] == ["", "/start", "/replaced"]
    assert len({event["v"] for event in views}) == 4
    assert all(event["e"] == event["v"] + "0" for event in views)


@pytest.mark.parametrize("when", ["before", "after"])
def test_each_view_of_a_single_page_application_has_its_own_title(site: SiteServer, page: Page, when: str) -> None:
    """Some set the title before they change the address; most set it when the new view is shown."""
    page.goto(f"{site.url}/start")
    site.wait_for("pageView")
    for number, name in enumerate(("Lamps", "Chairs 🪑"), 2):
        steps = [f"document.title = '{name}'", f"history.pushState(null, '', '/{name[:6]}')"]
        page.evaluate(";".join(steps if when == "before" else steps[::-1]))
        site.wait_for("pageView", number)
    page.evaluate("divolte.signal('seen')")
    site.wait_for("seen")
    views = {event["l"].removeprefix(site.url): event["d"] for event in site.of_type("pageView")}
    assert views == {"/start": "Test page", "/Lamps": "Lamps", "/Chairs": "Chairs 🪑"}
    assert [event["d"] for event in site.of_type("seen")] == ["Chairs 🪑"]


def test_a_form_named_title_is_not_the_title(site: SiteServer, page: Page) -> None:
    site.body = '<form name="title"></form>'
    page.goto(f"{site.url}/start")
    (view,) = site.wait_for("pageView")
    assert view["d"] == "Test page"


def test_a_view_that_is_left_inside_the_page_is_where_its_engagement_was(site: SiteServer, page: Page) -> None:
    page.goto(f"{site.url}/start")
    site.wait_for("pageView")
    page.evaluate("history.pushState(null, '', '/pushed')")
    (event,) = site.wait_for("engagement")
    assert event["l"] == f"{site.url}/start"


def test_a_page_that_comes_back_from_the_browsers_cache_is_a_view(site: SiteServer, page: Page) -> None:
    page.goto(site.url)
    (first,) = site.wait_for("pageView")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    second = site.wait_for("pageView", 2)[1]
    assert second["v"] != first["v"]


def test_hash_changes_are_page_views_by_option(site: SiteServer, page: Page) -> None:
    site.attributes = "data-hash"
    page.goto(f"{site.url}/#one")
    page.evaluate("location.hash = 'two'")
    views = site.wait_for("pageView", 2)
    assert [event["l"].removeprefix(site.url) for event in views] == ["/#one", "/#two"]


def test_links_that_leave_and_downloads_are_reported(site: SiteServer, page: Page) -> None:
    site.body = (
        f'<a id="out" href="{site.other_url}/there?a=1">out</a> <a id="file" href="/manual.pdf">file</a> '
        '<a id="marked" href="/report" download>report</a> <a id="in" href="/inside">in</a> '
        '<a id="mail" href="mailto:a@b">mail</a>'
    )
    page.goto(site.url)
    page.evaluate("addEventListener('click', event => event.preventDefault())")
    # The right button opens a menu and goes nowhere.
    page.click("#out", button="right")
    for name in ("out", "file", "marked", "in", "mail"):
        page.click(f"#{name}")
    site.wait_for("download", 2)
    site.wait_for("outbound")
    assert [event["u"]["url"] for event in site.of_type("outbound")] == [f"{site.other_url}/there?a=1"]
    assert [event["u"]["url"] for event in site.of_type("download")] == [f"{site.url}/manual.pdf", f"{site.url}/report"]


def test_leaving_the_site_reports_time_and_depth(site: SiteServer, page: Page) -> None:
    page.goto(f"{site.url}/long")
    site.wait_for("pageView")
    page.evaluate("scrollTo(0, 700)")
    page.wait_for_function("scrollY == 700")
    page.goto("about:blank")
    (event,) = site.wait_for("engagement")
    assert event["l"] == f"{site.url}/long"
    assert 45 <= event["u"]["scroll_percent"] <= 55
    assert 0 < event["u"]["engagement_ms"] < 20_000


def test_requests_outlive_their_page_if_browsers_allow_their_size(site: SiteServer, page: Page) -> None:
    page.add_init_script("""
      window.kept = [];
      const original = fetch;
      window.fetch = (url, options) => { kept.push(options.keepalive); return original(url, options); };
    """)
    page.goto(site.url)
    site.wait_for("pageView")
    page.evaluate("divolte.signal('large', {text: 'x'.repeat(30000)})")
    site.wait_for("large")
    assert page.evaluate("kept") == [True, False]


def test_time_without_the_focus_is_not_counted(site: SiteServer, page: Page) -> None:
    page.add_init_script("window.focused = true; document.hasFocus = () => focused")
    page.clock.install()
    page.goto(f"{site.url}/long")
    site.wait_for("pageView")
    page.clock.run_for(5_000)
    page.evaluate("focused = false; dispatchEvent(new Event('blur'))")
    page.clock.run_for(60_000)
    page.evaluate("focused = true; dispatchEvent(new Event('focus'))")
    page.clock.run_for(2_000)
    page.goto("about:blank")
    (event,) = site.wait_for("engagement")
    assert 7_000 <= event["u"]["engagement_ms"] < 30_000


def test_a_step_inside_the_site_reports_engagement_once(site: SiteServer, page: Page) -> None:
    site.body = '<a href="/two">two</a>'
    page.goto(f"{site.url}/one")
    site.wait_for("pageView")
    page.click("a")
    site.wait_for("pageView", 2)
    page.evaluate("divolte.signal('end')")
    site.wait_for("end")
    assert [event["l"] for event in site.of_type("engagement")] == [f"{site.url}/one"]


def test_nothing_is_stored_or_sent_before_consent(site: SiteServer, page: Page, context: BrowserContext) -> None:
    site.attributes = "data-consent"
    page.goto(site.url)
    assert page.evaluate("window.given = {a: 1}; divolte.signal('early', given)") is not None
    page.evaluate("given.a = 2")
    page.wait_for_load_state("networkidle")
    assert site.batches == []
    assert context.cookies() == []
    assert page.evaluate("localStorage.length") == 0
    page.evaluate("divolte.consent(true)")
    site.wait_for("early")
    assert [event["t"] for event in site.events] == ["pageView", "early"]
    assert site.of_type("early")[0]["u"] == {"a": 1}, "as it was when it was given"
    page.goto(f"{site.url}/next")
    site.wait_for("pageView", 2)


def test_a_refusal_takes_everything_back_and_lasts(site: SiteServer, page: Page, context: BrowserContext) -> None:
    page.goto(site.url)
    site.wait_for("pageView")
    page.evaluate("divolte.signal('unsent'); divolte.consent(false)")
    assert context.cookies() == []
    assert queue(page) == []
    assert page.evaluate("divolte.signal('refused')") is None
    page.goto(f"{site.url}/next")
    page.wait_for_load_state("networkidle")
    assert context.cookies() == []
    assert [event["t"] for event in site.events] == ["pageView"]


@pytest.mark.parametrize(
    "signal",
    [
        "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})",
        "Object.defineProperty(Navigator.prototype, 'doNotTrack', {get: () => '1'})",
    ],
    ids=["GPC", "DNT"],
)
class TestPrivacySignals:
    def test_they_are_followed(self, site: SiteServer, page: Page, context: BrowserContext, signal: str) -> None:
        page.add_init_script(signal)
        page.goto(site.url)
        assert page.evaluate("divolte.signal('order')") is None
        page.wait_for_load_state("networkidle")
        assert site.batches == []
        assert context.cookies() == []

    def test_the_visitors_own_answer_goes_first(self, site: SiteServer, page: Page, signal: str) -> None:
        page.add_init_script(signal)
        page.goto(site.url)
        page.evaluate("divolte.consent(true)")
        page.goto(f"{site.url}/next")
        assert site.wait_for("pageView")[0]["l"].endswith("/next")

    def test_a_site_may_decide_otherwise(self, site: SiteServer, page: Page, signal: str) -> None:
        site.attributes = "data-ignore-gpc"
        page.add_init_script(signal)
        page.goto(site.url)
        site.wait_for("pageView")


def test_cookieless_mode_leaves_nothing_on_the_device(site: SiteServer, page: Page, context: BrowserContext) -> None:
    site.attributes = "data-cookieless"
    page.goto(site.url)
    page.evaluate("divolte.signal('order')")
    site.wait_for("order")
    assert {event["p"] for event in site.events} == {page.evaluate("divolte.partyId")}
    assert context.cookies() == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_the_server_may_choose_the_page_view_id(site: SiteServer, page: Page) -> None:
    site.fragment = "#0:chosen"
    page.goto(site.url)
    assert site.wait_for("pageView")[0]["v"] == "0:chosen"
    assert page.evaluate("divolte.isServerPageView") is True


def test_manual_mode_sends_what_the_site_signals_and_nothing_else(site: SiteServer, page: Page) -> None:
    site.attributes = "data-manual"
    page.goto(site.url)
    page.evaluate("history.pushState(null, '', '/pushed'); divolte.signal('pageView')")
    (event,) = site.wait_for("pageView")
    assert event["l"] == f"{site.url}/pushed"


def test_cookies_are_secure_on_https_and_belong_to_the_configured_domain(
    site: SiteServer, page: Page, context: BrowserContext
) -> None:
    site.attributes = 'data-domain="shop.test"'
    script = (site.scripts / "divolte.js").read_text()
    context.route(
        "https://www.shop.test/divolte.js", lambda route: route.fulfill(body=script, content_type="text/javascript")
    )
    context.route("https://www.shop.test/", lambda route: route.fulfill(body=site.page(), content_type="text/html"))
    context.route("https://www.shop.test/csc-batch", lambda route: route.fulfill(json={"accepted": [], "rejected": []}))
    page.goto("https://www.shop.test/")
    jar = cookies(context)
    assert {(jar[name]["secure"], jar[name]["domain"]) for name in ("_dvp", "_dvs")} == {(True, ".shop.test")}


def test_a_page_without_storage_still_reports(site: SiteServer, page: Page) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})"
    )
    page.goto(site.url)
    page.evaluate("divolte.signal('order')")
    site.wait_for("order")
    assert len(site.of_type("pageView")) == 1


def test_the_extension_sends_divoltes_own_beacons(site: SiteServer, page: Page) -> None:
    site.extension = '<script src="/divolte-beacon.js"></script>'
    page.goto(f"{site.url}/ä?a=1&b=2")
    page.evaluate("divolte.signal('order', {name: 'Tea ~ Co!', price: 10.5, emoji: '🫖'})")
    site.wait("two beacons", lambda: len(site.beacons) >= 2)
    assert site.batches == []
    view, order = map(first_values, site.beacons[:2])
    assert (view["t"], view["n"], view["f"]) == ("pageView", "t", "t")
    assert (order["t"], order["n"], order["f"]) == ("order", "f", "f")
    assert order["u"] == "(sname!Tea ~~ Co~!!jprice!10.5!semoji!🫖!)"
    assert int(order["c"], 36) / 1000 == pytest.approx(time.time(), abs=60)
    for parameters in (view, order):
        assert parameters["x"] == checksum(parameters)
    page.wait_for_function("localStorage._dvq == '[]'")


def checksum(parameters: dict[str, str]) -> str:
    """Divolte's checksum, written from its description and not from the tracker."""
    data = "".join(f"{name}={value},;" for name, value in sorted(parameters.items()) if name != "x").encode()
    mask, result, whole = 0xFFFFFFFF, 0, len(data) - len(data) % 4
    for start in range(0, whole, 4):
        result ^= _scramble(int.from_bytes(data[start : start + 4], "little"))
        result = ((result << 13 | result >> 19) * 5 + 0xE6546B64) & mask
    result ^= _scramble(int.from_bytes(data[whole:], "little")) ^ len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        result = (result ^ result >> shift) * factor & mask
    signed = result - 2**32 if result >= 2**31 else result
    digits, rest = "", abs(signed)
    while rest:
        rest, digit = divmod(rest, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return ("-" if signed < 0 else "") + (digits or "0")


def _scramble(block: int) -> int:
    block = block * 0xCC9E2D51 & 0xFFFFFFFF
    return (block << 15 | block >> 17) * 0x1B873593 & 0xFFFFFFFF


def test_two_tabs_send_each_event_once(site: SiteServer, browser: Browser) -> None:
    """Now and then twice: browsers bring a change of the store to other tabs a little late. The ids tell then."""
    for _ in range(4):
        ids = _sent_by_two_tabs(site, browser)
        assert len(set(ids)) == 12, "no event is lost"
        if len(ids) == 12:
            return
    pytest.fail("two tabs send what they share at the same time, again and again")


def _sent_by_two_tabs(site: SiteServer, browser: Browser) -> list[str]:
    gate = threading.Event()

    def answer(events: list[Event]) -> tuple[int, object]:
        gate.wait(timeout=10)
        return accept(events)

    context = browser.new_context()
    page = context.new_page()
    site.batches.clear()
    site.answer = accept
    page.goto(f"{site.url}/one")
    site.wait_for("pageView")
    site.answer = answer
    other = context.new_page()
    other.goto(f"{site.url}/two")
    page.evaluate("for (let i = 0; i < 5; i++) divolte.signal('first')")
    other.evaluate("for (let i = 0; i < 5; i++) divolte.signal('second')")
    # Long enough for a tab that doesn't wait for the other one to send what both share.
    page.wait_for_timeout(600)
    gate.set()
    site.wait_for("first", 5)
    site.wait_for("second", 5)
    page.wait_for_function("localStorage._dvq == '[]'")
    ids = [str(event["e"]) for event in site.events if event["t"] in {"first", "second", "pageView"}]
    context.close()
    return ids
