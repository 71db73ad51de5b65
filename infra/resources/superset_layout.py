"""What is wrong in the layout of a dashboard: Superset shows what it can of one, and says nothing."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from infra.resources.superset_fields import LAYOUT_TYPES

GRID_COLUMNS = 12
_VERSION_KEY = "DASHBOARD_VERSION_KEY"


def layout_mistakes(position: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Dotted key in the dashboard's document, and reason, of everything that is wrong."""
    if position.get(_VERSION_KEY) != "v2":
        yield f"position.{_VERSION_KEY}", "missing; it is v2"
    items = {key: item for key, item in position.items() if key != _VERSION_KEY}
    for key in ("ROOT_ID", "GRID_ID"):
        if key not in items:
            yield f"position.{key}", "missing; the layout starts there"
    sound: dict[str, Mapping[str, Any]] = {}
    for key, item in items.items():
        if isinstance(item, Mapping) and item.get("type") in LAYOUT_TYPES:
            sound[key] = item
        else:
            yield f"position.{key}", f"a mapping is needed, its type one of {', '.join(sorted(LAYOUT_TYPES))}"
    for key, item in sound.items():
        yield from _item(key, item, sound)
    yield from _placement(sound)


def _item(key: str, item: Mapping[str, Any], items: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    where = f"position.{key}"
    if item.get("id") != key:
        yield f"{where}.id", f"{item.get('id')!r} given; it is the item's key, {key}"
    children = item.get("children", [])
    for child in children:
        if child not in items:
            yield f"{where}.children", f"{child} is not in the layout"
    if item["type"] == "ROW":
        width = sum(int(items[child].get("meta", {}).get("width", 0)) for child in children if child in items)
        if width > GRID_COLUMNS:
            yield f"{where}.children", f"{width} columns wide; a row has {GRID_COLUMNS}"
    if item["type"] == "CHART":
        for name in ("chartId", "uuid", "width", "height"):
            if item.get("meta", {}).get(name) is None:
                yield f"{where}.meta.{name}", "missing; the import needs it"


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
