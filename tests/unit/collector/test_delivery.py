"""The spool on a disk, and delivery with a broker that comes and goes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from collector.delivery.kafka import Delivery
from collector.delivery.message import Message
from collector.delivery.slots import take_slot
from collector.delivery.spool import Spool
from collector.delivery.spool_files import SpoolFiles
from collector.delivery.spool_format import MAGIC, SpooledMessage, decode_payload, encode_frame, frames
from collector.metrics import Metrics
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from tests.support.async_waiting import until
from tests.unit.collector.conftest import PACKAGE, ROOT
from tests.unit.collector.sample_events import EVENT, batch, beacon
from tests.unit.collector.support import make_settings, request, running

if TYPE_CHECKING:
    from pathlib import Path

messages = st.builds(
    SpooledMessage,
    st.text(min_size=1, max_size=20),
    st.none() | st.binary(max_size=50),
    st.binary(max_size=300),
    st.integers(0, 2**62),
    st.none() | st.lists(st.tuples(st.text(), st.text() | st.binary()), min_size=1, max_size=3),
)


def spooled(number: int, size: int = 10) -> SpooledMessage:
    return SpooledMessage("topic", b"key", str(number).encode().ljust(size, b"."), number, None)


def open_files(directory: Path, segment: int = 1 << 20, limit: int = 1 << 30) -> SpoolFiles:
    directory.mkdir(exist_ok=True)
    return SpoolFiles(directory, segment, limit)


def drain(files: SpoolFiles, limit: int = 7) -> list[int]:
    """Numbers of all messages, replayed as the collector does."""
    found: list[int] = []
    while True:
        batch, cursor = files.read(limit)
        if not batch:
            return found
        found += [message.timestamp_ms for message in batch]
        files.advance(cursor)


@given(st.lists(messages, max_size=5))
def test_frames_round_trip(given_messages: list[SpooledMessage]) -> None:
    data = b"".join(map(encode_frame, given_messages))
    assert [decode_payload(payload) for payload, _ in frames(data)] == given_messages


@given(st.lists(messages, min_size=1, max_size=4), st.data())
def test_damage_ends_the_replay_and_is_never_replayed_as_garbage(
    given_messages: list[SpooledMessage], data: st.DataObject
) -> None:
    whole = b"".join(map(encode_frame, given_messages))
    position = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[position] ^= data.draw(st.integers(1, 255))
    found = [decode_payload(payload) for payload, _ in frames(bytes(damaged))]
    assert found == given_messages[: len(found)]
    assert len(found) < len(given_messages)


@given(st.lists(messages, min_size=1, max_size=4), st.data())
def test_torn_tail_ends_the_replay(given_messages: list[SpooledMessage], data: st.DataObject) -> None:
    whole = b"".join(map(encode_frame, given_messages))
    cut = data.draw(st.integers(0, len(whole) - 1))
    found = [decode_payload(payload) for payload, _ in frames(whole[:cut])]
    assert found == given_messages[: len(found)]


def test_replay_is_in_order_over_segments_and_restarts(tmp_path: Path) -> None:
    files = open_files(tmp_path, segment=4096)
    for number in range(200):
        files.append(encode_frame(spooled(number, 100)))
    first, cursor = files.read(33)
    files.advance(cursor)
    files.close()
    reopened = open_files(tmp_path, segment=4096)
    reopened.append(encode_frame(spooled(200)))
    assert [message.timestamp_ms for message in first] + drain(reopened) == list(range(201))
    assert reopened.pending_bytes == 0
    assert len(list(tmp_path.glob("*.log"))) <= 1


def test_what_is_appended_after_all_was_replayed_comes_too(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    for number in range(5):
        files.append(encode_frame(spooled(number)))
        assert drain(files) == [number]


def test_torn_tail_is_cut_and_kept_aside(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    files.append(b"".join(encode_frame(spooled(number)) for number in range(3)))
    files.close()
    (segment,) = tmp_path.glob("*.log")
    with segment.open("ab") as file:
        file.write(encode_frame(spooled(3))[:-4])
    reopened = open_files(tmp_path)
    assert reopened.cut_bytes == len(encode_frame(spooled(3))) - 4
    assert drain(reopened) == [0, 1, 2]
    assert len(list(tmp_path.glob("*.damaged"))) == 1


def test_segment_that_is_no_segment_is_kept_aside(tmp_path: Path) -> None:
    (tmp_path / "000000000001.log").write_bytes(b"something else")
    files = open_files(tmp_path)
    files.append(encode_frame(spooled(1)))
    assert drain(files) == [1]
    assert [path.read_bytes() for path in tmp_path.glob("*.damaged")] == [b"something else"]


def test_full_spool_refuses_and_takes_again_after_a_replay(tmp_path: Path) -> None:
    files = open_files(tmp_path, segment=4096, limit=5000)
    files.append(encode_frame(spooled(1, 4000)))
    with pytest.raises(OSError, match="may hold 5000"):
        files.append(encode_frame(spooled(2, 4000)))
    assert drain(files) == [1]
    files.append(encode_frame(spooled(3, 4000)))
    assert drain(files) == [3]


def test_failed_sync_leaves_nothing_that_was_not_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = open_files(tmp_path)
    files.append(encode_frame(spooled(1)))

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("os.fdatasync", fail)
        with pytest.raises(OSError, match="Input/output"):
            files.append(encode_frame(spooled(2)))
    files.append(encode_frame(spooled(3)))
    assert drain(files) == [1, 3]


def test_slots_are_exclusive_and_left_events_are_taken_first(tmp_path: Path) -> None:
    first, first_lock = take_slot(tmp_path)
    second, second_lock = take_slot(tmp_path)
    assert (first.name, second.name) == ("slot-00", "slot-01")
    (second / "000000000001.log").write_bytes(MAGIC)
    os.close(first_lock)
    os.close(second_lock)
    third, third_lock = take_slot(tmp_path)
    assert third == second
    os.close(third_lock)


COMMON = str(ROOT / "services" / "common")
CHILD = """
import asyncio, sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from collector.delivery.message import Message
from collector.delivery.spool import Spool

