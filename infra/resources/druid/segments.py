"""Published segments that no server has loaded, and how full the servers' disks are.

Druid queries loaded segments only. A segment that does not fit is missing from every result, and no query fails.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.resources.druid.client import DruidClient

NEARLY_FULL = 0.8
"""Used share of the cache at which to warn, while there is still time to make room."""

# Also grouped by start, because Druid cannot compute the minimum of strings in its system tables.
_SEGMENTS = """
SELECT datasource, is_available, "start" AS first_time, COUNT(*) AS segments, SUM("size") AS bytes,
  SUM(num_rows) AS num_rows
FROM sys.segments WHERE is_published = 1 AND is_overshadowed = 0 GROUP BY datasource, is_available, "start"
"""
_CACHE = "SELECT SUM(curr_size) AS used, SUM(max_size) AS size FROM sys.servers WHERE server_type = 'historical'"


@dataclass(frozen=True, kw_only=True)
class Segments:
    """Published segments of one table, all loaded or all not."""

    count: int
    bytes: int
    rows: int
    """0 if they are not loaded: Druid counts only loaded rows."""
    since: str
    """Start of the oldest segment's interval, ISO 8601."""

    def __add__(self, other: "Segments") -> "Segments":
        """Total."""
        return Segments(
            count=self.count + other.count,
            bytes=self.bytes + other.bytes,
            rows=self.rows + other.rows,
            since=min(self.since, other.since),
        )


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A table's segments, loaded and not."""

    loaded: Segments | None
    missing: Segments | None

    @property
    def missing_rows(self) -> int | None:
        """Estimated number of missing rows, from the size of the loaded ones; None if no rows are loaded."""
        if self.missing is None:
            return 0
        if self.loaded is None or not (self.loaded.bytes and self.loaded.rows):
            return None
        return round(self.missing.bytes * self.loaded.rows / self.loaded.bytes)


@dataclass(frozen=True)
class Cache:
    """Bytes that the historicals have loaded, and that they may load."""

    used: int
    size: int

    @property
    def share(self) -> float:
        """Used share, 0 to 1; 0 without a historical."""
        return self.used / self.size if self.size else 0.0


def segments(druid: DruidClient) -> dict[str, Loaded]:
    """By table."""
    found: dict[str, dict[bool, Segments]] = {}
    for row in druid.sql(_SEGMENTS):
        parts = found.setdefault(str(row["datasource"]), {})
        loaded, more = bool(row["is_available"]), _of_a_day(row)
        parts[loaded] = parts[loaded] + more if loaded in parts else more
    return {table: Loaded(loaded=parts.get(True), missing=parts.get(False)) for table, parts in found.items()}


def _of_a_day(row: Mapping[str, Any]) -> Segments:
    return Segments(
        count=int(row["segments"]),
        bytes=int(row["bytes"]),
        rows=int(row["num_rows"]),
        since=str(row["first_time"]),
    )


def cache(druid: DruidClient) -> Cache:
    """The cache of all historicals together."""
    # Without a historical, the result has no row.
    rows = druid.sql(_CACHE)
    return Cache(int(rows[0]["used"]), int(rows[0]["size"])) if rows else Cache(0, 0)
