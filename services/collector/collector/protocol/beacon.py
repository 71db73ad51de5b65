"""The beacon: one event in a query string."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collector.model.base36 import parse_int, parse_long
from collector.model.event import MAX_TITLE, Event, reject
from collector.model.page import page_of
from collector.protocol import mincode
from collector.protocol.checksum import matches
from collector.protocol.consent import GRANTED
from collector.protocol.identifier import canonical_identifier, is_canonical
from collector.protocol.query import parse_query
from collector.protocol.redaction import PARAMETER

if TYPE_CHECKING:
    from collector.model.json_types import JsonValue

IDENTIFIER_FORM: Final = "0:<base-36 ms>:<id>"
_REQUIRED: Final = frozenset("venfc")


def parse_beacon(query: bytes, arrival_ms: int, *, cookieless: bool = False, consent: str | None = None) -> Event:
    """The event of a beacon's query string, or MalformedEventError naming the parameter.

    Without cookies, the party and session are the server's to find, so `p` and `s` may be missing then.
    `consent` names the parameter with the visitor's consent.
    """
    pairs = parse_query(query)
    values = dict(pairs)
    if len(values) != len(pairs):
        values = dict(reversed(pairs))  # of a repeated name the first value counts
    get = values.get
    if not values.keys() >= _REQUIRED:
        missing = next(name for name in "venfc" if name not in values)
        reject(f"the required parameter {missing!r} is missing")
    event = Event("browser", arrival_ms)
    if not cookieless:
        event.party_id = identifier("p", get("p"))
        event.session_id = identifier("s", get("s"))
    event.page_view_id = values["v"]
    event.event_id = values["e"]
    event.is_new_party = values["n"] == "t"
    event.is_first_in_session = values["f"] == "t"
    event.client_timestamp_ms = parse_long(values["c"])
    if event.client_timestamp_ms is None:
        reject("the client time in parameter 'c' is not a base-36 number of 64 bits")
    event.event_type = get("t")
    location, referrer, title = get("l"), get("r"), get("d")
    event.user_id = get(PARAMETER) or None
    if title:
        event.page_title = title[:MAX_TITLE]
    if location is not None:
        event.page = page_of(location)
    if referrer is not None:
        event.referrer = page_of(referrer)
    event.screen_width = _size(get("i"))
    event.screen_height = _size(get("j"))
    event.viewport_width = _size(get("w"))
    event.viewport_height = _size(get("h"))
    event.pixel_ratio = _ratio(get("k"))
    parameters = get("u")
    if parameters is not None:
        event.parameters = decode_parameters(parameters)
    if consent is not None and consent in values:
        event.consent = values[consent].lower() in GRANTED
    event.is_corrupt = not matches(pairs, values)
    return event


def identifier(name: str, given: JsonValue) -> str:
    """The canonical identifier, or MalformedEventError naming the parameter it came in."""
    if given is None:
        reject(f"the required parameter {name!r} is missing")
    if not isinstance(given, str):
        reject(f"{name!r} must be a string, not {type(given).__name__}")
    if is_canonical(given):
        return given
    canonical = canonical_identifier(given)
    if canonical is None:
        reject(f"the parameter {name!r} is not an identifier of the form {IDENTIFIER_FORM}")
    return canonical


def decode_parameters(text: str) -> JsonValue:
    """The event's own parameters in mincode; None when they cannot be read."""
    try:
        return mincode.decode(text)
    except mincode.MincodeError:
        return None  # as Divolte: the event counts, its parameters are absent


def _size(text: str | None) -> int | None:
    return None if text is None else parse_int(text)


def _ratio(text: str | None) -> float | None:
    """The device pixel ratio. The tag writes 1.5 as `1.i`, which Divolte's server could not read."""
    if text is None:
        return None
    whole, _, fraction = text.partition(".")
    number = parse_int(whole)
    if number is None or not fraction:
        return None if number is None or "." in text else float(number)
    digits = parse_long(fraction[:10])
    return None if digits is None or digits < 0 else number + digits / 36 ** len(fraction[:10])
