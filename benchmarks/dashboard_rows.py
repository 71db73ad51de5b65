"""A table of many rows for benchmarks: the events that a platform has, doubled by Druid itself until they are enough.

Each doubling reads the whole table and appends it once more, its visitors, sessions and page views others: what grows
is what grows in years, not the same sessions over and over. The copy is earlier by the time that the table spans, and
by whole days once there are enough rows for a day.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

EVERYTHING = "1000-01-01/3000-01-01"
IDS = ("event_id", "page_view_id", "party_id", "session_id")
DAY_MS = 86_400_000
TASK_SECONDS = 3600


@dataclass(frozen=True)
class Rows:
    """Makes and drops a table. `dimensions` and `parts`, how parts that are merged are kept, are the ingestion's."""

    http: httpx.Client
    source: str
    table: str
    dimensions: list[dict[str, Any]]
    parts: dict[str, Any]
    say: Callable[[str], None]

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Rows of a query."""
        answer = self.http.post("/druid/v2/sql", json={"query": query}, timeout=120)
        answer.raise_for_status()
        rows: list[dict[str, Any]] = answer.json()
        return rows

    def count(self, table: str) -> int:
        """Rows that can be queried; 0 while there is no table."""
        try:
            return int(self.sql(f'SELECT COUNT(*) AS n FROM "{table}"')[0]["n"])  # noqa: S608  # our own name
        except httpx.HTTPStatusError:
            return 0

    def grow(self, wanted: int, per_day: int) -> int:
        """Double until there are `wanted` rows, about so many a day; how many there are then.

        ValueError without a row to double.
        """
        began = time.monotonic()
        have = start = self.count(self.table)
        if not have:
            self._hand_over()
        source = self.table if have else self.source
        rows = have or self.count(source)
        if not rows:
            message = f"{source} has no rows to double: send visitors first, for instance by `make visitors`"
            raise ValueError(message)
        while have < wanted:
            self._copy(source, self._shift_ms(days=rows >= per_day) if have else 0)
            have = rows = self._wait_until(have + rows)
            source = self.table
            self.say(f"{have:,} rows, {(have - start) / (time.monotonic() - began):,.0f} a second so far")
        return have

    def _shift_ms(self, *, days: bool) -> int:
        span = "TIMESTAMP_TO_MILLIS(MAX(__time)) - TIMESTAMP_TO_MILLIS(MIN(__time))"
        query = f'SELECT {span} AS span FROM "{self.table}"'  # noqa: S608  # our own name
        span_ms = int(self.sql(query)[0]["span"]) + 1
        return -(-span_ms // DAY_MS) * DAY_MS if days else span_ms

    def _hand_over(self) -> None:
        """Have the ingestion's tasks publish what they hold: a copy reads published segments and no others."""
        supervisor = f"/druid/indexer/v1/supervisor/{self.source}"
        tasks = self.http.get(f"{supervisor}/status").raise_for_status().json()["payload"]["activeTasks"]
        # Rows, not their number: Druid counts no rows of this table as no answer.
        held = f"SELECT segment_id FROM sys.segments WHERE datasource = '{self.source}' AND is_published = 0"  # noqa: S608
        if not self.sql(held):
            return
        # A group a task: numbered from 0.
        groups = {"taskGroupIds": list(range(len(tasks)))}
        self.http.post(f"{supervisor}/taskGroups/handoff", json=groups).raise_for_status()
        until(
            lambda: not self.sql(held),
            what=f"{self.source} publishes the events that it holds",
            seconds=TASK_SECONDS,
            pause=1,
        )

    def drop(self) -> None:
        """Take the table and its files away."""
        self.http.delete(f"/druid/coordinator/v1/datasources/{self.table}").raise_for_status()
        kill = {"type": "kill", "dataSource": self.table, "interval": EVERYTHING}
        self.http.post("/druid/indexer/v1/task", json=kill).raise_for_status()

    def _copy(self, source: str, shift_ms: int) -> None:
        ending = secrets.token_hex(2)
        transforms = [
            {"type": "expression", "name": id_, "expression": f"concat(\"{id_}\", '{ending}')"} for id_ in IDS
        ]
        transforms.append({"type": "expression", "name": "__time", "expression": f'"__time" - {shift_ms}'})
        spec = {
            "dataSchema": {
                "dataSource": self.table,
                "timestampSpec": {"column": "__time", "format": "millis"},
                "dimensionsSpec": {"dimensions": self.dimensions},
                "transformSpec": {"transforms": transforms},
                "granularitySpec": {"segmentGranularity": "DAY", "queryGranularity": "NONE", "rollup": False},
            },
            "ioConfig": {
                "type": "index_parallel",
                "inputSource": {"type": "druid", "dataSource": source, "interval": EVERYTHING},
                "appendToExisting": True,
            },
            "tuningConfig": {
                "type": "index_parallel",
                "maxRowsInMemory": 50_000,
                "indexSpecForIntermediatePersists": self.parts,
                "partitionsSpec": {"type": "dynamic", "maxRowsPerSegment": 1_000_000},
            },
        }
        answer = self.http.post("/druid/indexer/v1/task", json={"type": "index_parallel", "spec": spec})
        answer.raise_for_status()
        task = answer.json()["task"]
        status = until(
            lambda: self.http.get(f"/druid/indexer/v1/task/{task}/status").json()["status"],
            lambda status: status["statusCode"] in ("SUCCESS", "FAILED"),
            what=f"Druid copies {source}",
            seconds=TASK_SECONDS,
            pause=1,
        )
        if status["statusCode"] == "FAILED":
            message = f"Druid could not copy {source}: {status.get('errorMsg')}; see the log of task {task}"
            raise RuntimeError(message)

    def _wait_until(self, expected: int) -> int:
        return until(
            lambda: self.count(self.table),
            lambda have: have >= expected,
            what=f"{expected:,} rows of {self.table} can be queried",
            seconds=TASK_SECONDS,
            pause=1,
        )
