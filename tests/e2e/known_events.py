"""A known set of events, sent to the platform as visitors' browsers send them; and Druid's rows of it."""

import asyncio
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.e2e.journey import Access, sql
from tests.support.waiting import until
from visitors.ledger import Ledger
from visitors.protocol import Run, base36, beacon_query
from visitors.scenario import load
from visitors.synthetic import Synthetic

Row = dict[str, Any]

CAMPAIGNS = (
    "/?utm_source=google&utm_medium=cpc&utm_campaign=tents&utm_term=ridge+tent&gclid=a1",
    "/?utm_source=google&utm_medium=cpc&utm_campaign=tents&utm_content=blue&gclid=a2",
    "/category/light?utm_source=letter&utm_medium=email&utm_campaign=autumn",
    "/lookbook/1?fbclid=b1",
)
NOWHERE = {"X-Forwarded-For": "100.64.0.1"}
"""An address that is public to the collector, and in no database."""
CRAWLER = {"User-Agent": "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)"}
HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
    "X-Forwarded-For": "90.160.1.1",
}


def send(access: Access) -> int:
    """Send it; how many rows Druid has to have of it. Every event of it was answered as safe."""
    run = Run(secrets.token_hex(4), access.website, int(time.time() * 1000))
    scenario = load("small")
    ledger = Ledger(run.name, scenario.name, run.started_ms)
    # In a thread of its own: Playwright's loop runs in this one as long as a browser is open.
    with ThreadPoolExecutor(1) as other:
        other.submit(asyncio.run, Synthetic(scenario, run, ledger, lambda _: None).send()).result()
    assert not ledger.refused
    with httpx.Client(base_url=access.website, headers=HEADERS) as client:
        for number, path in enumerate(CAMPAIGNS):
            client.get(f"/csc-event?{_first_view(run, number, path)}").raise_for_status()
        unlocated = _first_view(run, len(CAMPAIGNS), "/about")
        client.get(f"/csc-event?{unlocated}", headers=NOWHERE).raise_for_status()
        crawled = _first_view(run, len(CAMPAIGNS) + 1, "/about")
        client.get(f"/csc-event?{crawled}", headers=CRAWLER).raise_for_status()
    single = len(CAMPAIGNS) + 2
    return ledger.acknowledged + ledger.bot_events + ledger.duplicates_sent + ledger.corrupt_sent + single


def _first_view(run: Run, number: int, path: str) -> str:
    now = int(time.time() * 1000)
    # fmt: off
    event = {
        "p": f"0:{base36(run.started_ms)}:{run.name}campaign{number}", "s": f"0:{base36(now)}:campaign{number}",
        "v": f"0:campaign{number}",
        "e": f"0:campaign{number}0", "c": now, "n": True, "f": True, "l": run.origin + path, "t": "pageView",
        "i": 1440, "j": 900, "k": 2, "w": 1440, "h": 820,
    }
    # fmt: on
    return beacon_query(event)


def count(access: Access, table: str = "clickstream") -> int:
    """Rows of the table; 0 while there is no table."""
    try:
        return int(sql(access, f"SELECT COUNT(*) AS n FROM {table}")[0]["n"])  # noqa: S608 - a name of ours
    except httpx.HTTPStatusError:
        return 0


def rows(access: Access, wanted: int, *, seconds: float = 120) -> list[Row]:
    """Every row that Druid has, as it is, once there are that many."""
    until(lambda: count(access), lambda found: found >= wanted, what=f"{wanted} rows in Druid", seconds=seconds)
    return sql(access, "SELECT * FROM clickstream")
