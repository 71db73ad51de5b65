"""The bundle of Superset assets: agrees with the schema, is checked before it is sent, and compares by meaning."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.paths import DRUID_SPECS, ROOT, SCHEMAS, SUPERSET_ASSETS
from infra.resources.superset.bundle import BundleError, from_archive, load_assets, to_archive, to_yaml
from infra.resources.superset.changes import changes
from infra.resources.superset.documents import Assets
from infra.resources.superset.normal_form import complete, normalise, normalise_all
from infra.resources.superset.references import columns_in
from infra.resources.superset.validation import issues, moved

SMALL = ROOT / "tests" / "e2e" / "assets_program" / "bundle"
FOLDER = SUPERSET_ASSETS
CHART = "charts/countries.yaml"
DASHBOARD = "dashboards/clickstream.yaml"
DATASET = "datasets/druid/clickstream.yaml"
DATABASE = "databases/druid.yaml"
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def assets() -> Assets:
    return load_assets(FOLDER)


def as_engine(value: Any) -> Any:
    """As Pulumi's engine hands a value over: every number is a float."""
    if isinstance(value, dict):
        return {key: as_engine(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_engine(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def stored_columns(assets: Assets) -> list[dict[str, Any]]:
    """The dataset's columns that Druid has: those without an expression, or with one over the column itself."""
    columns = assets[DATASET]["columns"]
    return [item for item in columns if not (sql := item.get("expression")) or item["column_name"] in columns_in(sql)]


def metric(dataset: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in dataset["metrics"] if item["metric_name"] == name)


def test_the_committed_bundle_has_no_mistakes(assets: Assets) -> None:
    assert [str(issue) for issue in issues(assets)] == []


def test_the_committed_files_are_in_the_normal_form(assets: Assets) -> None:
    for path, document in assets.items():
        assert (FOLDER / path).read_text() == to_yaml(normalise(path, document)), path


def test_the_dataset_has_the_schemas_fields_and_the_time(assets: Assets) -> None:
    schema = json.loads((SCHEMAS / "clickstream.avsc").read_text())
    fields = {field["name"] for field in schema["fields"]}
    columns = {column["column_name"] for column in stored_columns(assets)}
    # Druid keeps the event's timestamp as __time.
    assert columns - {"__time"} == fields - {"timestamp"}


def test_the_dataset_has_druids_types(assets: Assets) -> None:
    spec = json.loads((DRUID_SPECS / "clickstream.json").read_text())
    types = {"string": "VARCHAR", "long": "BIGINT", "double": "DOUBLE"}
    dimensions = spec["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"]
    expected = {item["name"]: types[item["type"]] for item in dimensions} | {"__time": "TIMESTAMP"}
    assert {column["column_name"]: column["type"] for column in stored_columns(assets)} == expected


def test_every_metric_and_chart_says_what_it_is(assets: Assets) -> None:
    described = [*assets[DATASET]["metrics"]]
    described += [document for path, document in assets.items() if path.startswith("charts/")]
    assert all(item.get("description") for item in described)


def test_where_visitors_came_from_is_read_at_the_first_event_of_a_session(assets: Assets) -> None:
    grouped = {
        name: chart["params"]
        for name, chart in assets.items()
        if name.startswith("charts/") and {"channel", "referer_host"} & set(chart["params"].get("groupby") or [])
    }
    assert "charts/acquisition_channels.yaml" in grouped
    for name, params in grouped.items():
        filtered = {item.get("subject"): item.get("comparator") for item in params["adhoc_filters"]}
        assert filtered.get("is_first_in_session") == 1, f"{name}: a return from a payment provider is no new visit"


def test_every_dashboard_names_the_source_of_its_places(assets: Assets) -> None:
    for path, document in assets.items():
        if path.startswith("dashboards/"):
            text = " ".join(item["meta"].get("code", "") for item in document["position"].values() if "meta" in item)
            assert "https://db-ip.com" in text, path


BROKEN: list[tuple[str, str, Callable[[Any], object], str]] = [
    ("no viz type", CHART, lambda d: d.pop("viz_type"), "viz_type: missing"),
    ("unknown viz type", CHART, lambda d: d.update(viz_type="tabel"), "'tabel' is not a chart type of Superset"),
    (
        "cells of HTML",
        CHART,
        lambda d: d["params"].update(allow_render_html=True),
        "params.allow_render_html: true given, which renders text chosen by visitors as HTML",
    ),
    (
        "cells of HTML by default",
        CHART,
        lambda d: d["params"].pop("allow_render_html"),
        "params.allow_render_html: nothing given, which renders text chosen by visitors as HTML",
    ),
    (
        "cells of HTML in a pivot table",
        CHART,
        lambda d: (d.update(viz_type="pivot_table_v2"), d["params"].pop("allow_render_html")),
        "params.allow_render_html: nothing given",
    ),
    ("a table of HTML", CHART, lambda d: d.update(viz_type="ag-grid-table"), "ag-grid-table renders text chosen"),
    ("unknown key", CHART, lambda d: d.update(grouby=[]), "grouby: unknown, and the import would refuse it"),
    ("no params", CHART, lambda d: d.pop("params"), "params: missing"),
    ("wrong type", CHART, lambda d: d.update(cache_timeout="10"), "cache_timeout: str '10' given; int is needed"),
    ("bad uuid", CHART, lambda d: d.update(uuid="5"), "uuid: '5' given; a UUID is needed"),
    ("unknown dataset", CHART, lambda d: d.update(dataset_uuid=UNKNOWN), "is not a dataset of the bundle"),
    ("unknown metric", CHART, lambda d: d["params"].update(metrics=["vists"]), "vists is not a metric of the dataset"),
    (
        "unknown column",
        CHART,
        lambda d: d["params"].update(groupby=["county"]),
        "params.groupby: county is not a column",
    ),
    (
        "ad hoc metric",
        CHART,
        lambda d: d["params"].update(metrics=[{"expressionType": "SQL", "sqlExpression": "SUM(engagment_ms)"}]),
        "params.metrics: engagment_ms is not a column",
    ),
    (
        "no time filter",
        CHART,
        lambda d: d["params"].update(adhoc_filters=[]),
        "a TEMPORAL_RANGE filter on __time is needed",
    ),
    ("unknown database", DATASET, lambda d: d.update(database_uuid=UNKNOWN), "is not a database of the bundle"),
    ("time is no time", DATASET, lambda d: d.update(main_dttm_col="country"), "country is not a column with is_dttm"),
    (
        "metric of no column",
        DATASET,
        lambda d: metric(d, "events").update(expression="SUM(engagment_ms)"),
        "metrics[events].expression: engagment_ms is not a column",
    ),
    (
        "metric of a calculated column",
        DATASET,
        lambda d: metric(d, "events").update(expression="SUM(delay_ms)"),
        "metrics[events].expression: delay_ms is a calculated column, which the database does not have",
    ),
    ("column twice", DATASET, lambda d: d["columns"].append(d["columns"][1]), "2 times; each name must be unique"),
    (
        "password",
        DATABASE,
        lambda d: d.update(sqlalchemy_uri="druid://me:secret@router:8888/druid/v2/sql/"),
        "sqlalchemy_uri: contains a password",
    ),
    ("no URI", DATABASE, lambda d: d.update(sqlalchemy_uri="router:8888"), "for example druid://router"),
    (
        "position names no chart",
        DASHBOARD,
        lambda d: d["position"]["CHART-browsers"]["meta"].update(uuid=UNKNOWN),
        f"position.CHART-browsers.meta.uuid: {UNKNOWN} is not a chart of the bundle",
    ),
    (
        "chart without id",
        DASHBOARD,
        lambda d: d["position"]["CHART-browsers"]["meta"].pop("chartId"),
        "position.CHART-browsers.meta.chartId: missing",
    ),
    (
        "same id twice",
        DASHBOARD,
        lambda d: d["position"]["CHART-browsers"]["meta"].update(chartId=1),
        "chartId 1 is given 2 times",
    ),
    (
        "missing child",
        DASHBOARD,
        lambda d: d["position"].pop("CHART-browsers"),
        "CHART-browsers is not in the layout",
    ),
    (
        "not shown",
        DASHBOARD,
        lambda d: d["position"]["ROW-4"]["children"].remove("CHART-browsers"),
        "position.CHART-browsers: not shown",
    ),
    (
        "row too wide",
        DASHBOARD,
        lambda d: d["position"]["CHART-browsers"]["meta"].update(width=5),
        "position.ROW-4.children: 13 columns wide; a row has 12",
    ),
    (
        "children no list",
        DASHBOARD,
        lambda d: d["position"]["ROW-4"].update(children="CHART-browsers"),
        "position.ROW-4.children: CHART-browsers given; a list of keys of the layout is needed",
    ),
    (
        "width no number",
        DASHBOARD,
        lambda d: d["position"]["CHART-browsers"]["meta"].update(width="wide"),
        "position.CHART-browsers.meta.width: 'wide' given; a number is needed",
    ),
    (
        "filter in a tab that is not there",
        DASHBOARD,
        lambda d: d["metadata"]["native_filter_configuration"][1]["scope"].update(rootPath=["TAB-1"]),
        "native_filter_configuration[Country].scope.rootPath: TAB-1 is not in the layout",
    ),
    (
        "filter below none",
        DASHBOARD,
        lambda d: d["metadata"]["native_filter_configuration"][1].update(cascadeParentIds=["NATIVE_FILTER-x"]),
        "native_filter_configuration[Country].cascadeParentIds: NATIVE_FILTER-x is not a filter",
    ),
    (
        "never refreshed chart that is not there",
        DASHBOARD,
        lambda d: d["metadata"].update(timed_refresh_immune_slices=[99]),
        "metadata.timed_refresh_immune_slices: 99 is not the chartId of a chart",
    ),
    (
        "place of no column",
        CHART,
        lambda d: d["params"].update(spatial={"type": "latlong", "latCol": "latitude", "lonCol": "longtude"}),
        "params.spatial.lonCol: longtude is not a column",
    ),
    (
        "computed column that hides a column it combines with another",
        DATASET,
        lambda d: d["columns"].append({"column_name": "browser_name", "expression": "COALESCE(browser_name, os_name)"}),
        "columns[browser_name].expression: reads browser_name and os_name; Druid takes browser_name for the computed",
    ),
    (
        "filter of no dataset",
        DASHBOARD,
        lambda d: d["metadata"]["native_filter_configuration"][1]["targets"][0].update(datasetUuid=UNKNOWN),
        f"native_filter_configuration[Country].targets.datasetUuid: {UNKNOWN} is not a dataset",
    ),
    (
        "filter of no column",
        DASHBOARD,
        lambda d: d["metadata"]["native_filter_configuration"][1]["targets"][0]["column"].update(name="county"),
        "native_filter_configuration[Country].targets.column: county is not a column",
    ),
]


@pytest.mark.parametrize(
    ("path", "breakage", "message"), [item[1:] for item in BROKEN], ids=[item[0] for item in BROKEN]
)
def test_a_mistake_is_reported_with_file_and_key(
    assets: Assets, path: str, breakage: Callable[[Any], object], message: str
) -> None:
    breakage(assets[path])
    found = [str(issue) for issue in issues(assets)]
    assert [line for line in found if line.startswith(f"{path}: ") and message in line], found


def test_all_mistakes_are_reported_together(assets: Assets) -> None:
    assets[CHART]["params"]["groupby"] = ["county"]
    assets["charts/browsers.yaml"]["params"]["metric"] = "vists"
    assert len(issues(assets)) == 2


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something can be wrong: the way to every value inside; of a list, the first only."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from nodes(value[key], (*path, key))
    if isinstance(value, list) and value:
        yield from nodes(value[0], (*path, 0))


@pytest.mark.parametrize("wrong", [None, "x", 5, True, [], {}, [{}], ["x"]], ids=str)
def test_whatever_stands_in_a_file_is_checked_without_a_traceback(wrong: object) -> None:
    assets = load_assets(SMALL)
    for path, document in assets.items():
        for way in nodes(document):
            broken = {**assets, path: copy.deepcopy(document)}
            holder: Any = broken
            for key in (path, *way)[:-1]:
                holder = holder[key]
            holder[(path, *way)[-1]] = wrong
            if not issues(broken):
                normalise_all(broken)


def test_a_uuid_that_changes_is_refused_with_the_one_to_put_back(assets: Assets) -> None:
    old = str(assets[CHART]["uuid"])
    before = normalise_all(copy.deepcopy(assets))
    assets[CHART]["uuid"] = UNKNOWN
    (found,) = [str(issue) for issue in moved(before, assets)]
    assert found.startswith(f"{CHART}: uuid: {UNKNOWN} given; Superset has this asset as {old}")


def test_two_assets_with_one_uuid_are_reported(assets: Assets) -> None:
    assets["charts/copy.yaml"] = copy.deepcopy(assets[CHART])
    assert [str(issue) for issue in issues(assets)] == [
        f"{CHART}: uuid: charts/copy.yaml has the same value {assets[CHART]['uuid']}; each must be unique"
        if CHART > "charts/copy.yaml"
        else f"charts/copy.yaml: uuid: {CHART} has the same value {assets[CHART]['uuid']}; each must be unique"
    ]


def test_a_file_in_the_wrong_place_is_reported(assets: Assets) -> None:
    assets["chart/countries.yaml"] = assets.pop(CHART)
    assert any("chart/countries.yaml: not a place for an asset" in str(issue) for issue in issues(assets))


def test_a_file_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "broken.yaml").write_text("slice_name: [")
    with pytest.raises(BundleError, match=r"charts/broken\.yaml is not YAML: .* line 2"):
        load_assets(tmp_path)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="contains no assets"):
        load_assets(tmp_path)


def test_the_archive_is_always_the_same_bytes(assets: Assets) -> None:
    backwards = dict(reversed(list(assets.items())))
    assert to_archive(assets) == to_archive(backwards) == to_archive(as_engine(normalise_all(assets)))


def test_the_archive_says_every_default_so_that_the_import_resets_it(assets: Assets) -> None:
    sent = from_archive(to_archive(assets))
    assert sent[CHART]["cache_timeout"] is None
    assert sent[CHART]["params"]["viz_type"] == "table"
    assert sent[DATABASE]["allow_dml"] is False
    assert all(column["is_active"] for column in sent[DATASET]["columns"])


def test_what_was_archived_means_the_same(assets: Assets) -> None:
    assert normalise_all(from_archive(to_archive(assets))) == normalise_all(assets)


def exported(assets: Assets) -> Assets:
    """As Superset exports it: with ids of its own, and with what the front end adds on the way."""
    live = {path: complete(path, document) for path, document in copy.deepcopy(assets).items()}
    for path, document in live.items():
        if path.startswith("charts/"):
            document["query_context"] = "{}"
            document["params"] |= {"datasource": "7__table", "slice_id": 31, "dashboards": [4], "annotation_layers": []}
        if path.startswith("dashboards/"):
            metadata = document["metadata"]
            charts = [
                item for item in document["position"].values() if isinstance(item, dict) and item["type"] == "CHART"
            ]
            for item in charts:
                item["meta"]["chartId"] += 100
                number = item["meta"]["chartId"]
                entry = {"id": number, "crossFilters": {"scope": "global", "chartsInScope": [101, 102]}}
                metadata["chart_configuration"][str(number)] = entry
            metadata["global_chart_configuration"]["chartsInScope"] = [101, 102]
            metadata |= {"shared_label_colors": ["Chrome"], "map_label_colors": {}, "color_scheme_domain": []}
            for shown in metadata["native_filter_configuration"]:
                shown.update(chartsInScope=[101], tabsInScope=[])
    live[DATASET]["columns"].reverse()
    return live


def test_what_superset_fills_in_is_no_drift(assets: Assets) -> None:
    assert changes(normalise_all(assets), normalise_all(exported(assets))) == []


def test_charts_keep_their_meaning_where_a_dashboard_names_them_by_number(assets: Assets) -> None:
    immune = assets[DASHBOARD]["position"]["CHART-countries"]["meta"]["chartId"]
    assets[DASHBOARD]["metadata"]["timed_refresh_immune_slices"] = [immune]
    live = exported(assets)
    live[DASHBOARD]["metadata"]["timed_refresh_immune_slices"] = [immune + 100]
    assert changes(normalise_all(assets), normalise_all(live)) == []
    live[DASHBOARD]["metadata"]["timed_refresh_immune_slices"] = []
    (found,) = changes(normalise_all(assets), normalise_all(live))
    assert found.startswith("dashboard clickstream: metadata.timed_refresh_immune_slices: ")
    assert found.endswith(" removed")


def test_drift_is_told_by_asset_and_field(assets: Assets) -> None:
    live = exported(assets)
    live[CHART]["params"]["groupby"] = ["city"]
    live[CHART]["slice_name"] = "Towns"
    metric(live[DATASET], "events")["expression"] = "SUM(1)"
    live[DASHBOARD]["metadata"]["refresh_frequency"] = 60
    del live["charts/browsers.yaml"]
    assert changes(normalise_all(assets), normalise_all(live)) == [
        "chart browsers: removed",
        'chart countries: params.groupby: ["country"] -> ["city"]',
        'chart countries: slice_name: "Countries" -> "Towns"',
        "dashboard clickstream: metadata.refresh_frequency: 10 -> 60",
        'dataset clickstream: metrics[events].expression: "COUNT(*)" -> "SUM(1)"',
    ]
