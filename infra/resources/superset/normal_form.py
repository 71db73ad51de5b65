"""The normal form of an asset. Two documents have the same normal form if and only if they mean the same.

It omits every key whose value is Superset's default, and everything that Superset or its front end derives.
"""

import copy
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from infra.resources.superset.documents import KINDS, VERSION, Assets, Document, kind_of
from infra.resources.superset.numbering import numbered

FORM_DEFAULTS = Path(__file__).parent / "form_defaults.json"
_EMPTY: tuple[Any, ...] = (None, "", [], {})
_NONE = dict.fromkeys(("cache_timeout", "certification_details", "certified_by", "description", "external_url"))
_DEFAULTS: dict[str, Document] = {
    "databases": {
        "allow_csv_upload": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_run_async": False,
        "cache_timeout": None,
        "configuration_method": "sqlalchemy_form",
        "expose_in_sqllab": True,
        "extra": {},
        "impersonate_user": False,
        "version": VERSION,
    },
    "datasets": {
        "always_filter_main_dttm": False,
        "cache_timeout": None,
        "catalog": None,
        "currency_code_column": None,
        "default_endpoint": None,
        "description": None,
        "extra": None,
        "fetch_values_predicate": None,
        "filter_select_enabled": True,
        "folders": None,
        "main_dttm_col": None,
        "normalize_columns": False,
        "offset": 0,
        "params": None,
        "schema": None,
        "sql": None,
        "template_params": None,
        "version": VERSION,
    },
    "charts": {**_NONE, "query_context": None, "version": VERSION},
    "dashboards": {**_NONE, "css": "", "published": False, "slug": None, "version": VERSION},
}
del _DEFAULTS["dashboards"]["cache_timeout"]
_COLUMN: Document = {
    **dict.fromkeys(("advanced_data_type", "datetime_format", "description", "expression", "extra")),
    **dict.fromkeys(("python_date_format", "type", "verbose_name")),
    "filterable": True,
    "groupby": True,
    "is_active": True,
    "is_dttm": False,
}
_METRIC: Document = dict.fromkeys(
    ("currency", "d3format", "description", "extra", "metric_type", "verbose_name", "warning_text")
)
_PARAMS: Document = {"annotation_layers": [], "dashboards": [], "extra_form_data": {}}
_DASHBOARD_METADATA: Document = {
    "chart_configuration": {},
    "color_scheme": "",
    "default_filters": "{}",
    "expanded_slices": {},
    "label_colors": {},
    "native_filter_configuration": [],
    "refresh_frequency": 0,
    "timed_refresh_immune_slices": [],
}

# Derived from the rest: by the import, by the front end when somebody opens or saves the object, or by the clock.
_DERIVED_TOP = {"query_context", "is_managed_externally", "source_db_engine", "data_file", "theme_id"}
DERIVED_PARAMS = frozenset(
    ["dashboardId", "dashboards", "datasource", "slice_id", "temporal_columns_lookup", "url_params", "viz_type"]
)
# Superset's form never or not always shows these, and cannot clear them.
_HIDDEN_PARAMS = {"granularity_sqla", "server_page_length", "seriesType", "time_range"}
_NOTES = {"filterOptionName", "isExtra", "isNew"}
_DERIVED_METADATA = {"color_scheme_domain", "map_label_colors", "shared_label_colors"}
_DERIVED_SCOPE = {"chartsInScope", "tabsInScope"}


def complete(path: str, document: Mapping[str, Any]) -> Document:
    """The document with every default filled in."""
    kind = kind_of(path)
    full = {**copy.deepcopy(_DEFAULTS[kind]), **normalise(path, document)}
    if kind == "datasets":
        full["columns"] = [{**_COLUMN, **column} for column in full.get("columns", [])]
        full["metrics"] = [{**_METRIC, **metric} for metric in full.get("metrics", [])]
    if kind == "charts":
        full["params"] = {**full.get("params", {}), "viz_type": full["viz_type"]}
    if kind == "dashboards":
        full["metadata"] = {**copy.deepcopy(_DASHBOARD_METADATA), **full.get("metadata", {})}
    return full


