"""What holds for every dashboard: one palette, people told from bots, filters that reach every chart."""

import itertools
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from infra.paths import SERVICES, SUPERSET_ASSETS
from infra.resources.superset.bundle import load_assets
from services.superset.clickstream_superset.time_axis import STEPS

ASSETS = load_assets(SUPERSET_ASSETS)
CHARTS = {str(item["uuid"]): (path, item) for path, item in ASSETS.items() if path.startswith("charts/")}
DATASETS = {str(item["uuid"]): item for path, item in ASSETS.items() if path.startswith("datasets/")}
DASHBOARDS = {str(item["slug"]): item for path, item in ASSETS.items() if path.startswith("dashboards/")}
PERSON = {"subject": "kind", "operator": "==", "comparator": "person"}
OF_ALL_EVENTS = {"quality"}
"""Dashboards that show bots, duplicates and corrupt events; a new dashboard is one of people."""
OF_PEOPLE = sorted(set(DASHBOARDS) - OF_ALL_EVENTS)
PLACES = {"country", "city", "state", "continent_name", "language_name", "browser_language_name"}
PALETTE = SERVICES / "superset" / "clickstream_superset" / "palette.py"


def charts_of(slug: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in DASHBOARDS[slug]["position"].values():
        if isinstance(item, dict) and item["type"] == "CHART":
            yield CHARTS[str(item["meta"]["uuid"])]


def test_the_dashboards_are_there() -> None:
    expected = {"clickstream", "clickstream-analytics", "live", "audience", "content", "acquisition", "quality"}
    assert set(DASHBOARDS) == expected


@pytest.mark.parametrize("slug", OF_PEOPLE)
def test_every_chart_of_people_leaves_out_bots_duplicates_and_corrupt_events(slug: str) -> None:
    for path, chart in charts_of(slug):
        assert any(item.items() >= PERSON.items() for item in chart["params"]["adhoc_filters"]), path
        assert "bots, duplicates and corrupt events are left out" in chart["description"], path


def test_only_an_event_without_any_flag_is_one_of_a_person() -> None:
    columns = next(item for item in DATASETS.values() if item["table_name"] == "clickstream")["columns"]
    kind = next(column["expression"] for column in columns if column["column_name"] == "kind")
    events = sqlite3.connect(":memory:")
    events.execute("CREATE TABLE clickstream (is_corrupt, is_duplicate, is_bot)")
    events.executemany("INSERT INTO clickstream VALUES (?, ?, ?)", itertools.product((0, 1), repeat=3))
    found = events.execute(f"SELECT is_corrupt + is_duplicate + is_bot FROM clickstream WHERE ({kind}) = 'person'")  # noqa: S608 - ours
    assert found.fetchall() == [(0,)]


def test_a_chart_of_all_events_is_on_no_dashboard_of_people() -> None:
    of_all = {path for slug in OF_ALL_EVENTS for path, _ in charts_of(slug)}
    assert not of_all & {path for slug in OF_PEOPLE for path, _ in charts_of(slug)}


@pytest.mark.parametrize("path", sorted(path for path, _ in CHARTS.values()))
def test_a_chart_over_time_has_a_value_for_every_step_of_its_axis(path: str) -> None:
    """One minute with events is a bar on an axis of half an hour, not of two days; time_axis.py adds the rest."""
    params = ASSETS[path]["params"]
    if params.get("x_axis") == "__time":
        assert params["resample_rule"] == {"PT1M": "1T", "PT1H": "1H"}[params["time_grain_sqla"]]
        assert params["resample_rule"] in STEPS
        assert params["resample_method"] in ("zerofill", "asfreq")
        if params["resample_method"] == "asfreq":  # without markers, a value between two gaps is invisible
            assert params["markerEnabled"]


@pytest.mark.parametrize("slug", DASHBOARDS)
def test_every_filter_of_a_dashboard_reaches_every_chart_that_has_such_a_column(slug: str) -> None:
    wanted = {
        target["column"]["name"]
        for item in DASHBOARDS[slug]["metadata"]["native_filter_configuration"]
        for target in item["targets"]
        if target
    }
    for path, chart in charts_of(slug):
        columns = {column["column_name"] for column in DATASETS[chart["dataset_uuid"]]["columns"]}
        if "is_bot" in columns:  # dead letters have no country
            assert columns >= wanted, path


def test_a_place_that_is_not_known_is_called_unknown_in_every_dataset() -> None:
    """Superset shows a missing value as N/A, <NULL> or nothing, as the chart goes, and its filters do not offer it."""
    for dataset in DATASETS.values():
        for column in dataset["columns"]:
            if (name := column["column_name"]) in PLACES:
                assert column.get("expression") == f"COALESCE({name}, 'unknown')", f"{dataset['table_name']}: {name}"


def test_maps_leave_out_visitors_whose_country_is_unknown() -> None:
    maps = [(path, chart) for path, chart in CHARTS.values() if chart["viz_type"] == "world_map"]
    assert maps
    for path, chart in maps:
        conditions = {(item.get("subject"), item.get("operator")) for item in chart["params"]["adhoc_filters"]}
        assert ("country_code", "IS NOT NULL") in conditions, path


def test_colours_are_those_of_the_palette() -> None:
    text = PALETTE.read_text()
    for path, chart in CHARTS.values():
        for key in ("color_scheme", "linear_color_scheme"):
            if key in chart["params"]:
                assert f'"id": "{chart["params"][key]}"' in text, path


def test_live_is_refreshed_every_five_seconds_or_faster_and_shows_the_last_half_hour() -> None:
    assert 0 < DASHBOARDS["live"]["metadata"]["refresh_frequency"] <= 5
    for path, chart in charts_of("live"):
        assert chart["params"]["time_range"] in ("Last 30 minutes", "Last 5 minutes"), path


@pytest.mark.parametrize("slug", DASHBOARDS)
def test_a_refresh_never_shows_what_the_last_one_showed(slug: str) -> None:
    """Superset keeps an answer for `cache_timeout` s, 4 where a chart names none: many viewers cost one set of queries.

    Half the interval leaves an answer that came late the other half.
    """
    interval = DASHBOARDS[slug]["metadata"]["refresh_frequency"]
    for path, chart in charts_of(slug):
        assert 0 < (chart.get("cache_timeout") or 4) <= interval / 2, path
        if interval >= 60:
            assert chart["cache_timeout"] == interval / 2, f"{path}: and no less, for those who come back"
