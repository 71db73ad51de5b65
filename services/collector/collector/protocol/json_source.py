"""The JSON source: one event of a mobile app or a server in a POST."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import orjson

from collector.event import Event, reject
from collector.protocol.beacon import identifier

if TYPE_CHECKING:
    from collector.protocol.mincode import JsonValue

_REQUIRED: Final[dict[str, type]] = {
    "session_id": str, "event_id": str, "is_new_party": bool, "is_new_session": bool, "client_timestamp_iso": str,
}  # fmt: skip
_OPTIONAL: Final = frozenset({"event_type", "parameters"})


def parse_json_event(body: bytes, party_id: str, arrival_ms: int) -> Event:
    """The event of a body; the party comes from the URL, canonical already. MalformedEventError when wrong."""
    given = _members(body)
    event = Event("json", arrival_ms)
    event.party_id = party_id
    event.session_id = identifier("session_id", str(given["session_id"]))
    event.event_id = str(given["event_id"])
    event.is_new_party = given["is_new_party"] is True
    event.is_first_in_session = given["is_new_session"] is True
    event.client_timestamp_ms = _milliseconds(str(given["client_timestamp_iso"]))
    event_type = given.get("event_type")
    if event_type is not None and not isinstance(event_type, str):
        reject("event_type must be a string")
    event.event_type = event_type
    event.parameters = given.get("parameters")
    return event


def _members(body: bytes) -> dict[str, JsonValue]:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        reject(f"the body is not JSON: {error}")
    if not isinstance(given, dict):
        reject(f"the body must be an object, not {type(given).__name__}")
    for name, kind in _REQUIRED.items():
        if name not in given:
            reject(f"the required property {name!r} is missing")
        if not isinstance(given[name], kind):
            reject(f"{name!r} must be of type {kind.__name__}")
    unknown = given.keys() - _REQUIRED.keys() - _OPTIONAL
    if unknown:
        reject(f"unknown property {min(unknown)!r}; allowed are {sorted(_REQUIRED.keys() | _OPTIONAL)}")
    return given


def _milliseconds(text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
        milliseconds = None if time.tzinfo is None else round(time.timestamp() * 1000)
    except (ValueError, OverflowError):
        milliseconds = None
    if milliseconds is None:
        reject("client_timestamp_iso must be ISO-8601 with an offset, as 2026-01-31T12:00:00.000+01:00")
    return milliseconds
