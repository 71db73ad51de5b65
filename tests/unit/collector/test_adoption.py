"""Slots of the spool: who owns them, and how a running collector replays what others left."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from collector.delivery.adoption import Adoption
from collector.delivery.kafka import Delivery
from collector.delivery.message import Message
from collector.delivery.slots import lock_slot, other_slots, take_slot
from collector.delivery.spool import Spool
from collector.delivery.spool_files import SpoolFiles
from collector.delivery.spool_format import SpooledMessage, encode_frame
from collector.metrics import Metrics
from confluent_kafka import KafkaError

from tests.support.async_waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    import pytest

SEGMENT = 1 << 20
MAXIMUM = 1 << 30
MOCK = {"test.mock.num.brokers": 1}
NOWHERE = {"bootstrap.servers": "127.0.0.1:9", "message.timeout.ms": 300}


def leave(slot: Path, count: int) -> None:
    """What a collector leaves that was killed: so many messages in its slot, and no lock."""
    scratch = slot.parent / f"{slot.name}.scratch"
    scratch.mkdir(parents=True)
    slot.mkdir(exist_ok=True)
    files = SpoolFiles(scratch, SEGMENT, MAXIMUM)
    for number in range(count):
        files.append(encode_frame(SpooledMessage("topic", b"key", b"value", number, None)))
    files.close()
    (segment,) = scratch.glob("*.log")
    segment.rename(slot / segment.name)  # at once: somebody may be looking


class Running:
    """A collector's spool, its delivery, and the adoption beside it."""

    def __init__(self, root: Path, config: Mapping[str, Any], maximum: int = MAXIMUM) -> None:
        self.metrics = Metrics()
        self.spool = Spool(root, SEGMENT, maximum)
        self.delivery = Delivery(config, self.spool, self.metrics, 1000)
        new = partial(Delivery, config, metrics=self.metrics, max_in_flight=1000, replay_window=7)
        self.adoption = Adoption(
            root, SEGMENT, self.spool, self.delivery, lambda spool: new(spool=spool), 5, look_seconds=0.05
        )

    async def send(self) -> str | None:
        """Send an event of our own; the problem."""
        outcome: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self.delivery.send(Message("topic", None, b"own" * 20, 1, outcome.set_result))
        return await asyncio.wait_for(outcome, 20)


@asynccontextmanager
async def running(root: Path, config: Mapping[str, Any], maximum: int = MAXIMUM) -> AsyncIterator[Running]:
    collector = Running(root, config, maximum)
    await collector.delivery.start()
    collector.adoption.start()
    try:
        yield collector
    finally:
        await collector.adoption.close()
        await collector.delivery.close(5)


def _is_released(slot: Path) -> bool:
    locked = lock_slot(slot)
    if locked is None:
        return False
    os.close(locked.lock)
    return True


async def test_slots_left_by_others_are_replayed_and_released(tmp_path: Path) -> None:
    owner = take_slot(tmp_path)
    async with running(tmp_path, MOCK) as collector:
        others = partial(other_slots, tmp_path, collector.spool.directory)
        leave(owner.directory, 50)
        leave(tmp_path / "slot-05", 20)
        await until(lambda: collector.metrics.replayed == 20, seconds=60)
        await until(lambda: [slot.directory.name for slot in others()] == ["slot-00"], seconds=60)
        assert others()[0].is_owned

        os.close(owner.lock)
        await until(lambda: collector.metrics.replayed == 70, seconds=60)
        await until(lambda: others() == [], seconds=60)
        await until(
            lambda: (collector.adoption.unowned_slots, collector.adoption.other_pending_bytes) == (0, 0), seconds=60
        )
        assert (collector.delivery.is_spooling, collector.metrics.spooled) == (False, 0)
        for name in ("slot-00", "slot-05"):
            # The search for such slots locks each for a moment.
            await until(lambda name=name: _is_released(tmp_path / name), seconds=60)  # type: ignore[misc]


async def test_without_kafka_slots_are_only_counted(tmp_path: Path) -> None:
    async with running(tmp_path, NOWHERE) as collector:
        assert await collector.send() is None
        leave(tmp_path / "slot-05", 20)
        await until(lambda: collector.adoption.unowned_slots == 1, seconds=60)
        (slot,) = other_slots(tmp_path, collector.spool.directory)
        assert collector.adoption.other_pending_bytes == slot.pending_bytes > 0
        assert not slot.is_owned


