"""Whole responses as bytes."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
NO_HEADERS: Final[Mapping[str, str]] = {}
HTTP_1_1_REQUIRED: Final = bytes.fromhex("000000 04 00 00000000  000008 07 00 00000000 00000000 0000000d")
"""For a client that starts with HTTP/2: empty SETTINGS, then GOAWAY with the error HTTP_1_1_REQUIRED and stream 0 as
the last one that was processed, so the client knows that it may repeat its request (RFC 9113, 6.8 and 7)."""


def response(
    status: HTTPStatus, content_type: str | None, body: bytes = b"", headers: Mapping[str, str] = NO_HEADERS
) -> bytes:
    """A response with its length; a date, as servers with a clock must send one."""
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Date: {formatdate(usegmt=True)}"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    lines.extend(f"{name}: {value}" for name, value in headers.items())
    if status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body


def plain(status: HTTPStatus, text: str, headers: Mapping[str, str] = NO_HEADERS) -> bytes:
    """A text response."""
    return response(status, TEXT, text.encode(), headers)


def with_headers(answer: bytes, lines: bytes) -> bytes:
    """The same response with more header lines, each with its end of line."""
    status, separator, rest = answer.partition(b"\r\n")
    return status + separator + lines + rest


def with_close(answer: bytes) -> bytes:
    """The same response, telling that the connection ends with it."""
    return with_headers(answer, b"Connection: close\r\n")