async def main():
    spool = Spool(Path(sys.argv[1]), 1 << 14, 1 << 30)
    number = 0
    while True:
        for _ in range(20):
            def settle(problem, number=number):
                assert problem is None
                sys.stdout.write(f"{number}\\n")
            spool.append(Message("topic", b"key", b"x" * 200, number, settle))
            number += 1
        await asyncio.sleep(0.001)
        sys.stdout.flush()

asyncio.run(main())
"""


def test_every_acknowledged_message_survives_kill_9(tmp_path: Path) -> None:
    """The child prints a number once its message is safe, and is killed in the middle of its work."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), PACKAGE, COMMON],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    acknowledged = [int(child.stdout.readline()) for _ in range(500)]
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read().split("\n")
    acknowledged += [int(line) for line in rest[:-1]]
    child.wait()
    files = open_files(tmp_path / "slot-00")
    replayed = drain(files, 1000)
    assert replayed == sorted(set(replayed))
    assert set(acknowledged) <= set(replayed)


async def settled(spool: Spool, count: int) -> list[str | None]:
    """Append that many messages at once; what each was told."""
    loop = asyncio.get_running_loop()
    outcomes: list[asyncio.Future[str | None]] = [loop.create_future() for _ in range(count)]
    for number, outcome in enumerate(outcomes):
        spool.append(Message("topic", b"key", b"value", number, outcome.set_result))
    return list(await asyncio.wait_for(asyncio.gather(*outcomes), 10))


async def test_appends_of_one_moment_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[int] = []
    monkeypatch.setattr("os.fdatasync", syncs.append)
    spool = Spool(tmp_path, 1 << 20, 1 << 30)
    assert await settled(spool, 500) == [None] * 500
    assert len(syncs) == 1
    await spool.close()


