"""Signals that a visitor is a program. Marked, never dropped.

A program that identifies itself as one is one: its User-Agent names a crawler. Any other signal alone is often wrong (a
privacy browser leaves headers out, a company network sits in a data centre), so signals of several classes must agree:

declared    the User-Agent names a tool, such as an HTTP library, or is missing
headers     the headers do not look like those of the browser that the User-Agent claims to be
automation  a driven browser: HeadlessChrome, navigator.webdriver reported by the tracker, or no screen at all
            (Electron is none: people use desktop apps made with it)
network     the address belongs to a hosting network (only with an ASN database)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.enrich.agent_lists import Bot
    from collector.model.event import Event

_AUTOMATION: Final = re.compile(r"Headless|PhantomJS|Cypress/|Puppeteer|Playwright|Selenium", re.IGNORECASE)
_CHROMIUM: Final = re.compile(r"(?:Chrome|Chromium)/(\d{2,4})\.")
_BROWSER: Final = re.compile(r"^Mozilla/5\.0 \(.*(?:Gecko|AppleWebKit)")
HEADER_NAMES: Final = (
    b"user-agent", b"accept-language", b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform", b"sec-fetch-mode",
)  # fmt: skip
"""The headers that signals and user agents are read from: together they are the key of the cache."""


CRAWLER: Final = "crawler"
"""The class that needs no other."""


def header_classes(headers: Mapping[str, str], bot: Bot | None, *, secure: bool) -> frozenset[str]:
    """The classes that the headers of HEADER_NAMES give. `bot`: what the User-Agent names. `secure`: over HTTPS."""
    user_agent = headers.get("user-agent", "")[:2048]
    classes: set[str] = set()
    if not user_agent or bot is not None:
        classes.add("declared")
    if bot is not None and bot.is_crawler:
        classes.add(CRAWLER)
    if _AUTOMATION.search(user_agent) or "Headless" in headers.get("sec-ch-ua", ""):
        classes.add("automation")
    if "accept-language" not in headers:
        classes.add("headers")
    chromium = _CHROMIUM.search(user_agent)
    # Browsers send client hints and fetch metadata to secure origins only.
    if secure and _BROWSER.match(user_agent) and "sec-fetch-mode" not in headers:
        classes.add("headers")
    if secure and chromium and int(chromium[1]) >= 90 and "sec-ch-ua" not in headers:
        classes.add("headers")
    return frozenset(classes)


def is_bot(event: Event, threshold: int) -> bool:
    """Whether the event is a crawler's, or signals of at least that many classes speak against it."""
    agent, place = event.agent, event.place
    classes = agent.bot_classes if agent is not None else frozenset[str]()
    if CRAWLER in classes:
        return True
    count = len(classes)
    if place is not None and place.is_hosting:
        count += 1
    if count == threshold - 1 and "automation" not in classes and _automated(event):
        count += 1
    return count >= threshold


def _automated(event: Event) -> bool:
    parameters = event.parameters
    if isinstance(parameters, dict) and parameters.get("webdriver") is True:
        return True
    return event.screen_width == 0 and event.screen_height == 0
