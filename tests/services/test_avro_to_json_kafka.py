"""avro-to-json against a real broker: in = out + dead, in order and once each, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from benchmarks.records import datums, records
from tests.support.kafka_broker import ROOT, Broker, Topics, broker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DATA = datums(2000)
PARTITIONS = 4
POISON = b"\x80poison"
START_ME_AGAIN = 75


@pytest.fixture(scope="module")
def kafka() -> Iterator[Broker]:
    with broker() as running:
        yield running


@pytest.fixture
def topics(kafka: Broker) -> Topics:
    return kafka.topics(PARTITIONS)


class Converter:
    """A converter's process; its log goes to a file."""

    def __init__(self, kafka: Broker, topics: Topics, log: Path, **settings: str) -> None:
        self._log, self._kafka, self._topics, self._settings = log, kafka, topics, settings
        self.start()

    def start(self, *arguments: str) -> None:
        """Start under the same transactional id as before."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "avro_to_json", *arguments],
            cwd=ROOT / "services" / "avro_to_json",
            env={
                **os.environ,
                **self._topics.environment(self._kafka.address),
                "AVRO_TO_JSON_TRANSACTIONAL_ID": f"{self._topics.group}-{self._log.stem}",
                **{f"AVRO_TO_JSON_{name.upper()}": value for name, value in self._settings.items()},
            },
            stdout=self._log.open("ab"),
            stderr=subprocess.STDOUT,
        )

    def log(self) -> list[dict[str, Any]]:
        """Its log lines so far."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    def events(self, event: str) -> list[dict[str, Any]]:
        """Log lines of one kind."""
        return [line for line in self.log() if line["event"] == event]

    def keep(self) -> None:
        """Start it again whenever it asks for that by its exit code, as the swarm does."""

        def again() -> None:
            while self.process.wait() == START_ME_AGAIN:
                self.start()

        threading.Thread(target=again, daemon=True).start()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout: float = 20) -> int:
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(timeout)


@pytest.fixture
def converter(kafka: Broker, topics: Topics, tmp_path: Path) -> Iterator[Callable[..., Converter]]:
    running: list[Converter] = []

    def start(**settings: str) -> Converter:
        running.append(Converter(kafka, topics, tmp_path / f"{len(running)}.log", **settings))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGCONT)
            one.kill()


def produce(kafka: Broker, topic: str, values: list[bytes], first: int = 0) -> None:
    """Send values round the partitions, key and header numbered from ``first``; acknowledged on return."""
    producer = Producer({"bootstrap.servers": kafka.address, "enable.idempotence": True, "linger.ms": 5})
    for number, value in enumerate(values, first):
        producer.produce(
            topic,
            value,
            key=str(number),
            partition=number % PARTITIONS,
            headers=[("number", str(number).encode())],
            timestamp=1_770_000_000_000 + number,
        )
    assert producer.flush(60) == 0


