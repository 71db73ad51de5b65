"""Requests that ask for another protocol: Upgrade is ignored, nothing of the request is lost.

Java's HttpClient sends `Upgrade: h2c` with each request to an http:// address by default, and so does `curl --http2`.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from collector.http.connection import Connection
from collector.http.cors import CorsPolicy
from collector.http.responses import plain
from collector.http.server import Limits, Route, Server

from tests.unit.collector.sample_events import JSON_BODY, beacon, record
from tests.unit.collector.support import delivered, exchange, make_settings, running

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from collector.http.request import Request

JAVA_ASKS = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"


def json_post(body: bytes, *, upgrade: str = JAVA_ASKS, chunked: bool = False) -> bytes:
    if chunked:
        length = "Transfer-Encoding: chunked"
        pieces = [body[start : start + 100] for start in range(0, len(body), 100)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nX-Trailer: 1\r\n\r\n"
    else:
        length = f"Content-Length: {len(body)}"
    head = (
        f"POST /json-event?p=0:1:a HTTP/1.1\r\n{upgrade}{length}\r\nHost: t\r\nContent-Type: application/json\r\n\r\n"
    )
    return head.encode() + body


def numbered(number: int) -> bytes:
    return JSON_BODY.replace(b'"e"', b'"e%d"' % number)


def statuses(answers: bytes) -> list[str]:
    return [status.decode() for status in re.findall(rb"HTTP/1\.1 (\d+) ", answers)]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0, h2c"])
async def test_a_body_with_upgrade_is_read_and_the_connection_goes_on(
    tmp_path: Path, protocol: str, *, chunked: bool
) -> None:
    asks = f"Connection: Upgrade\r\nUpgrade: {protocol}\r\n"
    data = b"".join(json_post(numbered(number), upgrade=asks, chunked=chunked) for number in range(3))
    data += f"GET {beacon('e3')} HTTP/1.1\r\nHost: t\r\n{asks}\r\n".encode()
    data += json_post(numbered(4), upgrade="", chunked=chunked)
    async with running(make_settings(tmp_path)) as app:
        answers = await exchange(app, data)
        assert statuses(answers) == ["204", "204", "204", "200", "204"]
        assert b"Connection: close" not in answers
        found = [record(message)["event_id"] for message in delivered(app, "tracking-avro", 5)]
        assert sorted(found) == ["e0", "e1", "e2", "e3", "e4"]
        assert app.metrics.dead.total() == 0


class Receiver:
    """A handler and a transport in one: keeps what handlers get and what the client would read."""

    def __init__(self) -> None:
        self.requests: list[tuple[bytes, bytes, bytes]] = []
        self.headers: list[dict[bytes, bytes]] = []
        self.written = b""
        self.closed = False

    def handle(self, given: Request) -> None:
        self.requests.append((given.method, given.path, given.body))
        self.headers.append(given.headers)
        given.respond(plain(HTTPStatus.OK, "ok"))

    def get_extra_info(self, _name: str) -> None:
        """Its address does not matter."""

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True


async def _connection(receiver: Receiver) -> Connection:
    """A connection of a server that answers each of these paths alike."""
    paths = ("/", "/a", "/b", "/c", "/d", "/é", "/csc-event")
    routes = {path.encode(): Route(receiver.handle, body_limit=9999) for path in paths}
    return Connection(Server(routes, Limits(), CorsPolicy()))


def received(parts: Sequence[bytes]) -> Receiver:
    """What comes of these reads on one connection."""
    receiver = Receiver()
    connection = asyncio.run(_connection(receiver))
    connection.connection_made(receiver)  # type: ignore[arg-type]
    for part in parts:
        connection.data_received(part)
    return receiver


ONE = b"POST /a HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nbody"
TWO = (
    b"POST /b HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x=y\r\nchu\r\n4\r\nnked\r\n0\r\nTrailer: 1\r\n\r\n"
)
THREE = b"GET /c HTTP/1.1\r\nHost: t\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
FOUR = b"POST /d HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nlast"
EXPECTED = [(b"POST", b"/a", b"body"), (b"POST", b"/b", b"chunked"), (b"GET", b"/c", b""), (b"POST", b"/d", b"last")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
def test_requests_are_the_same_however_the_reads_cut_them(size: int) -> None:
    data = ONE + TWO + THREE + FOUR + ONE
    found = received([data[start : start + size] for start in range(0, len(data), size)])
    assert found.requests == [*EXPECTED, EXPECTED[0]]
    assert (statuses(found.written), found.closed) == (["200"] * 5, False)


def test_one_cut_at_every_byte_changes_nothing() -> None:
    data = ONE + TWO + THREE + FOUR
    for cut in range(len(data) + 1):
        found = received([data[:cut], data[cut:]])
        assert (found.requests, found.closed) == (EXPECTED, False), cut


def test_the_client_may_close_with_the_upgrade() -> None:
    data = ONE.replace(b"Connection: Upgrade", b"Connection: close, Upgrade")
    found = received([data])
    assert found.requests == EXPECTED[:1]
    assert b"Connection: close" in found.written
    assert found.closed


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(ONE.replace(b"Content-Length: 4", b"Transfer-Encoding: gzip"), "400", id="no length"),
        pytest.param(
            ONE.replace(b"Content-Length: 4", b"Content-Length: 4\r\nTransfer-Encoding: chunked"),
            "400",
            id="two lengths",
        ),
        pytest.param(ONE.replace(b"Length: 4", b"Length: 10000"), "413", id="too large"),
        pytest.param(TWO.replace(b"\r\n4\r\nnked", b"\r\nnked"), "400", id="bad chunk"),
        pytest.param(b"CONNECT t:443 HTTP/1.1\r\nHost: t\r\n\r\n\x16\x03\x01", "501", id="tunnel"),
        pytest.param(b"GET / HTTP/2.0\r\nHost: t\r\n\r\n", "505", id="HTTP/2 in the request line"),
    ],
)
@pytest.mark.parametrize("size", [1, 10_000])
def test_what_cannot_be_served_is_answered_and_the_client_knows_that_the_connection_ends(
    data: bytes, status: str, size: int
) -> None:
    found = received([data[start : start + size] for start in range(0, len(data), size)])
    assert statuses(found.written) == [status]
    assert b"Connection: close" in found.written
    assert (found.requests, found.closed) == ([], True)


@pytest.mark.parametrize("size", [1, 10_000])
def test_a_client_that_starts_with_http_2_is_told_to_use_http_1(size: int) -> None:
    data = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
    found = received([data[start : start + size] for start in range(0, len(data), size)])
    settings, goaway = found.written[:9], found.written[9:]
    assert settings == bytes.fromhex("000000040000000000")
    assert (goaway[3], goaway[9:13], goaway[13:]) == (7, b"\0\0\0\0", b"\0\0\0\x0d")
    assert (found.requests, found.closed) == ([], True)


def test_a_field_after_the_body_is_no_header() -> None:
    """Or anybody could add to X-Forwarded-For behind the proxies' backs."""
    parts = (TWO, TWO.replace(b"Connection: Upgrade\r\n", b""))
    found = received([part.replace(b"Trailer: 1", b"X-Forwarded-For: 203.0.113.7") for part in parts])
    assert [b"x-forwarded-for" in headers for headers in found.headers] == [False, False]


async def test_expect_continue_is_honoured_with_upgrade(tmp_path: Path) -> None:
    head, body = json_post(JSON_BODY, upgrade=JAVA_ASKS + "Expect: 100-continue\r\n").split(b"\r\n\r\n")
    async with running(make_settings(tmp_path)) as app:
        reader, writer = await asyncio.open_connection("127.0.0.1", app.server.port)
        writer.write(head + b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert b" 204 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        writer.close()
