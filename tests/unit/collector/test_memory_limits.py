"""What many requests hold at the same time stays within budgets of bytes; beyond them the answer is 503."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING

import fastavro
import pytest
from collector.answers import GIF
from collector.delivery.kafka import Delivery
from collector.delivery.message import Message
from collector.metrics import Metrics

from tests.unit.collector.sample_events import EVENT, batch, beacon
from tests.unit.collector.support import SCHEMA, all_of, exchange, make_settings, request, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from collector.app import App

HEAD = b"POST /csc-batch HTTP/1.1\r\nHost: c\r\nContent-Type: text/plain\r\nContent-Length: 200000\r\n\r\n"


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(400):
        if holds():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it did not come to that in 20 seconds")


async def held_open(app: App, count: int) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connections that have sent most of a body."""
    opened = [await asyncio.open_connection("127.0.0.1", app.server.port) for _ in range(count)]
    for _, writer in opened:
        writer.write(HEAD + b"x" * 150_000)
        await writer.drain()
    return opened


async def test_bodies_that_are_being_received_share_a_budget(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, request_memory_bytes=1_000_000)) as app:
        opened = await held_open(app, 20)
        for _ in range(200):
            if app.server.refusals["memory"] >= 13:
                break
            await asyncio.sleep(0.05)
        assert 13 <= app.server.refusals["memory"] < 20
        assert app.server.held_bytes <= 1_000_000 + 65_536
        for _, writer in opened:
            writer.close()
        for _ in range(200):
            if app.server.held_bytes == 0:
                break
            await asyncio.sleep(0.05)
        assert app.server.held_bytes == 0
        status, _, _ = await request(app, "/csc-batch", "POST", batch(EVENT), Content_Type="text/plain")
        assert status == 200
        assert app.server.held_bytes == 0


async def raw(app: App) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", app.server.port)


def long_get(number: int) -> bytes:
    return f"GET {beacon(f'e{number}')} HTTP/1.1\r\nHost: c\r\nX: {'x' * 10_000}\r\n\r\n".encode()


async def test_decompressed_bodies_count_towards_the_budget(tmp_path: Path) -> None:
    body = gzip.compress(batch(*[{**EVENT, "e": f"0:v{number}", "t": "x" * 200} for number in range(500)]))
    assert len(body) < 20_000
    options = {"Content_Type": "text/plain", "Content_Encoding": "gzip"}
    async with running(make_settings(tmp_path, request_memory_bytes=100_000)) as app:
        status, headers, _ = await request(app, "/csc-batch", "POST", body, **options)
        assert (status, headers["retry-after"]) == (503, "1")
        assert app.server.refusals["memory"] == 1
        assert app.server.held_bytes == 0
    async with running(make_settings(tmp_path)) as app:
        assert (await request(app, "/csc-batch", "POST", body, **options))[0] == 200
        assert app.server.held_bytes == 0


async def test_answers_that_a_client_does_not_read_count_towards_the_budget(tmp_path: Path) -> None:
    """A short request may have a long answer, and hundreds of them arrive with one read."""
    asks = b"GET /openapi.json HTTP/1.1\r\nHost: c\r\n\r\n"
    async with running(make_settings(tmp_path, request_memory_bytes=2_000_000)) as app:
        _, writer = await raw(app)
        writer.write(asks * 20_000)
        await until(lambda: app.server.refusals["memory"] == 1)
        await until(lambda: app.server.open_connections == 0)
        assert app.server.held_bytes == 0
        writer.close()


async def test_a_client_that_always_sends_the_start_of_another_request_holds_only_that(tmp_path: Path) -> None:
    """Each answer comes when the next request has begun, so there is never a moment without one."""
    async with running(make_settings(tmp_path, request_memory_bytes=100_000)) as app:
        reader, writer = await raw(app)
        rest = long_get(0)
        for number in range(1, 30):
            following = long_get(number)
            writer.write(rest + following[:5])
            rest = following[5:]
            assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            await asyncio.wait_for(reader.readexactly(len(GIF)), 10)
        assert app.server.refusals["memory"] == 0
        assert app.server.held_bytes < 20_000
        writer.close()
        await until(lambda: app.server.held_bytes == 0)


async def test_header_lines_are_limited_also_if_all_have_one_name(tmp_path: Path) -> None:
    """Lines of one name are joined, one after the other: thousands of them would take long."""
    async with running(make_settings(tmp_path)) as app:
        for lines, status in ((98, b"200"), (101, b"431")):
            head = b"GET /ping HTTP/1.1\r\nHost: c\r\nConnection: close\r\n" + b"A: b\r\n" * lines
            assert (await exchange(app, head + b"\r\n")).split(b" ", 2)[1] == status


async def test_what_waits_for_kafka_has_a_budget() -> None:
    delivery = Delivery({"test.mock.num.brokers": 1, "linger.ms": 200}, None, Metrics(), 1000, queue_bytes=50_000)
    outcomes: list[str | None] = []
    for number in range(20):
        delivery.send(Message("topic", b"k", b"v" * 10_000, number, outcomes.append))
    assert set(outcomes) == {"the queue is full"}
    assert len(outcomes) == 17
    await delivery.close(10)
    assert outcomes.count(None) == 3
    assert delivery.queued_bytes == 0


async def test_what_all_events_of_a_batch_share_is_not_multiplied(tmp_path: Path) -> None:
    """A long User-Agent is stored with each of a thousand events, each of them as small as can be."""
    least = {"p": "0:1:p", "s": "0:1:s", "v": "", "c": 1}
    body = batch(*[{**least, "e": f"{number}"} for number in range(1000)])
    async with running(make_settings(tmp_path)) as app:
        status, _, _ = await request(
            app, "/csc-batch", "POST", body, Content_Type="text/plain", User_Agent="Mozilla/5.0 " + "x" * 16_000
        )
        assert status == 200
        records = all_of(app, "tracking-avro")
    stored = sum(len(message.value() or b"") for message in records)
    assert len(records) == 1000
    assert stored < 16 * len(body)


async def test_dead_letters_beyond_their_rate_are_counted_and_not_kept(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, dead_letter_notice_topic="notices", dead_letter_rate=1, dead_letter_burst=3000)
    async with running(settings) as app:
        for _ in range(10):
            status, _, answer = await request(app, "/csc-batch", "POST", b"x" * 500, Content_Type="text/plain")
            assert status == 400, answer
        app.collector.dead_letters.report()
        letters, notices = all_of(app, "tracking-dead"), all_of(app, "notices")
        assert len(letters) == 2
        assert app.metrics.dead["batch"] == 10
        assert app.metrics.dead_not_kept["batch"] == 8
        assert sum(json.loads(notice.value() or b"")["events"] for notice in notices) == 10
        reasons = {json.loads(notice.value() or b"")["reason"] for notice in notices}
        assert any(reason.startswith("too many dead letters") for reason in reasons)
        _, _, shown = await request(app, "/metrics")
        assert b'collector_dead_not_kept_total{source="batch"} 8.0' in shown
        for notice in notices:
            assert fastavro.validate(
                json.loads(notice.value() or b""), json.loads((SCHEMA.parent / "dead_letter.avsc").read_text())
            )


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"events":' + b"[" * 1000, b'{"events":[' + b'{"u":' * 900])
async def test_nonsense_is_refused_and_leaves_nothing_behind(tmp_path: Path, body: bytes) -> None:
    async with running(make_settings(tmp_path)) as app:
        status, _, _ = await request(app, "/csc-batch", "POST", body, Content_Type="text/plain")
        assert status == 400
        assert (app.server.held_bytes, app.delivery.queued_bytes) == (0, 0)
