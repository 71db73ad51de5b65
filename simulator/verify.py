"""Compares a run's ledger with what Druid holds."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from simulator.ledger import DIMENSIONS, Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator


class DruidError(Exception):
    """Druid could not be asked."""


@dataclass(frozen=True)
class Difference:
    """Something that is not as sent."""

    dimension: str
    value: str
    sent: int
    found: int


@dataclass(frozen=True)
class Druid:
    """Druid's SQL over HTTP."""

    url: str
    datasource: str = "clickstream"
    credentials: tuple[str, str] | None = None

    def query(self, sql: str, *parameters: str | int) -> list[dict[str, Any]]:
        """The rows of a query with `?` for its parameters."""
        given = [{"type": "BIGINT" if isinstance(value, int) else "VARCHAR", "value": value} for value in parameters]
        try:
            answer = httpx.post(
                f"{self.url.rstrip('/')}/druid/v2/sql",
                json={"query": sql, "parameters": given},
                auth=self.credentials,
                timeout=60,
            )
        except httpx.TransportError as error:
            message = f"{self.url} can't be reached: {error!r}"
            raise DruidError(message) from None
        if answer.status_code != 200:
            message = f"{self.url} answered {answer.status_code}: {answer.text[:300]}"
            raise DruidError(message)
        rows: list[dict[str, Any]] = answer.json()
        return rows

    def counts(self, ledger: Ledger) -> tuple[dict[str, Counter[str]], int]:
        """Events of the run per dimension, each once, and those of its bots."""
        columns = ", ".join(DIMENSIONS)
        rows = self.query(
            f'SELECT {columns}, is_bot, COUNT(*) AS events FROM "{self.datasource}" '  # noqa: S608  # constants
            "WHERE __time >= MILLIS_TO_TIMESTAMP(?) AND party_id LIKE ? AND is_duplicate = 0 AND is_corrupt = 0 "
            f"GROUP BY {columns}, is_bot",
            ledger.started_ms - 60_000,
            f"0:%:{ledger.run}%",
        )
        found: dict[str, Counter[str]] = {name: Counter() for name in DIMENSIONS}
        bots = 0
        for row in rows:
            if row["is_bot"]:
                bots += row["events"]
                continue
            for name in DIMENSIONS:
                found[name][row[name] if row[name] is not None else "(none)"] += row["events"]
        return found, bots


def differences(ledger: Ledger, found: dict[str, Counter[str]], bots: int) -> Iterator[Difference]:
    """Everything that is not as sent, the totals first."""
    total = sum(found[DIMENSIONS[0]].values())
    if total != ledger.acknowledged:
        yield Difference("total", "events", ledger.acknowledged, total)
    if bots != ledger.bot_events:
        yield Difference("total", "events of bots", ledger.bot_events, bots)
    for name in DIMENSIONS:
        sent = ledger.counts[name]
        for value in sorted(sent.keys() | found[name].keys()):
            if sent[value] != found[name][value]:
                yield Difference(name, value, sent[value], found[name][value])


def verify(ledger: Ledger, druid: Druid, patience: float) -> list[Difference]:
    """The differences left after `patience` seconds; events need a moment to get through."""
    end = time.monotonic() + patience
    while True:
        left = list(differences(ledger, *druid.counts(ledger)))
        if not left or time.monotonic() > end:
            return left
        time.sleep(1)
