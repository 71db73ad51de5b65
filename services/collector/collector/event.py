"""One event on its way from the wire to the record."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.enrich.page import Page
    from collector.enrich.place import Place
    from collector.enrich.user_agent import Agent
    from collector.protocol.mincode import JsonValue

NO_HEADERS: Final[Mapping[bytes, bytes]] = MappingProxyType({})


class Event:
    """What the mapping can read. Plain attributes: this object is made for every event.

    Identifiers are canonical; times are ms since the epoch; sizes are pixels. `ip` is the address as the
    privacy settings leave it; `place` is looked up before they are applied.
    """

    # Defaults are the class's: making an event sets only what it has.
    event_id: str = ""
    event_type: str | None = None
    party_id: str | None = None
    session_id: str | None = None
    page_view_id: str | None = None
    client_timestamp_ms: int | None = None
    is_new_party: bool = False
    is_first_in_session: bool = False
    is_corrupt: bool = False
    is_duplicate: bool = False
    is_bot: bool = False
    page: Page | None = None
    referrer: Page | None = None
    viewport_width: int | None = None
    viewport_height: int | None = None
    screen_width: int | None = None
    screen_height: int | None = None
    pixel_ratio: float | None = None
    parameters: JsonValue = None
    consent: bool | None = None
    headers: Mapping[bytes, bytes] = NO_HEADERS
    ip: str | None = None
    agent: Agent | None = None
    place: Place | None = None
    key: bytes | None = None

    def __init__(self, source: str, arrival_ms: int) -> None:
        """An empty event of a source: browser, batch, json or pixel."""
        self.source = source
        self.arrival_ms = arrival_ms


class MalformedEventError(ValueError):
    """An event that no record can be made of. Its text is the reason in the dead letter."""


def reject(reason: str) -> NoReturn:
    """Refuse an event. The reason must not repeat what the visitor sent: it is logged nowhere, but kept."""
    raise MalformedEventError(reason)
