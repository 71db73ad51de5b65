"""A bundle of Superset assets without Superset: loaded, archived, brought to a normal form and compared.

Documents have the form of Superset's own export. In a bundle's files every key may be left out whose value is
Superset's default. The normal form leaves all of those out, and what Superset or its front end fill in by
themselves, so that two documents are equal exactly when they mean the same.
"""

import copy
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.resources.superset_numbering import numbered

Document = dict[str, Any]
Assets = dict[str, Document]
"""Path in the bundle, for example charts/by_country.yaml, to the document."""

KINDS = ("databases", "datasets", "charts", "dashboards")
METADATA = "metadata.yaml"
VERSION = "1.0.0"
# The safe loader in C where PyYAML has it: ten times as fast, and every preview reads the bundle.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BRIEF = 80
_EPOCH = (1980, 1, 1, 0, 0, 0)

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
    "default_filters": "{}",
    "expanded_slices": {},
    "label_colors": {},
    "timed_refresh_immune_slices": [],
}

# Derived from the rest: by the import, by the front end when somebody opens or saves the object, or by the clock.
_DERIVED_TOP = {"query_context", "is_managed_externally", "source_db_engine", "data_file", "theme_id"}
_DERIVED_PARAMS = {"dashboardId", "dashboards", "datasource", "slice_id", "url_params", "viz_type"}
_DERIVED_METADATA = {"color_scheme_domain", "map_label_colors", "shared_label_colors"}
_DERIVED_SCOPE = {"chartsInScope", "tabsInScope"}


class BundleError(Exception):
    """A bundle that cannot be read; the message names the file."""


def load_assets(folder: Path) -> Assets:
    """Read a bundle's folder: every YAML file but metadata.yaml, which the archive always has.

    Raises:
        BundleError: the folder has no assets, or a file is not YAML or holds no mapping.
    """
    return dict(_parsed((path.relative_to(folder).as_posix(), path.read_text("utf-8")) for path in _files(folder)))


def from_archive(archive: bytes) -> Assets:
    """Read what Superset exported; the root folder is left out of the paths, themes and queries are not read."""
    with zipfile.ZipFile(io.BytesIO(archive)) as bundle:
        names = {name: name.partition("/")[2] for name in sorted(bundle.namelist())}
        wanted = ((path, bundle.read(name).decode()) for name, path in names.items() if kind_of(path) in KINDS)
        return dict(_parsed(wanted))


def to_archive(assets: Mapping[str, Document]) -> bytes:
    """The zip archive that Superset imports: every key filled in, so that nothing older stays, bytes always equal."""
    target = io.BytesIO()
    metadata = {"timestamp": "1980-01-01T00:00:00+00:00", "type": "assets", "version": VERSION}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path, document in [(METADATA, metadata), *sorted(assets.items())]:
            entry = zipfile.ZipInfo(f"bundle/{path}", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(entry, to_yaml(document if path == METADATA else complete(path, document)))
    return target.getvalue()


def to_yaml(document: Mapping[str, Any]) -> str:
    """One form for every document: keys sorted, long lines, texts of several lines as they are read."""
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class's signature
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _Dumper.represent_text)


def kind_of(path: str) -> str:
    """The folder of a path in the bundle: databases, datasets, charts or dashboards; another is not managed."""
    return path.partition("/")[0]


def uuids(assets: Mapping[str, Document], kind: str) -> dict[str, str]:
    """UUID to path of the assets of one kind."""
    return {str(document.get("uuid")): path for path, document in assets.items() if kind_of(path) == kind}


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
    """The document without what goes without saying; see the module's text."""
    kind = kind_of(path)
    short: Document = _plain({key: value for key, value in document.items() if key not in _DERIVED_TOP})
    if kind == "datasets":
        short["columns"] = _sorted(short.get("columns", []), "column_name", _COLUMN)
        short["metrics"] = _sorted(short.get("metrics", []), "metric_name", _METRIC)
    if kind == "charts":
        params = {key: value for key, value in short.get("params", {}).items() if key not in _DERIVED_PARAMS}
        short["params"] = _without(params, _PARAMS)
    if kind == "dashboards":
        short = numbered(short)
        short["metadata"] = _dashboard_metadata(short.get("metadata", {}))
    return _without(short, _DEFAULTS[kind])


def normalise_all(assets: Mapping[str, Document]) -> Assets:
    """Every document of the managed kinds in the normal form, by path."""
    return {path: normalise(path, assets[path]) for path in sorted(assets) if kind_of(path) in KINDS}


def changes(old: Mapping[str, Document], new: Mapping[str, Document]) -> list[str]:
    """What differs, an item a field: `chart by_country: params.row_limit changed: 10 → 25`. Both in the normal form."""
    found: list[str] = []
    for path in sorted({*old, *new}):
        name = f"{kind_of(path).removesuffix('s')} {Path(path).stem}"
        if path not in new:
            found.append(f"{name}: removed")
        elif path not in old:
            found.append(f"{name}: added")
        else:
            found += [f"{name}: {difference}" for difference in _differences(old[path], new[path], "")]
    return found


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            inner = f"{path}.{key}" if path else str(key)
            if key not in new:
                yield f"{inner} removed: {_brief(old[key])}"
            elif key not in old:
                yield f"{inner} added: {_brief(new[key])}"
            else:
                yield from _differences(old[key], new[key], inner)
    elif path in ("columns", "metrics") and old != new:
        key = f"{path.removesuffix('s')}_name"
        mine, theirs = ({str(item[key]): item for item in side} for side in (old, new))
        yield from _differences(mine, theirs, path)
    elif old != new:
        yield f"{path} changed: {_brief(old)} → {_brief(new)}"


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _BRIEF else f"{text[: _BRIEF - 1]}…"


def _files(folder: Path) -> list[Path]:
    files = [path for path in sorted(folder.rglob("*.yaml")) if kind_of(path.relative_to(folder).as_posix()) in KINDS]
    if not files:
        message = f"{folder} holds no assets: databases/, datasets/, charts/ and dashboards/ go there"
        raise BundleError(message)
    return files


def _parsed(texts: Iterator[tuple[str, str]]) -> Iterator[tuple[str, Document]]:
    for path, text in texts:
        try:
            document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - one of the safe ones
        except yaml.YAMLError as error:
            message = f"{path} is not YAML: {' '.join(str(error).split())}"
            raise BundleError(message) from None
        if not isinstance(document, dict):
            message = f"{path} holds {type(document).__name__}; a mapping is needed"
            raise BundleError(message)
        yield path, document


def _plain(value: Any) -> Any:
    """As JSON has it: no nulls in mappings, whole numbers without a fraction, names as text."""
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
        # An entry that only says "as all the others" is what the front end writes for every chart.
        kept["chart_configuration"] = {
            key: {**item, "crossFilters": _unscoped(item.get("crossFilters", {}))}
            for key, item in configuration.items()
            if item.get("crossFilters", {}).get("scope") != "global"
        }
    return _without(kept, _DASHBOARD_METADATA)


def _unscoped(item: Mapping[str, Any]) -> Document:
    return {key: value for key, value in item.items() if key not in _DERIVED_SCOPE}
