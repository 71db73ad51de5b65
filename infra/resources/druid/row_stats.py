"""Counts the records that a supervisor's tasks have read, by result: ingested, filtered or unparseable."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from infra.resources.druid.client import DruidClient

ENDED = 24
"""Number of ended tasks to include: a day at the usual task duration."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Numbers of records by result."""

    ingested: int = 0
    """Rows in the table."""
    with_errors: int = 0
    """Rows in the table, but with a value that did not fit its column and is null there."""
    filtered: int = 0
    """Dropped by the filter or by a rejection period, which Druid counts together."""
    unparseable: int = 0
    """Records that could not be parsed."""

    @property
    def read(self) -> int:
        """All of them."""
        return self.ingested + self.with_errors + self.filtered + self.unparseable

    def __add__(self, other: Self) -> "Rows":
        """Total."""
        return Rows(**{item.name: getattr(self, item.name) + getattr(other, item.name) for item in fields(self)})


def counts(druid: DruidClient, supervisor_id: str) -> Rows:
    """The totals of the running tasks and of the newest ended ones whose report still exists."""
    total = Rows()
    for _, rows in by_task(druid, supervisor_id):
        total += rows
    return total


def by_task(druid: DruidClient, supervisor_id: str) -> Iterator[tuple[str, Rows]]:
    """Each task's ID and rows, running tasks first."""
    running: set[str] = set()
    for group in druid.supervisor_stats(supervisor_id).values():
        for task, stats in group.items():
            running.add(task)
            yield task, _rows(stats.get("totals", {}))
    for task in druid.tasks(supervisor_id, "complete", most=ENDED):
        name = str(task["id"])
        if name not in running and str(task.get("type", "")).startswith("index_kafka"):
            yield name, of_report(druid.task_report(name))


def of_report(report: Mapping[str, Any]) -> Rows:
    """The rows in a task's report. None for a report without them."""
    payload = report.get("ingestionStatsAndErrors", {}).get("payload", {})
    return _rows(payload.get("rowStats") or {})


def _rows(stats: Mapping[str, Any]) -> Rows:
    """Convert a task's totals: {"buildSegments": {"processed": ..., ...}}."""
    found = (stats.get("totals") or stats).get("buildSegments") or {}
    return Rows(
        ingested=int(found.get("processed", 0)),
        with_errors=int(found.get("processedWithError", 0)),
        filtered=int(found.get("thrownAway", 0)),
        unparseable=int(found.get("unparseable", 0)),
    )
