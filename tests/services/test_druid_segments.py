"""A real Druid whose disk for segments is full: what no query shows, and who reports it."""

from __future__ import annotations

import copy
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.config import StackConfig
from infra.paths import SUPERSET_ASSETS
from infra.platform.druid import segment_cache
from infra.platform.ingestion import TABLES, supervisor_spec
from infra.resources.druid.client import DruidError
from infra.resources.druid.segments import cache, segments
from infra.resources.superset.bundle import load_assets
from tests.support.druid_cluster import DruidCluster, druid_cluster
from tests.support.stack_config import raw_config
from tests.support.waiting import until
from tools.ingestion_segments import storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker

CACHE = 20 * 2**20
DAY = 86_400_000
MOMENT = 1_790_000_000_000
ROWS = 12_000
"""Events whose segment takes more than half of the cache: they hold 1,000 random characters each."""
PATIENCE = 300
"""Seconds for each step: much of it on a busy machine, some on one with nothing else to do."""
EVENTS = TABLES[0]
MISSING = "SELECT * FROM sys.segments WHERE is_published = 1 AND is_available = 0"


@pytest.fixture(scope="module")
def cluster(engine: docker.DockerClient) -> Iterator[DruidCluster]:
    with druid_cluster(engine, historical=segment_cache("20MiB")) as running:
        yield running


def spec(cluster: DruidCluster, table: str, **settings: Any) -> dict[str, Any]:
    """The committed spec for a topic and table of the test's own, handing over in seconds."""
    config = StackConfig.parse("test", raw_config(**settings))
    made = copy.deepcopy(supervisor_spec(EVENTS, config.druid, config.kafka))
    made["spec"]["dataSchema"]["dataSource"] = table
    made["spec"]["ioConfig"]["topic"] = table
    made["spec"]["ioConfig"]["consumerProperties"]["bootstrap.servers"] = cluster.kafka
    # A task serves what it has published until another server does, and no longer than this.
    made["spec"]["tuningConfig"]["handoffConditionTimeout"] = 5000
    return made


def count(cluster: DruidCluster, table: str) -> int:
    try:
        return int(cluster.druid.sql(f'SELECT COUNT(*) AS n FROM "{table}"')[0]["n"])  # noqa: S608 - ours
    except DruidError:
        return 0


def hand_over(cluster: DruidCluster, table: str) -> None:
    """Have the task publish what it holds, as it does at the end of its time."""
    path = f"/druid/indexer/v1/supervisor/{table}/taskGroups/handoff"
    httpx.post(f"{cluster.url}{path}", json={"taskGroupIds": [0]}).raise_for_status()


def event(number: int | str, **values: Any) -> dict[str, Any]:
    return {"timestamp": MOMENT, "event_type": "pageView", "event_id": f"e{number}", **values}


def shown_by_superset(cluster: DruidCluster, name: str) -> dict[str, Any]:
    """Every metric of a dataset behind the dashboard Quality, by the SQL that Superset makes of them."""
    dataset = load_assets(SUPERSET_ASSETS)[f"datasets/druid/{name}.yaml"]
    metrics = ", ".join(f'{item["expression"]} AS "{item["metric_name"]}"' for item in dataset["metrics"])
    rows = cluster.druid.sql(f'SELECT {metrics} FROM ({dataset["sql"]}) AS "virtual_table"')  # noqa: S608 - ours
    assert len(rows) == 1, "a number would say that there are no results"
    groups = ", ".join(f'"{item["column_name"]}"' for item in dataset["columns"] if item.get("groupby", True))
    grouped = f'SELECT {groups}, {metrics} FROM ({dataset["sql"]}) AS "virtual_table" GROUP BY {groups}'  # noqa: S608
    assert cluster.druid.sql(grouped)
    return rows[0]


