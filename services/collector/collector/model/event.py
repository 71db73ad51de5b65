"""One event on its way from the wire to the record."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.model.agent import Agent
    from collector.model.json_types import JsonValue
    from collector.model.page import Page
    from collector.model.place import Place

MAX_TITLE: Final = 300
"""Longest page title that is kept, in characters: search engines show fewer."""

NO_HEADERS: Final[Mapping[bytes, bytes]] = MappingProxyType({})


class Event:
    """What the mapping can read. This object is made for every event.

    Identifiers are canonical; times are ms since the epoch; sizes are pixels. `ip` is the address as the
    privacy settings leave it; `place` is looked up before they are applied.
    """

    # Slots: a dictionary of this many attributes costs some microseconds for each event.
    __slots__ = (
        "agent", "arrival_ms", "channel", "client_timestamp_ms", "consent", "event_id", "event_type", "headers", "ip",
        "is_bot", "is_corrupt", "is_duplicate", "is_entry", "is_first_in_session", "is_new_party", "key", "page",
        "page_title", "page_view_id", "parameters", "party_id", "pixel_ratio", "place", "referrer", "referrer_name",
        "screen_height", "screen_width", "session_id", "site", "source", "user_id", "viewport_height",
        "viewport_width",
    )  # fmt: skip

    def __init__(self, source: str, arrival_ms: int) -> None:
        """An empty event of a source: browser, batch, json or pixel."""
        self.source = source
        self.arrival_ms = arrival_ms
        self.event_id: str = ""
        self.is_new_party: bool = False
        self.is_first_in_session: bool = False
        self.is_entry: bool = False
        self.is_corrupt: bool = False
        self.is_duplicate: bool = False
        self.is_bot: bool = False
        self.headers: Mapping[bytes, bytes] = NO_HEADERS
        self.event_type: str | None = None
        self.party_id: str | None = None
        self.session_id: str | None = None
        self.user_id: str | None = None
        self.page_view_id: str | None = None
        self.client_timestamp_ms: int | None = None
        self.site: str | None = None
        self.page: Page | None = None
        self.page_title: str | None = None
        self.referrer: Page | None = None
        self.referrer_name: str | None = None
        self.channel: str | None = None
        self.viewport_width: int | None = None
        self.viewport_height: int | None = None
        self.screen_width: int | None = None
        self.screen_height: int | None = None
        self.pixel_ratio: float | None = None
        self.parameters: JsonValue = None
        self.consent: bool | None = None
        self.ip: str | None = None
        self.agent: Agent | None = None
        self.place: Place | None = None
        self.key: bytes | None = None


class MalformedEventError(ValueError):
    """An event that no record can be made of. Its text is the reason in the dead letter."""


def reject(reason: str) -> NoReturn:
    """Refuse an event. The reason must not repeat what the visitor sent: it is logged nowhere, but kept."""
    raise MalformedEventError(reason)
