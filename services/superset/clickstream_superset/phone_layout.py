"""A dashboard's layout for a phone: one column instead of twelve. Needs nothing of Superset's."""

from collections.abc import Iterator, Mapping
from typing import Any

COLUMNS = 12

Item = dict[str, Any]
Layout = Mapping[str, Any]


def stacked(position: Layout) -> dict[str, Any]:
    """The layout (`position_json`) with every row divided into rows of one item."""
    if "ROOT_ID" not in position:
        return dict(position)
    found: dict[str, Any] = {}
    _place("ROOT_ID", [], position, found)
    rest = {name: item for name, item in position.items() if not isinstance(item, dict) or item["type"] == "HEADER"}
    return {**rest, **found}


def _place(name: str, parents: list[str], position: Layout, found: dict[str, Any]) -> list[str]:
    """Put an item and all below it into `found`; the names by which its parent knows it now."""
    item = position[name]
    if item["type"] != "ROW":
        children = [
            part for child in item.get("children", ()) for part in _place(child, [*parents, name], position, found)
        ]
        found[name] = {**item, "children": children, **({"parents": parents} if parents else {})}
        return [name]
    rows = []
    for number, one in enumerate(_items(item, position)):
        row = f"{name}-{number}"
        _place(one["id"], [*parents, row], position, found)
        found[one["id"]]["meta"] = {**one.get("meta", {}), "width": COLUMNS}
        found[row] = {**item, "id": row, "children": [one["id"]], "parents": parents}
        rows.append(row)
    return rows


def _items(box: Layout, position: Layout) -> Iterator[Item]:
    """What stands in a row, those of the columns in it as well."""
    for child in box.get("children", ()):
        item = position[child]
        if item["type"] in ("COLUMN", "ROW"):
            yield from _items(item, position)
        else:
            yield item
