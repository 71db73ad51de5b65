"""Decompression of request bodies."""

from __future__ import annotations

import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from collector.http.responses import plain

if TYPE_CHECKING:
    from collector.http.request import Request

_GZIP: Final = zlib.MAX_WBITS | 16


def inflate(request: Request, limit: int) -> bytes | None:
    """Decompress the body in place, to at most `limit` bytes. Returns the refusal if that is impossible, else None.

    The decompressed body counts as held by the request, with the bytes that were received.
    """
    encoding = request.headers.get(b"content-encoding", b"").strip().lower()
    if encoding in (b"", b"identity") or not request.body:
        return None
    if encoding not in (b"gzip", b"x-gzip"):
        text = "Content encoding must be gzip, or there must be none."
        return plain(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text, {"Accept-Encoding": "gzip, identity"})
    decompressor = zlib.decompressobj(_GZIP)
    try:
        body = decompressor.decompress(request.body, limit + 1)
    except zlib.error:
        return plain(HTTPStatus.BAD_REQUEST, "The body is not gzip.")
    if len(body) > limit:
        return plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large.")
    if not decompressor.eof:
        return plain(HTTPStatus.BAD_REQUEST, "The body is not gzip.")
    request.hold(len(body))
    request.body = body
    return None
