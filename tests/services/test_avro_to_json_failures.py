"""avro-to-json while things break: in = out + dead, in order and once each, whatever is killed meanwhile."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from avro_to_json.session import fatal_reason
from confluent_kafka import KafkaError, KafkaException, Producer

from benchmarks.records import datums
from tests.support.converter_process import PARTITIONS, PATIENCE, Converter, committed, numbers, produce
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

    from tests.support.kafka_broker import Broker, Topics

# One in seven can't be converted, in every partition and every place of a batch.
DATA = [b"\x80poison" if number % 7 == 3 else datum for number, datum in enumerate(datums(2100))]


def assert_settled_once_each(kafka: Broker, topics: Topics, total: int) -> None:
    """Every record of the input is in one of the outputs, once, and in its partition's order; of each that could not
    be used there is one notice.
    """
    bad = len([number for number in range(total) if number % 7 == 3])
    assert numbers(committed(kafka, topics.json, total - bad)) == {
        partition: [number for number in range(partition, total, PARTITIONS) if number % 7 != 3]
        for partition in range(PARTITIONS)
    }
    assert numbers(committed(kafka, topics.dead, bad)) == {
        partition: [number for number in range(partition, total, PARTITIONS) if number % 7 == 3]
        for partition in range(PARTITIONS)
    }
    told = [json.loads(notice.value() or b"") for notice in committed(kafka, topics.notices, bad)]
    places = Counter(mark(letter) for letter in committed(kafka, topics.dead, bad))
    assert Counter((notice["partition"], notice["offset"]) for notice in told) == places
    assert set(places.values()) == {1}


def mark(letter: Message) -> tuple[int, int]:
    """Partition and offset in the input that a dead letter was read from."""
    headers: dict[str, Any] = dict(letter.headers() or [])
    return int(headers["dead.partition"]), int(headers["dead.offset"])


def test_nothing_is_lost_or_doubled_when_converters_are_killed(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    running = converter(batch_max_records="200")
    for round_ in range(6):
        produce(kafka, topics.avro, DATA, first=round_ * len(DATA))
        until(lambda: running.events("assigned"), what="an assignment", seconds=PATIENCE)
        time.sleep(0.15 * round_)  # another moment of the batch each time
        running.kill()
        running.start()
    assert_settled_once_each(kafka, topics, 6 * len(DATA))


def test_nothing_is_lost_or_doubled_when_replicas_come_go_and_freeze(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    replicas = [converter(batch_max_records="100"), converter(batch_max_records="100")]
    for one in replicas:
        until(lambda one=one: one.events("assigned"), what="an assignment", seconds=PATIENCE)  # type: ignore[misc]
    produce(kafka, topics.avro, DATA * 4)
    third = converter(batch_max_records="100")
    until(lambda: third.events("assigned"), what="an assignment of the third", seconds=PATIENCE)
    produce(kafka, topics.avro, DATA, first=4 * len(DATA))
    frozen = replicas[0]
    frozen.process.send_signal(signal.SIGSTOP)  # longer than its session: it comes back as a zombie
    produce(kafka, topics.avro, DATA, first=5 * len(DATA))
    assert replicas[1].stop() == 0
    time.sleep(8)
    frozen.process.send_signal(signal.SIGCONT)
    produce(kafka, topics.avro, DATA, first=6 * len(DATA))
    assert_settled_once_each(kafka, topics, 7 * len(DATA))
    assert frozen.process.poll() is None, "a fenced replica goes on with what it is given next"


def test_nothing_is_lost_or_doubled_when_the_broker_is_killed(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    running = converter(batch_max_records="100")
    running.keep()
    until(lambda: running.events("assigned"), what="an assignment", seconds=PATIENCE)
    produce(kafka, topics.avro, DATA * 3)
    kafka.kill()
    kafka.start()
    produce(kafka, topics.avro, DATA, first=3 * len(DATA))
    assert_settled_once_each(kafka, topics, 4 * len(DATA))


def test_converters_under_one_transactional_id_fence_each_other_and_say_so(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    one, other = (converter(batch_max_records="100", transactional_id=f"{topics.group}-same") for _ in range(2))
    for replica in (one, other):
        until(lambda replica=replica: replica.events("assigned"), what="an assignment", seconds=PATIENCE)  # type: ignore[misc]
    produce(kafka, topics.avro, DATA * 2)
    assert_settled_once_each(kafka, topics, 2 * len(DATA))
    said = [line["error"] for replica in (one, other) for line in replica.events("starting over")]
    assert any("each running replica needs its own" in error for error in said), said


def test_a_fenced_producer_says_so_whichever_call_finds_out(kafka: Broker, topics: Topics) -> None:
    settings = {"bootstrap.servers": kafka.address, "transactional.id": f"{topics.group}-fenced", "linger.ms": 0}
    fenced, successor = Producer(settings), Producer(settings)
    fenced.init_transactions(30)
    fenced.begin_transaction()
    successor.init_transactions(30)

    def refused() -> KafkaError | None:
        try:
            fenced.produce(topics.json, b"a record")
            fenced.poll(0.1)
        except KafkaException as error:
            found: KafkaError = error.args[0]
            # The first call to find out may say why.
            return found if found.code() == KafkaError._FATAL else None
        return None

    error = until(refused, what="a refusal that gives no reason", seconds=PATIENCE)
    assert error is not None
    assert fatal_reason(fenced, error).code() in {KafkaError._FENCED, KafkaError.PRODUCER_FENCED}


def test_a_stop_in_the_middle_of_a_backlog_ends_its_batch_and_the_next_start_goes_on(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    produce(kafka, topics.avro, DATA * 2)
    running = converter(batch_max_records="10")
    until(lambda: running.events("assigned"), what="an assignment", seconds=PATIENCE)
    until(lambda: running.metrics()["avro_to_json_records_in_total"] > 0, what="a first batch", seconds=PATIENCE)
    assert running.stop() == 0
    assert not running.events("stopped in the middle of a batch, which stays uncommitted")
    settled = committed(kafka, topics.json, 1, timeout=5) + committed(kafka, topics.dead, 1, timeout=5)
    assert 0 < len(settled) < 2 * len(DATA), "stopped in the middle"
    running.start()
    assert_settled_once_each(kafka, topics, 2 * len(DATA))


def test_a_stop_while_the_broker_is_away_does_not_hang(kafka: Broker, converter: Callable[..., Converter]) -> None:
    running = converter(drain_timeout_ms="2000", ready_max_lag="0")
    until(running.ready, lambda reason: reason is None, what="ready", seconds=PATIENCE)
    kafka.kill()
    try:
        until(
            lambda: "no broker can be reached" in str(running.ready()),
            what="a readiness that names the broker",
            seconds=40,
        )
        assert running.stop() == 0
    finally:
        kafka.start()


def test_readiness_comes_back_with_the_broker(kafka: Broker, converter: Callable[..., Converter]) -> None:
    running = converter()
    running.keep()
    until(running.ready, lambda reason: reason is None, what="ready", seconds=PATIENCE)
    kafka.kill()
    try:
        until(lambda: running.ready(), what="not ready", seconds=PATIENCE)
    finally:
        kafka.start()
    until(running.ready, lambda reason: reason is None, what="ready again", seconds=PATIENCE)


def test_at_least_once_may_double_but_never_loses(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    running = converter(delivery="at-least-once", batch_max_records="100")
    total = 3 * len(DATA)
    for round_ in range(3):
        produce(kafka, topics.avro, DATA, first=round_ * len(DATA))
        until(lambda: running.events("assigned"), what="an assignment", seconds=PATIENCE)
        time.sleep(0.1 * round_)
        running.kill()
        running.start()
    bad = {number for number in range(total) if number % 7 == 3}
    until(running.ready, lambda reason: reason is None, what="caught up", seconds=PATIENCE)
    out = Counter(int(message.key() or b"") for message in committed(kafka, topics.json, total - len(bad)))
    dead = Counter(int(message.key() or b"") for message in committed(kafka, topics.dead, len(bad)))
    assert set(out) == set(range(total)) - bad
    assert set(dead) == bad
