"""A real Druid whose rows are rebuilt from a real archive, while events arrive."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from archive import reading, schema
from archive.feed import Feed, days
from archive.folder import FolderStore
from typing_extensions import override

from infra.paths import SCHEMAS
from infra.resources.druid.batch import BatchClient
from infra.resources.druid.client import DruidError
from tests.services.test_druid_segments import hand_over, spec
from tests.support.archive_process import Archive, event
from tests.support.background import Background
from tests.support.druid_cluster import DruidCluster, druid_cluster
from tests.support.waiting import until
from tools import rebuild
from tools.archive_feed import ArchiveFeed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import docker

pytestmark = pytest.mark.timeout(1500)
PATIENCE = 300
TABLE = rebuild.TABLE
FIRST = date(2026, 2, 3)
DAYS, DAILY = 3, 1000
SPAN = rebuild.Span(FIRST, FIRST + timedelta(days=DAYS))
ARCHIVED = {(FIRST + timedelta(days=day)).isoformat(): DAILY for day in range(DAYS)}
PAST = DAYS * DAILY


def past(number: int) -> dict[str, Any]:
    """Event of one of the days."""
    noon = datetime(FIRST.year, FIRST.month, FIRST.day + number % DAYS, 12, tzinfo=UTC)
    return fields(number, int(noon.timestamp() * 1000) + number)


def fields(number: int, timestamp: int) -> dict[str, Any]:
    return {**json.loads(event(number)), "timestamp": timestamp}


class Visitors(Background):
    """Sends events of today until it is stopped."""

    def __init__(self, cluster: DruidCluster) -> None:
        super().__init__()
        self._cluster = cluster
        self.sent = 0

    @override
    def work(self) -> None:
        while not self.stopped.wait(0.2):
            now = int(datetime.now(UTC).timestamp() * 1000)
            self._cluster.produce(TABLE, [fields(PAST + self.sent + item, now) for item in range(10)])
            self.sent += 10


class Viewer(Background):
    """Counts the rows of the days again and again."""

    def __init__(self, cluster: DruidCluster) -> None:
        super().__init__()
        self._cluster = cluster
        self.seen: set[int] = set()

    @override
    def work(self) -> None:
        while not self.stopped.wait(0.05):
            self.seen.add(count(self._cluster, "__time < TIMESTAMP '2026-03-01 00:00:00'"))


class LocalFeed(ArchiveFeed):
    """A feed in this process, at an address that the containers reach."""

    def __init__(self, store: FolderStore, gateway: str) -> None:
        self._store = store
        columns = reading.result_schema(schema.load(SCHEMAS / "clickstream.avsc").table)
        self._feed = Feed(store, columns, (gateway, 0))
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._feed.run, args=(self.stop,))
        self._gateway = gateway

    @override
    def urls(self, days: Sequence[str]) -> list[str]:
        return [f"http://{self._gateway}:{self._feed.port}/events/{day}.jsonl" for day in days]

    @override
    def days(self) -> dict[str, int]:
        return days(self._store)


@pytest.fixture(scope="module")
def cluster(engine: docker.DockerClient) -> Iterator[DruidCluster]:
    with druid_cluster(engine) as running:
        yield running


@pytest.fixture(scope="module")
def folder(cluster: DruidCluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the past days, whose events Druid has read from Kafka as well."""
    cluster.create_topic(TABLE)
    cluster.create_topic("dead")
    cluster.druid.apply(spec(cluster, TABLE))
    cluster.produce(TABLE, map(past, range(PAST)))
    files = tmp_path_factory.mktemp("archive")
    kafka: Any = SimpleNamespace(address=cluster.kafka)
    topics: Any = SimpleNamespace(json=TABLE, dead="dead")
    archive = Archive(kafka, topics, tmp_path_factory.mktemp("log") / "log", folder=files)
    try:
        archive.wait("rows_total", PAST)
    finally:
        archive.stop()
    return files


