"""What is wrong in a bundle of Superset assets, found without Superset.

Superset answers most mistakes with "unknown reason", and accepts some of them silently: a chart type that does not
exist, a layout that names a chart which is not there, a metric that the dataset does not have.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from infra.resources.superset_bundle import KINDS, VERSION, Document, kind_of, uuids
from infra.resources.superset_fields import (
    CHART_COLUMNS,
    CHART_METRICS,
    COLUMN_FIELDS,
    DATABASE_EXTRA_FIELDS,
    FIELDS,
    FILTER_TYPES,
    METRIC_FIELDS,
    REQUIRED,
    VIZ_TYPES,
    Types,
)
from infra.resources.superset_layout import layout_mistakes


@dataclass(frozen=True)
class Mistake:
    """One mistake: file in the bundle, key in it (dotted, may be empty), and what is wrong with it."""

    path: str
    key: str
    reason: str

    def __str__(self) -> str:
        """As it is shown to the user."""
        return f"{self.path}: {self.key}: {self.reason}" if self.key else f"{self.path}: {self.reason}"


def mistakes(assets: Mapping[str, Any]) -> list[Mistake]:
    """Everything that is wrong in the bundle; references are checked only where the structure is right."""
    found = [mistake for path in sorted(assets) for mistake in _structure(path, assets[path])]
    found += _duplicates(assets)
    if not found:
        for path in sorted(assets):
            found += _References(assets, path).mistakes()
    return found


def _structure(path: str, document: Any) -> Iterator[Mistake]:
    kind = kind_of(path)
    if kind not in KINDS or not path.endswith(".yaml"):
        yield Mistake(path, "", f"not a place for an asset; {', '.join(f'{name}/*.yaml' for name in KINDS)} are")
        return
    if not isinstance(document, Mapping):
        yield Mistake(path, "", f"{type(document).__name__} given; a mapping is needed")
        return
    yield from _fields(path, "", document, FIELDS[kind], REQUIRED[kind])
    for key in ("uuid", "dataset_uuid", "database_uuid"):
        if isinstance(document.get(key), str) and not _is_uuid(document[key]):
            yield Mistake(path, key, f"{document[key]!r} given; a UUID is needed")
    if document.get("version", VERSION) != VERSION:
        yield Mistake(path, "version", f"{document['version']!r} given; {VERSION} is the format's version")
    match kind:
        case "databases":
            yield from _database(path, document)
        case "datasets":
            yield from _items(path, document, "columns", COLUMN_FIELDS, ("column_name",))
            yield from _items(path, document, "metrics", METRIC_FIELDS, ("metric_name", "expression"))
        case "charts" if document.get("viz_type") not in VIZ_TYPES and document.get("viz_type"):
            near = get_close_matches(str(document["viz_type"]), VIZ_TYPES) or sorted(VIZ_TYPES)
            reason = f"{document['viz_type']!r} is no chart type of Superset; known are {', '.join(near)}"
            yield Mistake(path, "viz_type", reason)
        case "dashboards" if isinstance(document.get("position"), Mapping):
            yield from (Mistake(path, key, reason) for key, reason in layout_mistakes(document["position"]))
        case _:
            return


def _fields(
    path: str, prefix: str, given: Mapping[str, Any], allowed: Mapping[str, Types], required: tuple[str, ...]
) -> Iterator[Mistake]:
    def dotted(key: str) -> str:
        return f"{prefix}.{key}" if prefix else key

    for key in required:
        if given.get(key) is None or given[key] == "":
            yield Mistake(path, dotted(key), "missing; the import needs it")
    for key, value in given.items():
        if key not in allowed:
            known = ", ".join(sorted(allowed))
            yield Mistake(path, dotted(key), f"unknown, the import would refuse it; known are {known}")
        elif value is not None and not _has_type(value, allowed[key]):
            needed = " or ".join(kind.__name__ for kind in allowed[key])
            yield Mistake(path, dotted(key), f"{type(value).__name__} {str(value)[:40]!r} given; {needed} is needed")


def _has_type(value: Any, types: Types) -> bool:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as the engine hands numbers over
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def _items(
    path: str, document: Mapping[str, Any], part: str, allowed: Mapping[str, Types], required: tuple[str, ...]
) -> Iterator[Mistake]:
    items = document.get(part)
    if not isinstance(items, list):
        return
    for number, item in enumerate(items):
        if isinstance(item, Mapping):
            name = item.get(required[0]) or number
            yield from _fields(path, f"{part}[{name}]", item, allowed, required)
        else:
            yield Mistake(path, f"{part}[{number}]", "a mapping is needed")
    names = Counter(str(item.get(required[0])) for item in items if isinstance(item, Mapping))
    for name, times in names.items():
        if times > 1:
            yield Mistake(path, f"{part}[{name}]", f"given {times} times; a name is needed once")


def _database(path: str, document: Mapping[str, Any]) -> Iterator[Mistake]:
    if isinstance(document.get("extra"), Mapping):
        yield from _fields(path, "extra", document["extra"], DATABASE_EXTRA_FIELDS, ())
    uri = document.get("sqlalchemy_uri")
    if not isinstance(uri, str):
        return
    match = re.match(r"^[a-z][a-z0-9]*(\+[a-z0-9_]+)?://(?P<login>[^/@]*@)?", uri)
    if match is None:
        yield Mistake(path, "sqlalchemy_uri", f"{uri!r} given; for example druid://router:8888/druid/v2/sql/")
    elif ":" in (match["login"] or ""):
        yield Mistake(path, "sqlalchemy_uri", "holds a password; bundles are committed, so leave it out")


def _duplicates(assets: Mapping[str, Any]) -> list[Mistake]:
    found: list[Mistake] = []
    for key in ("uuid", "slug"):
        seen: dict[tuple[str, str], str] = {}
        for path in sorted(assets):
            document = assets[path]
            value = document.get(key) if isinstance(document, Mapping) else None
            if value is None:
                continue
            other = seen.setdefault((kind_of(path), str(value)), path)
            if other != path:
                found.append(Mistake(path, key, f"{value} is that of {other} as well; each needs its own"))
    return found


class _References:
    """Checks of one document against the others."""

    def __init__(self, assets: Mapping[str, Document], path: str) -> None:
        self.assets = assets
        self.path = path
        self.document = assets[path]
        self.columns: set[str] = set()
        self.metrics: set[str] = set()

    def mistakes(self) -> Iterator[Mistake]:
        """All mistakes in what the document refers to."""
        match kind_of(self.path):
            case "datasets":
                yield from self._dataset()
            case "charts":
                yield from self._chart()
            case "dashboards":
                yield from self._dashboard()
            case _:
                return

    def _wrong(self, key: str, reason: str) -> Mistake:
        return Mistake(self.path, key, reason)

    def _use(self, dataset: Mapping[str, Any]) -> None:
        self.columns = {str(item["column_name"]) for item in dataset.get("columns", [])}
        self.metrics = {str(item["metric_name"]) for item in dataset.get("metrics", [])}

    def _dataset(self) -> Iterator[Mistake]:
        if self.document["database_uuid"] not in uuids(self.assets, "databases"):
            yield self._wrong("database_uuid", f"{self.document['database_uuid']} is no database of the bundle")
        self._use(self.document)
        time = self.document.get("main_dttm_col")
        if time is not None:
            column = next((item for item in self.document["columns"] if item["column_name"] == time), None)
            if column is None or not column.get("is_dttm"):
                yield self._wrong("main_dttm_col", f"{time} is no column with is_dttm: true")
        for part, name in (("metrics", "metric_name"), ("columns", "column_name")):
            for item in self.document.get(part, []):
                for column in _columns_in(item.get("expression") or ""):
                    if column not in self.columns:
                        yield self._wrong(f"{part}[{item[name]}].expression", f"{column} is no column of the dataset")

    def _chart(self) -> Iterator[Mistake]:
        dataset = uuids(self.assets, "datasets").get(str(self.document["dataset_uuid"]))
        if dataset is None:
            yield self._wrong("dataset_uuid", f"{self.document['dataset_uuid']} is no dataset of the bundle")
            return
        self._use(self.assets[dataset])
        params = self.document["params"]
        for key in CHART_METRICS:
            for metric in _listed(params.get(key)):
                yield from self._metric(f"params.{key}", metric)
        for key in CHART_COLUMNS:
            for column in _listed(params.get(key)):
                yield from self._column(f"params.{key}", column)
        for item in _listed(params.get("order_by_cols")):
            yield from self._column("params.order_by_cols", json.loads(item)[0])
        filters = [item for item in _listed(params.get("adhoc_filters")) if isinstance(item, Mapping)]
        for item in filters:
            if item.get("expressionType") == "SIMPLE":
                yield from self._column("params.adhoc_filters", item.get("subject"))
        time = self.assets[dataset].get("main_dttm_col")
        if time is not None and not any(item.get("operator") == "TEMPORAL_RANGE" for item in filters):
            needed = (
                f"a TEMPORAL_RANGE filter on {time} is needed, or a dashboard's time range does not reach the chart"
            )
            yield self._wrong("params.adhoc_filters", needed)

    def _metric(self, key: str, metric: Any) -> Iterator[Mistake]:
        if isinstance(metric, str) and metric not in self.metrics and metric not in self.columns:
            yield self._wrong(key, f"{metric} is no metric of the dataset; it has {', '.join(sorted(self.metrics))}")
        if isinstance(metric, Mapping):
            if metric.get("expressionType") == "SQL":
                for column in _columns_in(str(metric.get("sqlExpression") or "")):
                    yield from self._column(key, column)
            else:
                yield from self._column(key, (metric.get("column") or {}).get("column_name"))

    def _column(self, key: str, column: Any) -> Iterator[Mistake]:
        if isinstance(column, Mapping):
            for name in _columns_in(str(column.get("sqlExpression") or "")):
                yield from self._column(key, name)
        elif column not in self.columns:
            yield self._wrong(key, f"{column} is no column of the dataset")

    def _dashboard(self) -> Iterator[Mistake]:
        charts = uuids(self.assets, "charts")
        for key, item in self.document["position"].items():
            if not isinstance(item, Mapping) or item["type"] != "CHART":
                continue
            meta = item["meta"]
            chart = charts.get(str(meta["uuid"]))
            if chart is None:
                yield self._wrong(f"position.{key}.meta.uuid", f"{meta['uuid']} is no chart of the bundle")
            elif meta.get("sliceName", self.assets[chart]["slice_name"]) != self.assets[chart]["slice_name"]:
                named = self.assets[chart]["slice_name"]
                yield self._wrong(
                    f"position.{key}.meta.sliceName", f"{meta['sliceName']!r} given; {chart} is {named!r}"
                )
        metadata = self.document.get("metadata", {})
        for item in metadata.get("native_filter_configuration", []):
            yield from self._filter(item)

    def _filter(self, item: Mapping[str, Any]) -> Iterator[Mistake]:
        where = f"metadata.native_filter_configuration[{item.get('name') or item.get('id')}]"
        if item.get("type") == "DIVIDER":
            return
        if item.get("filterType") not in FILTER_TYPES:
            known = ", ".join(sorted(FILTER_TYPES))
            yield self._wrong(f"{where}.filterType", f"{item.get('filterType')!r} given; known are {known}")
        datasets = uuids(self.assets, "datasets")
        for target in item.get("targets", []):
            if not target:
                continue
            dataset = datasets.get(str(target.get("datasetUuid")))
            if dataset is None:
                reason = f"{target.get('datasetUuid')} is no dataset of the bundle"
                yield self._wrong(f"{where}.targets.datasetUuid", reason)
                continue
            self._use(self.assets[dataset])
            yield from self._column(f"{where}.targets.column", (target.get("column") or {}).get("name"))


def _listed(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list) else [value]


def _columns_in(sql: str) -> set[str]:
    """Columns that an expression names: quoted words, and bare lower-case words (keywords are written in capitals)."""
    without_text = re.sub(r"'(?:[^']|'')*'", "''", sql)
    quoted = set(re.findall(r'"([^"]+)"', without_text))
    bare = re.findall(r"\b([a-z_][a-z0-9_]*)\b(?!\s*\()", re.sub(r'"[^"]+"', '""', without_text))
    return quoted | set(bare)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
