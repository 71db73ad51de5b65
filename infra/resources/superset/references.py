"""Finds broken references between a bundle's assets. Superset would show an empty or broken chart."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.resources.superset.documents import Document, kind_of, uuids
from infra.resources.superset.fields import CHART_COLUMNS, CHART_METRICS, FILTER_TYPES

Found = Iterator[tuple[str, str]]
"""Dotted key in the document, and reason."""


def reference_issues(assets: Mapping[str, Document], path: str) -> Found:
    """Every broken reference in a document whose structure is valid."""
    checks: dict[str, Callable[[Mapping[str, Document], Document], Found]] = {
        "datasets": _dataset,
        "charts": _chart,
        "dashboards": _dashboard,
    }
    check = checks.get(kind_of(path))
    return check(assets, assets[path]) if check else iter(())


class _Names:
    """Columns and metrics of a dataset."""

    def __init__(self, dataset: Mapping[str, Any]) -> None:
        self.columns = {str(item["column_name"]) for item in dataset.get("columns") or []}
        # Superset passes expressions to the database unchanged, and calculated columns do not exist there. A column
        # whose expression contains its own name is a stored column, so it does exist.
        columns = {str(item["column_name"]): str(item.get("expression") or "") for item in dataset.get("columns") or []}
        self.calculated = {name for name, sql in columns.items() if sql and name not in columns_in(sql)}
        self.metrics = {str(item["metric_name"]) for item in dataset.get("metrics") or []}

    def metric(self, key: str, metric: Any) -> Found:
        if isinstance(metric, str) and metric not in self.metrics and metric not in self.columns:
            yield key, f"{metric} is not a metric of the dataset; it has {', '.join(sorted(self.metrics))}"
        if isinstance(metric, Mapping):
            if metric.get("expressionType") == "SQL":
                for column in columns_in(str(metric.get("sqlExpression") or "")):
                    yield from self.column(key, column)
            else:
                yield from self.column(key, _mapping(metric.get("column")).get("column_name"))

    def column(self, key: str, column: Any) -> Found:
        if isinstance(column, Mapping):
            for name in columns_in(str(column.get("sqlExpression") or "")):
                yield from self.column(key, name)
        elif not isinstance(column, str) or column not in self.columns:
            yield key, f"{column} is not a column of the dataset"


def _dataset(assets: Mapping[str, Document], document: Document) -> Found:
    if document["database_uuid"] not in uuids(assets, "databases"):
        yield "database_uuid", f"{document['database_uuid']} is not a database of the bundle"
    names = _Names(document)
    time = document.get("main_dttm_col")
    if time is not None:
        column = next((item for item in document["columns"] if item["column_name"] == time), None)
        if column is None or not column.get("is_dttm"):
            yield "main_dttm_col", f"{time} is not a column with is_dttm: true"
    for part, name in (("metrics", "metric_name"), ("columns", "column_name")):
        for item in document.get(part) or []:
            for word in columns_in(item.get("expression") or ""):
                key = f"{part}[{item[name]}].expression"
                yield from names.column(key, word)
                if word in names.calculated:
                    reason = f"{word} is a calculated column, which the database does not have; use its expression"
                    yield key, reason


def _chart(assets: Mapping[str, Document], document: Document) -> Found:
    dataset = uuids(assets, "datasets").get(str(document["dataset_uuid"]))
    if dataset is None:
        yield "dataset_uuid", f"{document['dataset_uuid']} is not a dataset of the bundle"
        return
    names = _Names(assets[dataset])
    params = document["params"]
    for key in CHART_METRICS:
        for metric in _listed(params.get(key)):
            yield from names.metric(f"params.{key}", metric)
    for key in CHART_COLUMNS:
        for column in _listed(params.get(key)):
            yield from names.column(f"params.{key}", column)
    for item in _listed(params.get("order_by_cols")):
        yield from names.column("params.order_by_cols", _first(item))
    yield from _deck(params, names)
    filters = [item for item in _listed(params.get("adhoc_filters")) if isinstance(item, Mapping)]
    for item in filters:
        if item.get("expressionType") == "SIMPLE":
            yield from names.column("params.adhoc_filters", item.get("subject"))
    time = assets[dataset].get("main_dttm_col")
    if time is not None and not any(item.get("operator") == "TEMPORAL_RANGE" for item in filters):
        reason = f"a TEMPORAL_RANGE filter on {time} is needed, or a dashboard's time range does not apply to the chart"
        yield "params.adhoc_filters", reason


def _deck(params: Mapping[str, Any], names: _Names) -> Found:
    """References in params that only deck.gl's charts have: locations, and sizes by a metric."""
    for key in ("spatial", "start_spatial", "end_spatial"):
        for part in ("latCol", "lonCol", "geohashCol", "lonlatCol"):
            if _mapping(params.get(key)).get(part) is not None:
                yield from names.column(f"params.{key}.{part}", params[key][part])
    radius = _mapping(params.get("point_radius_fixed"))
    if radius.get("type") == "metric":
        yield from names.metric("params.point_radius_fixed", radius.get("value"))


