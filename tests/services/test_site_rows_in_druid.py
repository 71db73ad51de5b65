"""In a real Druid: statements limited to a site count only the site, and a person is one over several devices."""

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
(PEOPLE,) = (item["expression"] for item in DATASETS["clickstream"]["metrics"] if item["metric_name"] == "people")
(PERSON,) = (item["expression"] for item in DATASETS["clickstream"]["columns"] if item["column_name"] == "person")
VISITS: dict[str, list[tuple[str | None, str | None]]] = {
    # Ann looks round on her phone, signs in there, and later on her laptop.
    "two devices of one user": [("phone", None), ("phone", "ann"), ("laptop", None), ("laptop", "ann")],
    # Between Ben and Eve nobody is signed in on the tablet: that can be either of them.
    "one device of two users": [("tablet", "ben"), ("tablet", None), ("tablet", "eve"), ("tablet", None)],
    "visitors who never sign in": [("desktop", None), ("desktop", None), ("television", None)],
    "an anonymised event": [(None, None)],
}
"""Visitor and user of each event; each case is a host."""
PEOPLE_OF = {
    "two devices of one user": 1, "one device of two users": 2, "visitors who never sign in": 2,
    "an anonymised event": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def cluster(engine: docker.DockerClient) -> Iterator[DruidCluster]:
    with druid_cluster(engine, historical=segment_cache("1GiB")) as running:
        running.create_topic("clickstream")
        running.druid.apply(spec(running, "clickstream"))
        events = [*map(page_view, range(30)), *visits()]
        running.produce("clickstream", events)
        until(partial(count, running, "clickstream"), len(events).__eq__, seconds=PATIENCE)
        yield running


def visits() -> Iterator[dict[str, Any]]:
    """Those of VISITS, on a third site."""
    number = 100
    for host, events in VISITS.items():
        for party, user in events:
            kind = "seen" if user else "pageView"
            yield event(number, site="club", host=host, party_id=party, user_id=user, event_type=kind)
            number += 1


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
        user_id="ann" if number % 6 == 4 else None,
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


def people(cluster: DruidCluster, where: str) -> Any:
    (row,) = cluster.druid.sql(f"SELECT {PEOPLE} AS people FROM druid.clickstream WHERE {where}")  # noqa: S608 - bundle's
    return row["people"]


def test_a_person_is_one_over_devices_and_before_signing_in(cluster: DruidCluster) -> None:
    by_host = f"SELECT host, {PEOPLE} AS people FROM druid.clickstream WHERE site = 'club' GROUP BY host"  # noqa: S608
    assert {row["host"]: row["people"] for row in cluster.druid.sql(by_host)} == PEOPLE_OF
    assert people(cluster, "site = 'club'") == sum(PEOPLE_OF.values())


def test_where_nobody_signs_in_every_visitor_is_a_person(cluster: DruidCluster) -> None:
    assert people(cluster, "host = 'two devices of one user' AND event_type = 'pageView'") == 2


def test_an_event_is_of_its_user_or_else_of_its_visitor(cluster: DruidCluster) -> None:
    statement = f"SELECT {PERSON} AS person, COUNT(*) AS events FROM druid.clickstream"  # noqa: S608 - the bundle's
    rows = cluster.druid.sql(f"{statement} WHERE host = 'one device of two users' GROUP BY 1")
    assert {row["person"]: row["events"] for row in rows} == {"ben": 1, "eve": 1, "tablet": 2}


def visit(session: str, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """Events of a session on the site `robust`. A field that is not given is as in rows of earlier versions."""
    made = []
    for number, values in enumerate(events):
        identifiers = {"session_id": f"0:{session}", "page_view_id": f"{session}{number}", "party_id": f"0:x:{session}"}
        plain = {"site": "robust", "host": "shop.example", "is_first_in_session": False}
        made.append(event(f"{session}{number}", **{**plain, **identifiers, **values}))
    return made


def base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits


CAFE = "https://shop.example/caf%C3%A9"
BEGUN = base36(MOMENT)
AHEAD = MOMENT + 86_400_000
"""A clock that is a day ahead."""
MIDNIGHT = f"0:{base36(MOMENT - MOMENT % 86_400_000)}:cookieless"
ROBUST = [
    # Begins with an event that is no page view: one page view, so it bounced.
    *visit("a:x", {"event_type": "engagement", "is_first_in_session": True, "is_entry": False},
           {"is_entry": True, "path": "/view:left:"}),
    # Recorded by an earlier version: three page views.
    *visit("b:x", {"is_first_in_session": True, "path": "/x"}, {"path": "/x"}, {"path": "/x"}),
    # Three tabs from one page.
    *visit("c:x", {"is_first_in_session": True, "is_entry": True, "path": "/list"}, *[
        {"is_entry": False, "path": "/item", "referer_host": "shop.example", "referer_path": "/list"}] * 3),
    # A page whose path is not ASCII, left once and seen twice.
    *visit("d:x", {"is_first_in_session": True, "is_entry": True, "path": "/café"},
           {"is_entry": False, "path": "/next", "referer": CAFE, "referer_host": "shop.example",
            "referer_path": "/café"},
           {"is_entry": False, "path": "/café", "referer_host": "shop.example", "referer_path": "/next"}),
    # Without cookies the session's time is the collector's, and the visitor's clock says nothing of its length.
    *visit(f"{BEGUN}:e", {"is_first_in_session": True, "is_entry": True, "path": "/e", "party_id": MIDNIGHT,
                          "client_timestamp": AHEAD + 3_600_000, "timestamp": MOMENT + 5000}),
    # A clock that jumped during the session.
    *visit(f"{BEGUN}:f", {"is_first_in_session": True, "is_entry": True, "path": "/f", "client_timestamp": 2**62}),
    *visit(f"{BEGUN}:g", {"is_first_in_session": True, "is_entry": True, "path": "/g",
                          "client_timestamp": MOMENT + 12_000}),
]  # fmt: skip


@pytest.fixture(scope="module")
def robust(cluster: DruidCluster) -> DruidCluster:
    before = count(cluster, "clickstream")
    cluster.produce("clickstream", ROBUST)
    until(partial(count, cluster, "clickstream"), (before + len(ROBUST)).__eq__, seconds=PATIENCE)
    return cluster


def asked(cluster: DruidCluster, name: str, group: str = "") -> list[dict[str, Any]]:
    rest = f" GROUP BY {group}" if group else ""
    return cluster.druid.sql(f"{question(name, group)} WHERE site = 'robust'{rest}")


def test_a_session_bounced_if_it_has_one_page_view_whatever_it_began_with(robust: DruidCluster) -> None:
    (row,) = asked(robust, "clickstream")
    assert row["entries"] == 7
    assert row["bounce_rate"] == pytest.approx(4 / 7), "a, e, f and g of seven"


def test_no_page_has_fewer_than_no_exits(robust: DruidCluster) -> None:
    rows = {row["page"]: (row["views"], row["exits"]) for row in asked(robust, "page_steps", "page")}
    assert sorted(rows) == ["/café", "/e", "/f", "/g", "/item", "/list", "/next", "/view:left:", "/x"]
    assert rows["/café"] == (2, 1)
    assert rows["/next"] == (1, 0)
    assert rows["/list"] == (1, 0), "three tabs were opened from it"
    assert all(exits >= 0 and views > 0 for views, exits in rows.values())


def test_lengths_of_sessions_compare_times_of_one_clock(robust: DruidCluster) -> None:
    reached = {row["lasted"]: row["sessions"] for row in asked(robust, "session_lengths", "lasted")}
    assert reached == {"0 s": 7, "10 s": 1}


def test_the_delay_leaves_out_errors_of_clocks(robust: DruidCluster) -> None:
    (row,) = asked(robust, "clickstream")
    assert -86_400_000 <= row["sending_p50"] <= row["sending_p99"] <= 86_400_000
