"""avro-to-json where its position is not in the log: nothing is converted twice, and what is lost is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from benchmarks.records import datums
from tests.support.converter_process import PARTITIONS, Converter, committed, numbers, produce
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.kafka_broker import Broker, Topics

DATA = datums(400)
EACH = len(DATA) // PARTITIONS
"""Records a partition of one round of DATA."""


def move(kafka: Broker, topics: Topics, offset: int) -> None:
    """Set the group's position in every partition; no member may be running."""
    offsets = [TopicPartition(topics.avro, number, offset) for number in range(PARTITIONS)]
    request = ConsumerGroupTopicPartitions(topics.group, offsets)
    admin = AdminClient({"bootstrap.servers": kafka.address})
    for future in admin.alter_consumer_group_offsets([request]).values():
        future.result(30)


def stored(kafka: Broker, topics: Topics) -> list[int]:
    """The group's position in every partition."""
    request = ConsumerGroupTopicPartitions(topics.group)
    admin = AdminClient({"bootstrap.servers": kafka.address})
    (future,) = admin.list_consumer_group_offsets([request]).values()
    return [item.offset for item in sorted(future.result(30).topic_partitions, key=lambda item: item.partition)]


def shortened(running: Converter) -> list[dict[str, Any]]:
    """Log lines of the converter about a log that is shorter than its position, of earlier processes as well."""
    return running.events("the input's log is now shorter than the position: continuing at its end")


def test_a_position_above_the_end_goes_to_the_end_and_no_record_is_converted_again(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    produce(kafka, topics.avro, DATA)
    running = converter()
    committed(kafka, topics.json, len(DATA))
    assert running.stop() == 0
    move(kafka, topics, 1000)
    running.start()
    until(lambda: len(shortened(running)) == PARTITIONS, what="a new position in every partition", seconds=90)
    assert stored(kafka, topics) == [EACH] * PARTITIONS
    produce(kafka, topics.avro, DATA, first=len(DATA))
    found = numbers(committed(kafka, topics.json, 2 * len(DATA)))
    assert found == {number: list(range(number, 2 * len(DATA), PARTITIONS)) for number in range(PARTITIONS)}
    assert {(line["partition"], line["offset"], line["records"]) for line in shortened(running)} == {
        (number, EACH, 1000 - EACH) for number in range(PARTITIONS)
    }
    metrics = running.metrics()
    assert metrics['avro_to_json_repositioned_total{cause="truncated"}'] == PARTITIONS
    assert metrics["avro_to_json_records_missed_total"] == 0


def test_a_position_below_the_start_goes_on_with_what_is_left_and_counts_what_is_lost(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    produce(kafka, topics.avro, DATA)
    move(kafka, topics, 10)
    kept_from = [TopicPartition(topics.avro, number, 50) for number in range(PARTITIONS)]
    admin = AdminClient({"bootstrap.servers": kafka.address})
    for future in admin.delete_records(kept_from).values():
        future.result(30)
    running = converter()
    found = numbers(committed(kafka, topics.json, (EACH - 50) * PARTITIONS))
    assert found == {
        number: list(range(number + 50 * PARTITIONS, len(DATA), PARTITIONS)) for number in range(PARTITIONS)
    }
    metrics = running.metrics()
    assert metrics["avro_to_json_records_missed_total"] == 40 * PARTITIONS
    assert metrics['avro_to_json_repositioned_total{cause="deleted"}'] == PARTITIONS
    told = running.events("Kafka deleted records before they were converted: continuing with the oldest one left")
    assert {(line["partition"], line["offset"], line["records"]) for line in told} == {
        (number, 50, 40) for number in range(PARTITIONS)
    }


def test_a_first_start_begins_with_the_oldest_record_and_is_not_an_error(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter]
) -> None:
    produce(kafka, topics.avro, DATA)
    running = converter()
    assert len(committed(kafka, topics.json, len(DATA))) == len(DATA)
    assert not [line for line in running.log() if line["level"] in ("warning", "error")]
    assert not [name for name in running.metrics() if name.startswith("avro_to_json_repositioned_total")]


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_a_log_that_a_crash_has_shortened_is_continued_at_the_cut(
    kafka: Broker, topics: Topics, converter: Callable[..., Converter], *, stopped: bool
) -> None:
    for first in range(0, len(DATA), 40):  # several batches, so that the cut is between two of them
        produce(kafka, topics.avro, DATA[first : first + 40], first=first)
    running = converter()
    running.keep()
    assert len(committed(kafka, topics.json, len(DATA), timeout=120)) == len(DATA)
    if stopped:
        assert running.stop() == 0
    kafka.kill()
    for number in range(PARTITIONS):
        kafka.shorten(topics.avro, number)
    kafka.start()
    if not stopped:
        until(lambda: len(shortened(running)) == PARTITIONS, what="a new position in every partition", seconds=90)
    # More than what was cut off: at a stopped converter's return the log is longer than its position again.
    produce(kafka, topics.avro, DATA * 2, first=len(DATA))
    if stopped:
        running.start()
    found = numbers(committed(kafka, topics.json, 3 * len(DATA), timeout=120))
    assert found == {number: list(range(number, 3 * len(DATA), PARTITIONS)) for number in range(PARTITIONS)}
    assert len(shortened(running)) == PARTITIONS
