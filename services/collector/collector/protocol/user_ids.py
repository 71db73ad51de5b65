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
_IN_BODY: Final = {"batch": (PARAMETER, "u"), "json": (PROPERTY, "parameters")}
"""Names of the user ID and of the event's own parameters, which may use any name."""


def without_user_ids(source: str, original: bytes) -> bytes:
    """The query or body of a source without user ids; unchanged if it has none."""
    names = _IN_BODY.get(source)
    return _without_in_query(original) if names is None else _without_in_body(original, *names)


def _without_in_query(query: bytes) -> bytes:
    pairs = query.split(b"&")
    kept = [pair for pair in pairs if unquote_to_bytes(pair.partition(b"=")[0]) != PARAMETER.encode()]
    return query if len(kept) == len(pairs) else b"&".join(kept)


def _without_in_body(body: bytes, name: str, parameters: str) -> bytes:
    """Nothing is left of a body that is not JSON, or is JSON in a JSON string, if a user id may be in it."""
    marks = (f'"{name}"'.encode(), f'"{name}\\'.encode(), b"\\u", b"\0")
    if not any(mark in body for mark in marks):
        return body
    try:
        document = parse_json(body)
    except JsonError:
        return b""
    if isinstance(document, str):
        return b""
    return (json_text(document) or "").encode() if _remove(document, name, parameters) else body


def _remove(value: JsonValue, name: str, parameters: str) -> bool:
    """Remove it from all objects but the parameters, whatever the form of the body; whether there was one."""
    if isinstance(value, list):
        removed = [_remove(item, name, parameters) for item in value]
        return any(removed)
    if not isinstance(value, dict):
        return False
    found = name in value
    value.pop(name, None)
    removed = [_remove(item, name, parameters) for key, item in value.items() if key != parameters]
    return any(removed) or found
