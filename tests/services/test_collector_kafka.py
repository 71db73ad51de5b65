"""Acknowledged means delivered: the collector as a process of its own, a real broker, and faults in both.

Every test sends numbered events over keep-alive connections while something breaks, and then reads the topic:
each event whose request got a 200 must be there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.async_waiting import until
from tests.support.collector_process import Collector, delivered
from tests.support.images import DOCKER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.kafka_broker import Broker

pytest.importorskip("httptools", reason="the collector's requirements are not installed")
pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        subprocess.run([DOCKER, "info"], check=False, capture_output=True).returncode != 0, reason="no Docker engine"
    ),
]

CLIENTS = 8


class Load:
    """Clients that send events one after the other, each as a visitor of its own, and remember the answers."""

    def __init__(self, collector: Collector, *, batches: bool = False) -> None:
        """With `batches`, every other client sends ten events at a time, as the tracker does."""
        self._collector = collector
        self._batches = batches
        self._stopped = asyncio.Event()
        self.statuses: dict[str, int] = {}

    @property
    def acknowledged(self) -> set[str]:
        """Ids of events that are safe, as their senders were told."""
        return {event for event, status in self.statuses.items() if status == 200}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send while the body runs."""
        tasks = [asyncio.create_task(self._client(number)) for number in range(CLIENTS)]
        try:
            yield
        finally:
            self._stopped.set()
            await asyncio.gather(*tasks)

    async def _client(self, client: int) -> None:
        number = 0
        size = 10 if self._batches and client % 2 else 1
        while not self._stopped.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._collector.port)
                while not self._stopped.is_set():
                    events = [f"{client}-{number + offset}" for offset in range(size)]
                    number += size
                    self.statuses |= dict.fromkeys(events, 0)
                    writer.write(beacon(client, events[0]) if size == 1 else batch(client, events))
                    status, body = await answer(reader)
                    taken = json.loads(body)["accepted"] if size > 1 and status == 200 else events
                    self.statuses |= dict.fromkeys(taken, status)
                    await asyncio.sleep(0.002 * size if status == 200 else 0.05)
                writer.close()
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.05)


def beacon(client: int, event: str) -> bytes:
    """A GET of one event."""
    target = f"/csc-event?p=0:{client}:p&s=0:1:s&v=v&e={event}&c=1&n=f&f=f&t=test"
    return f"GET {target} HTTP/1.1\r\nHost: t\r\n\r\n".encode()


def batch(client: int, events: list[str]) -> bytes:
    """A POST of several."""
    common = {"p": f"0:{client}:p", "s": "0:1:s", "v": "v", "c": 1, "n": False, "f": False, "t": "test"}
    body = json.dumps({"events": [{**common, "e": event} for event in events]}).encode()
    head = f"POST /csc-batch HTTP/1.1\r\nHost: t\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return int(head.split(b" ")[1]), await reader.readexactly(length)


async def wait_for_events(load: Load, count: int) -> None:
    """Return when so many more events were acknowledged."""
    wanted = len(load.acknowledged) + count
    try:
        await until(lambda: len(load.acknowledged) >= wanted, seconds=30, what=f"{wanted} acknowledged events")
    except AssertionError as error:
        message = f"{error}; {len(load.acknowledged)} acknowledged, statuses {set(load.statuses.values())}"
        raise AssertionError(message) from error


def container(action: str, kafka: Broker) -> None:
    """Pause the broker's processes or let them go on: a machine that hangs, with its connections open."""
    subprocess.run([DOCKER, action, kafka._name], check=True, capture_output=True)


def assert_nothing_lost(load: Load, records: list[dict[str, Any]]) -> None:
    """Acknowledged is delivered; what nobody sent is not there; events of a visitor are in their order."""
    found = {record["event_id"] for record in records}
    assert load.acknowledged, "no event was acknowledged, so nothing was proved"
    assert load.acknowledged - found == set()
    assert found <= set(load.statuses)
    for client in range(CLIENTS):
        first_seen = list(
            dict.fromkeys(
                int(record["event_id"].partition("-")[2])
                for record in records
                if record["event_id"].startswith(f"{client}-")
            )
        )
        assert first_seen == sorted(first_seen)


def test_kafka_killed_and_started_under_load(kafka: Broker, tmp_path: Path, collectors: list[Collector]) -> None:
    topics = kafka.topics()
    collector = Collector(kafka, topics, tmp_path)
    collectors.append(collector)
    load = Load(collector, batches=True)

    async def scenario() -> None:
        async with load.running():
            await wait_for_events(load, 200)
            await asyncio.to_thread(kafka.kill)
            await wait_for_events(load, 300)  # acknowledged from the spool
            await asyncio.to_thread(kafka.start)
            await wait_for_events(load, 200)

    asyncio.run(scenario())
    collector.wait_until_replayed()
    found = collector.metrics()
    assert set(load.statuses.values()) == {200}
    assert found["spooled_total"] >= 300
    assert found["replayed_total"] == found["spooled_total"]
    assert_nothing_lost(load, delivered(kafka, topics.avro))


