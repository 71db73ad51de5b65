"""Numbers the charts in a dashboard by their UUIDs, since chart IDs differ between installations of Superset."""

from collections.abc import Callable, Mapping
from typing import Any


def numbered(dashboard: Mapping[str, Any]) -> dict[str, Any]:
    """The dashboard with its charts numbered from 1 in the order of their UUIDs, everywhere that it uses the numbers.

    An export has the numbers of its installation, and an import replaces them.
    """
    position = dashboard.get("position", {})
    charts = [item["meta"] for item in position.values() if _is_chart(item)]
    order = {uuid: number for number, uuid in enumerate(sorted({str(meta["uuid"]) for meta in charts}), start=1)}
    numbers = {int(meta["chartId"]): order[str(meta["uuid"])] for meta in charts if "chartId" in meta}
    renumber = _renumbering(numbers)
    metadata = dict(dashboard.get("metadata", {}))
    if "timed_refresh_immune_slices" in metadata:
        metadata["timed_refresh_immune_slices"] = renumber(metadata["timed_refresh_immune_slices"])
    for name in ("expanded_slices", "chart_configuration"):
        if name in metadata:
            entries = {str(numbers.get(int(key), key)): value for key, value in metadata[name].items()}
            metadata[name] = {key: _renumbered_entry(value, renumber) for key, value in entries.items()}
    for name in ("native_filter_configuration", "global_chart_configuration"):
        if name in metadata:
            metadata[name] = _renumbered_entry(metadata[name], renumber)
    placed = {
        key: {**item, "meta": {**item["meta"], "chartId": order[str(item["meta"]["uuid"])]}}
        if _is_chart(item)
        else item
        for key, item in position.items()
    }
    return {**dashboard, "metadata": metadata, "position": placed}


def _renumbering(numbers: Mapping[int, int]) -> Callable[[list[int]], list[int]]:
    return lambda given: sorted(numbers.get(int(number), int(number)) for number in given)


def _renumbered_entry(value: Any, renumber: Callable[[list[int]], list[int]]) -> Any:
    if isinstance(value, list):
        return [_renumbered_entry(item, renumber) for item in value]
    if not isinstance(value, Mapping):
        return value
    entry: dict[str, Any] = {key: _renumbered_entry(item, renumber) for key, item in value.items()}
    if isinstance(entry.get("excluded"), list):
        entry["excluded"] = renumber(entry["excluded"])
    if "crossFilters" in entry and "id" in entry:
        entry["id"] = renumber([entry["id"]])[0]
    return entry


def _is_chart(item: Any) -> bool:
    return isinstance(item, Mapping) and item.get("type") == "CHART" and "uuid" in item.get("meta", {})
