"""The collector's own service behind granian in place of its HTTP server, to compare the two.

Only what a benchmark needs: no limits, no draining, none of Divolte's rules for repeated headers. All of it would be
added to a real one, so the figures are granian's best case.
"""

from __future__ import annotations

import asyncio
import time
from functools import lru_cache
from typing import Any, cast

import structlog
from clickstream_service import logs
from collector.app import App
from collector.http.connection import Connection
from collector.http.request import Request
from collector.settings import Settings

log = structlog.get_logger(__name__)

Answer = tuple[int, list[tuple[str, str]], bytes]


class Exchange:
    """A connection that is used again and again, whose transport hands the answer to the request that waits."""

    def __init__(self, app: App) -> None:
        """A connection that the collector's server does not know of."""
        self.waiting: asyncio.Future[bytes] | None = None
        self.connection = Connection(app.server)
        self.connection._transport = cast("asyncio.Transport", self)  # noqa: SLF001 - the place to step in

    def write(self, answer: bytes) -> None:
        """Take the answer, as a transport does."""
        assert self.waiting is not None
        self.waiting.set_result(answer)


class Adapter:
    """An RSGI application around the collector's handlers."""

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start what the collector starts, without its server."""
        settings = Settings.load_or_exit()
        logs.configure(settings.log_level)
        self.free: list[Exchange] = []

        async def start() -> None:
            self.app = App(settings)
            await self.app.delivery.start()

        loop.run_until_complete(start())

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer a request when the collector does."""
        exchange = self.free.pop() if self.free else Exchange(self.app)
        connection = exchange.connection
        request = Request(connection, 0.0)
        request.method = scope.method.encode()
        request.path = scope.path.encode()
        request.query = scope.query_string.encode()
        request.headers = {name.encode(): value.encode("latin-1") for name, value in scope.headers.items()}
        connection.peer = scope.client.rpartition(":")[0]
        if request.method == b"POST":
            request.body = await protocol()
        request.arrival_ms = time.time_ns() // 1_000_000
        exchange.waiting = asyncio.get_running_loop().create_future()
        connection.requests.append(request)
        self.app.server.handle(request)
        answer = await exchange.waiting
        self.free.append(exchange)
        status, headers, body = parts(answer)
        protocol.response_bytes(status, headers, body)


@lru_cache(1024)
def parts(answer: bytes) -> Answer:
    """Take a response apart. Most are the same for a second, until their date changes."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    names = [line.partition(": ")[::2] for line in lines]
    headers = [(name.lower(), value) for name, value in names if name not in ("Date", "Content-Length", "Connection")]
    return int(first.split(" ", 2)[1]), headers, body


app = Adapter()
