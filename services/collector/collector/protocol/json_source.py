"""The JSON source: one event of an app or a server, or a list of them, in the body of a POST."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from collector.model.address import parse_address
from collector.model.behalf import ITSELF, Behalf
from collector.model.event import MAX_TITLE, Event, reject
from collector.model.page import page_of
from collector.protocol.beacon import identifier
from collector.protocol.identifier import IDENTIFIER
from collector.protocol.iso_time import parse_milliseconds
from collector.protocol.json_values import JsonError, json_text, parse_json
from collector.protocol.redaction import PROPERTY

if TYPE_CHECKING:
    from collector.model.json_types import JsonValue

_LANGUAGE: Final = r"^[A-Za-z0-9*][A-Za-z0-9*,;=. _-]{0,199}$"
_TIME: Final = (
    r"^((19|20)[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))|(19(0[48]|[2468][048]|[13579][26])|20([02468][048]|[13579][26]))-02-29)"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"
)

PROPERTIES: Final[dict[str, dict[str, Any]]] = {
    "session_id": {
        "type": "string", "pattern": IDENTIFIER, "description": "The session: 0:<start in base-36 ms>:<random id>.",
    },
    "event_id": {
        "type": "string",
        "description": "Unique within the session. A repeated event is marked as a duplicate.",
    },
    "is_new_party": {"type": "boolean", "description": "Whether this is the visitor's first session."},
    "is_new_session": {"type": "boolean", "description": "Whether this is the session's first event."},
    "client_timestamp_iso": {
        "type": "string", "pattern": _TIME, "examples": ["2026-01-31T12:00:00.000+01:00"],
        "description": "When it happened, by the visitor's clock: ISO 8601 with an offset.",
    },
    "event_type": {"type": ["string", "null"], "examples": ["pageView"], "description": "Such as pageView, purchase."},
    "parameters": {"description": "The event's own parameters: any JSON."},
    "site": {"type": ["string", "null"], "description": "The site's name. Without it, the host of `location` decides."},
    "party_id": {
        "type": ["string", "null"], "pattern": IDENTIFIER,
        "description": "The visitor, in place of the query's party ID: 0:<first visit in base-36 ms>:<random id>.",
    },
    PROPERTY: {
        "type": ["string", "null"], "maxLength": 200,
        "description": "The user who is signed in. It is ignored without the site's write key, and unless the stack "
        "collects user IDs.",
    },
    "page_view_id": {"type": ["string", "null"], "description": "The page view that the event belongs to."},
    "location": {
        "type": ["string", "null"], "examples": ["https://shop.example.com/cart"], "description": "The visitor's page.",
    },
    "page_title": {"type": ["string", "null"], "description": "The page's title; 300 characters of it are kept."},
    "referer": {"type": ["string", "null"], "description": "URL of the previous page."},
    "user_agent": {
        "type": ["string", "null"],
        "description": "The visitor's User-Agent. It replaces the sender's own headers about the browser.",
    },
    "client_address": {
        "anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}, {"type": "null"}],
        "description": "The visitor's IP address. It is ignored without the site's write key.",
    },
    "language": {
        "type": ["string", "null"], "pattern": _LANGUAGE, "examples": ["de-CH"],
        "description": "The visitor's language, as a tag or as the Accept-Language header.",
    },
    "consent": {"type": ["boolean", "null"], "description": "The visitor's consent, in place of the query's."},
}  # fmt: skip
"""An event's properties, with the JSON Schema that senders should follow. The parser accepts more, as Divolte did."""

REQUIRED: Final = ("session_id", "event_id", "is_new_party", "is_new_session", "client_timestamp_iso")
_FLAGS: Final[dict[str, bool]] = {"true": True, "false": False, "": False, "null": False}
_IS_LANGUAGE: Final = re.compile(_LANGUAGE.removesuffix("$") + r"\Z")


class ReadEvent(NamedTuple):
    """An event, and what its sender states about the visitor."""

    event: Event
    behalf: Behalf


def parse_document(body: bytes) -> JsonValue:
    """The event or the list of events in a body, not yet checked. MalformedEventError when it is something else."""
    try:
        given = parse_json(body)
    except JsonError as error:
        reject(f"the body is not JSON: {error}")
    if not isinstance(given, dict | list):
        reject(f"the body must be an object or a list of objects, not {type(given).__name__}")
    return given


def read_event(given: JsonValue, party_id: str | None, arrival_ms: int) -> ReadEvent:
    """One event. `party_id`, canonical, is used if the event has none of its own. MalformedEventError when wrong."""
    _check_members(given)
    assert isinstance(given, dict)  # noqa: S101 - checked above
    event = Event("json", arrival_ms)
    own_party = given.get("party_id")
    event.party_id = party_id if own_party is None else identifier("party_id", own_party)
    if event.party_id is None:
        reject("the party id is missing: neither the query nor the event's 'party_id' has one")
    event.session_id = identifier("session_id", given["session_id"])
    event.event_id = _text("event_id", given["event_id"])
    event.is_new_party = _flag("is_new_party", given["is_new_party"])
    event.is_first_in_session = _flag("is_new_session", given["is_new_session"])
    event.client_timestamp_ms = parse_milliseconds(_text("client_timestamp_iso", given["client_timestamp_iso"]))
    if event.client_timestamp_ms is None:
        reject("client_timestamp_iso must be ISO-8601 with an offset, as 2026-01-31T12:00:00.000+01:00")
    event.event_type = _optional(given, "event_type")
    event.parameters = given.get("parameters")
    event.site = _optional(given, "site")
    event.page_view_id = _optional(given, "page_view_id")
    event.user_id = _optional(given, PROPERTY) or None
    if title := _optional(given, "page_title"):
        event.page_title = title[:MAX_TITLE]
    if location := _optional(given, "location"):
        event.page = page_of(location)
    if referer := _optional(given, "referer"):
        event.referrer = page_of(referer)
    if (consent := given.get("consent")) is not None:
        event.consent = _flag("consent", consent)
    return ReadEvent(event, _behalf(given))


def _behalf(given: dict[str, JsonValue]) -> Behalf:
    user_agent, language = _optional(given, "user_agent"), _optional(given, "language")
    address = _optional(given, "client_address")
    if not (user_agent or language or address):
        return ITSELF
    if language and _IS_LANGUAGE.match(language) is None:
        reject("language must be a tag such as de-CH, or what the visitor's Accept-Language header says")
    if address:
        parsed = parse_address(address)
        if parsed is None or "%" in address:
            reject("client_address must be an IPv4 or IPv6 address, as 192.0.2.1 or 2001:db8::1")
        address = str(parsed)
    return Behalf(user_agent or None, language or None, address or None)


def _check_members(given: JsonValue) -> None:
    if not isinstance(given, dict):
        reject(f"an event must be an object, not {type(given).__name__}")
    for name in REQUIRED:
        if name not in given:
            reject(f"the required property {name!r} is missing")
    if not given.keys() <= PROPERTIES.keys():
        reject(f"there is an unknown property; allowed are {', '.join(sorted(PROPERTIES))}")


def _optional(given: dict[str, JsonValue], name: str) -> str | None:
    value = given.get(name)
    return None if value is None else _text(name, value)


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
