"""``replay-dead``: puts dead letters back on their original topic, once each, after the cause has been fixed.

Records keep their key, partition, timestamp and headers. The transaction that writes them also moves a consumer
group's position, so a replay can be stopped, killed and repeated without duplicating a record.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog
from clickstream_service.logs import LIBRDKAFKA
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from avro_to_json import clients, dead_letters
from avro_to_json.intake import Intake
from avro_to_json.offsets import stored_positions
from avro_to_json.replay_start import Log, starts
from avro_to_json.watchdog import Watchdog

if TYPE_CHECKING:
    import threading

    from avro_to_json.dead_letters import Headers
    from avro_to_json.replay_start import Start
    from avro_to_json.settings import Settings

log = structlog.get_logger(__name__)

GROUP_SUFFIX: Final = "-replay"
_BATCH: Final = 1000
_WAIT_MS: Final = 1000
_TIMEOUT: Final = 30.0


@dataclass
class Report:
    """A replay's result. ``left`` counts skipped records: from other stages, without a value, or not dead letters."""

    replayed: int = 0
    left: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def replay(settings: Settings, stop: threading.Event, start: Start, *, dry_run: bool = False) -> Report:
    """Replay the current content of the dead-letter topic. Records that fail again wait for the next replay.

    ``dry_run`` only counts reasons. Raises KafkaException if the cluster does not answer, and StartError if a topic is
    missing or the start is unknown.
    """
    logger, watchdog, topic = logging.getLogger(LIBRDKAFKA), Watchdog(), settings.dead_letter_topic
    topics = clients.inspect(settings)
    config = clients.consumer_config(settings) | {"group.id": settings.group_id + GROUP_SUFFIX}
    consumer = Consumer(config, logger=logger)
    intake = Intake(consumer, max_records=_BATCH, max_kb=settings.batch_max_kb, max_wait_ms=_WAIT_MS)
    try:
        kept = _log(consumer, topic)
        # Each commit contains all partitions' positions, so that they expire together or not at all.
        positions = starts(start, kept, dry_run=dry_run)
        todo = {number: end for number, (_, end) in kept.ranges.items() if positions[number] < end}
        report = Report()
        if not todo:
            return report
        consumer.assign([TopicPartition(topic, number, positions[number]) for number in todo])
        producer = None if dry_run else _producer(settings, topics, logger)
        while todo and not stop.is_set():
            positions |= _write(producer, _records(intake, todo), report)
            for item in consumer.position([TopicPartition(topic, number) for number in todo]):
                # Transaction markers take up offsets too, so the position may be beyond the last record.
                if item.offset >= 0:
                    positions[item.partition] = max(positions[item.partition], item.offset)
            if producer is not None:
                offsets = [TopicPartition(topic, *item) for item in positions.items()]
                with watchdog.limit("replay", 3 * _TIMEOUT):
                    producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), _TIMEOUT)
                    producer.commit_transaction(_TIMEOUT)
            todo = {number: end for number, end in todo.items() if positions[number] < end}
        return report
    finally:
        consumer.close()


def _log(consumer: Consumer, topic: str) -> Log:
    metadata = consumer.list_topics(topic, timeout=_TIMEOUT).topics[topic]
    if metadata.error is not None:
        raise KafkaException(metadata.error)
    partitions = [TopicPartition(topic, number) for number in metadata.partitions]
    committed = stored_positions(consumer, partitions, _TIMEOUT)
    return Log(
        topic,
        ranges={item.partition: consumer.get_watermark_offsets(item, timeout=_TIMEOUT) for item in partitions},
        positions={item.partition: item.offset for item in committed if item.offset >= 0},
        at=lambda since_ms: {
            item.partition: item.offset
            for item in consumer.offsets_for_times(
                [TopicPartition(topic, number, since_ms) for number in metadata.partitions], timeout=_TIMEOUT
            )
        },
    )


def _producer(settings: Settings, topics: clients.Topics, logger: logging.Logger) -> Producer:
    config = clients.producer_config(settings, topics) | {
        "transactional.id": settings.group_id + GROUP_SUFFIX,
        "transaction.timeout.ms": 60_000,
    }
    producer = Producer(config, logger=logger)
    producer.init_transactions(_TIMEOUT)
    return producer


def _records(intake: Intake, todo: dict[int, int]) -> list[Message]:
    batch: list[Message] = []
    for message in intake.collect():
        if (error := message.error()) is not None:
            if error.fatal() or error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
                raise KafkaException(error)
            log.warning("consumer error", error=str(error))
        elif (message.offset() or 0) < todo.get(message.partition() or 0, 0):
            batch.append(message)
    return batch


def _write(producer: Producer | None, batch: list[Message], report: Report) -> dict[int, int]:
    """Queue the batch in a separate transaction. Return the offset after each partition's last record."""
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
