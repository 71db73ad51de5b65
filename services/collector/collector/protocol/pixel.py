"""The pixel of pages without JavaScript: a beacon that cannot know its visitor, so the server finds the ids.

`<noscript><img src="/csc-event?t=pageView&noscript=1"></noscript>`: the address is the same on every page, so the
page is the request's Referer, and the party and session are those of the tracker's cookies if there are any.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from collector.model.event import MAX_TITLE, Event, reject
from collector.model.page import page_of
from collector.protocol.beacon import decode_parameters
from collector.protocol.consent import GRANTED
from collector.protocol.cookies import cookie
from collector.protocol.identifier import canonical_identifier
from collector.protocol.query import parse_query

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK: Final = b"noscript=1"
"""What a pixel's query has, to be looked for before it is parsed."""
SOURCE: Final = "pixel"
_IDS: Final = frozenset("psve")


def is_pixel(query: bytes) -> bool:
    """Whether a query is a pixel's: `noscript=1`, and none of the ids that a script would have sent."""
    if MARK not in query:
        return False
    values = dict(parse_query(query))
    return values.get("noscript") == "1" and _IDS.isdisjoint(values)


def parse_pixel(
    query: bytes, headers: Mapping[bytes, bytes], arrival_ms: int, *, cookies: tuple[str, str] | None,
    consent: str | None = None,
) -> Event:  # fmt: skip
    """The event of a pixel's request; MalformedEventError when its page is unknown.

    `cookies` names those of party and session; None when none may be read. Without them both ids stay None and
    are the enricher's to find. The event and its page view get random ids, so a pixel is never a duplicate.
    """
    page = page_of(headers.get(b"referer", b"").decode("utf-8", "replace").strip())
    if "host" not in page.parts:
        reject("the pixel's page is not known: the request has no Referer header with a page's address")
    values = dict(reversed(parse_query(query)))
    event = Event(SOURCE, arrival_ms)
    event.page = page
    event.event_type = values.get("t") or "pageView"
    if title := values.get("d"):
        event.page_title = title[:MAX_TITLE]
    event.page_view_id = f"0:{secrets.token_urlsafe(24)}"
    event.event_id = f"{event.page_view_id}0"
    if cookies is not None:
        event.party_id, event.session_id = (canonical_identifier(cookie(headers, name) or "") for name in cookies)
    if (parameters := values.get("u")) is not None:
        event.parameters = decode_parameters(parameters)
    if consent is not None and consent in values:
        event.consent = values[consent].lower() in GRANTED
    return event
