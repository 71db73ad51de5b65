"""Validates a bundle of Superset assets without Superset.

Superset reports most errors as "unknown reason", and silently accepts others: an unknown chart type, a layout that
names a missing chart, a metric that the dataset does not have.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from infra.resources.common.suggest import suggest
from infra.resources.superset.documents import KINDS, VERSION, Document, kind_of
from infra.resources.superset.fields import (
    ALWAYS_HTML,
    COLUMN_FIELDS,
    DATABASE_EXTRA_FIELDS,
    FIELDS,
    METRIC_FIELDS,
    REQUIRED,
    TEXT_OR_HTML,
    VIZ_TYPES,
    Types,
)
from infra.resources.superset.layout import layout_issues, metadata_issues
from infra.resources.superset.references import Found, reference_issues


@dataclass(frozen=True)
class ValidationIssue:
    """An issue: the file in the bundle, the dotted key in it (may be empty), and the reason."""

    path: str
    key: str
    reason: str

    def __str__(self) -> str:
        """The text for users."""
        return f"{self.path}: {self.key}: {self.reason}" if self.key else f"{self.path}: {self.reason}"


def issues(assets: Mapping[str, Any]) -> list[ValidationIssue]:
    """Every error in the bundle. References are checked only if the structure is valid."""
    found = [issue for path in sorted(assets) for issue in _structure(path, assets[path])]
    found += _duplicates(assets)
    if not found:
        for path in sorted(assets):
            found += [ValidationIssue(path, key, reason) for key, reason in reference_issues(assets, path)]
    return found


def moved(old: Mapping[str, Document], new: Mapping[str, Document]) -> list[ValidationIssue]:
    """Assets whose UUID differs from the imported one. Links, bookmarks and filters depend on it."""
    return [
        ValidationIssue(
            path,
            "uuid",
            f"{new[path]['uuid']} given; Superset has this asset as {old[path]['uuid']}, and a UUID must never change: "
            "restore it, or give the new asset its own file name",
        )
        for path in sorted({*old} & {*new})
        if old[path].get("uuid") != new[path]["uuid"]
    ]


def _structure(path: str, document: Any) -> Iterator[ValidationIssue]:
    kind = kind_of(path)
    if kind not in KINDS or not path.endswith(".yaml"):
        yield ValidationIssue(
            path, "", f"not a place for an asset; {', '.join(f'{name}/*.yaml' for name in KINDS)} are"
        )
        return
    if not isinstance(document, Mapping):
        yield ValidationIssue(path, "", f"{type(document).__name__} given; a mapping is needed")
        return
    for key, reason in _fields("", document, FIELDS[kind], REQUIRED[kind]):
        yield ValidationIssue(path, key, reason)
    for key in ("uuid", "dataset_uuid", "database_uuid"):
        if isinstance(document.get(key), str) and not _is_uuid(document[key]):
            yield ValidationIssue(path, key, f"{document[key]!r} given; a UUID is needed")
    if document.get("version", VERSION) != VERSION:
        yield ValidationIssue(path, "version", f"{document['version']!r} given; it must be {VERSION}")
    yield from (ValidationIssue(path, key, reason) for key, reason in _KINDS[kind](document))


def _database(document: Mapping[str, Any]) -> Found:
    if isinstance(document.get("extra"), Mapping):
        yield from _fields("extra", document["extra"], DATABASE_EXTRA_FIELDS, ())
    uri = document.get("sqlalchemy_uri")
    if not isinstance(uri, str):
        return
    match = re.match(r"^[a-z][a-z0-9]*(\+[a-z0-9_]+)?://(?P<login>[^/@]*@)?", uri)
    if match is None:
        yield "sqlalchemy_uri", f"{uri!r} given; for example druid://router:8888/druid/v2/sql/"
    elif ":" in (match["login"] or ""):
        yield "sqlalchemy_uri", "contains a password; bundles are committed to Git, so remove it"


def _dataset(document: Mapping[str, Any]) -> Found:
    yield from _items(document, "columns", COLUMN_FIELDS, ("column_name",))
    yield from _items(document, "metrics", METRIC_FIELDS, ("metric_name", "expression"))
    listed = document.get("columns")
    columns = [column for column in listed if isinstance(column, Mapping)] if isinstance(listed, list) else []
    names = {str(column.get("column_name")) for column in columns}
    for column in columns:
        name = str(column.get("column_name"))
        # Text in single quotes is not a column.
        read = names & set(re.findall(r"\w+", re.sub(r"'[^']*'", "", str(column.get("expression") or ""))))
        if name in read and (others := sorted(read - {name})):
            yield (
                f"columns[{name}].expression",
                f"reads {name} and {', '.join(others)}; Druid takes {name} for the computed column when it sorts, "
                f"and refuses {others[0]}: give the computed column another name",
            )


def _chart(document: Mapping[str, Any]) -> Found:
    given = document.get("viz_type")
    if given and str(given) not in VIZ_TYPES:
        yield "viz_type", f"{given!r} is not a chart type of Superset; {suggest(str(given), VIZ_TYPES)}"
    if str(given) in ALWAYS_HTML:
        yield "viz_type", f"{given} renders text chosen by visitors as HTML, including links; use table"
    params = document.get("params")
    if str(given) in TEXT_OR_HTML and isinstance(params, Mapping) and params.get("allow_render_html") is not False:
        found = json.dumps(params["allow_render_html"]) if "allow_render_html" in params else "nothing"
        reason = "which renders text chosen by visitors as HTML, including links; it must be false"
        yield "params.allow_render_html", f"{found} given, {reason}"


def _dashboard(document: Mapping[str, Any]) -> Found:
    if isinstance(document.get("position"), Mapping):
        yield from layout_issues(document["position"])
    if isinstance(document.get("metadata"), Mapping):
        yield from metadata_issues(document["metadata"])


_KINDS: dict[str, Callable[[Mapping[str, Any]], Found]] = {
    "databases": _database,
    "datasets": _dataset,
    "charts": _chart,
    "dashboards": _dashboard,
}


def _fields(prefix: str, given: Mapping[str, Any], allowed: Mapping[str, Types], required: tuple[str, ...]) -> Found:
    def dotted(key: str) -> str:
        return f"{prefix}.{key}" if prefix else key

    for key in required:
        if given.get(key) is None or given[key] == "":
            yield dotted(key), "missing; the import needs it"
    for key, value in given.items():
        if key not in allowed:
            known = ", ".join(sorted(allowed))
            yield dotted(key), f"unknown, and the import would refuse it; known are {known}"
        elif value is not None and not _has_type(value, allowed[key]):
            needed = " or ".join(kind.__name__ for kind in allowed[key])
            yield dotted(key), f"{type(value).__name__} {str(value)[:40]!r} given; {needed} is needed"


def _has_type(value: Any, types: Types) -> bool:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # the engine passes integers as floats
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def _items(document: Mapping[str, Any], part: str, allowed: Mapping[str, Types], required: tuple[str, ...]) -> Found:
    items = document.get(part)
    if not isinstance(items, list):
        return
    for number, item in enumerate(items):
        if isinstance(item, Mapping):
            yield from _fields(f"{part}[{item.get(required[0]) or number}]", item, allowed, required)
        else:
            yield f"{part}[{number}]", "a mapping is needed"
    names = Counter(str(item.get(required[0])) for item in items if isinstance(item, Mapping))
    for name, times in names.items():
        if times > 1:
            yield f"{part}[{name}]", f"given {times} times; each name must be unique"


def _duplicates(assets: Mapping[str, Any]) -> list[ValidationIssue]:
    found: list[ValidationIssue] = []
    for key in ("uuid", "slug"):
        seen: dict[tuple[str, str], str] = {}
        for path in sorted(assets):
            document = assets[path]
            value = document.get(key) if isinstance(document, Mapping) else None
            if value is None:
                continue
            other = seen.setdefault((kind_of(path), str(value)), path)
            if other != path:
                found.append(ValidationIssue(path, key, f"{other} has the same value {value}; each must be unique"))
    return found


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
