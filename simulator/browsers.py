"""Visits with real browsers: headless Chromium walks the site like a person, several side by side."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playwright.async_api import async_playwright

from simulator.behaviour import visits

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.async_api import Browser, Page, Request, StorageState

    from simulator.behaviour import Step, Visit
    from simulator.ledger import Ledger
    from simulator.protocol import Run
    from simulator.scenario import Scenario

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LONGEST_DWELL_MS = 3000


@dataclass
class Browsers:
    """Plays a scenario in browsers and keeps the ledger of what they sent."""

    scenario: Scenario
    run: Run
    ledger: Ledger
    progress: Callable[[int], None]
    side_by_side: int = 4
    seen: set[str] = field(default_factory=set)
    memories: dict[int, StorageState] = field(default_factory=dict)

    async def send(self) -> None:
        """All visits of people; bots are for the synthetic mode."""
        executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        people = [visit for visit in visits(self.scenario) if not visit.bot]
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
            # A returning visitor's visits must follow each other: each has one lane.
            lanes: list[list[Visit]] = [[] for _ in range(self.side_by_side)]
            for visit in people:
                lanes[visit.visitor % self.side_by_side].append(visit)
            async with asyncio.TaskGroup() as group:
                for lane in lanes:
                    group.create_task(self._lane(browser, lane))
            await browser.close()

    async def _lane(self, browser: Browser, lane: list[Visit]) -> None:
        for visit in lane:
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
        )
        # The visitor's number is the run's; the session is the tracker's business.
        await context.add_cookies([
            {"name": "_dvp", "value": self.run.party_id(visit.visitor), "url": self.run.origin}
        ])  # fmt: skip
        context.on("request", lambda request: self._note(visit, request))
        page = await context.new_page()
        for index, step in enumerate(visit.steps):
            await page.goto(self.run.origin + step.path, referer=visit.referrer or None if index == 0 else None)
            await self._act(page, step)
        await page.goto("about:blank")
        self.memories[visit.visitor] = await context.storage_state()
        await context.close()

    async def _act(self, page: Page, step: Step) -> None:
        await page.mouse.wheel(0, step.scroll_percent * 8)
        await page.wait_for_timeout(min(step.dwell_ms, LONGEST_DWELL_MS))
        if step.action == "addToCart":
            await page.click("main .product button.add, main .buy button.add")
        elif step.action == "purchase":
            await page.click("#checkout")
            await page.wait_for_url("**/thanks?*")
        await page.evaluate("new Promise(done => divolte.whenCommitted(done, 5000))")

    def _note(self, visit: Visit, request: Request) -> None:
        if not request.url.endswith("/csc-batch") or request.post_data_json is None:
            return
        for event in request.post_data_json["events"]:
            if event["e"] not in self.seen:
                self.seen.add(event["e"])
                self.ledger.add(visit, event)