def test_a_druid_without_a_segment_shows_0(cluster: DruidCluster) -> None:
    assert segments(cluster.druid) == {}
    assert storage(cluster.druid) == "segments: cache 0% full, 0.0 MiB of 20.0 MiB"
    shown = shown_by_superset(cluster, "segments")
    assert (shown["segments"], shown["segment_bytes"], shown["unloaded"], shown["unloaded_bytes"]) == (0, 0, 0, 0)
    assert shown_by_superset(cluster, "servers") == {"cache_share": 0}


def test_segments_that_no_server_has_loaded_are_reported(cluster: DruidCluster) -> None:
    table = "clickstream"
    cluster.create_topic(table)
    cluster.druid.apply(spec(cluster, table))
    for day in (0, 1):
        cluster.produce(
            table,
            (event(number, timestamp=MOMENT + day * DAY, parameters=secrets.token_hex(500)) for number in range(ROWS)),
        )
        until(partial(count, cluster, table), ((day + 1) * ROWS).__eq__, seconds=PATIENCE)
        hand_over(cluster, table)
        if day == 0:
            # For a moment nobody serves it when loading takes longer than the task waits.
            until(
                lambda: segments(cluster.druid),
                lambda found: table in found and found[table].missing is None,
                seconds=PATIENCE,
            )
    until(lambda: cluster.druid.sql(MISSING), bool, seconds=PATIENCE)
    assert count(cluster, table) == ROWS, "the rows of the second day are in no answer, and no query failed"

    found = segments(cluster.druid)[table]
    assert found.missing is not None
    assert found.missing.count == 1
    assert found.missing.bytes > CACHE / 2
    assert found.missing.since.startswith("2026-09-22")
    assert found.missing_rows == pytest.approx(ROWS, rel=0.05)
    full = cache(cluster.druid)
    assert full.size == CACHE
    assert 0.5 < full.share < 1
    shown = storage(cluster.druid)
    assert "1 segment of clickstream is loaded by no server" in shown
    assert "2026-09-22" in shown


def test_the_dashboard_shows_what_is_missing(cluster: DruidCluster) -> None:
    found = segments(cluster.druid)["clickstream"]
    assert found.missing is not None
    shown = shown_by_superset(cluster, "segments")
    assert (shown["segments"], shown["unloaded"]) == (2, 1)
    assert shown["unloaded_bytes"] == found.missing.bytes
    assert shown_by_superset(cluster, "servers")["cache_share"] == pytest.approx(cache(cluster.druid).share, rel=1e-3)


def test_events_without_a_country_are_rows_unless_the_stack_requires_one(cluster: DruidCluster) -> None:
    table = "places"
    cluster.create_topic(table)
    cluster.druid.apply(spec(cluster, table, druidRequireCountry=True))
    cluster.produce(table, [event(1, country="Norway"), event(2)])
    until(lambda: count(cluster, table), lambda found: found == 1, seconds=PATIENCE)

    # The same supervisor, updated in place.
    cluster.druid.apply(spec(cluster, table))
    cluster.produce(table, [event(3), event(4, country="Norway")])
    until(lambda: count(cluster, table), lambda found: found == 3, seconds=PATIENCE)
    rows = cluster.druid.sql(f"SELECT event_id, country FROM {table}")  # noqa: S608
    assert {row["event_id"]: row["country"] for row in rows} == {"e1": "Norway", "e3": None, "e4": "Norway"}
    columns = load_assets(SUPERSET_ASSETS)["datasets/druid/clickstream.yaml"]["columns"]
    shown = next(column["expression"] for column in columns if column["column_name"] == "country")
    # As Superset writes it: the name of the column is that of the stored one.
    query = f'SELECT {shown} AS "country", COUNT(*) AS "events" FROM {table}'  # noqa: S608
    assert cluster.druid.sql(f"{query} GROUP BY {shown} ORDER BY 2 DESC") == [
        {"country": "Norway", "events": 2},
        {"country": "unknown", "events": 1},
    ]
    assert cluster.druid.sql(f"{query} WHERE {shown} IN ('unknown') GROUP BY {shown}") == [
        {"country": "unknown", "events": 1}
    ]
