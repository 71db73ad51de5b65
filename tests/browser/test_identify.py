"""`divolte.identify()`: whose events are whose, and what is left on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.collector_server import collector, pages
from tests.browser.site_server import first_values

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.browser.site_server import SiteServer

STORED = "localStorage.getItem('_dvu')"


@pytest.fixture
def members(site: SiteServer) -> SiteServer:
    """A site whose tracker can identify users."""
    site.script = "divolte-identify"
    return site


def signal(page: Page, site: SiteServer, name: str) -> dict[str, Any]:
    """The event as it arrives."""
    page.evaluate("name => divolte.signal(name)", name)
    (event,) = site.wait_for(name)
    return event


def test_events_carry_the_user_from_signing_in_to_signing_out(members: SiteServer, page: Page) -> None:
    page.goto(members.url)
    before = signal(page, members, "before")
    page.evaluate("divolte.identify(' ann@example.org ')")
    signed_in = signal(page, members, "signedIn")
    page.goto(f"{members.url}/next")
    later = signal(page, members, "later")
    page.evaluate("divolte.identify(null)")
    signed_out = signal(page, members, "signedOut")
    page.goto(f"{members.url}/last")
    last = signal(page, members, "last")
    page.evaluate("divolte.identify(42)")
    other = signal(page, members, "other")
    users = [event.get("a") for event in (before, signed_in, later, signed_out, last, other)]
    assert users == [None, "ann@example.org", "ann@example.org", None, None, "42"]
    assert len({event["p"] for event in members.events}) == 1, "it is one device"


@pytest.mark.parametrize("nobody", ["null", "undefined", "''", "' '", "{}", "true", "'x'.repeat(201)"])
def test_what_is_no_user_id_signs_the_user_out(members: SiteServer, page: Page, nobody: str) -> None:
    page.goto(members.url)
    page.evaluate(f"divolte.identify('ann'); divolte.identify({nobody})")
    assert "a" not in signal(page, members, "after")
    assert page.evaluate(STORED) is None


def test_signing_out_in_one_tab_counts_in_all(members: SiteServer, page: Page, context: BrowserContext) -> None:
    page.goto(members.url)
    page.evaluate("divolte.identify('ann')")
    other = context.new_page()
    other.goto(f"{members.url}/other")
    assert signal(other, members, "inOther")["a"] == "ann"
    other.evaluate("divolte.identify(null)")
    assert "a" not in signal(page, members, "inFirst")


def test_a_refusal_takes_the_user_off_the_device(members: SiteServer, page: Page) -> None:
    page.goto(members.url)
    page.evaluate("divolte.identify('ann')")
    assert page.evaluate(STORED) == '"ann"'
    page.evaluate("divolte.consent(false)")
    assert page.evaluate(STORED) is None
    page.evaluate("divolte.identify('ann')")
    assert page.evaluate(STORED) is None
    page.evaluate("divolte.consent(true)")
    assert "a" not in signal(page, members, "again")


def test_before_consent_the_user_is_in_the_page_only(members: SiteServer, page: Page) -> None:
    members.attributes = "data-consent"
    page.goto(members.url)
    page.evaluate("divolte.signal('early'); divolte.identify('ann'); divolte.signal('late')")
    assert page.evaluate("localStorage.length") == 0
    page.evaluate("divolte.consent(true)")
    members.wait_for("late")
    assert {event["t"]: event.get("a") for event in members.events} == {"pageView": None, "early": None, "late": "ann"}
    assert page.evaluate(STORED) == '"ann"'


def test_a_browser_that_asks_for_privacy_keeps_nothing(members: SiteServer, page: Page) -> None:
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})")
    page.goto(members.url)
    page.evaluate("divolte.identify('ann')")
    assert page.evaluate("localStorage.length") == 0


def test_without_cookies_nobody_is_identified(members: SiteServer, page: Page) -> None:
    members.attributes = "data-cookieless"
    page.goto(members.url)
    page.evaluate("divolte.identify('ann')")
    assert "a" not in signal(page, members, "after")
    assert page.evaluate("localStorage.length") == 0


def test_a_device_whose_storage_is_full_forgets_the_user_too(members: SiteServer, page: Page) -> None:
    page.goto(members.url)
    page.evaluate("divolte.identify('ann')")
    page.evaluate("""for (let size = 4e6, number = 0; size > 1; number++)
        try { localStorage["site" + number] = "x".repeat(size) } catch { size >>= 1 }""")
    assert signal(page, members, "full")["a"] == "ann"
    page.evaluate("divolte.identify(null)")
    assert page.evaluate(STORED) is None
    assert "a" not in signal(page, members, "after")


def test_a_page_without_storage_identifies_until_it_is_left(members: SiteServer, page: Page) -> None:
    page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no') }})")
    page.goto(members.url)
    page.evaluate("divolte.identify('ann')")
    assert signal(page, members, "signedIn")["a"] == "ann"
    page.evaluate("divolte.identify(null)")
    assert "a" not in signal(page, members, "signedOut")


def test_the_extension_sends_the_user_too(members: SiteServer, page: Page) -> None:
    members.extension = '<script src="/divolte-beacon.js"></script>'
    page.goto(members.url)
    page.evaluate("divolte.identify('ann'); divolte.signal('order')")
    members.wait("the order's beacon", lambda: any("order" in query for query in members.beacons))
    (order,) = (first_values(query) for query in members.beacons if first_values(query)["t"] == "order")
    assert order["a"] == "ann"


def test_pages_may_call_it_where_users_are_not_collected(site: SiteServer, page: Page) -> None:
    page.goto(site.url)
    assert page.evaluate("divolte.identify('ann')") is None
    assert "a" not in signal(page, site, "after")
    assert page.evaluate(STORED) is None


def test_two_devices_and_a_shared_one_reach_the_records(browser: Browser, scripts: Path, tmp_path: Path) -> None:
    """Through the real collector: hashed, the same on both devices, and nobody's after signing out."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"0123456789abcdef" * 2)
    tag = '<!doctype html><title>A shop</title><script data-divolte src="http://127.0.0.1:{port}/divolte.js"></script>'
    settings = {"script_file": scripts / "divolte-identify.js", "user_ids": "hashed", "user_id_secret_file": secret}
    with collector(tmp_path, **settings) as server, pages(tag.format(port=server.port)) as site:
        for device, users in (("phone", ["ann"]), ("tablet", ["ann", None, "ben"])):
            context = browser.new_context()
            page = context.new_page()
            page.goto(f"{site}/{device}")
            for user in users:
                page.evaluate("user => { divolte.identify(user); divolte.signal('seen', {user}) }", user)
            page.evaluate("new Promise(done => divolte.whenCommitted(done))")
            context.close()
        records = [record for record in server.records(6) if record["event_type"] == "seen"]
        assert server.dead == 0
    of = {(record["path"], record["parameters"]): record["user_id"] for record in records}
    ann, ben = of["/phone", '{"user":"ann"}'], of["/tablet", '{"user":"ben"}']
    assert of == {
        ("/phone", '{"user":"ann"}'): ann, ("/tablet", '{"user":"ann"}'): ann,
        ("/tablet", '{"user":null}'): None, ("/tablet", '{"user":"ben"}'): ben,
    }  # fmt: skip
    assert {len(ann), len(ben)} == {32}
    assert ann != ben
