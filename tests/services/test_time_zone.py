"""A real Druid and the real Superset of a stack in Vienna, across both changes of the clocks."""

from __future__ import annotations

import copy
import json
import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from infra.config import StackConfig
from infra.config.time_zone import time_zones
from infra.paths import ROOT, SERVICES, SUPERSET_ASSETS
from infra.platform.ingestion import TABLES, supervisor_spec
from infra.resources.druid.client import DruidError
from infra.resources.superset.bundle import load_assets, to_yaml
from infra.resources.superset.normal_form import complete
from infra.resources.superset.time_zone import in_zone
from tests.support.druid_cluster import DruidCluster, druid_cluster
from tests.support.images import DOCKER, build
from tests.support.stack_config import raw_config
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker

ZONE = "Europe/Vienna"
TABLE = "clickstream"
SCRIPT = ROOT / "tests" / "support" / "superset_charts.py"
DAYS = {"2026-03-28": 24, "2026-03-29": 23, "2026-03-30": 24, "2026-10-24": 24, "2026-10-25": 25, "2026-10-26": 24}
"""Days around both changes, with their number of hours. Each hour has one event."""
SPRING, AUTUMN = "2026-03-28T00:00:00 : 2026-03-31T00:00:00", "2026-10-24T00:00:00 : 2026-10-27T00:00:00"
CENTRAL = "2026-10-23T22:00:00+00:00 : 2026-10-26T23:00:00+00:00"
"""AUTUMN with its offset."""


def moments() -> list[datetime]:
    """Half past every hour of DAYS."""
    begins = [datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC) for day in DAYS]
    hours = zip(begins, DAYS.values(), strict=True)
    return [begin + timedelta(hours=hour, minutes=30) for begin, count in hours for hour in range(count)]


def over_time(grain: str, time_range: str) -> dict[str, Any]:
    """A chart's query, with the operations that the front end adds for a chart over time."""
    label = "__time"
    axis = {"columnType": "BASE_AXIS", "expressionType": "SQL", "label": label, "sqlExpression": label}
    mean = {"events": {"operator": "mean"}, "sessions": {"operator": "mean"}}
    pivot = {"index": [label], "columns": [], "aggregates": mean, "drop_missing_columns": False}
    resample = {"rule": "1H", "method": "asfreq", "fill_value": 0}
    operations = [{"operation": "pivot", "options": pivot}, {"operation": "flatten"}]
    if grain == "PT1H":
        operations.insert(1, {"operation": "resample", "options": resample})
    return {**numbers([{**axis, "timeGrain": grain}], time_range), "post_processing": operations}


def numbers(columns: list[Any], time_range: str) -> dict[str, Any]:
    time = {"col": "__time", "op": "TEMPORAL_RANGE", "val": time_range}
    return {"dataset": TABLE, "columns": columns, "metrics": ["events", "sessions"], "filters": [time]}


QUERIES = {
    "days in spring": over_time("P1D", SPRING),
    "days in autumn": over_time("P1D", AUTUMN),
    "hours in spring": over_time("PT1H", SPRING),
    "hours in autumn": over_time("PT1H", AUTUMN),
    "heat map": numbers(["weekday", "hour_of_day"], AUTUMN),
    "with an offset": numbers([], CENTRAL),
    "from a time left out": numbers([], "2026-03-29T02:30:00 : 2026-03-30T00:00:00"),
    "today": numbers([], "today : now"),
    "events": {**numbers(["__time", "event_id"], AUTUMN), "metrics": [], "granularity": "__time"},
    "events as text": {**numbers(["__time", "event_id"], AUTUMN), "metrics": []},
    "download": {**over_time("P1D", AUTUMN), "format": "csv"},
    "age": {**numbers([], "No filter"), "metrics": ["newest_age_seconds"]},
}


@pytest.fixture(scope="module")
def cluster(engine: docker.DockerClient) -> Iterator[DruidCluster]:
    with druid_cluster(engine) as running:
        yield running


@pytest.fixture(scope="module")
def answers(cluster: DruidCluster) -> dict[str, Any]:
    """Name of a query to its SQL and rows. Every two consecutive events make a session."""
    config = StackConfig.parse("test", raw_config())
    spec = copy.deepcopy(supervisor_spec(TABLES[0], config.druid, config.kafka))
    spec["spec"]["ioConfig"]["topic"] = TABLE
    spec["spec"]["ioConfig"]["consumerProperties"]["bootstrap.servers"] = cluster.kafka
    cluster.create_topic(TABLE)
    cluster.druid.apply(spec)
    events = [
        {"timestamp": int(at.timestamp() * 1000), "event_id": f"e{number}", "session_id": f"s{number // 2}"}
        for number, at in enumerate(moments())
    ]
    cluster.produce(TABLE, events)
    until(partial(count, cluster), len(events).__eq__, seconds=300)
    assets = in_zone(load_assets(SUPERSET_ASSETS), ZONE)
    assets["databases/druid.yaml"]["sqlalchemy_uri"] = f"{cluster.url.replace('http', 'druid', 1)}/druid/v2/sql/"
    documents = {path: to_yaml(complete(path, document)) for path, document in assets.items()}
    metadata = to_yaml({"timestamp": "1980-01-01T00:00:00+00:00", "type": "assets", "version": "1.0.0"})
    asked = {"assets": {**documents, "metadata.yaml": metadata}, "queries": list(QUERIES.values())}
    package = SERVICES / "superset" / "clickstream_superset"
    command = [DOCKER, "run", "--rm", "-i", "--network=host", f"--env=TZ={ZONE}", "--env=PYTHONPATH=/app"]
    command += [f"--volume={package}:/app/clickstream_superset:ro", build("superset", "venv")]
    command += ["/opt/superset/bin/python", "-c", SCRIPT.read_text()]
    ran = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return dict(zip(QUERIES, json.loads(ran.stdout.splitlines()[-1]), strict=True))


