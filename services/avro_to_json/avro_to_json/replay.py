"""``replay-dead``: puts dead letters back on the topic they came from, once each, after whatever was wrong is fixed.

Records go back with their own key, partition, timestamp and headers. The position is a consumer group's, moved in
the transaction that writes them, so that a replay can be stopped, killed and repeated without doubling a record.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, Producer, TopicPartition

from . import clients, dead_letters
from .watchdog import Watchdog

if TYPE_CHECKING:
    import threading

    from .dead_letters import Headers
    from .settings import Settings

log = structlog.get_logger(__name__)

GROUP_SUFFIX: Final = "-replay"
_BATCH: Final = 1000
_TIMEOUT: Final = 30.0


@dataclass
class Report:
    """What a replay did; ``left`` counts other stages' letters, letters without their record, and no letters at all."""

    replayed: int = 0
    left: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def replay(settings: Settings, stop: threading.Event, *, dry_run: bool = False, from_beginning: bool = False) -> Report:
    """Replay what is in the dead-letter topic now; what dies again meanwhile waits for the next replay.

    ``dry_run`` only counts reasons. ``from_beginning`` forgets the position: everything kept is replayed again.
    Raises KafkaException when the cluster does not answer, StartError when a topic is missing.
    """
    logger, watchdog = logging.getLogger("kafka"), Watchdog()
    topics = clients.inspect(settings)
    config = clients.consumer_config(settings) | {"group.id": settings.group_id + GROUP_SUFFIX}
    consumer = Consumer(config, logger=logger)
    try:
        ends = _ends(consumer, settings.dead_letter_topic)
        starts = _starts(consumer, settings.dead_letter_topic, sorted(ends), from_beginning=from_beginning)
        todo = {number: end for number, end in ends.items() if _low(consumer, settings, number, starts) < end}
        report = Report()
        if not todo:
            return report
        consumer.assign([TopicPartition(settings.dead_letter_topic, number, starts[number]) for number in todo])
        producer = None if dry_run else _producer(settings, topics, logger)
        while todo and not stop.is_set():
            batch = _batch(consumer, todo)
            after = _write(producer, batch, report)
            for position in consumer.position([TopicPartition(settings.dead_letter_topic, n) for n in todo]):
                # Transaction markers take offsets too: the position may be beyond the last record.
                if position.offset >= 0:
                    after[position.partition] = max(after.get(position.partition, 0), position.offset)
            if producer is not None:
                offsets = [TopicPartition(settings.dead_letter_topic, *item) for item in after.items()]
                with watchdog.limit("replay", 3 * _TIMEOUT):
                    if offsets:
                        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), _TIMEOUT)
                    producer.commit_transaction(_TIMEOUT)
            todo = {number: end for number, end in todo.items() if after.get(number, -1) < end}
        return report
    finally:
        consumer.close()


def _producer(settings: Settings, topics: clients.Topics, logger: logging.Logger) -> Producer:
    config = clients.producer_config(settings, topics) | {
        "transactional.id": settings.group_id + GROUP_SUFFIX,
        "transaction.timeout.ms": 60_000,
    }
    producer = Producer(config, logger=logger)
    producer.init_transactions(_TIMEOUT)
    return producer


def _ends(consumer: Consumer, topic: str) -> dict[int, int]:
    metadata = consumer.list_topics(topic, timeout=_TIMEOUT).topics[topic]
    if metadata.error is not None:
        raise KafkaException(metadata.error)
    ends: dict[int, int] = {}
    for number in metadata.partitions:
        ends[number] = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_TIMEOUT)[1]
    return ends


def _starts(consumer: Consumer, topic: str, partitions: list[int], *, from_beginning: bool) -> dict[int, int]:
    if from_beginning:
        return dict.fromkeys(partitions, OFFSET_BEGINNING)
    found = consumer.committed([TopicPartition(topic, number) for number in partitions], timeout=_TIMEOUT)
    return {item.partition: item.offset if item.offset >= 0 else OFFSET_BEGINNING for item in found}


def _low(consumer: Consumer, settings: Settings, number: int, starts: dict[int, int]) -> int:
    low: int = consumer.get_watermark_offsets(
        TopicPartition(settings.dead_letter_topic, number), timeout=_TIMEOUT, cached=False
    )[0]
    return max(low, starts[number])


def _batch(consumer: Consumer, todo: dict[int, int]) -> list[Message]:
    batch: list[Message] = []
    for message in consumer.consume(_BATCH, timeout=1.0):
        if (error := message.error()) is not None:
            if error.fatal():
                raise KafkaException(error)
            log.warning("consumer error", error=str(error))
        elif (message.offset() or 0) < todo.get(message.partition() or 0, 0):
            batch.append(message)
    return batch


def _write(producer: Producer | None, batch: list[Message], report: Report) -> dict[int, int]:
    """Queue the batch in a transaction of its own; return the offset after each partition's last record."""
    if producer is not None:
        producer.begin_transaction()
    after: dict[int, int] = {}
    for message in batch:
        after[message.partition() or 0] = (message.offset() or 0) + 1
        headers, origin = dead_letters.unmark(dead_letters.headers_of(message))
        if origin is None or origin.stage != dead_letters.STAGE or origin.left_out:
            report.left += 1
            continue
        report.replayed += 1
        report.reasons[origin.reason] += 1
        if producer is not None:
            _send(producer, origin, message, headers)
    return after


def _send(producer: Producer, origin: dead_letters.Origin, message: Message, headers: Headers) -> None:
    timestamp: Any = max(message.timestamp()[1], 0)
    while True:
        try:
            producer.produce(
                origin.topic,
                message.value(),
                message.key(),
                origin.partition,
                timestamp=timestamp,
                headers=headers,
            )
        except BufferError:
            producer.poll(0.05)
        else:
            return
