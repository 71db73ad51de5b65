"""The time zone of a bundle of assets.

The committed files name UTC. The bundle of a stack names the stack's own zone instead: in the context of the database
connection, so that Druid computes in that zone, and in all texts that people read.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.resources.superset.documents import Assets, Document, kind_of, uuids

UTC = "UTC"
CONTEXT = ("extra", "engine_params", "connect_args", "context")
"""Path of the query context within the document of a database."""
PARAMETER = "sqlTimeZone"
TEXTS = frozenset(["description", "slice_name", "sliceName", "verbose_name", "x_axis_title"])
"""Keys of texts that people read. Expressions need no change: Druid evaluates them in the context's zone."""


def in_zone(assets: Mapping[str, Document], zone: str) -> Assets:
    """The committed bundle, changed to this zone."""
    return _renamed(assets, UTC, zone)


def without_zone(assets: Mapping[str, Document], zone: str) -> Assets:
    """A bundle that was designed on a stack in this zone, changed back to UTC for the files."""
    return _renamed(assets, zone, UTC)


def zone_of(committed: Mapping[str, Document], live: Mapping[str, Document]) -> str:
    """The zone of a stack, read from the bundle's database in its Superset."""
    ours = uuids(committed, "databases")
    zones = {_context(live[path]).get(PARAMETER) for uuid, path in uuids(live, "databases").items() if uuid in ours}
    return next((str(zone) for zone in zones if zone), UTC)


def _renamed(assets: Mapping[str, Document], old: str, new: str) -> Assets:
    # Whole names only: GMT is part of Etc/GMT+1.
    word = re.compile(rf"(?<![\w/+-]){re.escape(old)}(?![\w/+-])")
    renamed = {path: _with_texts(document, lambda text: word.sub(new, text)) for path, document in assets.items()}
    for path, document in renamed.items():
        if kind_of(path) == "databases" and _context(document).get(PARAMETER) == old:
            _context(document)[PARAMETER] = new
    return renamed


def _with_texts(value: Any, change: Callable[[str], str], key: str = "") -> Any:
    """A copy with changed texts. `key` is that of the value."""
    if isinstance(value, Mapping):
        return {name: _with_texts(item, change, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_texts(item, change) for item in value]
    return change(value) if key in TEXTS and isinstance(value, str) else value


def _context(document: Mapping[str, Any]) -> dict[str, Any]:
    found: Any = document
    for key in CONTEXT:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, dict) else {}
