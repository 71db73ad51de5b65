"""Text that a visitor chose is text in tooltips. Not collected by its name: give pytest the path of this file."""

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
MANY = 120
"""Views of the page: more than of any page in the tests before."""

LINK = f'<a href="https://{EVIL}/login">Session expired, log in</a>'
PICTURE = f'<img src="https://{EVIL}/p.gif">'
HEADING = f"<h1>{EVIL}</h1>"
PERSON = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
    "Accept-Language": "es",
    "X-Forwarded-For": "90.160.1.1",
}
BOT = {"User-Agent": f"Googlebot/2.1 {LINK} {PICTURE}", "X-Forwarded-For": "90.160.1.2"}
HOVERED = {
    "clickstream": ("Top pages",),
    "content": ("Page views by hour and page", "Entry pages", "Engaged time per view, by page"),
    "acquisition": ("Landing pages by channel",),
}
"""Charts of ECharts with such names: their tooltips are HTML."""

# What a page must not hold, wherever a chart, a tooltip or a dialogue put it.
RENDERED = f"""
() => [...document.querySelectorAll('a[href*="{EVIL}"], img[src*="{EVIL}"], h1')]
  .filter(element => element.outerHTML.includes('{EVIL}')).map(element => element.outerHTML)
"""
TOOLTIPS = """
() => [...document.querySelectorAll('div')]
  .filter(box => getComputedStyle(box).zIndex === '9999999' && getComputedStyle(box).visibility !== 'hidden')
  .map(box => box.innerText)
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
        # First, since tables show the newest events, and charts with tooltips the most viewed pages.
        for number in range(10, 10 + MANY):
            view = next(_visit(number, pages[0]))
            client.get(f"/csc-event?{beacon_query(view)}", headers=PERSON).raise_for_status()
        for number, page in enumerate(pages):
            for event in _visit(number, page):
                client.get(f"/csc-event?{beacon_query(event)}", headers=PERSON).raise_for_status()
        (event, *_) = _visit(len(pages), pages[1])
        client.get(f"/csc-event?{beacon_query(event)}", headers=BOT).raise_for_status()
        client.get(f"/csc-event?p={LINK}&t={PICTURE}", headers=PERSON).raise_for_status()  # a dead letter
    known_events.rows(access, before + 5 + MANY)
    return 5 + MANY


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


@pytest.mark.parametrize("slug", HOVERED)
def test_tooltips_show_markup_as_text(
    slug: str, window: Page, access: Access, asked: list[str], pictures: Path
) -> None:
    go(window, access, slug)
    for title in HOVERED[slug]:
        chart = window.locator(f'[data-test-chart-name="{title}"] canvas').first
        box = chart.bounding_box()
        assert box, title
        texts: list[str] = []
        for across in range(1, 10):
            for down in range(1, 10):
                window.mouse.move(box["x"] + box["width"] * across / 10, box["y"] + box["height"] * down / 10)
                texts += window.evaluate(TOOLTIPS)
                assert window.evaluate(RENDERED) == [], title
            if any("<img" in text for text in texts):
                break
        save(window, pictures / f"markup-{slug}-tooltip.png")
        assert any("<img" in text for text in texts), f"{title}: no tooltip has the markup as text: {texts[-5:]}"
        assert not any("<span" in text for text in texts), f"the marker of a series is shown as text: {texts[-5:]}"
    assert not [url for url in asked if EVIL in url.partition("?")[0]]


def test_a_table_made_in_the_browser_shows_text(window: Page, access: Access) -> None:
    """The form of a new table has HTML switched off."""
    window.goto(
        f"{access.superset}/explore/?viz_type=table&datasource_id={_dataset(window, access)}&datasource_type=table"
    )
    window.get_by_text("Customize", exact=True).first.click()
    box = window.get_by_label("Render columns in HTML format")
    box.wait_for(timeout=30_000)
    assert not box.is_checked()


def _dataset(page: Page, access: Access) -> int:
    answer = page.request.get(f"{access.superset}/api/v1/dataset/", params={"q": "(page_size:100)"}).json()
    return next(int(row["id"]) for row in answer["result"] if row["table_name"] == "clickstream")