def test_collector_killed_under_load_with_kafka_away(
    kafka: Broker, tmp_path: Path, collectors: list[Collector]
) -> None:
    topics = kafka.topics()
    collector = Collector(kafka, topics, tmp_path)
    collectors.append(collector)
    load = Load(collector, batches=True)

    async def scenario() -> None:
        async with load.running():
            await wait_for_events(load, 100)
            await asyncio.to_thread(collector.stop, signal.SIGKILL)
            await asyncio.to_thread(collector.start)
            await wait_for_events(load, 100)
            await asyncio.to_thread(kafka.kill)
            await wait_for_events(load, 200)
            await asyncio.to_thread(collector.stop, signal.SIGKILL)  # with acknowledged events in the spool only
            await asyncio.to_thread(collector.start)
            await wait_for_events(load, 100)
            await asyncio.to_thread(kafka.start)
            await wait_for_events(load, 50)

    asyncio.run(scenario())
    collector.wait_until_replayed()
    assert_nothing_lost(load, delivered(kafka, topics.avro))


def test_terminated_collector_loses_nothing_and_leaves_no_request_without_answer(
    kafka: Broker, tmp_path: Path, collectors: list[Collector]
) -> None:
    topics = kafka.topics()
    collector = Collector(kafka, topics, tmp_path)
    collectors.append(collector)
    load = Load(collector)
    ends: list[int] = []

    async def scenario() -> None:
        async with load.running():
            await wait_for_events(load, 200)
            ends.append(await asyncio.to_thread(collector.stop))

    asyncio.run(scenario())
    assert ends == [0]
    assert_nothing_lost(load, delivered(kafka, topics.avro))


def test_full_disk_gives_503_and_nothing_acknowledged_is_lost(
    kafka: Broker, tmp_path: Path, collectors: list[Collector]
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(spool)], check=False, capture_output=True
    )
    limit = {} if mounted.returncode == 0 else {"SPOOL_MAX_BYTES": "60000"}
    try:
        topics = kafka.topics()
        collector = Collector(kafka, topics, tmp_path, **limit)
        collectors.append(collector)
        load = Load(collector)

        async def scenario() -> None:
            async with load.running():
                await wait_for_events(load, 100)
                await asyncio.to_thread(kafka.kill)
                await until(lambda: 503 in load.statuses.values(), seconds=30, what="a refusal")
                await asyncio.to_thread(kafka.start)
                await wait_for_events(load, 200)

        asyncio.run(scenario())
        assert 503 in load.statuses.values()
        collector.wait_until_replayed()
        assert_nothing_lost(load, delivered(kafka, topics.avro))
        assert collector.stop() == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", str(spool)], check=True)


def test_a_broker_that_hangs_is_not_waited_for(kafka: Broker, tmp_path: Path, collectors: list[Collector]) -> None:
    topics = kafka.topics()
    collector = Collector(kafka, topics, tmp_path)
    collectors.append(collector)
    load = Load(collector)

    async def scenario() -> None:
        async with load.running():
            await wait_for_events(load, 100)
            await asyncio.to_thread(container, "pause", kafka)
            try:
                await wait_for_events(load, 100)
            finally:
                await asyncio.to_thread(container, "unpause", kafka)
            await wait_for_events(load, 50)

    asyncio.run(scenario())
    collector.wait_until_replayed()
    assert set(load.statuses.values()) == {200}
    assert_nothing_lost(load, delivered(kafka, topics.avro))


async def send_slowly(collector: Collector, load: Load, client: int) -> None:
    """A client on a bad line: it sends its requests in pieces, several at once, and reads answers late."""
    reader, writer = await asyncio.open_connection("127.0.0.1", collector.port, limit=1024)
    for turn in range(4):
        events = [f"{client}-{turn * 5 + number}" for number in range(5)]
        load.statuses |= dict.fromkeys(events, 0)
        data = b"".join(beacon(client, event) for event in events)
        for start in range(0, len(data), 97):
            writer.write(data[start : start + 97])
            await asyncio.sleep(0.005)
        for event in events:
            load.statuses[event] = (await answer(reader))[0]
    # One more, whose answer nobody waits for: it may be delivered, but nobody was told.
    load.statuses[f"{client}-20"] = 0
    writer.write(beacon(client, f"{client}-20"))
    await writer.drain()
    writer.transport.abort()


async def hold(collector: Collector, stop: asyncio.Event, data: bytes) -> bytes:
    """A client that stops in the middle of its request; what it is told."""
    reader, writer = await asyncio.open_connection("127.0.0.1", collector.port)
    writer.write(data)
    told = await asyncio.wait_for(reader.read(-1), 30)
    writer.close()
    await stop.wait()
    return told


def test_slow_clients_hold_up_nobody_and_their_events_are_safe(
    kafka: Broker, tmp_path: Path, collectors: list[Collector]
) -> None:
    topics = kafka.topics()
    collector = Collector(kafka, topics, tmp_path, HEAD_TIMEOUT="1", BODY_TIMEOUT="1")
    collectors.append(collector)
    load = Load(collector)
    stalled: list[bytes] = []

    async def scenario() -> None:
        stop = asyncio.Event()
        starts = [b"GET /csc-ev", b"POST /csc-batch HTTP/1.1\r\nHost: t\r\nContent-Length: 99\r\n\r\n{"] * 20
        held = [asyncio.create_task(hold(collector, stop, start)) for start in starts]
        async with load.running():
            slow = [send_slowly(collector, load, CLIENTS + number) for number in range(20)]
            await asyncio.gather(*slow, wait_for_events(load, 300))
        stop.set()
        stalled.extend(await asyncio.gather(*held))

    asyncio.run(scenario())
    assert {told[9:12] for told in stalled} == {b"408"}
    unanswered = {event for event, status in load.statuses.items() if status != 200}
    assert unanswered == {f"{CLIENTS + number}-20" for number in range(20)}
    assert_nothing_lost(load, delivered(kafka, topics.avro))
