"""Which messages of the spool Kafka already has, so that they are not sent a second time."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from collector.delivery.message import Message
    from collector.delivery.spool_format import SpooledMessage

log = structlog.get_logger(__name__)
_READ_SECONDS: Final = 30.0
_REQUEST_SECONDS: Final = 10.0
_BATCH: Final = 10_000
_NOT_A_CONSUMERS: Final = ("test.mock.num.brokers", "client.id")

Identity = tuple[str, bytes | None, bytes, int]
"""Topic, key, value and timestamp: what a message and its copy have in common."""


def identity(message: Message | SpooledMessage) -> Identity:
    """What tells a message from others."""
    return message.topic, message.key, message.value, message.timestamp_ms


class StoredMessages:
    """Messages of the spool that need not be sent: each is counted as often as Kafka has it."""

    def __init__(self) -> None:
        """None are known."""
        self._known: Counter[Identity] = Counter()

    def add(self, message: Message | SpooledMessage) -> None:
        """Kafka has confirmed the message, while a copy of it is in the spool."""
        self._known[identity(message)] += 1

    def learn(self, found: Counter[Identity]) -> None:
        """Kafka was found to have these."""
        self._known |= found

    def clear(self) -> None:
        """The spool is empty."""
        self._known.clear()

    def take(self, messages: Iterable[SpooledMessage]) -> list[bool]:
        """For each message whether Kafka has it; it is told once."""
        if not self._known:
            return [False for _ in messages]
        known = self._known
        answers: list[bool] = []
        for message in messages:
            key = identity(message)
            answers.append(known[key] > 0)
            if known[key] > 1:
                known[key] -= 1
            else:
                del known[key]
        return answers


def find_stored(config: Mapping[str, Any], servers: str, messages: Iterable[SpooledMessage]) -> Counter[Identity]:
    """Which of the messages the topics hold, by reading them from the oldest message's time on. Blocking.

    KafkaException when they cannot be read, TimeoutError when that takes too long.
    """
    wanted = {identity(message) for message in messages}
    found: Counter[Identity] = Counter()
    oldest: dict[str, int] = {}
    for topic, _, _, timestamp in wanted:
        oldest[topic] = min(timestamp, oldest.get(topic, timestamp))
    given = {name: value for name, value in config.items() if name not in _NOT_A_CONSUMERS}
    # log_level 0: options that only producers have are named otherwise.
    consumer = Consumer(
        {
            **given, "bootstrap.servers": servers, "group.id": "collector", "enable.auto.commit": False, "log_level": 0,
            "auto.offset.reset": "earliest", "enable.partition.eof": True, "isolation.level": "read_uncommitted",
        }
    )  # fmt: skip
    deadline = time.monotonic() + _READ_SECONDS
    try:
        for topic, timestamp in oldest.items():
            _read(consumer, topic, timestamp, wanted, found, deadline)
    finally:
        consumer.close()
    return found


def _read(
    consumer: Consumer, topic: str, timestamp: int, wanted: set[Identity], found: Counter[Identity], deadline: float
) -> None:
    starts = _starts(consumer, topic, timestamp)
    unread: set[int | None] = {start.partition for start in starts}
    consumer.assign(starts)
    while unread:
        if time.monotonic() > deadline:
            message = f"reading {topic} took more than {_READ_SECONDS:.0f} s"
            raise TimeoutError(message)
        for record in consumer.consume(_BATCH, 0.2):
            error, value = record.error(), record.value()
            if error is None and isinstance(value, bytes):
                key: Any = record.key()
                one = (topic, key, value, record.timestamp()[1])
                if one in wanted:
                    found[one] += 1
            elif error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
                unread.discard(record.partition())
            elif error is not None:
                raise KafkaException(error)


def _starts(consumer: Consumer, topic: str, timestamp: int) -> list[TopicPartition]:
    """Where the first record of that time or later is, in each partition that has one."""
    described = consumer.list_topics(topic, _REQUEST_SECONDS).topics[topic]
    if described.error is not None:
        raise KafkaException(described.error)
    asked = [TopicPartition(topic, number, timestamp) for number in described.partitions]
    starts = consumer.offsets_for_times(asked, _REQUEST_SECONDS) if asked else []
    for start in starts:
        if start.error is not None:
            raise KafkaException(start.error)
    return [start for start in starts if start.offset >= 0]
