"""How long after a click its event is in the answers of Druid's SQL, through the whole platform.

    python benchmarks/click_to_queryable.py --stack dev --clicks 200 --every 0.25

A click is the tracker's GET beacon, sent to the website's origin; time counts from before the request, through edge,
collector, Kafka, avro-to-json, Kafka, Druid's task, broker, router and edge. One query is asked again and again for the
events that are still missing, so the figure includes half a query's time on average. Clicks are sent at fixed times,
whether or not earlier ones have arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx

from toolchain import environment
from tools.stack import outputs
from visitors.protocol import base36, beacon_query

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"


def click(origin: str, run: str, number: int) -> tuple[str, str]:
    """The event's id, and the query of its beacon."""
    now = int(time.time() * 1000)
    view = f"0:{run}{number:08x}"
    event: dict[str, Any] = {
        "p": f"0:{base36(now)}:{run}", "s": f"0:{base36(now)}:{run}s", "v": view, "e": f"{view}0", "c": now,
        "n": False, "f": False, "l": f"{origin}/benchmark", "i": 1280, "j": 720, "k": 1, "w": 1280, "h": 640,
        "t": "pageView",
    }  # fmt: skip
    return f"{view}0", beacon_query(event)


async def send(
    website: httpx.AsyncClient, origin: str, run: str, number: int, due: float, started: dict[str, float]
) -> None:
    """One click, at its time."""
    await asyncio.sleep(max(0.0, due - time.monotonic()))
    event_id, query = click(origin, run, number)
    started[event_id] = time.monotonic()
    (await website.get(f"/csc-event?{query}")).raise_for_status()


async def watch(druid: httpx.AsyncClient, run: str, started: dict[str, float], clicks: int) -> list[float]:
    """Seconds from click to answer, of every event; gives up 60 s after the last click."""
    seen: dict[str, float] = {}
    sql = "SELECT event_id FROM clickstream WHERE __time > CURRENT_TIMESTAMP - INTERVAL '1' HOUR AND event_id LIKE ?"
    body = {"query": sql, "parameters": [{"type": "VARCHAR", "value": f"0:{run}%"}]}
    while len(seen) < clicks:
        answer = await druid.post("/druid/v2/sql", json=body)
        now = time.monotonic()
        answer.raise_for_status()
        for row in answer.json():
            seen.setdefault(row["event_id"], now - started[row["event_id"]])
        if len(started) == clicks and now - max(started.values()) > 60:
            break
    return sorted(seen.values())


async def measure(found: dict[str, Any], clicks: int, every: float) -> list[float]:
    """Latencies in seconds, sorted."""
    run = uuid4().hex[:16]
    started: dict[str, float] = {}
    login = (found["adminUser"], found["adminPassword"])
    async with (
        httpx.AsyncClient(base_url=found["origin"], headers={"User-Agent": BROWSER}, timeout=30) as website,
        httpx.AsyncClient(base_url=found["druid"], auth=login, timeout=30) as druid,
    ):
        begin = time.monotonic() + 1
        sends = [send(website, found["origin"], run, n, begin + n * every, started) for n in range(clicks)]
        watcher = asyncio.create_task(watch(druid, run, started, clicks))
        await asyncio.gather(*sends)
        return await watcher


def percentile(values: list[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed."""
    return values[max(0, math.ceil(len(values) * share) - 1)]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Time from a click to Druid's answers.")
    parser.add_argument("--stack", default="dev")
    parser.add_argument("--clicks", type=int, default=200)
    parser.add_argument("--every", type=float, default=0.25, help="seconds between clicks")
    options = parser.parse_args()
    found = outputs(options.stack, environment.full())
    latencies = asyncio.run(measure(found, options.clicks, options.every))
    lost = options.clicks - len(latencies)
    print(f"{options.clicks} clicks, one every {options.every} s; not seen within 60 s: {lost}")
    for share in (0.5, 0.9, 0.99, 1.0):
        print(f"p{share * 100:g}: {percentile(latencies, share) * 1000:.0f} ms")
    if lost:
        sys.exit(1)


if __name__ == "__main__":
    main()