def _dashboard(assets: Mapping[str, Document], document: Document) -> Found:
    charts = uuids(assets, "charts")
    position = document["position"]
    for key, item in position.items():
        if not isinstance(item, Mapping) or item["type"] != "CHART":
            continue
        meta = item["meta"]
        chart = charts.get(str(meta["uuid"]))
        if chart is None:
            yield f"position.{key}.meta.uuid", f"{meta['uuid']} is not a chart of the bundle"
        elif meta.get("sliceName", assets[chart]["slice_name"]) != assets[chart]["slice_name"]:
            named = assets[chart]["slice_name"]
            yield f"position.{key}.meta.sliceName", f"{meta['sliceName']!r} given; {chart} is {named!r}"
    metadata = document["metadata"]
    filters = [item for item in _listed(metadata.get("native_filter_configuration")) if isinstance(item, Mapping)]
    for item in filters:
        where = f"metadata.native_filter_configuration[{item.get('name') or item.get('id')}]"
        for key, reason in _filter(assets, item, {str(other.get("id")) for other in filters}, position):
            yield f"{where}.{key}", reason
    numbers = {int(item["meta"]["chartId"]) for item in position.values() if _is_chart(item)}
    for name in ("expanded_slices", "chart_configuration", "timed_refresh_immune_slices"):
        for number in metadata.get(name) or ():
            if str(number).removesuffix(".0") not in {str(known) for known in numbers}:
                yield f"metadata.{name}", f"{number} is not the chartId of a chart in the layout"


def _filter(
    assets: Mapping[str, Document], item: Mapping[str, Any], filters: set[str], position: Mapping[str, Any]
) -> Found:
    for key in _listed(_mapping(item.get("scope")).get("rootPath")):
        if str(key) not in position:
            yield "scope.rootPath", f"{key} is not in the layout"
    if item.get("type") == "DIVIDER":
        return
    if str(item.get("filterType")) not in FILTER_TYPES:
        yield "filterType", f"{item.get('filterType')!r} given; known are {', '.join(sorted(FILTER_TYPES))}"
    for parent in _listed(item.get("cascadeParentIds")):
        if str(parent) not in filters:
            yield "cascadeParentIds", f"{parent} is not a filter of the dashboard"
    datasets = uuids(assets, "datasets")
    for target in _listed(item.get("targets")):
        if not target:
            continue
        dataset = datasets.get(str(_mapping(target).get("datasetUuid")))
        if dataset is None:
            yield "targets.datasetUuid", f"{_mapping(target).get('datasetUuid')} is not a dataset of the bundle"
        else:
            column = _mapping(target.get("column")).get("name")
            yield from _Names(assets[dataset]).column("targets.column", column)


def columns_in(sql: str) -> set[str]:
    """Columns in an expression: quoted words, and bare words in lower case (our SQL has keywords in upper case)."""
    without_text = re.sub(r"'(?:[^']|'')*'", "''", sql)
    quoted = set(re.findall(r'"([^"]+)"', without_text))
    bare = re.findall(r"\b([a-z_][a-z0-9_]*)\b(?!\s*\()", re.sub(r'"[^"]+"', '""', without_text))
    return quoted | set(bare)


def _is_chart(item: Any) -> bool:
    return isinstance(item, Mapping) and item.get("type") == "CHART"


def _first(text: Any) -> Any:
    """The column in one of `order_by_cols`, a pair in JSON: `["name", true]`."""
    try:
        return json.loads(text)[0]
    except (ValueError, TypeError, LookupError):
        return text


def _listed(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list) else [value]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
