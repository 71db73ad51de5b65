"""What differs between two bundles, asset by asset and field by field."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.resources.superset.documents import Document, kind_of

_BRIEF = 80


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


def list_changes(name: str, old: Collection[str], new: Collection[str]) -> list[str]:
    """What came and went: `public: live added`."""
    gone, come = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    return [*(f"{name}: {item} removed" for item in gone), *(f"{name}: {item} added" for item in come)]


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