def normalise(path: str, document: Mapping[str, Any]) -> Document:
    """The document in its normal form."""
    kind = kind_of(path)
    short: Document = _plain({key: value for key, value in document.items() if key not in _DERIVED_TOP})
    if kind == "datasets":
        short["columns"] = _sorted(short.get("columns", []), "column_name", _COLUMN)
        short["metrics"] = _sorted(short.get("metrics", []), "metric_name", _METRIC)
    if kind == "charts":
        params = {key: value for key, value in short.get("params", {}).items() if key not in DERIVED_PARAMS}
        short["params"] = _without(params, _PARAMS)
    if kind == "dashboards":
        short = numbered(short)
        short["metadata"] = _dashboard_metadata(short.get("metadata", {}))
    return _without(short, _DEFAULTS[kind])


def normalise_all(assets: Mapping[str, Document]) -> Assets:
    """Every document of the managed kinds in the normal form, by path."""
    return {path: normalise(path, assets[path]) for path in sorted(assets) if kind_of(path) in KINDS}


def canonicalise(path: str, live: Mapping[str, Any], ours: Mapping[str, Any] | None) -> Document:
    """The normal form of a document in Superset. `ours` is the document that it was imported from, if any.

    Saving a chart in the browser saves every control that its form shows, and none that it hides. So a value that
    `ours` omits and the form fills in is not a change, and neither is a missing value that the form hides.
    """
    document = normalise(path, live)
    if ours is None or kind_of(path) != "charts" or "slice_id" not in (live.get("params") or {}):
        return document
    filled = form_defaults().get(str(document.get("viz_type")), {})
    given = ours.get("params", {})
    saved = document.get("params", {})
    params = {key: value for key, value in saved.items() if key in given or not _filled_in(key, value, filled)}
    hidden = {key: value for key, value in given.items() if key not in saved and _may_be_hidden(key, value)}
    return {**document, "params": {**params, **hidden, **_filters(params, given)}}


def _filters(saved: Mapping[str, Any], given: Mapping[str, Any]) -> Document:
    """The filters without the form's internal notes.

    All filters apply, so their order does not matter. A chart opened from a dashboard has the dashboard's filters last.
    """
    key = "adhoc_filters"
    if not isinstance(saved.get(key), list):
        return {}
    found = [{name: value for name, value in item.items() if name not in _NOTES} for item in saved[key]]
    before = given.get(key)
    same = isinstance(before, list) and _comparable(found) == _comparable(before)
    return {key: before if same else found}


def _comparable(filters: list[Any]) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True) for item in filters)


def _filled_in(key: str, value: Any, filled: Mapping[str, Any]) -> bool:
    return value in (_plain(filled.get(key)), *_EMPTY) or key.startswith("matrixify_")


def _may_be_hidden(key: str, value: Any) -> bool:
    """Whether the form may have hidden the value. A checkbox is always saved, so it is missing only if hidden."""
    return key in _HIDDEN_PARAMS or isinstance(value, bool) or value in _EMPTY


@cache
def form_defaults() -> dict[str, Document]:
    """From chart types to the params, with values, that the form of Superset's front end fills in.

    Written by tools/superset_form_defaults.py, which reads them from a running Superset in a browser.
    """
    return dict(json.loads(FORM_DEFAULTS.read_text("utf-8")))


def _plain(value: Any) -> Any:
    """The value as JSON would have it, without nulls in mappings and with integers as integers."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _without(document: Mapping[str, Any], defaults: Mapping[str, Any]) -> Document:
    missing = object()
    return {key: value for key, value in document.items() if value != defaults.get(key, missing)}


def _sorted(items: list[Document], name: str, defaults: Mapping[str, Any]) -> list[Document]:
    return sorted((_without(item, defaults) for item in items), key=lambda item: str(item.get(name)))


def _dashboard_metadata(metadata: Mapping[str, Any]) -> Document:
    kept = {key: value for key, value in metadata.items() if key not in _DERIVED_METADATA}
    filters = kept.get("native_filter_configuration")
    if isinstance(filters, list):
        kept["native_filter_configuration"] = [_unscoped(item) for item in filters]
    if isinstance(kept.get("global_chart_configuration"), Mapping):
        kept["global_chart_configuration"] = _unscoped(kept["global_chart_configuration"])
    configuration = kept.get("chart_configuration")
    if isinstance(configuration, Mapping):
        # The front end writes an entry with scope "global" for every chart, so it means nothing.
        kept["chart_configuration"] = {
            key: {**item, "crossFilters": _unscoped(item.get("crossFilters", {}))}
            for key, item in configuration.items()
            if item.get("crossFilters", {}).get("scope") != "global"
        }
    return _without(kept, _DASHBOARD_METADATA)


def _unscoped(item: Mapping[str, Any]) -> Document:
    return {key: value for key, value in item.items() if key not in _DERIVED_SCOPE}