async def test_what_others_left_counts_towards_the_maximum(tmp_path: Path) -> None:
    async with running(tmp_path, NOWHERE, maximum=20_000) as collector:
        assert await collector.send() is None
        leave(tmp_path / "slot-05", 600)
        await until(lambda: collector.adoption.unowned_slots == 1, seconds=60)
        assert await collector.send() == "the spool cannot be written"
        await collector.delivery.check()
        assert [collector.delivery.can_accept] == [False], "not before the slot is replayed"
        (tmp_path / "slot-05" / "000000000001.log").unlink()
        await until(lambda: collector.adoption.unowned_slots == 0, seconds=60)
        await collector.delivery.check()
        assert [collector.delivery.can_accept] == [True]
        assert await collector.send() is None


async def test_a_slot_that_cannot_be_opened_keeps_no_other_from_being_replayed(tmp_path: Path) -> None:
    async with running(tmp_path, MOCK) as collector:
        (tmp_path / "slot-03" / "cursor").mkdir(parents=True)
        leave(tmp_path / "slot-03", 5)
        (tmp_path / "slot-04" / "000000000002.log").mkdir(parents=True)
        leave(tmp_path / "slot-05", 20)
        await until(lambda: collector.metrics.replayed == 20, seconds=60)


class SlowProducer:
    """A producer whose broker confirms at every fifth look, but for one message, the first time it comes."""

    def __init__(self, failing: int | None = None) -> None:
        self.sent: list[int] = []
        self._failing = failing
        self._reports: list[Callable[[], None]] = []
        self._looks = 0

    def produce(self, *_: object, on_delivery: Callable[..., None], timestamp: int, **__: object) -> None:
        self.sent.append(timestamp)
        fails = timestamp == self._failing and self.sent.count(timestamp) == 1
        error = KafkaError(KafkaError._MSG_TIMED_OUT) if fails else None
        self._reports.append(lambda: on_delivery(error, None))

    def poll(self, _timeout: float) -> None:
        self._looks += 1
        if self._looks % 5 == 0:
            reports, self._reports = self._reports, []
            for report in reports:
                report()

    def purge(self, **_: object) -> None:
        pass

    def close(self) -> None:
        assert not self._reports, "closed with messages whose outcome is not known"

    def list_topics(self, **_: object) -> SimpleNamespace:
        return SimpleNamespace(brokers={})


def use(producer: SlowProducer, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of Kafka's client, and of a topic that has none of the messages."""
    monkeypatch.setattr("collector.delivery.client.Producer", lambda *_, **__: producer)
    monkeypatch.setattr("collector.delivery.client.find_stored", lambda *_: Counter())


async def test_a_replay_that_is_ended_sends_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(tmp_path / "slot-00", 2000)
    producer = SlowProducer()
    use(producer, monkeypatch)
    runs = 0
    while len(producer.sent) < 2000:
        runs += 1
        spool = Spool(tmp_path, SEGMENT, MAXIMUM)
        delivery = Delivery({}, spool, Metrics(), 1000, replay_window=20)
        await delivery.start()
        sent = len(producer.sent)
        await until(lambda: len(producer.sent) > sent or spool.is_empty, seconds=60)  # noqa: B023
        await delivery.close(1)
    assert producer.sent == list(range(2000))
    assert runs > 1, "the first run replayed everything before its end"


async def test_what_is_confirmed_before_a_failure_is_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(tmp_path / "slot-00", 10)
    producer = SlowProducer(failing=4)
    use(producer, monkeypatch)
    metrics = Metrics()
    delivery = Delivery({}, Spool(tmp_path, SEGMENT, MAXIMUM), metrics, 1000)
    await delivery.start()
    await until(lambda: not delivery.is_spooling, seconds=60)
    await delivery.close(1)
    assert producer.sent == [*range(10), 4]
    assert metrics.replayed == 10


async def test_a_defect_in_one_answer_does_not_end_delivery_reports(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    async with running(tmp_path, MOCK) as collector:

        def fail(_problem: str | None) -> None:
            message = "a defect"
            raise RuntimeError(message)

        collector.delivery.send(Message("topic", None, b"value", 1, fail))
        assert await collector.send() is None
        assert await collector.send() is None
