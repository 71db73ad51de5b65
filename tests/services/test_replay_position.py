"""``replay-dead`` starts where the last replay ended, or where it is told; never at the beginning by itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient

from tests.support.converter_process import START_MS, Converter, committed, produce

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.kafka_broker import Broker, Topics

LETTERS = 40


@pytest.fixture
def dead(kafka: Broker, topics: Topics, converter: Callable[..., Converter]) -> Converter:
    """A converter that has written dead letters and was stopped; its process is free for commands."""
    running = converter()
    produce(kafka, topics.avro, [b"\x80poison"] * LETTERS)
    assert len(committed(kafka, topics.dead, LETTERS)) == LETTERS
    assert running.stop() == 0
    return running


def replay(running: Converter, *arguments: str) -> int:
    """Run the command; its exit code."""
    running.start("replay-dead", *arguments)
    return running.process.wait(60)


def forget_position(kafka: Broker, topics: Topics) -> None:
    """What Kafka does with a position that was not used for `offsets.retention.minutes`."""
    group = f"{topics.group}-replay"
    admin = AdminClient({"bootstrap.servers": kafka.address})
    for future in admin.delete_consumer_groups([group]).values():
        future.result(30)


def test_without_a_position_nothing_is_replayed_and_the_choices_are_named(
    kafka: Broker, topics: Topics, dead: Converter
) -> None:
    assert replay(dead) == 2
    (refusal,) = dead.events("can't start")
    assert re.search(r"Up to 4\d dead letters are kept", refusal["error"]), "marks of transactions are counted too"
    assert all(option in refusal["error"] for option in ("--dry-run", "--from-beginning", "--since"))
    assert len(committed(kafka, topics.avro, LETTERS)) == LETTERS
    assert replay(dead, "--dry-run") == 0
    assert dead.events("would replay")[0]["records"] == LETTERS


def test_a_position_that_kafka_has_deleted_does_not_replay_everything_again(
    kafka: Broker, topics: Topics, dead: Converter
) -> None:
    assert replay(dead, "--from-beginning") == 0
    assert len(committed(kafka, topics.avro, 2 * LETTERS)) == 2 * LETTERS
    assert replay(dead) == 0
    assert [line["records"] for line in dead.events("replayed")] == [LETTERS, 0]
    forget_position(kafka, topics)
    assert replay(dead) == 2
    assert len(committed(kafka, topics.avro, 2 * LETTERS)) == 2 * LETTERS


def test_a_time_replays_the_letters_from_there_on_and_sets_the_position(
    kafka: Broker, topics: Topics, dead: Converter
) -> None:
    # Letters are numbered by the millisecond, and spread over all partitions.
    since = datetime.fromtimestamp((START_MS + 30) / 1000, UTC).isoformat()
    assert replay(dead, "--since", since) == 0
    assert dead.events("replayed")[0]["records"] == LETTERS - 30
    assert len(committed(kafka, topics.avro, LETTERS + 10)) == LETTERS + 10
    assert replay(dead) == 0
    assert dead.events("replayed")[1]["records"] == 0
