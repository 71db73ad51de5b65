"""What somebody designs in the browser comes back into the files, with the smallest possible change."""

import copy
from pathlib import Path
from typing import Any

import pytest

from infra.paths import ROOT
from infra.resources.superset.bundle import from_archive, load_assets, to_archive, to_yaml
from infra.resources.superset.changes import changes
from infra.resources.superset.documents import Assets
from infra.resources.superset.export import ExportError, merged, write
from infra.resources.superset.normal_form import canonicalise, form_defaults, normalise_all
from infra.resources.superset.validation import issues

BUNDLE = ROOT / "tests" / "e2e" / "assets_program" / "bundle"
CHART, EVENTS = "charts/by_country.yaml", "charts/events.yaml"
DASHBOARD = "dashboards/assets_test.yaml"


@pytest.fixture
def committed() -> Assets:
    return normalise_all(load_assets(BUNDLE))


@pytest.fixture
def live(committed: Assets) -> Assets:
    """As Superset exports it: other file names, every default filled in."""
    found = from_archive(to_archive(committed))
    return {path.replace(".yaml", "_7.yaml"): document for path, document in found.items()}


def saved_in_browser(document: dict[str, Any], **changed: Any) -> None:
    """As the chart form saves it: every control it shows, some keys of its own, and not the ones it hides."""
    given = {key: value for key, value in document["params"].items() if key != "time_range"}
    own = {"slice_id": 31, "datasource": "7__table", "matrixify_enable": False, "matrixify_charts_per_row": 4}
    document["params"] = {**form_defaults()[document["viz_type"]], **own, **given, **changed}


def test_an_export_right_after_the_import_changes_no_file(committed: Assets, live: Assets, tmp_path: Path) -> None:
    assert merged(committed, live) == committed
    for path, document in committed.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(to_yaml(document))
    assert write(tmp_path, committed, merged(committed, live)) == []


def test_an_edited_chart_is_exactly_that_edit(committed: Assets, live: Assets, tmp_path: Path) -> None:
    live["charts/by_country_7.yaml"]["params"]["groupby"] = ["city"]
    after = merged(committed, live)
    assert changes(committed, after) == ['chart by_country: params.groupby: ["country"] -> ["city"]']
    write(tmp_path, {}, committed)
    before = (tmp_path / CHART).read_text().splitlines()
    assert write(tmp_path, committed, after) == [tmp_path / CHART]
    assert set((tmp_path / CHART).read_text().splitlines()) ^ set(before) == {"  - country", "  - city"}


def test_a_chart_that_was_opened_from_a_dashboard_and_saved_keeps_its_filters_as_they_were(
    committed: Assets, live: Assets
) -> None:
    ours: list[dict[str, Any]] = [
        {"clause": "WHERE", "comparator": "No filter", "operator": "TEMPORAL_RANGE", "subject": "__time"},
        {"clause": "WHERE", "comparator": 1, "operator": "==", "subject": "is_bot"},
    ]
    committed[CHART]["params"]["adhoc_filters"] = ours
    chart = live["charts/by_country_7.yaml"]
    moved = [{**ours[1], "filterOptionName": "filter_3"}, {"isExtra": False, **ours[0]}]
    saved_in_browser(chart, adhoc_filters=moved)
    assert merged(committed, live) == committed
    chart["params"]["adhoc_filters"] = moved[:1]
    assert merged(committed, live)[CHART]["params"]["adhoc_filters"] == ours[1:]


@pytest.mark.parametrize("path", [CHART, EVENTS])
def test_saving_in_the_browser_without_an_edit_is_no_change(path: str, committed: Assets, live: Assets) -> None:
    committed[path]["params"]["time_range"] = "No filter"
    document = live[path.replace(".yaml", "_7.yaml")]
    saved_in_browser(document)
    assert canonicalise(path, document, committed[path]) == committed[path]
    assert merged(committed, live) == committed


def test_an_edit_saved_in_the_browser_is_exactly_that_edit(committed: Assets, live: Assets) -> None:
    saved_in_browser(live["charts/by_country_7.yaml"], show_totals=True, groupby=[])
    assert changes(committed, merged(committed, live)) == [
        'chart by_country: params.groupby: ["country"] -> []',
        "chart by_country: params.show_totals: true added",
    ]


def test_what_is_missing_without_the_form_having_hidden_it_is_a_change(committed: Assets, live: Assets) -> None:
    committed[CHART]["params"]["show_totals"] = True
    assert changes(committed, merged(committed, live)) == ["chart by_country: params.show_totals: true removed"]


def test_a_new_chart_on_one_of_our_dashboards_comes_along_under_a_name_of_its_own(
    committed: Assets, live: Assets
) -> None:
    new = copy.deepcopy(live["charts/events_7.yaml"])
    new |= {"uuid": "0b1f5f5e-6d36-4d6c-9c3b-1f7f3c0a9f01", "slice_name": "Events"}
    live["charts/Events_9.yaml"] = new
    position = live["dashboards/assets_test_7.yaml"]["position"]
    position["CHART-new"] = copy.deepcopy(position["CHART-events"])
    position["CHART-new"]["id"] = "CHART-new"
    position["CHART-new"]["meta"] |= {"uuid": new["uuid"], "chartId": 9, "sliceName": "Events", "width": 2}
    position["CHART-by_country"]["meta"]["width"] = 6
    position["ROW-1"]["children"].append("CHART-new")
    after = merged(committed, live)
    assert set(after) - set(committed) == {"charts/events_2.yaml"}
    assert issues(after) == []


def test_what_others_made_stays_out_of_the_bundle(committed: Assets, live: Assets) -> None:
    live["charts/other_9.yaml"] = {**live["charts/events_7.yaml"], "uuid": "0b1f5f5e-6d36-4d6c-9c3b-1f7f3c0a9f02"}
    assert merged(committed, live) == committed


def test_a_chart_deleted_in_superset_loses_its_file(committed: Assets, live: Assets, tmp_path: Path) -> None:
    write(tmp_path, {}, committed)
    del live["charts/events_7.yaml"]
    position = live["dashboards/assets_test_7.yaml"]["position"]
    del position["CHART-events"]
    position["ROW-1"]["children"].remove("CHART-events")
    after = merged(committed, live)
    assert tmp_path / EVENTS in write(tmp_path, committed, after)
    assert not (tmp_path / EVENTS).exists()
    assert issues(after) == []


def test_a_new_dashboard_is_taken_in_by_its_title_with_all_that_it_uses(live: Assets) -> None:
    live["dashboards/assets_test_7.yaml"] |= {"dashboard_title": "My new one", "slug": None}
    after = merged({}, live, dashboards=["My new one"])
    assert set(after) == {
        "charts/assets_test_by_country.yaml",
        "charts/assets_test_events.yaml",
        "dashboards/my_new_one.yaml",
        "databases/assets_test.yaml",
        "datasets/assets_test/clickstream.yaml",
    }
    assert after["dashboards/my_new_one.yaml"]["slug"] == "my-new-one"
    assert issues(after) == []


def test_a_dashboard_that_does_not_exist_is_named_beside_those_that_do(committed: Assets, live: Assets) -> None:
    with pytest.raises(ExportError, match=r"title or slug 'Asets test'; Superset has 'Assets test'"):
        merged(committed, live, dashboards=["Asets test"])