def count(cluster: DruidCluster) -> int:
    try:
        return int(cluster.druid.sql(f"SELECT COUNT(*) AS n FROM {TABLE}")[0]["n"])  # noqa: S608 - ours
    except DruidError:
        return 0


def test_days_begin_and_end_in_the_zone(answers: dict[str, Any]) -> None:
    for season, month in (("spring", "03"), ("autumn", "10")):
        shown = {row["__time"][:10]: row["events"] for row in answers[f"days in {season}"]["rows"]}
        assert shown == {day: hours for day, hours in DAYS.items() if f"-{month}-" in day}


def test_a_repeated_hour_is_one_on_the_axis_and_counts_each_session_once(answers: dict[str, Any]) -> None:
    rows = {row["__time"][:19]: row for row in answers["hours in autumn"]["rows"]}
    times = [datetime.fromisoformat(time) for time in rows]
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(hours=1)}
    assert len(rows) == 72
    assert {time: row["events"] for time, row in rows.items() if row["events"] != 1} == {"2026-10-25 02:00:00": 2}
    assert rows["2026-10-25 02:00:00"]["sessions"] == sessions_at("2026-10-25T02")


def sessions_at(hour: str) -> int:
    local = [at.astimezone(ZoneInfo(ZONE)).isoformat() for at in moments()]
    return len({number // 2 for number, at in enumerate(local) if at.startswith(hour)})


def test_a_skipped_hour_has_no_events(answers: dict[str, Any]) -> None:
    rows = {row["__time"][:19]: row["events"] for row in answers["hours in spring"]["rows"]}
    assert [time for time, events in rows.items() if events != 1] == ["2026-03-29 02:00:00"]
    assert answers["from a time left out"]["rows"] == [{"events": 21, "sessions": 11}], "from 03:30, so 03:30 included"


def test_weekdays_and_hours_are_those_of_the_zone(answers: dict[str, Any]) -> None:
    shown = {(row["weekday"], row["hour_of_day"]): row["events"] for row in answers["heat map"]["rows"]}
    assert len(shown) == 3 * 24
    assert {key: events for key, events in shown.items() if events != 1} == {("7 Sun", "02"): 2}


def test_time_ranges_reach_druid_without_an_offset(answers: dict[str, Any]) -> None:
    for name in ("days in autumn", "with an offset"):
        sql = answers[name]["sql"]
        assert "TIME_PARSE('2026-10-24T00:00:00')" in sql, name
        assert "TIME_PARSE('2026-10-27T00:00:00')" in sql, name
    assert answers["with an offset"]["rows"][0]["events"] == 73
    assert f"TIME_PARSE('{datetime.now(ZoneInfo(ZONE)):%Y-%m-%d}T00:00:00')" in answers["today"]["sql"]


def test_events_show_local_time(answers: dict[str, Any]) -> None:
    local = [at.astimezone(ZoneInfo(ZONE)) for at in moments()]
    expected = sorted(f"{at:%Y-%m-%d %H:%M:%S}" for at in local if at.month == 10)
    # As the dashboards' table asks, and without a time column, where the browser parses the text.
    assert sorted(row["__time"][:19] for row in answers["events"]["rows"]) == expected
    assert sorted(row["__time"] for row in answers["events as text"]["rows"]) == [
        f"{time.replace(' ', 'T')}.000Z" for time in expected
    ]


def test_a_download_does_not_label_local_times_as_utc(answers: dict[str, Any]) -> None:
    lines = answers["download"]["rows"].splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == [f"{day} 00:00:00.000000" for day in list(DAYS)[3:]]


def test_an_age_does_not_depend_on_the_zone(answers: dict[str, Any]) -> None:
    age = (datetime.now(UTC) - moments()[-1]).total_seconds()
    assert answers["age"]["rows"][0]["newest_age_seconds"] == pytest.approx(age, abs=600)


def test_druid_knows_every_zone_that_the_configuration_allows(cluster: DruidCluster) -> None:
    columns = ", ".join(f"TIME_FORMAT(MILLIS_TO_TIMESTAMP(0), 'HH', '{zone}')" for zone in sorted(time_zones()))
    assert cluster.druid.sql(f"SELECT {columns}")
