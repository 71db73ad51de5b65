"""A visitor of the simulator's real browsers looks to the site like the browser that it plays."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from infra.paths import ROOT

if TYPE_CHECKING:
    from tests.browser.site_server import SiteServer

# In a process of its own: Playwright's two interfaces do not run in one.
PROGRAM = """
import asyncio, json, sys
from playwright.async_api import async_playwright
from visitors.browsers import _launch, _present
from visitors.scenario import load

async def main(url):
    async with async_playwright() as playwright:
        browser = await _launch(playwright)
        for group in load("browsers").visitors:
            context = await browser.new_context(user_agent=group.user_agent, locale=group.locale)
            page = await context.new_page()
            await _present(context, page, group)
            sent = []
            page.on("request", lambda request: sent.append(request))
            await page.goto(url)
            headers = [await each.all_headers() for each in sent]
            brands = await page.evaluate("navigator.userAgentData && navigator.userAgentData.brands.map(b => b.brand)")
            agent = await page.evaluate("navigator.userAgent")
            print(json.dumps([group.browser, group.client_hints, group.user_agent, headers, brands, agent]))
            await context.close()  # or what it still sends would be taken for the next one's

asyncio.run(main(sys.argv[1]))
"""


def test_client_hints_are_those_of_the_browser_that_is_played(site: SiteServer) -> None:
    program = [sys.executable, "-c", PROGRAM, site.url]
    done = subprocess.run(program, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)
    played = [json.loads(line) for line in done.stdout.splitlines()]
    assert {bool(hints) for _, hints, *_ in played} == {True, False}
    for name, hints, user_agent, requests, brands, agent in played:
        assert agent == user_agent
        for headers in requests:
            sent = {key: value for key, value in headers.items() if key.startswith("sec-ch-ua")}
            assert (headers["user-agent"], sent) == (user_agent, hints), name
        if hints:
            assert all(f'"{brand}"' in hints["sec-ch-ua"] for brand in brands)
        else:
            assert brands is None, f"{name} has no navigator.userAgentData"
