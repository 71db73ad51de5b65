"""Differences between two bundles, one line per field."""

from collections.abc import Collection, Mapping
from pathlib import Path

from infra.resources.common.diff import diff_lines
from infra.resources.superset.documents import Document, kind_of


def changes(old: Mapping[str, Document], new: Mapping[str, Document]) -> list[str]:
    """One line per field, for example `chart by_country: params.row_limit: 10 -> 25`. Expects the normal form."""
    found: list[str] = []
    for path in sorted({*old, *new}):
        name = f"{kind_of(path).removesuffix('s')} {Path(path).stem}"
        if path not in new:
            found.append(f"{name}: removed")
        elif path not in old:
            found.append(f"{name}: added")
        else:
            found += [f"{name}: {line}" for line in diff_lines(old[path], new[path])]
    return found


def list_changes(name: str, old: Collection[str], new: Collection[str]) -> list[str]:
    """Items added and removed: `public: live added`."""
    gone, come = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    return [*(f"{name}: {item} removed" for item in gone), *(f"{name}: {item} added" for item in come)]
