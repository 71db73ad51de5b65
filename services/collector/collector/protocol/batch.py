"""The batch: many events in one POST."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import orjson

from collector.model.base36 import INT_MAX, LONG_MAX
from collector.model.event import MAX_TITLE, Event, reject
from collector.model.page import page_of
from collector.protocol.beacon import identifier
from collector.protocol.consent import GRANTED
from collector.protocol.json_values import JsonError, parse_json
from collector.protocol.redaction import PARAMETER

if TYPE_CHECKING:
    from collector.model.json_types import JsonValue


def parse_batch(body: bytes) -> list[JsonValue]:
    """The events of `{"events": [...]}`, not yet judged; MalformedEventError when it is something else."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        # One event with half of an emoji must not take the others of its batch with it.
        try:
            document = parse_json(body)
        except JsonError as error:
            reject(f"the body is not JSON: {error}")
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        reject('the body must be an object with the events in a list: {"events": [...]}')
    return events


def parse_batch_event(
    given: JsonValue, arrival_ms: int, *, cookieless: bool = False, consent: str | None = None
) -> Event:
    """One event of a batch, with the beacon's short names and JSON's own types."""
    if not isinstance(given, dict):
        reject(f"an event must be an object, not {type(given).__name__}")
    get = given.get
    event = Event("batch", arrival_ms)
    if not cookieless:
        event.party_id = identifier("p", get("p"))
        event.session_id = identifier("s", get("s"))
    page_view, event_id, new, first = get("v"), get("e"), get("n", False), get("f", False)
    event.page_view_id = page_view if type(page_view) is str else _required(given, "v")
    event.event_id = event_id if type(event_id) is str else _required(given, "e")
    event.is_new_party = new if type(new) is bool else _flag(given, "n")
    event.is_first_in_session = first if type(first) is bool else _flag(given, "f")
    client_time = get("c")
    if type(client_time) is float and math.isfinite(client_time):
        client_time = int(client_time)  # clocks of performance measurements have fractions
    if type(client_time) is not int or not -LONG_MAX <= client_time <= LONG_MAX:
        reject("the client time 'c' must be a whole number of ms since the epoch")
    event.client_timestamp_ms = client_time
    event_type, location, referrer = get("t"), get("l"), get("r")
    event.event_type = event_type if type(event_type) is str else _text(given, "t")
    if type(location) is str or (location := _text(given, "l")) is not None:
        event.page = page_of(location)
    if type(referrer) is str or (referrer := _text(given, "r")):
        event.referrer = page_of(referrer) if referrer else None
    event.user_id = _text(given, PARAMETER) or None
    if title := _text(given, "d"):
        event.page_title = title[:MAX_TITLE]
    event.screen_width = _size(get("i"))
    event.screen_height = _size(get("j"))
    event.viewport_width = _size(get("w"))
    event.viewport_height = _size(get("h"))
    ratio = get("k")
    if isinstance(ratio, int | float) and not isinstance(ratio, bool) and math.isfinite(ratio):
        event.pixel_ratio = float(ratio)
    event.parameters = get("u")
    if consent is not None and (answer := get(consent)) is not None:
        event.consent = str(answer).lower() in GRANTED
    return event


def _text(given: dict[str, JsonValue], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        reject(f"{name!r} must be a string, not {type(value).__name__}")
    return value


def _required(given: dict[str, JsonValue], name: str) -> str:
    value = _text(given, name)
    if value is None:
        reject(f"the required parameter {name!r} is missing")
    return value


def _flag(given: dict[str, JsonValue], name: str) -> bool:
    value = given.get(name, False)
    if value == "t":  # as the beacon writes it
        return True
    if value is not True and value is not False and value != "f":
        reject(f"{name!r} must be true or false")
    return value is True


def _size(value: JsonValue) -> int | None:
    """Pixels; a fraction is rounded, anything else is absent, as in the beacon."""
    if type(value) is not int:
        if type(value) is not float or not math.isfinite(value):
            return None
        value = round(value)
    return value if -INT_MAX <= value <= INT_MAX else None
