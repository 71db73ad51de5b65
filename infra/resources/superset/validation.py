"""What is wrong in a bundle of Superset assets, found without Superset.

Superset answers most errors with "unknown reason", and accepts some of them silently: a chart type that does not
exist, a layout that names a chart which is not there, a metric that the dataset does not have.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.resources.common.json_schema import Mistake
from infra.resources.common.suggest import suggest
from infra.resources.superset.documents import KINDS, VERSION, Document, kind_of
from infra.resources.superset.fields import (
    ALWAYS_HTML,
    SCHEMA,
    TEXT_OR_HTML,
    VIZ_TYPES,
)
from infra.resources.superset.layout import layout_issues, metadata_issues
from infra.resources.superset.references import Found, reference_issues


@dataclass(frozen=True)
class ValidationIssue:
    """One issue: file in the bundle, key in it (dotted, may be empty), and what is wrong with it."""

    path: str
    key: str
    reason: str

    def __str__(self) -> str:
        """As it is shown to the user."""
        return f"{self.path}: {self.key}: {self.reason}" if self.key else f"{self.path}: {self.reason}"


def issues(assets: Mapping[str, Any]) -> list[ValidationIssue]:
    """Every error in the bundle; references are checked only where the structure is right."""
    found = [issue for path in sorted(assets) for issue in _structure(path, assets[path])]
    found += _duplicates(assets)
    if not found:
        for path in sorted(assets):
            found += [ValidationIssue(path, key, reason) for key, reason in reference_issues(assets, path)]
    return found


def moved(old: Mapping[str, Document], new: Mapping[str, Document]) -> list[ValidationIssue]:
    """Assets with another UUID than the one they were imported under: links, bookmarks and filters go by it."""
    return [
        ValidationIssue(
            path,
            "uuid",
            f"{new[path]['uuid']} given; Superset has the asset as {old[path]['uuid']}, which never changes: "
            "put it back, or give another asset a file name of its own",
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
    for mistake in SCHEMA.mistakes(document, {"$ref": f"#/$defs/{kind}"}):
        yield ValidationIssue(path, _dotted(document, mistake.keys), _reason(mistake))
    if document.get("version", VERSION) != VERSION:
        yield ValidationIssue(path, "version", f"{document['version']!r} given; {VERSION} is the format's version")
    yield from (ValidationIssue(path, key, reason) for key, reason in _KINDS[kind](document))


def _database(document: Mapping[str, Any]) -> Found:
    uri = document.get("sqlalchemy_uri")
    if not isinstance(uri, str):
        return
    match = re.match(r"^[a-z][a-z0-9]*(\+[a-z0-9_]+)?://(?P<login>[^/@]*@)?", uri)
    if match is None:
        yield "sqlalchemy_uri", f"{uri!r} given; for example druid://router:8888/druid/v2/sql/"
    elif ":" in (match["login"] or ""):
        yield "sqlalchemy_uri", "holds a password; bundles are committed, so leave it out"


def _dataset(document: Mapping[str, Any]) -> Found:
    for part, key in (("columns", "column_name"), ("metrics", "metric_name")):
        items = document.get(part)
        named = [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
        for name, times in Counter(str(item.get(key)) for item in named).items():
            if times > 1:
                yield f"{part}[{name}]", f"given {times} times; a name is needed once"


def _chart(document: Mapping[str, Any]) -> Found:
    given = document.get("viz_type")
    if given and str(given) not in VIZ_TYPES:
        yield "viz_type", f"{given!r} is not a chart type of Superset; {suggest(str(given), VIZ_TYPES)}"
    if str(given) in ALWAYS_HTML:
        yield "viz_type", f"{given} shows text that visitors chose as HTML, links included; use table"
    params = document.get("params")
    if str(given) in TEXT_OR_HTML and isinstance(params, Mapping) and params.get("allow_render_html") is not False:
        found = json.dumps(params["allow_render_html"]) if "allow_render_html" in params else "nothing"
        reason = "which shows text that visitors chose as HTML, links included; false is needed"
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


def _dotted(document: Any, keys: Sequence[int | str]) -> str:
    """columns[country].type: columns and metrics go by their names."""
    text = ""
    node: Any = document
    for key in keys:
        if isinstance(key, int):
            node = node[key]
            names = node if isinstance(node, Mapping) else {}
            text += f"[{names.get('column_name') or names.get('metric_name') or key}]"
        else:
            node = node.get(key)
            text += f".{key}"
    return text.lstrip(".")


def _reason(mistake: Mistake) -> str:
    match mistake.kind:
        case "unknown":
            return f"unknown, the import would refuse it{mistake.near}; known are {', '.join(mistake.allowed)}"
        case "missing":
            return "missing; the import needs it"
        case _:
            return f"{mistake.given[:40]} given; {' or '.join(mistake.allowed)} is needed"


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
                found.append(ValidationIssue(path, key, f"{value} is that of {other} as well; each needs its own"))
    return found
