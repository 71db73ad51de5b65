"""The bundle's files name UTC, the bundle of a stack names its own zone, and an export changes that back to UTC."""

import re

import pytest

from infra.config.time_zone import time_zones
from infra.paths import SUPERSET_ASSETS
from infra.resources.superset.bundle import from_archive, load_assets, to_archive
from infra.resources.superset.changes import changes
from infra.resources.superset.documents import Assets
from infra.resources.superset.export import merged
from infra.resources.superset.normal_form import normalise_all
from infra.resources.superset.time_zone import in_zone, without_zone, zone_of
from infra.resources.superset.validation import issues

COMMITTED = normalise_all(load_assets(SUPERSET_ASSETS))
ZONE = "America/Argentina/Buenos_Aires"


def context(assets: Assets) -> dict[str, object]:
    found: dict[str, object] = assets["databases/druid.yaml"]["extra"]["engine_params"]["connect_args"]["context"]
    return found


def test_druid_computes_in_the_zone_and_keeps_its_other_settings() -> None:
    assert context(in_zone(COMMITTED, ZONE)) == {**context(COMMITTED), "sqlTimeZone": ZONE}


@pytest.mark.parametrize("path", sorted(path for path in COMMITTED if path.startswith("charts/")))
def test_charts_over_time_and_of_weekdays_or_hours_name_the_zone(path: str) -> None:
    chart = in_zone(COMMITTED, ZONE)[path]
    params = chart["params"]
    if params.get("x_axis") == "__time" and chart["viz_type"] != "big_number":
        assert params["x_axis_title"] == ZONE
    elif params.get("time_grain_sqla"):
        assert ZONE in chart["description"]
    if {params.get("x_axis"), params.get("groupby") if isinstance(params.get("groupby"), str) else None} & {
        "hour_of_day",
        "weekday",
    }:
        assert ZONE in chart["slice_name"]
        assert ZONE in chart["description"]


def test_columns_and_titles_on_dashboards_name_the_zone() -> None:
    found = in_zone(COMMITTED, ZONE)
    labels = {column["column_name"]: column for column in found["datasets/druid/clickstream.yaml"]["columns"]}
    for name, label in {"__time": "Time", "hour_of_day": "Hour", "weekday": "Weekday"}.items():
        assert labels[name]["verbose_name"] == f"{label} ({ZONE})"
        assert ZONE in labels[name]["description"]
    titles = {
        item["meta"]["sliceName"]
        for item in found["dashboards/audience.yaml"]["position"].values()
        if isinstance(item, dict) and item["type"] == "CHART"
    }
    assert f"Sessions by weekday and hour ({ZONE})" in titles
    assert not re.search(r"\bUTC\b", str(found)), "some text still says UTC"
    assert issues(found) == []


def test_a_stack_in_utc_uses_the_files_unchanged() -> None:
    assert in_zone(COMMITTED, "UTC") == COMMITTED


@pytest.mark.parametrize("zone", ["Europe/Vienna", "Etc/GMT+5", ZONE, "UTC"])
def test_an_export_right_after_the_import_changes_no_file(zone: str) -> None:
    live = from_archive(to_archive(in_zone(COMMITTED, zone)))
    found = zone_of(COMMITTED, live)
    assert found == zone
    assert changes(COMMITTED, without_zone(merged(in_zone(COMMITTED, found), live), found)) == []


def test_what_was_designed_on_a_stack_comes_back_without_its_zone() -> None:
    live = from_archive(to_archive(in_zone(COMMITTED, "Europe/Vienna")))
    live["charts/audience_hours.yaml"]["slice_name"] = "When people come, Europe/Vienna"
    designed = without_zone(merged(in_zone(COMMITTED, "Europe/Vienna"), live), "Europe/Vienna")
    assert changes(COMMITTED, designed) == [
        'chart audience_hours: slice_name: "Sessions by weekday and hour (UTC)" -> "When people come, UTC"'
    ]


def test_no_text_contains_the_name_of_a_zone_that_an_export_would_replace() -> None:
    texts = str(COMMITTED)
    for zone in time_zones() - {"UTC"}:
        if zone in texts:
            assert without_zone(COMMITTED, zone) == COMMITTED, zone


def test_a_stack_of_an_earlier_version_has_no_zone_in_its_connection() -> None:
    live = from_archive(to_archive(COMMITTED))
    del context(live)["sqlTimeZone"]
    assert zone_of(COMMITTED, live) == "UTC"
