"""Exports what was designed in the browser into a bundle's files, with the smallest possible change."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.resources.superset.bundle import to_yaml
from infra.resources.superset.documents import KINDS, Assets, Document, uuids
from infra.resources.superset.fields import TEXT_OR_HTML
from infra.resources.superset.layout import placed_charts
from infra.resources.superset.normal_form import canonicalise


class ExportError(Exception):
    """Superset does not have the requested dashboard. The message lists those that it has."""


def merged(committed: Assets, live: Assets, *, dashboards: Collection[str] = ()) -> Assets:
    """The bundle as it is in Superset, under the committed paths and in the normal form.

    It omits committed assets that Superset no longer has. It adds the dashboards that are requested by title or slug,
    and the charts, datasets and databases that these or the committed dashboards use.

    Raises:
        ExportError: a requested dashboard does not exist.
    """
    paths: dict[tuple[str, str], str] = {}
    for kind in KINDS:
        paths |= {(kind, uuid): path for uuid, path in uuids(committed, kind).items()}
    found: Assets = {}
    taken = set(committed)
    for kind, uuid, document in _wanted(committed, live, dashboards):
        path = paths.get((kind, uuid)) or _new_path(kind, document, live, taken)
        taken.add(path)
        found[path] = canonicalise(path, _completed(document, kind, new=path not in committed), committed.get(path))
    return dict(sorted(found.items()))


def write(folder: Path, before: Assets, after: Assets) -> list[Path]:
    """Write the files that differ, delete those that no longer exist, and return both."""
    touched: list[Path] = []
    for path in sorted({*before, *after}):
        file = folder / path
        if path not in after:
            file.unlink(missing_ok=True)
        elif not file.exists() or file.read_text("utf-8") != to_yaml(after[path]):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(to_yaml(after[path]), "utf-8")
        else:
            continue
        touched.append(file)
    return touched


def _wanted(committed: Assets, live: Assets, dashboards: Collection[str]) -> Iterator[tuple[str, str, Document]]:
    """Kind, UUID and live document of everything that belongs in the bundle, dependencies first."""
    by_uuid = {kind: {uuid: live[path] for uuid, path in uuids(live, kind).items()} for kind in KINDS}
    ours = {kind: set(uuids(committed, kind)) & set(by_uuid[kind]) for kind in KINDS}
    ours["dashboards"] |= {_asked_for(name, by_uuid["dashboards"]) for name in dashboards}
    for uuid in ours["dashboards"]:
        dashboard = by_uuid["dashboards"][uuid]
        ours["charts"] |= set(placed_charts(dashboard)) & set(by_uuid["charts"])
        ours["datasets"] |= set(_filtered_datasets(dashboard)) & set(by_uuid["datasets"])
    for users, key, used in (("charts", "dataset_uuid", "datasets"), ("datasets", "database_uuid", "databases")):
        ours[used] |= {str(by_uuid[users][uuid].get(key)) for uuid in ours[users]} & set(by_uuid[used])
    for kind in KINDS:
        for uuid in sorted(ours[kind]):
            yield kind, uuid, by_uuid[kind][uuid]


def _asked_for(name: str, dashboards: Mapping[str, Document]) -> str:
    found = [uuid for uuid, item in dashboards.items() if name in (item.get("slug"), item.get("dashboard_title"))]
    if len(found) == 1:
        return found[0]
    titles = ", ".join(sorted(repr(str(item.get("dashboard_title"))) for item in dashboards.values()))
    problem = f"{len(found)} dashboards of Superset have" if found else "no dashboard of Superset has"
    message = f"{problem} the title or slug {name!r}; Superset has {titles}"
    raise ExportError(message)


def _filtered_datasets(dashboard: Mapping[str, Any]) -> Iterator[str]:
    for item in dashboard.get("metadata", {}).get("native_filter_configuration") or []:
        for target in item.get("targets") or []:
            yield str(target.get("datasetUuid"))


def _completed(document: Document, kind: str, *, new: bool) -> Document:
    """The document with keys that the bundle requires and Superset does not.

    A dashboard created in the browser has no slug, but its URL must not depend on one installation's ID. A new table
    without a choice between text and HTML, such as one created through the API, shows text.
    """
    if kind == "dashboards" and not document.get("slug"):
        return {**document, "slug": _words(str(document.get("dashboard_title")), "-")}
    if new and document.get("viz_type") in TEXT_OR_HTML:
        return {**document, "params": {"allow_render_html": False, **(document.get("params") or {})}}
    return document


def _new_path(kind: str, document: Mapping[str, Any], live: Assets, taken: Collection[str]) -> str:
    name_key = {"databases": "database_name", "datasets": "table_name", "charts": "slice_name"}
    name = _words(str(document.get(name_key.get(kind, "dashboard_title"))), "_")
    folder = kind
    if kind == "datasets":
        database = live[uuids(live, "databases")[str(document["database_uuid"])]]
        folder = f"datasets/{_words(str(database['database_name']), '_')}"
    candidates = (f"{folder}/{name}{suffix}.yaml" for suffix in ("", *(f"_{number}" for number in range(2, 10_000))))
    return next(path for path in candidates if path not in taken)


def _words(text: str, separator: str) -> str:
    return separator.join(re.findall(r"[a-z0-9]+", text.lower())) or "unnamed"
