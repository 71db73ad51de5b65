"""HTTP/1.1 connections on llhttp (httptools) and asyncio.

No coroutine and no task is made for a request: a handler gets the request and answers it when it wants to, now
or from a delivery callback. That is what makes waiting for Kafka cheap. Parsing itself, with its protection
against request smuggling, is llhttp's, as in Node.
"""

from __future__ import annotations

import re
import time
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

import httptools

from collector.http.request import Request
from collector.http.responses import HTTP_1_1_REQUIRED, NO_HEADERS, plain, with_close, with_headers

if TYPE_CHECKING:
    import asyncio

    from collector.http.server import Server

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
MAX_HEADERS: Final = 100
MAX_PIPELINED: Final = 64
_HTTP_2_PREFACE: Final = b"PRI"
"""What llhttp takes for the method when a client starts with HTTP/2."""
_FRAMING: Final = (b"transfer-encoding", b"content-length", b"connection")
"""Headers that say where a request ends, and whether another one follows."""
_FIRST_COUNTS: Final = frozenset({b"if-none-match", b"user-agent"})
"""Headers of which only the first is used when they are repeated, as in Divolte."""
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")


class Connection:
    """One client's connection: an asyncio.Protocol in all but name, for a compiled class can have no such base."""

    __slots__ = (
        "_closing",
        "_head_bytes",
        "_head_lines",
        "_held",
        "_ignores_upgrade",
        "_in_head",
        "_in_request_line",
        "_parser",
        "_paused",
        "_request",
        "_server",
        "_transport",
        "_unread",
        "_url",
        "now",
        "peer",
        "reading_since",
        "requests",
        "writing_since",
    )  # fmt: skip

    def __init__(self, server: Server) -> None:
        """A connection of that server."""
        self._server = server
        self.now = server.now
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._request: Request | None = None
        self._url = b""
        self._head_bytes = 0
        self._head_lines = 0
        self._held = 0
        self._unread = 0
        self._in_head = False
        self._in_request_line = False
        self._ignores_upgrade = False
        self._closing = False
        self._paused = False
        self.requests: deque[Request] = deque()
        self.peer = ""
        self.reading_since = 0.0
        self.writing_since = 0.0

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        # Not isinstance: uvloop's transports only look like asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if isinstance(peer, tuple) else ""
        self.reading_since = self.now()
        if not self._server.opened(self):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_connections", "Too many connections.")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the client; events of it that are on their way go on."""
        self._closing = True
        self._transport = None
        self._request = None
        self._release()
        self._release_unread()
        self._server.closed(self)

    def data_received(self, data: bytes) -> None:
        """Parse what has come in."""
        if self._closing:
            return
        self._head_bytes += len(data)
        self._held += len(data)
        self._server.held_bytes += len(data)
        if self._server.held_bytes > self._server.limits.memory_bytes:
            self._refuse_for_memory()
            return
        starts = self._request is None or self._in_request_line
        try:
            self._parse(_escaped_target(data) if starts and not data.isascii() else data)
        except httptools.HttpParserError:
            if not self._closing:
                self._refuse_unreadable()
            return
        self._in_request_line = self._in_head and starts and b"\n" not in data.lstrip(b"\r\n")
        if self._in_head and self._head_bytes > self._server.limits.head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", "The request head is too large.")
        elif len(self.requests) > MAX_PIPELINED and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more: answer what is on its way, then close."""
        if not self.requests:
            return False
        self._stop_reading()
        return True

    def pause_writing(self) -> None:
        """The client does not take its answers."""
        self.writing_since = self.now()
        if self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        self.writing_since = 0.0
        self._release_unread()
        self._resume()

    def _parse(self, data: bytes) -> None:
        """Give data to the parser; HttpParserError when it is not HTTP."""
        rest = memoryview(data)
        while True:
            try:
                self._parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                if self._closing:
                    return
                if self._request is not None:
                    self._ignore_upgrade(self._request)
                rest = rest[upgrade.args[0] :]
            else:
                return

    def _ignore_upgrade(self, request: Request) -> None:
        """Parse the body of a request that asks for another protocol, as if it did not ask.

        A server may ignore Upgrade (RFC 9110, 7.8), and clients send it with ordinary requests: Java's HttpClient
        asks for h2c by default. httptools then treats all that follows the head as the other protocol. So a new
        parser gets a head that frames the body in the same way, without Upgrade, and goes on from there.
        """
        lines = [request.method + b" / HTTP/" + self._parser.get_http_version().encode()]
        lines += [name + b": " + request.headers[name] for name in _FRAMING if name in request.headers]
        self._ignores_upgrade = False
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    # httptools

    def on_message_begin(self) -> None:
        """A request starts."""
        if self._request is not None:
            return  # the second head of a request whose Upgrade is ignored
        started = self.now()
        self._request = Request(self, started)
        self._url = b""
        self._head_lines = 0
        self._in_head = True
        self.reading_since = started

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self._url = self._url + url if self._url else url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header line."""
        request = self._request
        # What follows the body must not pass for a header, X-Forwarded-For for example.
        if request is None or not self._in_head:
            return
        self._head_lines += 1
        if self._head_lines > MAX_HEADERS:  # also of one name: joining thousands of them takes long
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", "Too many headers.")
            return
        headers = request.headers
        name = name.lower()
        if name in headers:
            if name in _FIRST_COUNTS:
                return
            value = headers[name] + (b"; " if name == b"cookie" else b", ") + value
        headers[name] = value

    def on_headers_complete(self) -> None:
        """The head is whole: find the route, and refuse early what is too large."""
        request = self._request
        if request is None or self._closing or not self._in_head:
            return
        self._in_head = False
        read, self._head_bytes = self._head_bytes, 0
        request.method = self._parser.get_method()
        request.path, _, request.query = self._url.partition(b"?")
        request.route = self._server.route(request.path)
        version = self._parser.get_http_version()
        request.keep_alive = version == "1.1" and self._parser.should_keep_alive()
        if version not in ("1.1", "1.0"):
            text = "Only HTTP/1.1 and HTTP/1.0 are supported."
            self._refuse(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "http_version", text)
            return
        if request.method == b"CONNECT":
            self._refuse(HTTPStatus.NOT_IMPLEMENTED, "method", "CONNECT is not implemented.")
            return
        if len(self._url) > self._server.limits.url_bytes:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG, "url_too_long", "The URL is too long.")
            return
        headers = request.headers
        # One read may have brought the whole head, and more than it: count only what belongs to it.
        if read > self._server.limits.head_bytes and self._head_size(headers) > self._server.limits.head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", "The request head is too large.")
            return
        self._ignores_upgrade = b"upgrade" in headers and self._parser.should_upgrade()
        if b"content-length" in headers or b"transfer-encoding" in headers:
            self._expect_body(request)

    def on_body(self, chunk: bytes) -> None:
        """A piece of the body."""
        request = self._request
        if request is None or self._closing:
            return
        if request.chunks is None:
            request.chunks = []
        request.chunks.append(chunk)
        request.limit -= len(chunk)
        if request.limit < 0:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", "The body is too large.")

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._ignores_upgrade:
            return  # only the head is
        request = self._request
        self._request = None
        if request is None or self._closing:
            return
        self.reading_since = 0.0
        self._head_bytes = 0
        if request.chunks is not None:
            request.body = b"".join(request.chunks)
            request.chunks = None
        request.arrival_ms = time.time_ns() // 1_000_000
        self._give_held(request)
        self.requests.append(request)
        self._server.handle(request)

    # answers

    def flush(self) -> None:
        """Send the answers that are ready, in order."""
        requests = self.requests
        transport = self._transport
        while requests and (answer := requests[0].answer) is not None:
            request = requests.popleft()
            self._server.held_bytes -= request.held
            if transport is None:
                continue
            if lines := self._server.page_headers(request):
                answer = with_headers(answer, lines)
            if request.method == b"HEAD":
                answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            if request.keep_alive and not self._server.is_draining:
                self._write(transport, answer)
                continue
            transport.write(with_close(answer))
            self._server.held_bytes -= sum([waiting.held for waiting in requests])
            requests.clear()
            self._release()
            self._close()
            return
        if not requests:
            self._all_answered()

    def _write(self, transport: asyncio.Transport, answer: bytes) -> None:
        """Send an answer. While the client does not read, it takes memory, and a short request may have a long one."""
        transport.write(answer)
        if self.writing_since == 0.0:
            return
        self._unread += len(answer)
        self._server.held_bytes += len(answer)
        if self._server.held_bytes > self._server.limits.memory_bytes:
            self._server.refused("memory")
            self._closing = True
            transport.abort()

    def _all_answered(self) -> None:
        if self._transport is None:
            return
        if self._closing:
            self._close()
            return
        if self.reading_since == 0.0:
            self.reading_since = self.now()
        if self._paused:
            self._resume()

    def expire(self, now: float) -> None:
        """Called about once a second: end the connection if the client is too slow."""
        limits = self._server.limits
        if self.writing_since and now - self.writing_since > limits.write_seconds:
            self._server.refused("slow_reader")
            if self._transport is not None:
                self._transport.abort()
        elif self.requests or self._closing:
            return
        elif self._request is not None:
            if now - self.reading_since > (limits.head_seconds if self._in_head else limits.body_seconds):
                self._refuse(HTTPStatus.REQUEST_TIMEOUT, "slow_request", "The request took too long.")
        elif now - self.reading_since > limits.idle_seconds:
            self._close()

    def shut(self) -> None:
        """Close when idle, or after the answers on their way."""
        if not self.requests and self._request is None:
            self._close()

    def _head_size(self, headers: dict[bytes, bytes]) -> int:
        return len(self._url) + sum(len(name) + len(value) + len(b": \r\n") for name, value in headers.items())

    def _expect_body(self, request: Request) -> None:
        limit = self._server.body_limit(request)
        request.limit = limit
        length = request.headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > limit:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", "The body is too large.")
        elif request.headers.get(b"expect", b"").lower() == b"100-continue" and self._transport is not None:
            self._transport.write(CONTINUE)

    def _refuse(self, status: HTTPStatus, reason: str, text: str) -> None:
        """Answer a request that is not to be read to its end, and close."""
        if self._closing:
            return
        self._server.refused(reason)
        request = self._request or Request(self, self.now())
        self._request = None
        request.keep_alive = False
        self._give_held(request)
        self.requests.append(request)
        self._closing = True
        headers = {"Retry-After": "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else NO_HEADERS
        request.respond(plain(status, text, headers))

    def _refuse_unreadable(self) -> None:
        """Answer what the parser stopped at, and close."""
        if self._parser.get_method() == _HTTP_2_PREFACE and self._transport is not None:
            self._server.refused("http_version")
            self._transport.write(HTTP_1_1_REQUIRED)
            self._close()
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, "bad_http", "Not an HTTP/1.1 request.")

    def _refuse_for_memory(self) -> None:
        """Refuse what would take more memory than there is for requests; what waits for Kafka goes on."""
        self._request = None
        self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "memory", "Too many requests at the same time.")

    def hold(self, size: int) -> None:
        """Count bytes that a request of this connection holds besides what was received."""
        self._server.held_bytes += size

    def _give_held(self, request: Request) -> None:
        """What was received since the last request is this one's, until its answer."""
        request.held += self._held
        self._held = 0

    def _release_unread(self) -> None:
        """No answer waits for the client to read."""
        self._server.held_bytes -= self._unread
        self._unread = 0

    def _release(self) -> None:
        """Nothing is kept of a request that is not whole."""
        self._server.held_bytes -= self._held
        self._held = 0

    def _stop_reading(self) -> None:
        self._closing = True
        if not self.requests:
            self._close()

    def _resume(self) -> None:
        if self._paused and not self._closing and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _close(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.close()


def _escaped_target(data: bytes) -> bytes:
    """The read with its first line in ASCII: llhttp takes no other bytes in a request target.

    Links written by hand have them, and curl, e-mail programs and old browsers send them as they are. Headers and body
    stay unchanged. A request that follows another one in the same read is not looked at: such clients wait for answers.
    """
    start = len(data) - len(data.lstrip(b"\r\n"))  # blank lines may precede a request
    end = data.find(b"\n", start)
    if end < 0:
        end = len(data)
    return _NOT_ASCII.sub(_escaped, data[:end]) + data[end:]


def _escaped(byte: re.Match[bytes]) -> bytes:
    return b"%%%02X" % byte[0][0]
