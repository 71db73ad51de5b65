"""Differences between two JSON values, one line per field.

Lists of named items (dimensions, columns, metrics) are compared by name, so that an insertion in the middle is a
single difference. Short lists of strings are shown whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

_ABSENT: Final = object()
_NAMES: Final = ("name", "column_name", "metric_name")
_MAX_LENGTH: Final = 120


def diff_lines(before: Any, after: Any) -> list[str]:
    """One line per field, for example `spec.ioConfig.taskDuration: "PT1H" -> "PT2H"`."""
    return [_line(path, old, new) for path, old, new in _walk(before, after, "")]


def by_name(items: list[Any]) -> dict[str, Any] | None:
    """The items by name; a string is its own name. None if an item has no name, or two have the same."""
    named: dict[str, Any] = {}
    for item in items:
        name = item if isinstance(item, str) else _name_of(item)
        if name is None:
            return None
        named[name] = item
    return named if len(named) == len(items) else None


def _name_of(item: Any) -> str | None:
    if not isinstance(item, Mapping):
        return None
    return next((str(item[key]) for key in _NAMES if key in item), None)


def _walk(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            yield from _walk(before.get(key, _ABSENT), after.get(key, _ABSENT), f"{path}.{key}".lstrip("."))
    elif isinstance(before, list) and isinstance(after, list):
        old, new = by_name(before), by_name(after)
        if old is None or new is None or (_is_brief(before) and _is_brief(after)):
            yield path, before, after
            return
        for name in [*old, *(name for name in new if name not in old)]:
            yield from _walk(old.get(name, _ABSENT), new.get(name, _ABSENT), f"{path}[{name}]")
        if old == new:
            yield path, " ".join(old), " ".join(new)
    else:
        yield path, before, after


def _is_brief(items: list[Any]) -> bool:
    return all(isinstance(item, str) for item in items) and len(json.dumps(items)) <= _MAX_LENGTH


def _line(path: str, before: Any, after: Any) -> str:
    if before is _ABSENT:
        return f"{path}: {_text(after)} added"
    if after is _ABSENT:
        return f"{path}: {_text(before)} removed"
    return f"{path}: {_text(before)} -> {_text(after)}"


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 3]}..."
