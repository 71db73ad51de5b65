"""Statements limited to a site, in a real Druid: they count only the site, at the cost of a filter."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from infra.paths import SUPERSET_ASSETS
from infra.platform.druid import segment_cache
from infra.resources.superset.bundle import load_assets
from services.superset.clickstream_superset.statements import limited
from tests.services.test_druid_segments import MOMENT, PATIENCE, count, event, spec
from tests.support.druid_cluster import DruidCluster, druid_cluster
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker

DATASETS = {str(item["table_name"]): item for item in load_assets(SUPERSET_ASSETS).values() if "table_name" in item}
OF_SITES = sorted(
    name for name, item in DATASETS.items() if any(column["column_name"] == "site" for column in item["columns"])
)
OF_THE_MOMENT = {"newest_age_seconds"}


@pytest.fixture(scope="module")
def cluster(engine: docker.DockerClient) -> Iterator[DruidCluster]:
    with druid_cluster(engine, historical=segment_cache("1GiB")) as running:
        running.create_topic("clickstream")
        running.druid.apply(spec(running, "clickstream"))
        running.produce("clickstream", map(page_view, range(30)))
        until(partial(count, running, "clickstream"), (30).__eq__, seconds=PATIENCE)
        yield running


def page_view(number: int) -> dict[str, Any]:
    """On one of two sites, whose visitors and sessions differ."""
    return event(
        number,
        site="shop" if number % 3 else "blog",
        host="shop.example",
        path=f"/{number % 4}",
        party_id=f"p{number % 6}",
        session_id=f"0:mb2x:{number % 5 if number % 3 else 9}",
        page_view_id=f"v{number}",
        client_timestamp=MOMENT + 1000 * number,
        scroll_percent=50,
        referer="http://shop.example/1",
        referer_host="shop.example",
    )


def shop(schema: str, table: str) -> list[str]:
    return ["site = 'shop'"] if (schema, table) == ("druid", "clickstream") else []


def question(name: str, columns: str = "") -> str:
    """Every metric of a dataset."""
    dataset = DATASETS[name]
    metrics = [f'{item["expression"]} AS "{item["metric_name"]}"' for item in dataset["metrics"]]
    selected = [columns, *(item for item in metrics if not any(f'"{other}"' in item for other in OF_THE_MOMENT))]
    source = f'({dataset["sql"]}) AS "virtual_table"' if dataset.get("sql") else f'"druid"."{name}"'
    return f"SELECT {', '.join(filter(None, selected))} FROM {source}"  # noqa: S608 - the bundle's


@pytest.mark.parametrize("name", OF_SITES)
@pytest.mark.parametrize("rest", ["", " WHERE 1 = 1 OR site = 'blog'", " WHERE __time >= TIME_PARSE('2020-01-01')"])
def test_every_metric_counts_only_the_site(cluster: DruidCluster, name: str, rest: str) -> None:
    expected = cluster.druid.sql(f"{question(name)} WHERE site = 'shop'")
    assert cluster.druid.sql(limited(question(name) + rest, shop)) == expected
    assert expected != cluster.druid.sql(question(name)), "the other site makes a difference"
    by_site = cluster.druid.sql(limited(f"{question(name, 'site')}{rest} GROUP BY site", shop))
    assert [row["site"] for row in by_site] == ["shop"]


@pytest.mark.parametrize("name", ["segments", "servers"])
def test_datasets_without_sites_have_no_rows_and_no_error(cluster: DruidCluster, name: str) -> None:
    rows = cluster.druid.sql(limited(question(name), shop))
    assert not any(value for row in rows for value in row.values())


def test_druid_filters_the_table_without_a_subquery(cluster: DruidCluster) -> None:
    statement = "SELECT host, COUNT(*) FROM druid.clickstream WHERE path > '/' GROUP BY host"
    plan = str(cluster.druid.sql(f"EXPLAIN PLAN FOR {limited(statement, shop)}"))
    assert '"dataSource":{"type":"table","name":"clickstream"}' in plan
    assert '"column":"site"' in plan
