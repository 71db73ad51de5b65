"""The listening server: routes, limits, clients that are too slow, and shutdown."""

from __future__ import annotations

import asyncio
import posixpath
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote_to_bytes

import structlog

from collector.http.connection import Connection
from collector.http.cors import CorsPolicy, preflight
from collector.http.inflate import inflate
from collector.http.responses import plain
from collector.logs import trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.http.request import Request

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a client may use. Sizes in bytes, times in seconds."""

    url_bytes: int = 16_384
    head_bytes: int = 32_768
    head_seconds: float = 10.0
    body_seconds: float = 15.0
    write_seconds: float = 15.0
    idle_seconds: float = 75.0
    connections: int = 10_000
    memory_bytes: int = 64 * 1024 * 1024
    """For requests that are being received or wait for their answer, and answers that wait for their client to read,
    of all connections."""


@dataclass(frozen=True, slots=True)
class Route:
    """What answers a path.

    No methods: any method is served. `when_draining`: still served while stopping. `cross_origin`: pages of other
    origins may read the answers, as far as the policy allows.
    """

    handler: Callable[[Request], None]
    methods: tuple[bytes, ...] = ()
    body_limit: int = 0
    when_draining: bool = False
    cross_origin: bool = False


class Server:
    """Serves routes. Lives on one event loop."""

    def __init__(
        self,
        routes: dict[bytes, Route],
        limits: Limits,
        cors: CorsPolicy,
        cookie: Callable[[dict[bytes, bytes]], bytes] | None = None,
    ) -> None:
        """Serve these paths. `cookie` makes a Set-Cookie line, or nothing, from the headers of a request."""
        self._routes = routes
        self._cookie = cookie
        self._cors = cors
        self._connections: set[Connection] = set()
        self._listener: asyncio.Server | None = None
        self.limits = limits
        self.is_draining = False
        self.held_bytes = 0
        """What connections hold of requests, and of answers whose client does not read."""
        self.refusals: Counter[str] = Counter()
        self.now = asyncio.get_running_loop().time

    async def listen(self, host: str, port: int, backlog: int = 2048) -> None:
        """Accept connections. OSError when the address is taken."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._connect, host, port, backlog=backlog)

    @property
    def port(self) -> int:
        """The port that is listened on, for when 0 was asked for."""
        assert self._listener is not None  # noqa: S101 - asked for after listen()
        listener: Any = self._listener  # uvloop's, whose sockets are a list and no tuple as asyncio's
        return int(listener.sockets[0].getsockname()[1])

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def route(self, path: bytes) -> Route | None:
        """What answers a path, if anything does."""
        return self._routes.get(path) or self._routes.get(canonical_path(path))

    def handle(self, request: Request) -> None:
        """Give a whole request to its route. A defect in a handler becomes a 503, never a dead connection."""
        route = request.route
        try:
            if route is None:
                self.refused("not_found")
                request.respond(plain(HTTPStatus.NOT_FOUND, "Not found."))
            elif route.cross_origin and is_preflight(request):
                request.respond(preflight(route.methods))
            elif self.is_draining and not route.when_draining:
                self.refused("draining")
                request.respond(plain(HTTPStatus.SERVICE_UNAVAILABLE, "Shutting down.", {"Retry-After": "1"}))
            elif route.methods and request.method not in route.methods:
                self.refused("method")
                method = request.method.decode("latin-1")
                allowed = b", ".join(route.methods).decode()
                text = f"HTTP method {method} not allowed."
                request.respond(plain(HTTPStatus.METHOD_NOT_ALLOWED, text, {"Allow": allowed}))
            elif route.body_limit and (refusal := inflate(request, route.body_limit)) is not None:
                self.refused("content_encoding")
                request.respond(refusal)
            elif self.held_bytes > self.limits.memory_bytes:  # the body is larger than what was received
                self.refused("memory")
                text = "Too many requests at the same time."
                request.respond(plain(HTTPStatus.SERVICE_UNAVAILABLE, text, {"Retry-After": "1"}))
            else:
                route.handler(request)
        except Exception as error:  # noqa: BLE001 - one event must not take others with it
            self.refused("internal")
            log.error("a request failed", error=type(error).__name__, trace=trace(error))
            request.respond(plain(HTTPStatus.SERVICE_UNAVAILABLE, "Internal error.", {"Retry-After": "1"}))

    def body_limit(self, request: Request) -> int:
        """How large the body of a request may be; 64 KiB where a body is not wanted, so that it can be skipped."""
        route = request.route
        return route.body_limit if route is not None and route.body_limit else 65_536

    def page_headers(self, request: Request) -> bytes:
        """CORS and cookie lines for the answer to a page; empty for paths that pages do not use."""
        # A request that is refused before its path is known may be one with events: its sender must see the status.
        if request.path and (request.route is None or not request.route.cross_origin):
            return b""
        lines = self._cors.headers(request.headers.get(b"origin", b""))
        return lines if self._cookie is None else lines + self._cookie(request.headers)

    def opened(self, connection: Connection) -> bool:
        """Count a connection; False when there are too many."""
        self._connections.add(connection)
        return len(self._connections) <= self.limits.connections

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)

    def refused(self, reason: str) -> None:
        """Count a refusal."""
        self.refusals[reason] += 1

    def expire(self) -> None:
        """End connections of clients that are too slow. To be called about once a second."""
        now = self.now()
        for connection in list(self._connections):
            connection.expire(now)

    async def drain(self, timeout: float) -> bool:
        """Accept nothing new, and wait for what is being answered; whether all was, within so many seconds."""
        self.is_draining = True
        if self._listener is not None:
            self._listener.close()
        deadline = self.now() + timeout
        while self._connections and self.now() < deadline:
            for connection in list(self._connections):
                connection.shut()
            await asyncio.sleep(0.02)
        return not self._connections

    def _connect(self) -> asyncio.Protocol:
        return cast("asyncio.Protocol", Connection(self))


def is_preflight(request: Request) -> bool:
    """Whether a browser asks if a page of another origin may send a request."""
    return request.method == b"OPTIONS" and b"access-control-request-method" in request.headers


def canonical_path(path: bytes) -> bytes:
    """The path without escapes, empty, `.` and `..` parts, and without the origin of an absolute target."""
    if path.startswith((b"http://", b"https://")):
        path = b"/" + path.split(b"/", 3)[3] if path.count(b"/") > 2 else b"/"
    decoded = unquote_to_bytes(path)
    canonical = posixpath.normpath(decoded)
    return b"/" + canonical.lstrip(b"/")