def committed(kafka: Broker, topic: str, count: int, timeout: float = 60) -> list[Message]:
    """Read committed records until there are ``count``, and a little longer for any that should not be."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.address,
            "group.id": "reader",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 50,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    found: list[Message] = []
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found += [message for message in consumer.consume(5000, timeout=0.5) if message.error() is None]
        if len(found) >= count:
            deadline = min(deadline, time.monotonic() + 1)
    consumer.close()
    return found


def numbers(messages: list[Message]) -> dict[int, list[int]]:
    """Keys by partition, in the order of the log."""
    by_partition: defaultdict[int, list[int]] = defaultdict(list)
    for message in messages:
        by_partition[message.partition() or 0].append(int(message.key() or b""))
    return dict(by_partition)


def expected(count: int) -> dict[int, list[int]]:
    """What `numbers` gives when nothing is lost, doubled or out of order."""
    return {partition: list(range(partition, count, PARTITIONS)) for partition in range(PARTITIONS)}


def wait_for(condition: Callable[[], object], what: str, timeout: float = 40) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout:.0f} s"
        time.sleep(0.05)


def test_records_keep_key_partition_time_and_headers_and_become_json(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    running = converter()
    produce(kafka, topics.avro, DATA)
    found = committed(kafka, topics.json, len(DATA))
    assert numbers(found) == expected(len(DATA))
    events = list(records(len(DATA)))
    for message in found:
        number = int(message.key() or b"")
        assert json.loads(message.value() or b"") == events[number]
        assert message.timestamp()[1] == 1_770_000_000_000 + number
        assert message.headers() == [("number", str(number).encode())]
    assert running.stop() == 0


def test_poison_in_every_position_goes_aside_and_comes_back_after_a_replay(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    # Every stretch of 41 has its poison one place further on, so batches of any size meet it everywhere.
    values = [POISON if number % 41 == number // 41 % 41 else DATA[number % 2000] for number in range(1800)]
    bad = [number for number, value in enumerate(values) if value is POISON]
    running = converter(batch_max_records="41")
    produce(kafka, topics.avro, values)
    good = committed(kafka, topics.json, len(values) - len(bad))
    dead = committed(kafka, topics.dead, len(bad))
    assert len(good) == len(values) - len(bad)
    assert sorted(int(message.key() or b"") for message in dead) == bad
    for message in dead:
        headers: dict[str, Any] = dict(message.headers() or [])
        number = int(headers["number"])
        assert message.value() == POISON
        assert headers["dead.topic"] == topics.avro.encode()
        assert int(headers["dead.partition"]) == number % PARTITIONS
        assert int(headers["dead.offset"]) == number // PARTITIONS
        assert b"not a record of the schema" in headers["dead.reason"]

    # The fix, for the test: a converter cannot be taught this poison, so it must die again, once each.
    for _ in range(2):
        replay = converter()
        replay.kill()
        replay.start("replay-dead")
        assert replay.process.wait(60) == 0
        assert replay.events("replayed"), replay.log()
    assert len(committed(kafka, topics.dead, 3 * len(bad))) == 3 * len(bad)
    assert numbers(committed(kafka, topics.json, len(good))) == numbers(good)
    assert running.stop() == 0


def test_nothing_is_lost_or_doubled_when_converters_are_killed(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    running = converter(batch_max_records="200")
    for round_ in range(6):
        produce(kafka, topics.avro, DATA, first=round_ * len(DATA))
        wait_for(lambda: running.events("assigned"), "an assignment")
        time.sleep(0.15 * round_)  # another moment of the batch each time
        running.kill()
        running.start()
    total = 6 * len(DATA)
    assert numbers(committed(kafka, topics.json, total)) == expected(total)


def test_nothing_is_lost_or_doubled_when_replicas_come_go_and_freeze(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    replicas = [converter(batch_max_records="100"), converter(batch_max_records="100")]
    for one in replicas:
        wait_for(lambda one=one: one.events("assigned"), "an assignment")  # type: ignore[misc]
    produce(kafka, topics.avro, DATA * 4)
    third = converter(batch_max_records="100")
    wait_for(lambda: third.events("assigned"), "an assignment of the third")
    produce(kafka, topics.avro, DATA, first=4 * len(DATA))
    frozen = replicas[0]
    frozen.process.send_signal(signal.SIGSTOP)  # longer than its session: it comes back as a zombie
    produce(kafka, topics.avro, DATA, first=5 * len(DATA))
    assert replicas[1].stop() == 0
    time.sleep(8)
    frozen.process.send_signal(signal.SIGCONT)
    produce(kafka, topics.avro, DATA, first=6 * len(DATA))
    total = 7 * len(DATA)
    assert numbers(committed(kafka, topics.json, total)) == expected(total)
    assert frozen.process.poll() is None, "a fenced replica goes on with what it is given next"


def test_nothing_is_lost_or_doubled_when_the_broker_is_killed(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    running = converter(batch_max_records="100")
    running.keep()
    wait_for(lambda: running.events("assigned"), "an assignment")
    produce(kafka, topics.avro, DATA * 3)
    kafka.kill()
    kafka.start()
    produce(kafka, topics.avro, DATA, first=3 * len(DATA))
    total = 4 * len(DATA)
    assert numbers(committed(kafka, topics.json, total)) == expected(total)
    assert running.process.poll() is None


def test_at_least_once_may_double_but_never_loses(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    running = converter(delivery="at-least-once", batch_max_records="100")
    produce(kafka, topics.avro, DATA)
    wait_for(lambda: running.events("assigned"), "an assignment")
    running.kill()
    running.start()
    counted = Counter(int(message.key() or b"") for message in committed(kafka, topics.json, len(DATA)))
    assert sorted(counted) == list(range(len(DATA)))


def test_a_topic_with_too_few_partitions_is_refused_with_the_reason(
    kafka: Broker, converter: Callable[..., Converter]
) -> None:
    running = converter(output_topic=kafka.topics(1).json)
    assert running.process.wait(20) == 2
    assert "give the output at least as many" in running.events("can't start")[0]["error"]


def test_json_over_the_limit_is_a_dead_letter_not_a_standstill(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    converter(max_record_bytes="1600")
    produce(kafka, topics.avro, DATA)
    events = [len(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()) for event in records(2000)]
    clearly_over = sum(size > 1600 for size in events)
    dead = committed(kafka, topics.dead, clearly_over)
    good = committed(kafka, topics.json, len(DATA) - len(dead))
    assert clearly_over
    assert len(dead) >= clearly_over
    assert len(good) + len(dead) == len(DATA)
    assert all(b"too large as JSON" in dict(message.headers() or [])["dead.reason"] for message in dead)  # type: ignore[operator]
