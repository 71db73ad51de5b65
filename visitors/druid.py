"""Druid's numbers for a run, by plain SQL over HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from visitors.ledger import DIMENSIONS, TOTAL, Ledger, Numbers

NONE = "unknown"
"""Label for a missing value, as on the dashboards."""

_PEOPLE = "is_bot = 0 AND is_duplicate = 0 AND is_corrupt = 0"
_DISTINCT = {
    "sessions": ("session_id", "1 = 1"),
    "unique_visitors": ("party_id", "1 = 1"),
    "new_visitors": ("party_id", "is_new_party = 1"),
}
"""From metrics to the identifier that each counts, and the condition."""


class DruidError(Exception):
    """Druid could not be queried."""


@dataclass(frozen=True)
class Noise:
    """Events that the charts exclude: from bots, duplicate, or corrupt."""

    bot_events: int
    duplicates: int
    corrupt: int


@dataclass
class Druid:
    """A Druid router, through the edge or directly."""

    url: str
    datasource: str = "clickstream"
    credentials: tuple[str, str] | None = field(default=None, repr=False)
    insecure: bool = False

    def __post_init__(self) -> None:
        """Prepare a connection without sending anything yet."""
        self._http = httpx.Client(base_url=self.url, auth=self.credentials, timeout=60, verify=not self.insecure)

    def query(self, sql: str, *parameters: str | int) -> list[dict[str, Any]]:
        """The rows of a query with `?` for its parameters."""
        given = [{"type": "BIGINT" if isinstance(value, int) else "VARCHAR", "value": value} for value in parameters]
        # Exact counts, since a sketch's error could hide missing events.
        context = {"useApproximateCountDistinct": False}
        try:
            answer = self._http.post("/druid/v2/sql", json={"query": sql, "parameters": given, "context": context})
        except httpx.TransportError as error:
            message = f"{self.url} can't be reached: {error!r}"
            raise DruidError(message) from None
        if answer.status_code != 200:
            message = f"{self.url} answered {answer.status_code}: {answer.text[:300]}"
            raise DruidError(message)
        rows: list[dict[str, Any]] = answer.json()
        return rows

    def acknowledged(self, ledger: Ledger) -> tuple[int, int]:
        """Events of people and of bots, without duplicates."""
        run, values = _of(ledger)
        where = f"{run} AND is_duplicate = 0 AND is_corrupt = 0"
        rows = self.query(
            f'SELECT is_bot, COUNT(*) AS "events" FROM "{self.datasource}" WHERE {where} GROUP BY 1',  # noqa: S608
            *values,
        )
        counts = {bool(row["is_bot"]): int(row["events"]) for row in rows}
        return counts.get(False, 0), counts.get(True, 0)

    def noise(self, ledger: Ledger) -> Noise:
        """The noise: events that were sent on purpose and must be recognised as such."""
        run, values = _of(ledger)
        rows = self.query(
            'SELECT COUNT(*) FILTER (WHERE is_bot = 1 AND is_duplicate = 0 AND is_corrupt = 0) AS "bot_events", '  # noqa: S608
            'COUNT(*) FILTER (WHERE is_duplicate = 1) AS "duplicates", '
            'COUNT(*) FILTER (WHERE is_corrupt = 1) AS "corrupt" '
            f'FROM "{self.datasource}" WHERE {run}',
            *values,
        )
        return Noise(**rows[0]) if rows else Noise(0, 0, 0)

    def numbers(self, ledger: Ledger) -> Numbers:
        """All numbers for the run's people."""
        found: Numbers = {}
        run, parameters = _of(ledger)
        source = f'FROM "{self.datasource}" WHERE {run} AND {_PEOPLE}'
        for dimension in (TOTAL, *DIMENSIONS):
            column = "'all'" if dimension == TOTAL else dimension
            queries = [
                f'SELECT {column} AS "name", COUNT(*) AS "events", '
                f"COUNT(*) FILTER (WHERE event_type = 'pageView') AS \"page_views\" {source} GROUP BY 1"
            ]
            queries += [
                f'SELECT "name", COUNT(*) AS "{metric}" FROM '  # noqa: S608
                f'(SELECT DISTINCT {column} AS "name", {identifier} {source} AND {condition}) GROUP BY 1'
                for metric, (identifier, condition) in _DISTINCT.items()
            ]
            values: dict[str, dict[str, int]] = {}
            for query in queries:
                for row in self.query(query, *parameters):
                    name = row.pop("name")
                    values.setdefault(NONE if name is None else str(name), {}).update(row)
            found[dimension] = values
        return found


def _of(ledger: Ledger) -> tuple[str, tuple[str | int, ...]]:
    """The condition for the run's rows, and its parameters."""
    # The clocks of the collector and this machine may differ slightly.
    since = ledger.started_ms - 60_000
    if ledger.mode == "browsers":
        parties = ledger.parties or [""]
        return f"__time >= MILLIS_TO_TIMESTAMP(?) AND party_id IN ({', '.join('?' * len(parties))})", (since, *parties)
    return "__time >= MILLIS_TO_TIMESTAMP(?) AND party_id LIKE ?", (since, ledger.pattern)
