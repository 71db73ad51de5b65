"""Visitors' devices: they send events with known ids at a steady rate, and remember what they were told."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Sequence

SENDERS = 6
"""Every other one sends again what was not acknowledged, as the tracker does; the rest give up at once."""
BATCH = 5
INTERVAL = 1.0
"""Seconds between two batches of a sender."""
TIMEOUT = 10.0
RETRY_PAUSE = 1.0


@dataclass
class Told:
    """What the senders were told, by event id."""

    acknowledged: dict[str, float] = field(default_factory=dict)
    """With the time of the answer."""
    refused: set[str] = field(default_factory=set)
    """Answered, and not with success, the last time that they were sent."""
    unanswered: set[str] = field(default_factory=set)
    """Without an answer, the last time that they were sent."""
    refusals: int = 0
    silences: int = 0
    slowest: float = 0.0

    def settle(self, events: Sequence[str], status: int | None, seconds: float) -> None:
        """The outcome of a request: its status, or None without an answer."""
        self.slowest = max(self.slowest, seconds)
        self.refused.difference_update(events)
        self.unanswered.difference_update(events)
        if status == httpx.codes.OK:
            self.acknowledged.update(dict.fromkeys(events, time.monotonic()))
        elif status is None:
            self.unanswered.update(events)
            self.silences += len(events)
        else:
            self.refused.update(events)
            self.refusals += len(events)

    def older_than(self, seconds: float) -> set[str]:
        """Events that were acknowledged before that."""
        limit = time.monotonic() - seconds
        return {event for event, at in self.acknowledged.copy().items() if at < limit}


class Senders:
    """Send while the context is open. The same seed sends the same events."""

    def __init__(self, website: str, prefix: str, seed: int) -> None:
        self.told = Told()
        self._url = f"{website}/csc-batch"
        self._prefix = prefix
        self._seed = seed
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(SENDERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self, sender: int) -> None:
        choice = random.Random(f"{self._seed}-{sender}")  # noqa: S311 - the same again is what it is for
        waiting: list[str] = []
        count = 0
        self._stopped.wait(INTERVAL * sender / SENDERS)
        with httpx.Client(timeout=TIMEOUT) as client:
            while not self._stopped.is_set():
                if not waiting:
                    waiting = [f"{self._prefix}{sender}-{count + number}" for number in range(BATCH)]
                    count += BATCH
                safe = self._send(client, sender, waiting, choice)
                if safe or sender % 2:
                    waiting = []
                self._stopped.wait(INTERVAL if safe else RETRY_PAUSE)

    def _send(self, client: httpx.Client, sender: int, events: list[str], choice: random.Random) -> bool:
        """One request; whether everything in it is safe."""
        common = {
            "p": f"0:1:{self._prefix}{sender}", "s": "0:1:s", "v": "0:v", "c": 1, "n": False, "f": False,
            "t": choice.choice(("pageView", "pageView", "addToBasket")), "l": f"https://shop.example/{choice.randrange(9)}",
        }  # fmt: skip
        body = json.dumps({"events": [{**common, "e": event} for event in events]})
        started = time.monotonic()
        status: int | None = None
        safe: set[str] = set()
        try:
            response = client.post(
                self._url, content=body, headers={"Content-Type": "text/plain", "X-Forwarded-For": "81.2.69.142"}
            )
            status = response.status_code
            safe = set(response.json()["accepted"]) if status == httpx.codes.OK else set()
        except (httpx.HTTPError, json.JSONDecodeError):
            status = None
        seconds = time.monotonic() - started
        with self._lock:
            if status == httpx.codes.OK:
                self.told.settle([event for event in events if event in safe], status, seconds)
                self.told.settle([event for event in events if event not in safe], 503, seconds)
            else:
                self.told.settle(events, status, seconds)
        return len(safe) == len(events)
