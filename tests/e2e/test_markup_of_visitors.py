"""Text that a visitor chose is text on every dashboard, in tables. Never a link or a picture."""

import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.e2e import known_events
from tests.e2e.journey import Access, save
from tests.e2e.rendered import go, open_charts
from visitors.protocol import base36, beacon_query

EVIL = "evil.example"
LINK = f'<a href="https://{EVIL}/login">Session expired, log in</a>'
PICTURE = f'<img src="https://{EVIL}/p.gif">'
HEADING = f"<h1>{EVIL}</h1>"
PERSON = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
    "Accept-Language": "es",
    "X-Forwarded-For": "90.160.1.1",
}
BOT = {"User-Agent": f"Googlebot/2.1 {LINK} {PICTURE}", "X-Forwarded-For": "90.160.1.2"}
SHOWN = {
    "clickstream": {"Recent events": LINK},
    "live": {"Newest events": LINK, "Pages being read": PICTURE, "Traffic sources": f"<h1>{EVIL}"},
    "content": {"Signals": LINK, "Pages": PICTURE, "Exit pages": PICTURE},
    "acquisition": {"Campaigns": LINK, "Campaign terms and content": PICTURE, "Referring sites": f"<h1>{EVIL}"},
    "quality": {"Bots by user agent": LINK},
}
"""Dashboard and chart, and a text of which one cell at least has to hold every character."""

# What a page must not hold, wherever a chart, a tooltip or a dialogue put it.
RENDERED = f"""
() => [...document.querySelectorAll('a[href*="{EVIL}"], img[src*="{EVIL}"], h1')]
  .filter(element => element.outerHTML.includes('{EVIL}')).map(element => element.outerHTML)
"""
CELLS = """
title => [...document.querySelectorAll(`[data-test-chart-name="${title}"] :is([role=cell], td)`)]
  .map(cell => cell.innerText)
"""


@pytest.fixture(scope="module")
def attacked(access: Access) -> int:
    """Events with markup in every field that a visitor chooses, and Druid has them."""
    before = known_events.count(access)
    origin = access.website
    pages = [
        f"{origin}/{PICTURE}?utm_source={LINK}&utm_medium={HEADING}&utm_campaign={LINK}&utm_term={PICTURE}&utm_content={LINK}",
        f"{origin}/{PICTURE}",
    ]
    with httpx.Client(base_url=access.website) as client:
        for number, page in enumerate(pages):
            for event in _visit(number, page):
                client.get(f"/csc-event?{beacon_query(event)}", headers=PERSON).raise_for_status()
        (event, *_) = _visit(len(pages), pages[1])
        client.get(f"/csc-event?{beacon_query(event)}", headers=BOT).raise_for_status()
        client.get(f"/csc-event?p={LINK}&t={PICTURE}", headers=PERSON).raise_for_status()  # a dead letter
    known_events.rows(access, before + 5)
    return 5


def _visit(number: int, page: str) -> Iterator[dict[str, Any]]:
    """A page view and a signal with a name of its own."""
    now, name = int(time.time() * 1000), f"{number}{secrets.token_hex(6)}"
    for counter, kind in enumerate(("pageView", LINK)):
        # fmt: off
        yield {
            "p": f"0:{base36(now)}:{name}", "s": f"0:{base36(now)}:{name}", "v": f"0:{name}", "e": f"0:{name}{counter}",
            "c": now, "n": not counter, "f": not counter, "l": page, "r": f"https://{HEADING}/", "t": kind,
            "i": 1440, "j": 900, "k": 1, "w": 1440, "h": 820,
            "u": {"query": LINK, "engagement_ms": 5000, "scroll_percent": 90},
        }
        # fmt: on


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """Every address that the administrator's browser asks for."""
    return []


@pytest.fixture(scope="module")
def window(access: Access, browser: Browser, attacked: int, asked: list[str]) -> Iterator[Page]:  # noqa: ARG001
    """The administrator, who opens one dashboard after the other."""
    page = open_charts(browser, access, "live")
    page.on("request", lambda request: asked.append(request.url))
    yield page
    page.context.close()


@pytest.mark.parametrize("slug", SHOWN)
def test_tables_show_markup_as_text(slug: str, window: Page, access: Access, asked: list[str], pictures: Path) -> None:
    go(window, access, slug)
    save(window, pictures / f"markup-{slug}.png")
    assert window.evaluate(RENDERED) == []
    for title, text in SHOWN[slug].items():
        cells: list[str] = window.evaluate(CELLS, title)
        assert any(text in cell for cell in cells), f"{title} has no cell with {text!r}: {cells[:40]}"
    assert not [url for url in asked if EVIL in url.partition("?")[0]]


def test_the_rows_behind_a_chart_show_markup_as_text(window: Page, access: Access, asked: list[str]) -> None:
    go(window, access, "content")
    chart = window.locator('[data-test-chart-name="Signals"]')
    chart.locator('[aria-label="More Options"]').click()
    window.get_by_text("View as table", exact=True).click()
    window.get_by_role("dialog").get_by_text("Session expired").first.wait_for(timeout=30_000)
    assert LINK in window.get_by_role("dialog").inner_text()
    assert window.evaluate(RENDERED) == []
    assert not [url for url in asked if EVIL in url.partition("?")[0]]
