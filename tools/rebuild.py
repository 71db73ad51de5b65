"""Rebuilds Druid's events from the archive: `python tools/rebuild.py --stack dev --from 2026-11-01 --to 2026-11-08`.

Druid reads whole days (UTC) into a second table. If that has every event, they replace the live table's, all at once.
Today's events come from Kafka. `--compare` only compares.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
from docker.errors import DockerException

from infra.config import full_name
from infra.platform.ingestion import COMPACTION_FILE, TABLES
from infra.resources.common.retry import Deadline
from infra.resources.docker.client import EngineUnreachableError, SwarmClient
from infra.resources.druid.batch import BatchClient, from_lines, from_table
from infra.resources.druid.client import DruidClient, DruidError
from infra.resources.druid.drops import drop_rules
from infra.resources.druid.row_stats import Rows
from infra.resources.druid.spec import SpecFileError, load_json
from toolchain import environment
from toolchain.paths import SetupError, elapsed
from tools.archive_feed import ArchiveFeed, FeedError, archive_feed
from tools.stack import outputs

TABLE = TABLES[0].name
SCRATCH = f"{TABLE}_rebuild"
DIFFERENT = 3
"""Exit status if the archive and Druid differ. 1 means that the tool itself failed."""
ATTEMPTS = 3
"""Events that reach the archive during a rebuild, with a time of a rebuilt day, need another one."""
TASK_SECONDS = 7 * 24 * 3600
LOAD_SECONDS = 3600
QUERY_SECONDS = 120


class RebuildError(RuntimeError):
    """The rebuild stopped, and the live table is as it was. The message says what to do."""


@dataclass(frozen=True)
class Span:
    """Days from `first` up to, but excluding, `end`."""

    first: date
    end: date

    @property
    def interval(self) -> str:
        """As Druid writes it."""
        return f"{self.first.isoformat()}/{self.end.isoformat()}"

    def takes(self, day: str) -> bool:
        """Whether the day is one of them."""
        return self.first.isoformat() <= day < self.end.isoformat()


def span(first: date | None, end: date | None, archived: Mapping[str, int], today: date) -> Span:
    """The days asked for; without `first` from the archive's first, and never today or later."""
    if not archived:
        message = "the archive holds no events"
        raise RebuildError(message)
    chosen = Span(first or date.fromisoformat(min(archived)), min(end or today, today))
    if chosen.first >= chosen.end:
        message = (
            f"no day that has ended (UTC) is from {chosen.first} up to, but excluding, {end or today}. "
            "Today's events come from Kafka; give an earlier FROM, or rebuild tomorrow"
        )
        raise RebuildError(message)
    return chosen


def rows_by_day(druid: DruidClient, table: str, days: Span) -> dict[str, int]:
    """Rows of a table by day; none if Druid does not know the table."""
    query = (
        f'SELECT TIME_FORMAT(__time, \'yyyy-MM-dd\') AS "day", COUNT(*) AS n FROM "{table}" '  # noqa: S608 - ours
        f"WHERE __time >= TIMESTAMP '{days.first} 00:00:00' AND __time < TIMESTAMP '{days.end} 00:00:00' GROUP BY 1"
    )
    try:
        return {str(row["day"]): int(row["n"]) for row in druid.sql(query)}
    except DruidError as error:
        if f"'{table}' not found" in str(error):
            return {}
        raise


def differences(archived: Mapping[str, int], found: Mapping[str, int], days: Span) -> list[str]:
    """A line for each day with another number of events."""
    names = sorted({day for day in {*archived, *found} if days.takes(day)})
    return [
        f"{day}: {archived.get(day, 0)} events in the archive, {found.get(day, 0)} rows in Druid"
        for day in names
        if archived.get(day, 0) != found.get(day, 0)
    ]


