"""A visitor who puts markup into every field, and the administrator who looks at it."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
from playwright.sync_api import Browser, Page

from tests.e2e import known_events
from tests.e2e.journey import Access
from tests.e2e.rendered import open_charts
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

# What a page must not hold, wherever a chart, a tooltip or a dialogue put it.
RENDERED = f"""
() => [...document.querySelectorAll('a[href*="{EVIL}"], img[src*="{EVIL}"], h1')]
  .filter(element => element.outerHTML.includes('{EVIL}')).map(element => element.outerHTML)
"""


class Window(NamedTuple):
    """The administrator's page, and every address that its browser asks for."""

    page: Page
    asked: list[str]

    def asked_of_evil(self) -> list[str]:
        """Addresses of the visitor's host; its name in a query is only data."""
        return [url for url in self.asked if EVIL in url.partition("?")[0]]


@contextmanager
def administrator(browser: Browser, access: Access) -> Iterator[Window]:
    """Somebody who opens one dashboard after the other."""
    asked: list[str] = []
    page = open_charts(browser, access, "live")
    page.on("request", lambda request: asked.append(request.url))
    yield Window(page, asked)
    page.context.close()


def attack(access: Access, *, views: int = 0) -> None:
    """Send events with markup in every field that a visitor chooses, and wait until Druid has them.

    `views` come first: so many page views more, since some charts show the most viewed pages only.
    """
    before = known_events.count(access)
    origin = access.website
    pages = [
        f"{origin}/{PICTURE}?utm_source={LINK}&utm_medium={HEADING}&utm_campaign={LINK}&utm_term={PICTURE}&utm_content={LINK}",
        f"{origin}/{PICTURE}",
    ]
    with httpx.Client(base_url=access.website) as client:
        for number in range(10, 10 + views):
            view = next(_visit(number, pages[0]))
            client.get(f"/csc-event?{beacon_query(view)}", headers=PERSON).raise_for_status()
        for number, page in enumerate(pages):
            for event in _visit(number, page):
                client.get(f"/csc-event?{beacon_query(event)}", headers=PERSON).raise_for_status()
        (event, *_) = _visit(len(pages), pages[1])
        client.get(f"/csc-event?{beacon_query(event)}", headers=BOT).raise_for_status()
        client.get(f"/csc-event?p={LINK}&t={PICTURE}", headers=PERSON).raise_for_status()  # a dead letter
    known_events.rows(access, before + 5 + views)


def _visit(number: int, page: str) -> Iterator[dict[str, Any]]:
    """A page view and a signal with a name of its own."""
    now, name = int(time.time() * 1000), f"{number}{secrets.token_hex(6)}"
    for counter, kind in enumerate(("pageView", LINK)):
        # fmt: off
        yield {
            "p": f"0:{base36(now)}:{name}", "s": f"0:{base36(now)}:{name}", "v": f"0:{name}", "e": f"0:{name}{counter}",
            "c": now, "n": not counter, "f": not counter, "l": page, "r": f"https://{HEADING}/", "t": kind,
            "i": 1440, "j": 900, "k": 1, "w": 1440, "h": 820,
            "u": {"query": LINK, "engagement_ms": 60_000, "scroll_percent": 90},
        }
        # fmt: on
