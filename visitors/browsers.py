"""Visits with real browsers: several headless Chromium browsers use the site concurrently, like people."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import async_playwright

from toolchain import chromium
from visitors.behaviour import visits
from visitors.sites import resolver_arguments

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.async_api import Browser, BrowserContext, Page, Playwright, Request, StorageState

    from visitors.behaviour import Step, Visit
    from visitors.ledger import Ledger
    from visitors.protocol import Event, Run
    from visitors.scenario import Scenario, Visitors

LONGEST_DWELL_MS = 3000
ANSWER_SECONDS = 10
TAKE_LEAVE = """
(async () => {
  const before = window.visitorLeft;
  if (before) window.divolteSend = before.send;
  dispatchEvent(new Event("pagehide"));
  if (before) dispatchEvent(new Event("online"));
  await new Promise(done => divolte.whenCommitted(done, 5000));
  window.visitorLeft = { send: window.divolteSend };
  window.divolteSend = async () => [];
})()
"""
_BRAND = re.compile(r'"([^"]*)";\s*v="([^"]*)"')


@dataclass
class Browsers:
    """Plays a scenario in browsers and records what they sent in a ledger."""

    scenario: Scenario
    run: Run
    ledger: Ledger
    progress: Callable[[int], None]
    side_by_side: int = 4
    seen: set[str] = field(default_factory=set)
    stopping: bool = False
    """Start no further visits."""
    memories: dict[int, StorageState] = field(default_factory=dict)
    _answers: set[asyncio.Task[None]] = field(default_factory=set)

    async def send(self) -> None:
        """Play all visits of people. Only the synthetic mode has bots."""
        self.ledger.mode = "browsers"
        people = [visit for visit in visits(self.scenario) if not visit.bot]
        async with async_playwright() as playwright:
            browser = await _launch(playwright, *resolver_arguments(self.run.origin, self.run.sites))
            # A visitor's visits must not overlap, so each visitor is assigned to one lane.
            lanes: list[list[Visit]] = [[] for _ in range(self.side_by_side)]
            for visit in people:
                lanes[visit.visitor % self.side_by_side].append(visit)
            async with asyncio.TaskGroup() as group:
                for lane in lanes:
                    group.create_task(self._lane(browser, lane))
            await browser.close()

    async def _lane(self, browser: Browser, lane: list[Visit]) -> None:
        for visit in lane:
            if self.stopping:
                return
            await self._visit(browser, visit)
            self.ledger.visits += 1
            self.progress(1)

    async def _visit(self, browser: Browser, visit: Visit) -> None:
        group = visit.group
        screen = group.screen
        context = await browser.new_context(
            user_agent=group.user_agent,
            locale=group.locale,
            viewport={"width": screen.width, "height": screen.height - 80},
            screen={"width": screen.width, "height": screen.height},
            device_scale_factor=screen.pixel_ratio,
            has_touch=screen.mobile,
            storage_state=self.memories.get(visit.visitor),
            extra_http_headers={"X-Forwarded-For": visit.address},
            ignore_https_errors=self.run.insecure,
        )
        origin = self.run.origin_of(visit)
        context.on("request", lambda request: self._watch(visit, request))
        page = await context.new_page()
        await _present(context, page, group)
        for index, step in enumerate(visit.steps):
            if index:
                await self._walk(page, origin, step)
            else:
                await page.goto(origin + step.path, referer=visit.referrer or None)
            await self._stay(page, step)
        await page.goto("about:blank")
        await asyncio.gather(*self._answers)
        self.memories[visit.visitor] = await context.storage_state()
        await context.close()

    async def _walk(self, page: Page, origin: str, step: Step) -> None:
        """Go to the next page like a person: by the search field, a link, or else its address."""
        if step.action == "search":
            await page.fill("#q", step.subject)
            await page.press("#q", "Enter")
        else:
            link = page.locator(f'a[href="{step.path}"]:visible').first
            if not await link.count():
                await page.goto(origin + step.path, referer=page.url)
                return
            await link.click()
        await page.wait_for_url(origin + step.path)

    async def _stay(self, page: Page, step: Step) -> None:
        await page.mouse.wheel(0, step.scroll_percent * 8)
        await page.wait_for_timeout(min(step.dwell_ms, LONGEST_DWELL_MS))
        if step.action == "addToCart":
            await page.click("main .product button.add")
        elif step.action == "purchase":
            await self._take_leave(page)
            await page.click("#checkout")
            await page.wait_for_url("**/thanks?*")
        await self._take_leave(page)

    async def _take_leave(self, page: Page) -> None:
        """Make the tracker send its leave events while the page still exists.

        A request that outlives its page would have the browser's real user agent and address instead of the visitor's.
        So later events stay in the queue for the visitor's next page.
        """
        await page.evaluate(TAKE_LEAVE)

    def _watch(self, visit: Visit, request: Request) -> None:
        origin, names = self.run.origin_of(visit), self.run.names
        batch = names.batch_path and request.url == origin + names.batch_path
        if batch or request.url.startswith(f"{origin}{names.event_path}?"):
            task = asyncio.ensure_future(self._note(visit, request))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

    async def _note(self, visit: Visit, request: Request) -> None:
        """Record the events of an answered request. The tracker repeats requests without an answer."""
        events = _events(request)
        for event in events:
            self.ledger.add_party(event["p"])
        try:
            answer = await asyncio.wait_for(request.response(), ANSWER_SECONDS)
        except (PlaywrightError, TimeoutError):
            answer = None
        if answer is None or not answer.ok:
            self.ledger.retries += 1
            return
        for event in events:
            if event["e"] not in self.seen:
                self.seen.add(event["e"])
                self.ledger.add(visit, event, int(time.time() * 1000))


def _events(request: Request) -> list[Event]:
    """The events of a batch, or of a beacon if the stack takes no batches."""
    if request.method == "GET":
        return [dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))]
    events: list[Event] = json.loads(request.post_data or "")["events"]
    return events


async def _launch(playwright: Playwright, *arguments: str) -> Browser:
    return await playwright.chromium.launch(executable_path=chromium.executable(), args=chromium.arguments(*arguments))


async def _present(context: BrowserContext, page: Page, group: Visitors) -> None:
    """Set the group's client hints in headers and in `navigator.userAgentData`, or remove both.

    Only Chromium-based browsers have client hints. Overriding the user agent without metadata removes the headers;
    Chromium has no other switch for this any more.
    """
    hints = group.client_hints
    session = await context.new_cdp_session(page)
    if not hints:
        await page.add_init_script("delete Navigator.prototype.userAgentData")
        override = {"userAgent": group.user_agent, "acceptLanguage": group.locale}
        await session.send("Emulation.setUserAgentOverride", override)
        return
    brands = [{"brand": name, "version": version} for name, version in _BRAND.findall(hints.get("sec-ch-ua", ""))]
    await session.send(
        "Emulation.setUserAgentOverride",
        {
            "userAgent": group.user_agent,
            "acceptLanguage": group.locale,
            "userAgentMetadata": {
                "brands": brands,
                "fullVersionList": brands,
                "platform": hints.get("sec-ch-ua-platform", "").strip('"'),
                "platformVersion": "",
                "architecture": "",
                "model": "",
                "mobile": hints.get("sec-ch-ua-mobile") == "?1",
            },
        },
    )
