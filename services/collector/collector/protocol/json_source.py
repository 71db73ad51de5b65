"""The JSON source: one event of a mobile app or a server in a POST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collector.model.event import Event, reject
from collector.protocol.beacon import identifier
from collector.protocol.iso_time import parse_milliseconds
from collector.protocol.json_values import JsonError, json_text, parse_json

if TYPE_CHECKING:
    from collector.model.json_types import JsonValue

_REQUIRED: Final = ("session_id", "event_id", "is_new_party", "is_new_session", "client_timestamp_iso")
_ALLOWED: Final = frozenset({*_REQUIRED, "event_type", "parameters", "site"})
_FLAGS: Final[dict[str, bool]] = {"true": True, "false": False, "": False, "null": False}


def parse_json_event(body: bytes, party_id: str, arrival_ms: int) -> Event:
    """The event of a body; the party comes from the URL, canonical already. MalformedEventError when wrong."""
    given = _members(body)
    event = Event("json", arrival_ms)
    event.party_id = party_id
    event.session_id = identifier("session_id", given["session_id"])
    event.event_id = _text("event_id", given["event_id"])
    event.is_new_party = _flag("is_new_party", given["is_new_party"])
    event.is_first_in_session = _flag("is_new_session", given["is_new_session"])
    event.client_timestamp_ms = parse_milliseconds(_text("client_timestamp_iso", given["client_timestamp_iso"]))
    if event.client_timestamp_ms is None:
        reject("client_timestamp_iso must be ISO-8601 with an offset, as 2026-01-31T12:00:00.000+01:00")
    event_type = given.get("event_type")
    event.event_type = None if event_type is None else _text("event_type", event_type)
    event.parameters = given.get("parameters")
    site = given.get("site")
    event.site = None if site is None else _text("site", site)
    return event


def _members(body: bytes) -> dict[str, JsonValue]:
    try:
        given = parse_json(body)
    except JsonError as error:
        reject(f"the body is not JSON: {error}")
    if not isinstance(given, dict):
        reject(f"the body must be an object, not {type(given).__name__}")
    for name in _REQUIRED:
        if name not in given:
            reject(f"the required property {name!r} is missing")
    if not given.keys() <= _ALLOWED:
        reject(f"there is an unknown property; allowed are {', '.join(sorted(_ALLOWED))}")
    return given


def _text(name: str, given: JsonValue) -> str:
    """Text; a number or boolean becomes the text that JSON has for it, as in Divolte."""
    if isinstance(given, str):
        return given
    text = None if isinstance(given, dict | list) else json_text(given)
    if text is None:
        reject(f"{name!r} must be a string, not {type(given).__name__}")
    return text


def _flag(name: str, given: JsonValue) -> bool:
    """A boolean, or what Divolte took for one: a whole number, text, null."""
    if given is None:
        return False
    if isinstance(given, int):
        return given != 0
    flag = _FLAGS.get(given.strip().lower()) if isinstance(given, str) else None
    if flag is None:
        reject(f"{name!r} must be true or false")
    return flag
