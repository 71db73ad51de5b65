"""Reads the topics from the manifest's positions. Decides where to continue if a position is not in its log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import structlog
from clickstream_service.logs import LIBRDKAFKA
from clickstream_service.positions import Cause, restart
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from archive import topics
from archive.layout import Source, log_name
from archive.manifest import Position
from archive.records import Record, record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.metrics import Metrics
    from archive.settings import Settings

log = structlog.get_logger(__name__)

_TIMEOUT: Final = 10.0
_AT_ONCE: Final = 500
_EXPLAINED: Final = {
    Cause.DELETED: "Kafka deleted records before they were stored: continuing with the oldest one left",
    Cause.TRUNCATED: "the topic's log is now shorter than the position: continuing at its end",
}


class Intake:
    """A consumer of every partition of both topics."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._consumer = Consumer(topics.consumer_config(settings), logger=logging.getLogger(LIBRDKAFKA))
        self._sources: dict[tuple[str, int], Source] = {}
        self._ends: dict[tuple[str, int], int] = {}
        self._next: dict[tuple[str, int], int] = {}
        self.lost: dict[tuple[str, int], str] = {}
        """Partitions that can't be read further, with the client's error. Store everything, then call `start` again."""

    def start(self, known: Mapping[tuple[str, int], Position]) -> list[Position]:
        """Continue at the known positions. Return new positions, which the caller must first add to the manifest.

        Raises MissingTopicsError, or KafkaException if the cluster does not answer.
        """
        described = topics.describe(self._settings)
        starts: dict[tuple[str, int], Position] = {}
        for topic, (topic_id, partitions) in described.items():
            for partition in range(partitions):
                place = (topic, partition)
                starts[place] = self._start(place, topic_id, known.get(place))
        self._sources = {place: position.source for place, position in starts.items()}
        self._next = {place: position.offset for place, position in starts.items()}
        self._ends.clear()
        self.lost.clear()
        self._assign(list(starts.values()))
        return [position for place, position in starts.items() if known.get(place) != position]

    def grown(self) -> bool:
        """Whether a topic's partitions differ from those being read, or the topic was recreated."""
        described = topics.describe(self._settings)
        now = {
            (topic, partition): log_name(topic_id)
            for topic, (topic_id, partitions) in described.items()
            for partition in range(partitions)
        }
        return now != {place: source.log.partition(".")[0] for place, source in self._sources.items()}

    def read(self, seconds: float) -> list[tuple[Source, Record]]:
        """Return some records, ordered by partition."""
        found = []
        for message in self._consumer.consume(_AT_ONCE, timeout=seconds):
            place = (message.topic() or "", message.partition() or 0)
            error = message.error()
            if error is None:
                self._next[place] = (message.offset() or 0) + 1
                found.append((self._sources[place], record(message)))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                # Only transaction markers follow the last record.
                self._ends[place] = message.offset() or 0
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
                self.lost[place] = error.str()
            elif error.fatal():
                raise KafkaException(error)
            else:
                log.warning("consumer error", error=str(error), retriable=error.retriable())
        return found

    def lag(self, stored: Mapping[tuple[str, int], Position]) -> dict[tuple[str, int], int]:
        """Return the number of offsets per partition that are not stored, as of the last fetches."""
        lag = {}
        for place, position in stored.items():
            if place not in self._sources:
                continue
            _, high = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
            if high < 0:
                continue  # nothing fetched yet
            at_end = self._ends.get(place, -1) >= high and self._next[place] == position.offset
            lag[place] = 0 if at_end else max(0, high - position.offset)
        return lag

    def close(self) -> None:
        """Disconnect from the brokers."""
        self._consumer.close()

    def _start(self, place: tuple[str, int], topic_id: str, known: Position | None) -> Position:
        topic, partition = place
        low, high = self._consumer.get_watermark_offsets(TopicPartition(*place), timeout=_TIMEOUT)
        name = log_name(topic_id)
        if known is None or known.log.partition(".")[0] != name:
            if known is not None:
                log.error("the topic was deleted and recreated: starting with its oldest record", topic=topic)
            return Position(topic=topic, partition=partition, log=name, offset=low)
        error = self.lost.get(place, "")
        if low <= known.offset <= high and not error:
            return known
        found = restart(known.offset, low, high, error)
        if found is None:
            return known
        self._metrics.repositioned.labels(found.cause).inc()
        log.error(_EXPLAINED[found.cause], topic=topic, partition=partition, offset=found.offset, records=found.records)
        if found.cause is Cause.DELETED:
            self._metrics.records_missed.inc(found.records)
            return known.model_copy(update={"offset": found.offset, "epoch": -1})
        # Offsets repeat from here on. A new log id keeps the old log's files apart from this log's.
        _, _, again = known.log.partition(".")
        return Position(
            topic=topic, partition=partition, log=log_name(topic_id, int(again or 0) + 1), offset=found.offset
        )

    def _assign(self, positions: list[Position]) -> None:
        """Assign and seek: only for a seek does the client compare a position with the log by the leader epoch."""
        items = [TopicPartition(item.topic, item.partition, item.offset, leader_epoch=item.epoch) for item in positions]
        self._consumer.assign(items)
        for item in items:
            if item.offset > 0 and item.leader_epoch is not None and item.leader_epoch >= 0:
                self._consumer.seek(item)
