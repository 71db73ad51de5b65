"""One fault while events flow, and what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
from typing_extensions import override

from tests.faults.platform import answers
from tests.faults.senders import Senders
from tests.support.background import Background

if TYPE_CHECKING:
    from tests.faults.kinds import Fault
    from tests.faults.platform import Platform
    from tests.faults.senders import Told

BEFORE = 4.0
"""Seconds of sending before the fault."""
SETTLED = 4.0
"""An event that was acknowledged so many seconds ago and is in no row is missing, for now."""
PATIENCE = 300.0
SHOWN = 10
"""So many ids of lost or repeated events are named."""


@dataclass
class Outcome:
    """Of one fault."""

    fault: Fault
    prefix: str
    told: Told
    recovery: float | None
    """Seconds from the end of the fault until every acknowledged event is in Druid; None: not in time."""
    no_dashboards: float
    """The longest time in seconds in which Druid answered no query."""
    missing: set[str]
    repeated: set[str]
    """In more than one row that is not marked as a duplicate."""
    only_marked: set[str]
    """Acknowledged, and in Druid only as a marked duplicate."""

    @property
    def is_good(self) -> bool:
        """Whether every acknowledged event is there, and everything that is there counts once."""
        return self.recovery is not None and not (self.missing or self.repeated or self.only_marked)


class Watch(Background):
    """Asks Druid for an answer every second, as an open dashboard does."""

    def __init__(self, platform: Platform) -> None:
        super().__init__()
        self._platform = platform
        self.longest = 0.0

    @override
    def work(self) -> None:
        """Ask until the end of the block."""
        last = time.monotonic()
        while not self.stopped.wait(1):
            if answers(self._platform.access):
                now = time.monotonic()
                self.longest = max(self.longest, now - last)
                last = now
        self.longest = max(self.longest, time.monotonic() - last)


def run(platform: Platform, fault: Fault, prefix: str, seed: int) -> Outcome:
    """Let it happen while senders send, and wait until the platform has recovered."""
    with Watch(platform) as watch:
        with Senders(platform.access.website, prefix, seed) as senders:
            time.sleep(BEFORE)
            fault.strike(platform)
            ended = time.monotonic()
            recovery = _recovery(platform, prefix, senders.told, ended)
        told = senders.told
        if recovery is not None:
            _wait_for(platform, prefix, told)
    outcome = Outcome(fault, prefix, told, recovery, max(0.0, watch.longest - 1), set(), set(), set())
    check(platform, outcome)
    return outcome


def check(platform: Platform, outcome: Outcome) -> None:
    """Compare what the senders were told with the rows."""
    rows = platform.rows(outcome.prefix)
    acknowledged = set(outcome.told.acknowledged)
    outcome.missing = acknowledged - set(rows)
    outcome.repeated = {event for event, (count, marked) in rows.items() if count - marked > 1}
    outcome.only_marked = {event for event in acknowledged & set(rows) if rows[event][0] == rows[event][1]}


def _recovery(platform: Platform, prefix: str, told: Told, ended: float) -> float | None:
    """Seconds until nothing is missing that was acknowledged, though events go on."""
    while time.monotonic() - ended < PATIENCE:
        since = time.monotonic() - ended - SETTLED
        safe = told.older_than(SETTLED)
        # Before an event of after the fault has arrived, the platform may not have noticed it yet.
        is_taking = any(at > ended for event, at in told.acknowledged.copy().items() if event in safe)
        try:
            rows = platform.rows(prefix)
        except httpx.HTTPError:
            rows = {}
        if is_taking and safe <= set(rows):
            return max(0.0, since)
        time.sleep(1)
    return None


def _wait_for(platform: Platform, prefix: str, told: Told) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if set(told.acknowledged) <= set(platform.rows(prefix)):
                return
        except httpx.HTTPError:
            pass
        time.sleep(1)
