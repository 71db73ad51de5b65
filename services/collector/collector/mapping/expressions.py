"""Expressions of the mapping file: where a value comes from, of which type it is, what it depends on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
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

CACHED: Final = {
    "page": "e.page",
    "referrer": "e.referrer",
    "agent": "e.agent",
    "place": "e.place",
    "language": 'None if (header := e.headers.get(b"accept-language")) is None else language_of(header)',
}
"""Objects that many events share, and the Python source that gets them from the event `e`. What depends on one of them
alone is encoded once for each such object."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A value of an event; `evaluate` returns None when it is absent.

    `depends`: "event", "constant", or one of CACHED. `inline`: the same as Python source over the event `e` and its
    own parameters `parameters` (empty when they are no object), where that is simple enough to be worth it.
    `never_absent`: it always has a value.
    """

    kind: Kind
    depends: str
    evaluate: Callable[[Event], Any]
    inline: str | None = None
    never_absent: bool = False


EVENT_VALUES: Final[dict[str, tuple[Kind, str]]] = {
    "timestamp": (Kind.INTEGER, "e.arrival_ms"),
    "client_timestamp": (Kind.INTEGER, "e.client_timestamp_ms"),
    "source": (Kind.TEXT, "e.source"),
    "site": (Kind.TEXT, "e.site"),
    "channel": (Kind.TEXT, "e.channel"),
    "referrer_name": (Kind.TEXT, "e.referrer_name"),
    "event_id": (Kind.TEXT, "e.event_id"),
    "event_type": (Kind.TEXT, "e.event_type"),
    "party_id": (Kind.TEXT, "e.party_id"),
    "session_id": (Kind.TEXT, "e.session_id"),
    "user_id": (Kind.TEXT, "e.user_id"),
    "page_view_id": (Kind.TEXT, "e.page_view_id"),
    "page_title": (Kind.TEXT, "e.page_title"),
    "is_new_party": (Kind.BOOLEAN, "e.is_new_party"),
    "is_first_in_session": (Kind.BOOLEAN, "e.is_first_in_session"),
    "is_entry": (Kind.BOOLEAN, "e.is_entry"),
    "is_corrupt": (Kind.BOOLEAN, "e.is_corrupt"),
    "is_duplicate": (Kind.BOOLEAN, "e.is_duplicate"),
    "is_bot": (Kind.BOOLEAN, "e.is_bot"),
    "remote_host": (Kind.TEXT, "e.ip"),
    "viewport_width": (Kind.INTEGER, "e.viewport_width"),
    "viewport_height": (Kind.INTEGER, "e.viewport_height"),
    "screen_width": (Kind.INTEGER, "e.screen_width"),
    "screen_height": (Kind.INTEGER, "e.screen_height"),
    "pixel_ratio": (Kind.NUMBER, "e.pixel_ratio"),
    "parameters": (Kind.JSON, "e.parameters"),
    "parameters_json": (Kind.TEXT, "json_text(e.parameters)"),
}
"""What `"name"` alone means in a mapping, its type, and how it is read."""

_NEVER_ABSENT: Final = frozenset({
    "timestamp", "source", "event_id", "is_new_party", "is_first_in_session", "is_entry", "is_corrupt", "is_duplicate",
    "is_bot",
})  # fmt: skip


def event_value(name: str) -> Expression:
    """An attribute of the event. KeyError when there is no such value."""
    kind, inline = EVENT_VALUES[name]
    evaluate: Callable[[Event], Any] = eval(  # noqa: S307 - source from the table above
        f"lambda e: {inline}", {"json_text": json_text}
    )
    return Expression(kind, "event", evaluate, inline, name in _NEVER_ABSENT)


def combine(kind: Kind, evaluate: Callable[[Event], Any], *parts: Expression) -> Expression:
    """An expression made of others: it depends on what they depend on."""
    depends = {part.depends for part in parts} - {"constant"}
    return Expression(kind, depends.pop() if len(depends) == 1 else "event" if depends else "constant", evaluate)