@dataclass(frozen=True)
class Rebuild:
    """What a rebuild works with."""

    druid: DruidClient
    batch: BatchClient
    feed: ArchiveFeed

    def run(self, days: Span, *, fewer: bool) -> None:
        """Rebuild, and again the days of which more events have reached the archive meanwhile.

        With `fewer`, also days of which Druid has more rows than the archive has events.
        """
        for _ in range(ATTEMPTS):
            counts = {day: events for day, events in self.feed.days().items() if days.takes(day)}
            self._check(days, counts, fewer=fewer)
            self._replace(days, counts)
            late = [day for day, events in self.feed.days().items() if days.takes(day) and events != counts.get(day)]
            if not late:
                return
            print(f"more events of {', '.join(late)} have reached the archive meanwhile")
            days = Span(date.fromisoformat(late[0]), date.fromisoformat(late[-1]) + timedelta(days=1))
        message = f"events of {days.interval} keep arriving; run the rebuild again when the spools are empty"
        raise RebuildError(message)

    def _check(self, days: Span, counts: Mapping[str, int], *, fewer: bool) -> None:
        """Raise RebuildError where a rebuild would remove rows."""
        rows = rows_by_day(self.druid, TABLE, days)
        lost = [line for line in differences(counts, rows, days) if rows.get(line[:10], 0) > counts.get(line[:10], 0)]
        if not counts or (lost and not fewer):
            message = "\n".join(
                [
                    "the archive has fewer events than Druid has rows, so a rebuild would remove rows. Choose other "
                    "days with FROM and TO, or set FEWER=1 to remove them:",
                    *(lost or ["the archive has no events of these days"]),
                ]
            )
            raise RebuildError(message)

    def _replace(self, days: Span, counts: Mapping[str, int]) -> None:
        supervisor = self.druid.supervisor_spec(TABLE)
        if supervisor is None:
            message = f"Druid has no supervisor {TABLE}; run `make up`, which recreates it, then the rebuild again"
            raise RebuildError(message)
        tuning = load_json(COMPACTION_FILE)["tuningConfig"]
        wanted, started = sum(counts.values()), time.monotonic()
        print(f"{days.interval}: {wanted} events of {len(counts)} days in the archive")
        self.batch.delete_table(SCRATCH)
        try:
            task = from_lines(supervisor, SCRATCH, self.feed.urls(list(counts)), days.interval, tuning)
            rows = self.batch.run(task, TASK_SECONDS, lambda rows: _progress(rows.read, wanted, started))
            print(f"read {rows.read} events in {elapsed(time.monotonic() - started)}, {rows.filtered} of them filtered")
            made = rows.ingested + rows.with_errors
            self._compare(rows, wanted)
            self._wait_until_loaded(SCRATCH)
            self._wait_for_rows(SCRATCH, days, made)
            self.batch.run(from_table(supervisor, TABLE, SCRATCH, days.interval, tuning), TASK_SECONDS)
            self._wait_until_loaded(TABLE)
            self._wait_for_rows(TABLE, days, made)
        finally:
            self.batch.delete_table(SCRATCH)
        print(f"{days.interval}: replaced in {elapsed(time.monotonic() - started)}")

    @staticmethod
    def _compare(rows: Rows, wanted: int) -> None:
        """Raise RebuildError unless every event became a row, or is one that the spec filters."""
        if rows.unparseable or rows.read < wanted:
            message = (
                f"Druid read {rows.read} of {wanted} events, and {rows.unparseable} were unparseable. The live table "
                "is unchanged. Druid's console shows the task's log"
            )
            raise RebuildError(message)

    def _wait_for_rows(self, table: str, days: Span, made: int) -> None:
        """Return when queries find the rows. The broker learns of new segments some seconds after they are loaded."""
        deadline = Deadline(QUERY_SECONDS, pause=2)
        while (found := sum(rows_by_day(self.druid, table, days).values())) < made:
            if not deadline.wait():
                message = (
                    f"Druid stored {made} rows in {table}, but queries find {found}. `make ingestion` shows segments "
                    "that no server has loaded; then run the rebuild again"
                )
                raise RebuildError(message)

    def _wait_until_loaded(self, table: str) -> None:
        query = (
            "SELECT segment_id FROM sys.segments "  # noqa: S608 - ours
            f"WHERE datasource = '{table}' AND is_published = 1 AND is_overshadowed = 0 AND is_available = 0"
        )
        deadline = Deadline(LOAD_SECONDS, pause=2)
        while self.druid.sql(query):
            if not deadline.wait():
                message = (
                    f"Druid has not loaded every segment of {table} within an hour. During a rebuild, the rebuilt days "
                    "need room twice: increase druidVolumeGiB and druidCacheGiB, or rebuild fewer days at a time"
                )
                raise RebuildError(message)


def _progress(read: int, wanted: int, started: float) -> None:
    rate = read / max(1.0, time.monotonic() - started)
    print(f"  {read} of {wanted} events, {rate:.0f} a second", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Rebuild Druid's events from the archive, or compare the two.")
    parser.add_argument("--stack", default="dev")
    parser.add_argument("--from", dest="first", metavar="DAY", type=date.fromisoformat, help="2026-11-01, UTC")
    parser.add_argument("--to", dest="end", metavar="DAY", type=date.fromisoformat, help="end, not included")
    parser.add_argument("--compare", action="store_true", help="only compare events and rows of each day")
    parser.add_argument("--fewer", action="store_true", help="rebuild even if this removes rows")
    return parser.parse_args()


def main() -> int:
    """The command line."""
    options = _arguments()
    try:
        found = outputs(options.stack, environment.full())
        login = {"username": found["adminUser"], "password": found["adminPassword"]}
        stack = full_name(options.stack.rpartition("/")[2])
        with (
            SwarmClient(str(found["dockerHost"])) as swarm,
            DruidClient(found["druid"], **login) as druid,
            BatchClient(found["druid"], **login) as batch,
            archive_feed(swarm, f"{stack}-archive", f"{stack}-indexer") as feed,
        ):
            archived = feed.days()
            days = span(options.first, options.end, archived, datetime.now(UTC).date())
            if not options.compare:
                Rebuild(druid, batch, feed).run(days, fewer=options.fewer)
            different = differences(feed.days(), rows_by_day(druid, TABLE, days), days)
            rules = list(drop_rules(druid.supervisor_spec(TABLE) or {"spec": {"dataSchema": {}, "ioConfig": {}}}))
    except (
        SetupError, SpecFileError, DruidError, FeedError, RebuildError, EngineUnreachableError, DockerException,
        httpx.TransportError,
    ) as error:  # fmt: skip
        print(error, file=sys.stderr)
        return 1
    print("".join(f"Druid leaves events out: {rule}\n" for rule in rules), end="")
    print("\n".join(different) or f"{days.interval}: the archive and Druid have the same number of events each day")
    return DIFFERENT if different else 0


if __name__ == "__main__":
    sys.exit(main())
