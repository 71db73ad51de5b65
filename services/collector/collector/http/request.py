"""A request, as handlers get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collector.http.connection import Connection
    from collector.http.server import Route


class Request:
    """A request, and how to answer it. `headers` by lower-case name; repeated ones are joined."""

    __slots__ = (
        "answer", "arrival_ms", "body", "chunks", "connection", "headers", "held", "keep_alive", "limit",
        "method", "path", "query", "route", "started",
    )  # fmt: skip

    def __init__(self, connection: Connection, started: float) -> None:
        """A request whose first bytes have come in at that time of the loop's clock."""
        self.connection = connection
        self.started = started
        self.arrival_ms = 0
        self.method = b""
        self.path = b""
        self.query = b""
        self.route: Route | None = None
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.chunks: list[bytes] | None = None
        self.limit = 0
        self.held = 0
        self.keep_alive = True
        self.answer: bytes | None = None

    def respond(self, response: bytes) -> None:
        """Answer with a whole response. Answers leave in the order of the requests; a second one is ignored."""
        if self.answer is None:
            self.answer = response
            self.connection.flush()

    def hold(self, size: int) -> None:
        """Count so many more bytes as held by the request until its answer."""
        self.held += size
        self.connection.hold(size)

    @property
    def peer(self) -> str:
        """Address of the socket's other end."""
        return self.connection.peer
