"""What Chromium sends is what the collector takes: Divolte's own tag, and pages without JavaScript."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.collector_server import collector, pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DIVOLTES_TAG = os.environ.get("DIVOLTE_TAG", "")
"""Divolte's own script, `src/main/resources/divolte.js` of its release 0.9.0, which no package registry serves."""
TAGGED = """<!doctype html><meta charset="utf-8"><title>An existing site</title><p>As it was.
<script src="http://127.0.0.1:{port}/divolte.js" defer async></script>"""
WITHOUT_JAVASCRIPT = """<!doctype html><title>A page</title>
<noscript><img src="http://127.0.0.1:{port}/csc-event?t=pageView&amp;noscript=1" alt=""
 referrerpolicy="no-referrer-when-downgrade"></noscript>"""
PARAMETERS = {
    "product": "Lampe à pied ⚕ 🦉 ~half!", "price": 12.5, "count": 3, "large": 123456789012, "negative": -7,
    "gift": True, "sold": False, "nothing": None, "tags": ["a", "b", []], "nested": {"a": {"b": {}}},
}  # fmt: skip


@pytest.mark.skipif(not DIVOLTES_TAG, reason="DIVOLTE_TAG names no file: the path of Divolte 0.9.0's divolte.js")
def test_a_site_with_divoltes_own_tag_can_stay_as_it_is(page: Page, tmp_path: Path) -> None:
    with collector(tmp_path, script_file=Path(DIVOLTES_TAG)) as server, pages(TAGGED.format(port=server.port)) as site:
        page.goto(f"{site}/lamps?utm_source=news#top")
        page.wait_for_function("window.divolte")
        event_id = page.evaluate("parameters => divolte.signal('addToCart', parameters)", PARAMETERS)
        page.evaluate("new Promise(done => divolte.whenCommitted(done))")
        names = "({p: divolte.partyId, s: divolte.sessionId, v: divolte.pageViewId})"
        first = page.evaluate(names)
        page.goto(f"{site}/chairs")
        page.wait_for_function("window.divolte")
        page.evaluate("new Promise(done => divolte.whenCommitted(done))")
        second = page.evaluate(names)
        screen = page.evaluate("[screen.availWidth, screen.availHeight, innerWidth, innerHeight]")
        records = sorted(server.records(3), key=lambda record: record["client_timestamp"])
        assert server.dead == 0
    assert [(record["event_type"], record["path"]) for record in records] == [
        ("pageView", "/lamps"), ("addToCart", "/lamps"), ("pageView", "/chairs"),
    ]  # fmt: skip
    for record, ids in zip(records, (first, first, second), strict=True):
        assert (record["party_id"], record["session_id"], record["page_view_id"]) == tuple(ids.values())
        assert (record["is_corrupt"], record["is_duplicate"], record["event_source"]) == (False, False, "browser")
        size = [record[name] for name in ("screen_width", "screen_height", "viewport_width", "viewport_height")]
        assert size == screen
    assert first["p"] == second["p"]
    assert first["s"] == second["s"]
    assert [(record["is_new_party"], record["is_first_in_session"]) for record in records] == [
        (True, True), (False, False), (False, False),
    ]  # fmt: skip
    assert records[0]["location"] == f"{site}/lamps?utm_source=news#top"
    assert records[0]["utm_source"] == "news"
    assert records[0]["parameters"] is None
    assert records[1]["event_id"] == event_id
    assert json.loads(records[1]["parameters"]) == PARAMETERS


def test_every_page_that_is_seen_without_javascript_counts(browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    with collector(tmp_path) as server, pages(WITHOUT_JAVASCRIPT.format(port=server.port)) as site:
        for path in ("/one", "/two", "/one"):
            with page.expect_response("**/csc-event?*") as answer:
                page.goto(site + path)
            assert answer.value.status == 200
        records = server.records(3)
        assert server.dead == 0
    context.close()
    assert [record["path"] for record in records] == ["/one", "/two", "/one"]
    assert {record["event_source"] for record in records} == {"pixel"}
    assert len({record["party_id"] for record in records}) == 1
    assert len({record["session_id"] for record in records}) == 1
    assert len({record["event_id"] for record in records}) == 3
