"""Takes user ids out of what was sent, for dead letters of a collector that may not keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from collector.protocol.json_values import JsonError, json_text, parse_json

if TYPE_CHECKING:
    from collector.model.json_types import JsonValue

PARAMETER: Final = "a"
"""Of beacons and batches: the account."""
PROPERTY: Final = "user_id"
"""Of the JSON source."""


def without_in_query(query: bytes) -> bytes:
    """A query without the user id; unchanged if it has none."""
    pairs = query.split(b"&")
    kept = [pair for pair in pairs if unquote_to_bytes(pair.partition(b"=")[0]) != PARAMETER.encode()]
    return query if len(kept) == len(pairs) else b"&".join(kept)


def without_in_body(body: bytes, name: str) -> bytes:
    """A body without that property of its events; unchanged if it has none.

    Nothing is left of a body that is not JSON, if a user id may be in it.
    """
    quoted = f'"{name}"'.encode()
    if quoted not in body and b"\\u" not in body and b"\0" not in body:
        return body
    try:
        document = parse_json(body)
    except JsonError:
        return b""
    return (json_text(document) or "").encode() if _remove(document, name) else body


def _remove(value: JsonValue, name: str) -> bool:
    """Remove it from an event, from those of a list, and from those of a batch; whether there was one."""
    if isinstance(value, list):
        removed = [_remove(item, name) for item in value]
        return any(removed)
    if not isinstance(value, dict):
        return False
    found = name in value
    value.pop(name, None)
    return _remove(value.get("events"), name) or found
