"""The answers of the event endpoints, made beforehand where they never change."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from collector.http.responses import plain, response

GIF: Final = bytes.fromhex("4749463839610100010000000021f904010a0001002c00000000010001000002024c01003b")
"""One transparent pixel."""

SENTINEL_ETAG: Final = "6b3edc43-20ec-4078-bc47-e965dd76b88a"
"""Divolte's constant: a browser that sends it back repeats a request whose event was counted already."""

_BEACON_HEADERS: Final = {
    "ETag": f'"{SENTINEL_ETAG}"',
    "Cache-Control": "private, no-cache, proxy-revalidate",
    "Pragma": "no-cache",
    "Expires": "Fri, 14 Apr 1995 11:30:00 GMT",
}
# The pixel's answer has none of these: its address is the same on every page, so a browser that kept it would ask
# whether it is still good in place of reporting the next page.


class Answers:
    """Responses with the date of the second; `refresh` is to be called about that often."""

    def __init__(self) -> None:
        """Render all."""
        self.refresh()

    def refresh(self) -> None:
        """Render them with the current date."""
        self.date = formatdate(usegmt=True)
        self.gif = response(HTTPStatus.OK, "image/gif", GIF, _BEACON_HEADERS)
        self.pixel = response(HTTPStatus.OK, "image/gif", GIF, {"Cache-Control": "no-store"})
        self.not_modified = response(HTTPStatus.NOT_MODIFIED, None, headers=_BEACON_HEADERS)
        self.no_content = response(HTTPStatus.NO_CONTENT, None)
        self.unavailable = plain(
            HTTPStatus.SERVICE_UNAVAILABLE, "The event could not be made durable.", {"Retry-After": "2"}
        )
