"""The tracker script, as Divolte serves it: cached for an hour, with its hash as ETag, gzipped when wanted."""

from __future__ import annotations

import base64
import gzip
import hashlib
from http import HTTPStatus
from typing import TYPE_CHECKING

from collector.http.responses import response

if TYPE_CHECKING:
    from pathlib import Path

    from collector.http.request import Request

MAX_AGE = 3600


class Script:
    """A script, read and compressed once."""

    def __init__(self, file: Path) -> None:
        """Read it. OSError when it cannot be read."""
        body = file.read_bytes()
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        self._plain = (f'"{digest}"', body)
        self._gzipped = (f'"gz+{digest}"', gzip.compress(body, 9, mtime=0))

    def answer(self, request: Request) -> None:
        """Send the script, or 304 to who has it."""
        accepts = request.headers.get(b"accept-encoding", b"").decode("latin-1").lower()
        gzipped = any(
            item.partition(";")[0].strip() == "gzip" and "q=0" not in item.replace(" ", "").split(";")
            for item in accepts.split(",")
        )
        etag, body = self._gzipped if gzipped else self._plain
        headers = {
            "Cache-Control": f"public, max-age={MAX_AGE}",
            "ETag": etag,
            "Vary": "Accept-Encoding",
            # Any site may use it, also one that is isolated from other origins or checks the script's hash.
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        if etag_matches(request.headers.get(b"if-none-match"), etag):
            request.respond(response(HTTPStatus.NOT_MODIFIED, None, headers=headers))
            return
        if gzipped:
            headers["Content-Encoding"] = "gzip"
        request.respond(response(HTTPStatus.OK, "application/javascript", body, headers))


def etag_matches(if_none_match: bytes | None, etag: str) -> bool:
    """Whether an If-None-Match header names the tag, or any tag."""
    return if_none_match is not None and (if_none_match.strip() == b"*" or is_listed(if_none_match, etag))


def is_listed(if_none_match: bytes, etag: str) -> bool:
    """Whether an If-None-Match header names the tag itself (weak comparison)."""
    return any(item.strip().removeprefix("W/") == etag for item in if_none_match.decode("latin-1").split(","))
