"""Expressions of the mapping file: where a value comes from, of which type it is, what it depends on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from collector.protocol.json_values import json_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.model.event import Event


class Kind(Enum):
    """Type of a value. JSON is known only when the event comes."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    BYTES = "bytes"
    JSON = "JSON"


OF_TYPE: Final[dict[type, Kind]] = {str: Kind.TEXT, int: Kind.INTEGER, float: Kind.NUMBER, bool: Kind.BOOLEAN}


@dataclass(frozen=True, slots=True)
class Expression:
    """A value of an event; `evaluate` returns None when it is absent.

    `depends`: "event", "constant", or one of encode.SHARED. `attribute`: the event's attribute that holds the value, if
    one does.
    """

    kind: Kind
    depends: str
    evaluate: Callable[[Event], Any]
    attribute: str | None = None


EVENT_VALUES: Final[dict[str, tuple[Kind, str | None]]] = {
    "timestamp": (Kind.INTEGER, "arrival_ms"),
    "client_timestamp": (Kind.INTEGER, "client_timestamp_ms"),
    "source": (Kind.TEXT, "source"),
    "site": (Kind.TEXT, "site"),
    "channel": (Kind.TEXT, "channel"),
    "referrer_name": (Kind.TEXT, "referrer_name"),
    "event_id": (Kind.TEXT, "event_id"),
    "event_type": (Kind.TEXT, "event_type"),
    "party_id": (Kind.TEXT, "party_id"),
    "session_id": (Kind.TEXT, "session_id"),
    "user_id": (Kind.TEXT, "user_id"),
    "page_view_id": (Kind.TEXT, "page_view_id"),
    "page_title": (Kind.TEXT, "page_title"),
    "is_new_party": (Kind.BOOLEAN, "is_new_party"),
    "is_first_in_session": (Kind.BOOLEAN, "is_first_in_session"),
    "is_entry": (Kind.BOOLEAN, "is_entry"),
    "is_corrupt": (Kind.BOOLEAN, "is_corrupt"),
    "is_duplicate": (Kind.BOOLEAN, "is_duplicate"),
    "is_bot": (Kind.BOOLEAN, "is_bot"),
    "remote_host": (Kind.TEXT, "ip"),
    "viewport_width": (Kind.INTEGER, "viewport_width"),
    "viewport_height": (Kind.INTEGER, "viewport_height"),
    "screen_width": (Kind.INTEGER, "screen_width"),
    "screen_height": (Kind.INTEGER, "screen_height"),
    "pixel_ratio": (Kind.NUMBER, "pixel_ratio"),
    "parameters": (Kind.JSON, "parameters"),
    "parameters_json": (Kind.TEXT, None),
}
"""What `"name"` alone means in a mapping, its type, and the event's attribute that holds it, if one does."""


def event_value(name: str) -> Expression:
    """A value of the event itself. KeyError when there is no such value."""
    kind, attribute = EVENT_VALUES[name]
    if attribute is None:
        return Expression(kind, "event", lambda e: json_text(e.parameters))
    return Expression(kind, "event", attrgetter(attribute), attribute)


def combine(kind: Kind, evaluate: Callable[[Event], Any], *parts: Expression) -> Expression:
    """An expression made of others: it depends on what they depend on."""
    depends = {part.depends for part in parts} - {"constant"}
    return Expression(kind, depends.pop() if len(depends) == 1 else "event" if depends else "constant", evaluate)