@pytest.fixture
def feed(engine: docker.DockerClient, folder: Path) -> Iterator[LocalFeed]:
    gateway = engine.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
    running = LocalFeed(FolderStore(folder), cast("str", gateway))
    running.thread.start()
    yield running
    running.stop.set()
    running.thread.join()


@pytest.fixture
def rebuilding(cluster: DruidCluster, feed: LocalFeed) -> Iterator[rebuild.Rebuild]:
    with BatchClient(cluster.url, username="", password="") as batch:
        yield rebuild.Rebuild(cluster.druid, batch, feed)


def count(cluster: DruidCluster, condition: str = "1 = 1") -> int:
    """Different events; -1 if some are there twice, and 0 while nobody answers."""
    query = f"SELECT COUNT(*) AS n, COUNT(DISTINCT event_id) AS ids FROM {TABLE} WHERE {condition}"  # noqa: S608 - ours
    try:
        found = cluster.druid.sql(query)[0]
    except DruidError:
        return 0
    return int(found["ids"]) if found["n"] == found["ids"] else -1


def published(cluster: DruidCluster) -> int:
    """Rows in segments that the historical serves."""
    query = f"SELECT SUM(num_rows) AS n FROM sys.segments WHERE datasource = '{TABLE}' AND is_published = 1"  # noqa: S608
    found = cluster.druid.sql(query + " AND is_available = 1 AND is_realtime = 0")
    return int(found[0]["n"] or 0) if found else 0


def test_a_rebuild_changes_no_number_while_events_arrive(cluster: DruidCluster, rebuilding: rebuild.Rebuild) -> None:
    until(partial(count, cluster), PAST.__eq__, seconds=PATIENCE)
    # Until its rows are published, the task that has read them holds the days.
    hand_over(cluster, TABLE)
    until(partial(published, cluster), PAST.__eq__, seconds=PATIENCE)
    with Visitors(cluster) as visitors, Viewer(cluster) as viewer:
        rebuilding.run(SPAN, fewer=False)
    assert viewer.seen == {PAST}
    until(partial(count, cluster), (PAST + visitors.sent).__eq__, seconds=PATIENCE)
    assert rebuild.rows_by_day(cluster.druid, TABLE, SPAN) == ARCHIVED
    until(partial(rebuild.rows_by_day, cluster.druid, rebuild.SCRATCH, SPAN), {}.__eq__, seconds=PATIENCE)


def test_rows_that_the_archive_lacks_are_not_removed(rebuilding: rebuild.Rebuild) -> None:
    today = datetime.now(UTC).date()
    wider = rebuild.Span(FIRST, today + timedelta(days=1))
    with pytest.raises(rebuild.RebuildError, match=f"would remove rows.*\n{today}: 0 events in the archive"):
        rebuilding.run(wider, fewer=False)


def test_a_druid_that_has_lost_everything_comes_back(cluster: DruidCluster, rebuilding: rebuild.Rebuild) -> None:
    numbers = "SUM(viewport_width) AS width, SUM(latitude) AS latitude, SUM(is_new_party) AS newcomers"
    query = f"SELECT {numbers} FROM {TABLE} WHERE __time < TIMESTAMP '2026-03-01 00:00:00'"  # noqa: S608 - ours
    before = cluster.druid.sql(query)
    cluster.druid.delete_supervisor(TABLE, drop_data=True)
    # Without the segments and without the offsets; and Kafka has deleted the events of these days.
    cluster.delete_topic(TABLE)
    until(partial(count, cluster), (0).__eq__, seconds=PATIENCE)
    cluster.create_topic(TABLE)
    cluster.druid.apply(spec(cluster, TABLE))
    rebuilding.run(SPAN, fewer=False)
    assert rebuild.rows_by_day(cluster.druid, TABLE, SPAN) == ARCHIVED
    assert count(cluster) == PAST
    assert cluster.druid.sql(query) == before
