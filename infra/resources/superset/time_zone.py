"""The time zone of a bundle.

The files hold for every stack, and say UTC where they name the zone. A stack's bundle says the stack's own instead: in
the context of the connection, which makes Druid compute in that zone, and in all texts that people read.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.resources.superset.documents import Assets, Document, kind_of, uuids

UTC = "UTC"
CONTEXT = ("extra", "engine_params", "connect_args", "context")
"""Where the document of a database has the context of its queries."""
PARAMETER = "sqlTimeZone"
TEXTS = frozenset(["description", "slice_name", "sliceName", "verbose_name", "x_axis_title"])
"""Keys of what people read. Expressions are none: Druid's are in the zone of the context."""


def in_zone(assets: Mapping[str, Document], zone: str) -> Assets:
    """The bundle of the files as that of a stack with this zone."""
    return _renamed(assets, UTC, zone)


def without_zone(assets: Mapping[str, Document], zone: str) -> Assets:
    """A bundle as designed on a stack with this zone, as it belongs into the files."""
    return _renamed(assets, zone, UTC)


def zone_of(committed: Mapping[str, Document], live: Mapping[str, Document]) -> str:
    """The zone of a stack, by what Superset has there: the context of the bundle's database says it."""
    ours = uuids(committed, "databases")
    zones = {_context(live[path]).get(PARAMETER) for uuid, path in uuids(live, "databases").items() if uuid in ours}
    return next((str(zone) for zone in zones if zone), UTC)


def _renamed(assets: Mapping[str, Document], old: str, new: str) -> Assets:
    # No part of a longer name: GMT is one zone, and Etc/GMT+1 another.
    word = re.compile(rf"(?<![\w/+-]){re.escape(old)}(?![\w/+-])")
    renamed = {path: _with_texts(document, lambda text: word.sub(new, text)) for path, document in assets.items()}
    for path, document in renamed.items():
        if kind_of(path) == "databases" and _context(document).get(PARAMETER) == old:
            _context(document)[PARAMETER] = new
    return renamed


def _with_texts(value: Any, change: Callable[[str], str], key: str = "") -> Any:
    """A copy; `key` is the one under which the value stands."""
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
