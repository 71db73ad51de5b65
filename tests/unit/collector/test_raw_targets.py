"""Request targets with raw bytes, as in links that somebody wrote by hand: UTF-8 is taken, blanks are not."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.unit.collector.sample_events import beacon, record
from tests.unit.collector.support import delivered, exchange, make_settings, parse, running
from tests.unit.collector.test_upgrade import received, statuses

if TYPE_CHECKING:
    from pathlib import Path

TITLE = "Zelte für Ærø, 東京 🏕"
ONE = f"GET /csc-event?d={TITLE.replace(' ', '+')} HTTP/1.1\r\nHost: t\r\nUser-Agent: ".encode() + b"caf\xe9\r\n\r\n"


def get(target: bytes, version: bytes = b"1.1") -> bytes:
    return b"GET " + target + b" HTTP/" + version + b"\r\nHost: test\r\nConnection: close\r\n\r\n"


def raw(title: str) -> bytes:
    """A beacon of which nothing but the blanks of the page title is escaped."""
    return beacon("e1", d=title).replace(quote(title, safe=""), title.replace(" ", "%20")).encode()


async def test_raw_utf_8_in_the_query_is_the_text_that_it_says(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        status, _, _ = parse(await exchange(app, get(raw(TITLE))))
        (message,) = delivered(app, "tracking-avro", 1)
    found = record(message)
    assert (status, found["page_title"], found["is_corrupt"]) == (200, TITLE, False)


async def test_bytes_that_are_no_utf_8_become_replacement_characters(tmp_path: Path) -> None:
    """As they do when they are escaped: a page in Latin-1 has such links."""
    pixel = b"/csc-event?t=pageView&noscript=1&d="
    async with running(make_settings(tmp_path)) as app:
        for title in (b"caf\xe9+\xc3", b"caf%E9+%C3"):
            request = get(pixel + title).replace(b"Host", b"Referer: https://shop.example/\r\nHost")
            assert parse(await exchange(app, request))[0] == 200
        found = [record(message)["page_title"] for message in delivered(app, "tracking-avro", 2)]
    assert found == ["caf\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}"] * 2


async def test_a_path_with_raw_bytes_is_another_path(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        for target in ("/csc-évent?v=0:1:a", "http://test/é"):
            assert parse(await exchange(app, get(target.encode())))[0] == 404


@pytest.mark.parametrize("byte", [b" ", b"\t", b"\x00", b"\x01", b"\x7f"])
async def test_a_raw_blank_or_control_character_is_refused(tmp_path: Path, byte: bytes) -> None:
    async with running(make_settings(tmp_path)) as app:
        assert parse(await exchange(app, get(raw("aTBé").replace(b"TB", byte))))[0] == 400
        assert app.metrics.received["browser"] == 0


async def test_http_1_0_with_a_raw_target_is_answered_and_closed(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        status, headers, _ = parse(await exchange(app, get(raw("é"), b"1.0")))
    assert (status, headers["connection"]) == (200, "close")


def test_however_the_reads_cut_it_the_target_is_escaped_and_the_rest_is_left_alone() -> None:
    for cut in range(len(ONE) + 1):
        found = received([ONE[:cut], ONE[cut:], ONE])
        assert statuses(found.written) == ["200", "200"], cut
        assert found.requests == [(b"GET", b"/csc-event", b"")] * 2
        assert [headers[b"user-agent"] for headers in found.headers] == [b"caf\xe9"] * 2
    assert statuses(received([bytes([byte]) for byte in b"\r\n" + ONE]).written) == ["200"]


def test_the_body_of_a_request_is_left_alone() -> None:
    body = '{"é": 1}'.encode()
    head = f"POST /é HTTP/1.1\r\nHost: t\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for cut in range(len(head) + len(body) + 1):
        data = head + body
        assert received([data[:cut], data[cut:]]).requests == [(b"POST", b"/%C3%A9", body)], cut


@pytest.mark.parametrize("line", ["GÉT / HTTP/1.1", "GET / HTTP/1.é", "é"])
def test_raw_bytes_elsewhere_in_the_line_stay_an_error(line: str) -> None:
    assert statuses(received([f"{line}\r\nHost: t\r\n\r\n".encode()]).written) == ["400"]


async def test_curl_sends_such_a_link_and_it_counts(tmp_path: Path) -> None:
    """curl does not escape what it is given."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    async with running(make_settings(tmp_path)) as app:
        url = f"http://127.0.0.1:{app.server.port}{raw('Ærø').decode()}"
        sent = await asyncio.create_subprocess_exec(curl, "-sf", "--max-time", "20", "-o", "/dev/null", url)
        assert await sent.wait() == 0
        (message,) = delivered(app, "tracking-avro", 1)
    assert record(message)["page_title"] == "Ærø"
