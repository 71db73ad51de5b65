"""The body of a request is read before the response begins, whether the application wants it or not.

gunicorn (26.0, gthread) reads what is left of it only afterwards. By then the client may have sent its next request on
the same connection. gunicorn reads both at once, keeps the second one, and waits for more: the client gets no response
until its time is up. The edge's connections are shared, so one rejected request could stop a dashboard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_MOST: Final = 1 << 20
"""Bytes. gunicorn closes the connection if more than 64 KiB are left then."""
_CHUNK: Final = 1 << 16


def read_whole(application: WSGIApplication) -> WSGIApplication:
    """Return the application with every request's body read first."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:
            left = _MOST
            while left > 0 and (read := environ["wsgi.input"].read(min(left, _CHUNK))):
                left -= len(read)
            return start_response(status, headers, *more)

        return application(environ, start)

    return wrapped
