"""Visits without a browser: sends the tracker's requests at the scenario's rate."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from visitors.behaviour import visits
from visitors.protocol import Event, Run, beacon_query, events_of

if TYPE_CHECKING:
    from visitors.behaviour import Visit
    from visitors.ledger import Ledger
    from visitors.scenario import Scenario

CONNECTIONS = 64
ATTEMPTS = 6
TIMEOUT_SECONDS = 30

Progress = Callable[[int], None]


class RefusedError(Exception):
    """The collector gave an unexpected response."""


@dataclass
class Synthetic:
    """Sends a scenario and records it in a ledger."""

    scenario: Scenario
    run: Run
    ledger: Ledger
    progress: Progress
    seen: set[tuple[int, str]] = field(default_factory=set)
    stopping: bool = False
    """Start no further visits."""

    def __post_init__(self) -> None:
        """Noise has a separate random generator, so that it does not change the visitors."""
        self.chance = random.Random(f"noise {self.scenario.seed}")  # noqa: S311  # repeatable

    async def send(self) -> None:
        """Send all visits at the scenario's events per second."""
        slots = asyncio.Semaphore(CONNECTIONS)
        started, planned = time.monotonic(), 0
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=not self.run.insecure),
                # No shared cookies, since every visitor has its own.
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                # Exactly the headers of a browser, without the library's defaults.
                skip_auto_headers=("User-Agent", "Accept-Encoding"),
            ) as client,
            asyncio.TaskGroup() as group,
        ):
            for visit in visits(self.scenario):
                if self.stopping:
                    break
                identity = self.run.identity(visit)
                returning = identity in self.seen
                self.seen.add(identity)
                events = list(events_of(visit, self.run, int(time.time() * 1000), returning=returning))
                await slots.acquire()
                task = group.create_task(self._visit(client, visit, events))
                task.add_done_callback(lambda _: slots.release())
                planned += len(events)
                ahead = planned / self.scenario.events_per_second - (time.monotonic() - started)
                if ahead > 0:
                    await asyncio.sleep(ahead)

    async def _visit(self, client: aiohttp.ClientSession, visit: Visit, events: list[Event]) -> None:
        headers = self._headers(visit, events[0])
        noise = self.scenario.noise
        transport = self.scenario.transport
        if not self.run.batch_url:
            transport = "beacon"
        elif transport == "mixed":
            transport = "batch" if visit.number % 2 else "beacon"
        repeated = [event for event in events if self.chance.random() < noise.duplicates]
        damaged = [event for event in events if self.chance.random() < noise.corrupt]
        if transport == "batch":
            await self._batch(client, headers, visit, events)
        else:
            for event in events:
                await self._beacon(client, headers, beacon_query(event))
                self._note(visit, event)
        for event in repeated:
            await self._beacon(client, headers, beacon_query(event))
            self.ledger.duplicates_sent += 1
        for event in damaged:
            # A new id, so that the event is corrupt but not a duplicate.
            query = beacon_query({**event, "e": event["e"] + "x"})
            await self._beacon(client, headers, query.rpartition("x=")[0] + "x=corrupt")
            self.ledger.corrupt_sent += 1
        self.ledger.visits += not visit.bot
        self.progress(not visit.bot)

    def _note(self, visit: Visit, event: Event) -> None:
        self.ledger.add(visit, event, int(time.time() * 1000))

    def _headers(self, visit: Visit, event: Event) -> dict[str, str]:
        names = self.run.names
        headers = {
            "User-Agent": visit.user_agent,
            "Accept-Encoding": "gzip, deflate, br",
            "Referer": event["l"],
            "X-Forwarded-For": visit.address,
        }
        origin = self.run.origin_of(visit)
        is_own = origin == self.run.origin
        if is_own:
            # Cookies keep a visit on one collector. As in a browser, other origins get none.
            headers["Cookie"] = f"{names.party_cookie}={event['p']}; {names.session_cookie}={event['s']}"
        if visit.bot:
            # Crawlers identify themselves, and send none of the browsers' special headers.
            return headers
        language = visit.group.locale
        return headers | {
            "Accept-Language": f"{language},{language[:2]};q=0.9",
            "Origin": origin,
            "Sec-Fetch-Site": "same-origin" if is_own else "cross-site",
            "Sec-Fetch-Mode": "cors",
            "Sec-Fetch-Dest": "empty",
            **visit.group.client_hints,
        }

    async def _batch(
        self, client: aiohttp.ClientSession, headers: dict[str, str], visit: Visit, events: list[Event]
    ) -> None:
        answer = await self._persist(client, "POST", URL(self.run.batch_url), headers, json={"events": events})
        accepted = set(answer["accepted"])
        for event in events:
            if event["e"] in accepted:
                self._note(visit, event)
            else:
                self.ledger.refused += 1

    async def _beacon(self, client: aiohttp.ClientSession, headers: dict[str, str], query: str) -> None:
        # Already encoded; do not encode it again.
        await self._persist(client, "GET", URL(f"{self.run.event_url}?{query}", encoded=True), headers)

    async def _persist(
        self, client: aiohttp.ClientSession, method: str, url: URL, headers: dict[str, str], **arguments: Any
    ) -> Any:
        """The response's JSON (None for the pixel). Like the tracker, retries after 429, 5xx or a lost connection."""
        problem, attempt, pause = "", 0, 0.0
        for attempt in range(ATTEMPTS):
            try:
                async with client.request(method, url, headers=headers, **arguments) as answer:
                    if answer.status == HTTPStatus.OK:
                        return await answer.json() if method == "POST" else await answer.read() and None
                    problem = f"status {answer.status}: {(await answer.text())[:200]}"
                    if (
                        answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
                        and answer.status != HTTPStatus.TOO_MANY_REQUESTS
                    ):
                        break
                    pause = float(answer.headers.get("Retry-After", "0"))
            except (aiohttp.ClientError, TimeoutError) as error:
                problem = repr(error)
            self.ledger.retries += 1
            await asyncio.sleep(max(pause, 0.2 * 2**attempt))
        message = f"{self.run.origin} did not take an event after {attempt + 1} attempts; last: {problem}"
        raise RefusedError(message)
