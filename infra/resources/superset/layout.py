"""Validates the layout of a dashboard. Superset shows the valid parts of a broken one without an error."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from infra.resources.superset.fields import LAYOUT_TYPES

GRID_COLUMNS = 12
_VERSION_KEY = "DASHBOARD_VERSION_KEY"


def layout_issues(position: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Dotted key in the dashboard's document, and reason, of every problem."""
    if position.get(_VERSION_KEY) != "v2":
        yield f"position.{_VERSION_KEY}", "missing; it must be v2"
    items = {key: item for key, item in position.items() if key != _VERSION_KEY}
    for key in ("ROOT_ID", "GRID_ID"):
        if key not in items:
            yield f"position.{key}", "missing; the layout starts there"
    sound: dict[str, Mapping[str, Any]] = {}
    for key, item in items.items():
        wrong = list(_shape(key, item))
        yield from wrong
        if not wrong:
            sound[key] = item
    if len(sound) == len(items):
        for key, item in sound.items():
            yield from _item(key, item, sound)
        yield from _placement(sound)


def placed_charts(dashboard: Mapping[str, Any]) -> list[str]:
    """UUIDs of the charts that a dashboard's layout shows, in no particular order."""
    items = [item for item in dashboard.get("position", {}).values() if isinstance(item, Mapping)]
    return [str(item["meta"]["uuid"]) for item in items if item.get("type") == "CHART" and "uuid" in item["meta"]]


def metadata_issues(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The same for the parts of a dashboard's metadata that name charts and filters."""
    for name in ("native_filter_configuration", "timed_refresh_immune_slices"):
        if not isinstance(metadata.get(name, []), list):
            yield f"metadata.{name}", "a list is needed"
    for name in ("chart_configuration", "expanded_slices", "global_chart_configuration"):
        if not isinstance(metadata.get(name, {}), Mapping):
            yield f"metadata.{name}", "a mapping is needed"
    filters = metadata.get("native_filter_configuration")
    for number, item in enumerate(filters if isinstance(filters, list) else []):
        if not isinstance(item, Mapping) or not isinstance(item.get("id"), str):
            yield f"metadata.native_filter_configuration[{number}]", "a mapping with an id is needed"
    for scope in _scopes(metadata):
        if not all(_is_number(number) for number in _listed(scope.get("excluded"))):
            yield "metadata", f"scope excludes {scope['excluded']}; a list of chartIds is needed"
        if not all(isinstance(key, str) for key in _listed(scope.get("rootPath"))):
            yield "metadata", f"scope has the rootPath {scope['rootPath']}; a list of keys of the layout is needed"


def _scopes(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        if isinstance(value.get("scope"), Mapping):
            yield value["scope"]
        value = list(value.values())
    for item in value if isinstance(value, list) else []:
        yield from _scopes(item)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shape(key: str, item: Any) -> Iterator[tuple[str, str]]:
    """Check what the other checks rely on."""
    where = f"position.{key}"
    if not isinstance(item, Mapping) or str(item.get("type")) not in LAYOUT_TYPES:
        yield where, f"a mapping is needed, its type one of {', '.join(sorted(LAYOUT_TYPES))}"
        return
    children = item.get("children", [])
    if not isinstance(children, list) or not all(isinstance(child, str) for child in children):
        yield f"{where}.children", f"{str(children)[:40]} given; a list of keys of the layout is needed"
    meta = item.get("meta", {})
    if not isinstance(meta, Mapping):
        yield f"{where}.meta", f"{type(meta).__name__} given; a mapping is needed"
        return
    for name in ("chartId", "width", "height"):
        if meta.get(name) is not None and not _is_number(meta[name]):
            yield f"{where}.meta.{name}", f"{meta[name]!r} given; a number is needed"
    if item["type"] == "CHART":
        for name in ("chartId", "uuid", "width", "height"):
            if meta.get(name) is None:
                yield f"{where}.meta.{name}", "missing; the import needs it"


def _item(key: str, item: Mapping[str, Any], items: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    where = f"position.{key}"
    if item.get("id") != key:
        yield f"{where}.id", f"{item.get('id')!r} given; it is the item's key, {key}"
    children = item.get("children", [])
    for child in children:
        if child not in items:
            yield f"{where}.children", f"{child} is not in the layout"
    if item["type"] == "ROW":
        width = sum(int(items[child].get("meta", {}).get("width") or 0) for child in children if child in items)
        if width > GRID_COLUMNS:
            yield f"{where}.children", f"{width} columns wide; a row has {GRID_COLUMNS}"


def _placement(items: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    placed = Counter(child for item in items.values() for child in item.get("children", []))
    for key, item in items.items():
        if item["type"] in ("ROOT", "HEADER") or placed[key] == 1:
            continue
        yield (
            f"position.{key}",
            "child of several items" if placed[key] else "not shown: no item has it as a child",
        )
    numbers = Counter(item.get("meta", {}).get("chartId") for item in items.values() if item["type"] == "CHART")
    for number, times in numbers.items():
        if times > 1 and number is not None:
            yield "position", f"chartId {number} is given {times} times; each chart needs its own"