async def test_disk_full_is_told_and_recovered_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, 1 << 20, 1 << 30)

    def fail(_descriptor: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.write", fail)
        assert await settled(spool, 2) == ["the spool cannot be written"] * 2
        assert [spool.is_healthy] == [False]
    await spool.check()
    assert [spool.is_healthy] == [True]
    assert await settled(spool, 1) == [None]
    assert [message.timestamp_ms for message in (await spool.read(10))[0]] == [0]
    await spool.close()


async def test_without_kafka_events_are_spooled_and_answered(tmp_path: Path) -> None:
    kafka = tmp_path / "nowhere.properties"
    kafka.write_text("bootstrap.servers=127.0.0.1:9\n")
    changes = {"kafka_config_file": kafka, "spool_directory": tmp_path / "spool", "kafka_timeout_ms": 300}
    async with running(make_settings(tmp_path, **changes)) as app:
        assert (await request(app, "/ready"))[0] == 200
        assert [(await request(app, beacon(f"e{number}")))[0] for number in range(3)] == [200, 200, 200]
        assert (await request(app, "/ready"))[2] == b"spooling"
        assert app.delivery.is_spooling
    # A later run has a broker: it replays, then delivers directly.
    async with running(make_settings(tmp_path, spool_directory=tmp_path / "spool")) as app:
        await until(lambda: not app.delivery.is_spooling, seconds=10)
        assert app.metrics.replayed == 3
        assert (await request(app, beacon("e9")))[0] == 200
        assert app.metrics.kafka_delivered == 1


async def test_with_neither_kafka_nor_spool_the_answer_is_503(tmp_path: Path) -> None:
    kafka = tmp_path / "nowhere.properties"
    kafka.write_text("bootstrap.servers=127.0.0.1:9\n")
    changes = {"kafka_config_file": kafka, "kafka_timeout_ms": 300, "state_directory": tmp_path / "state"}
    async with running(make_settings(tmp_path, **changes)) as app:
        status, headers, _ = await request(app, beacon("e"))
        assert (status, headers["retry-after"]) == (503, "2")
        assert (await request(app, "/ready"))[0] == 503
        assert (await request(app, "/live"))[0] == 200
        assert app.metrics.acknowledged == 0
        # Not stored, so sending it again is no duplicate.
        assert app.duplicates is not None
        assert app.duplicates.check(None, None, "e")[1] is False


async def test_answer_first_answers_though_nothing_is_safe(tmp_path: Path) -> None:
    kafka = tmp_path / "nowhere.properties"
    kafka.write_text("bootstrap.servers=127.0.0.1:9\n")
    changes = {"kafka_config_file": kafka, "kafka_timeout_ms": 300, "acknowledge": "first"}
    async with running(make_settings(tmp_path, **changes)) as app:
        assert (await request(app, beacon("e")))[0] == 200
        await until(lambda: app.metrics.rejected, seconds=5)
        assert app.metrics.rejected["Kafka does not confirm"] == 1


async def test_answer_first_names_a_batchs_events_though_nothing_is_safe(tmp_path: Path) -> None:
    kafka = tmp_path / "nowhere.properties"
    kafka.write_text("bootstrap.servers=127.0.0.1:9\n")
    changes = {"kafka_config_file": kafka, "kafka_timeout_ms": 300, "acknowledge": "first"}
    async with running(make_settings(tmp_path, **changes)) as app:
        body = batch(EVENT, {**EVENT, "e": "second"}, 5)
        status, _, answer = await request(app, "/csc-batch", "POST", body, Content_Type="text/plain")
    result = json.loads(answer)
    assert (status, result["accepted"]) == (200, ["0:v0", "second"])
    assert [rejected["index"] for rejected in result["rejected"]] == [2]


class SilentProducer:
    """A producer whose brokers say nothing: only what a test lets fail, or is taken back, is reported."""

    def __init__(self) -> None:
        self.waiting: list[Any] = []
        self.failed: list[Any] = []

    def produce(self, _topic: str, _value: bytes, _key: bytes | None, _partition: int, report: Any, *_: object) -> None:
        self.waiting.append(report)

    def purge(self, **_: object) -> None:
        self.failed += self.waiting
        self.waiting.clear()

    def poll(self, _timeout: float) -> None:
        while self.failed:
            self.failed.pop(0)(KafkaError(KafkaError._MSG_TIMED_OUT), None)

    def list_topics(self, **_: object) -> None:
        raise KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))

    def close(self) -> None:
        pass


async def test_what_is_in_flight_reaches_the_spool_before_anything_newer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = SilentProducer()
    monkeypatch.setattr("collector.delivery.client.Producer", lambda *_, **__: producer)
    spool = Spool(tmp_path, 1 << 20, 1 << 24)
    delivery = Delivery({}, spool, Metrics(), max_in_flight=10)
    safe = asyncio.Event()

    def then_a_newer_one(problem: str | None) -> None:
        assert problem is None
        delivery.send(Message("t", None, b"newer", 3, lambda _: safe.set()))

    delivery.send(Message("t", None, b"first", 1, then_a_newer_one))
    delivery.send(Message("t", None, b"second", 2, lambda _: None))
    producer.failed.append(producer.waiting.pop(0))
    await asyncio.wait_for(safe.wait(), 10)
    messages, _ = await spool.read(10)
    assert [message.value for message in messages] == [b"first", b"second", b"newer"]
    await delivery.close(1)
    assert delivery.in_flight == 0


async def test_full_queue_is_refused() -> None:
    delivery = Delivery({"test.mock.num.brokers": 1, "linger.ms": 200}, None, Metrics(), max_in_flight=2)
    outcomes: list[str | None] = []
    for number in range(3):
        delivery.send(Message("topic", b"k", b"v", number, outcomes.append))
    assert outcomes == ["the queue is full"]
    await delivery.close(5)
    assert outcomes == ["the queue is full", None, None]
