"""The positions of one assignment: where each partition starts and continues, and what to do if it can't."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from clickstream_service.positions import Cause, restart
from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confluent_kafka import Consumer

    from avro_to_json.metrics import Metrics

log = structlog.get_logger(__name__)

_TIMEOUT: Final = 5.0
_EXPLAINED: Final = {
    Cause.DELETED: "Kafka deleted records before they were converted: continuing with the oldest one left",
    Cause.TRUNCATED: "the input's log is now shorter than the position: continuing at its end",
}


def stored_positions(consumer: Consumer, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
    """Return the group's positions, negative if a partition has none. KafkaException if one is unknown."""
    found = consumer.committed(partitions, timeout=timeout)
    for item in found:
        if item.error is not None:  # unknown is not the same as none, which would start at the beginning
            raise KafkaException(item.error)
    return found


class Offsets:
    """Holds each partition's position after its last committed record, from one assignment to the next."""

    def __init__(self, consumer: Consumer, topic: str, metrics: Metrics) -> None:
        self._consumer, self._topic, self._metrics = consumer, topic, metrics
        self._next: dict[int, TopicPartition] = {}
        self._moved: set[int] = set()
        """Partitions that have not been read since they were repositioned."""

    def start(self, partitions: list[TopicPartition]) -> None:
        """Assign at the stored positions."""
        stored = stored_positions(self._consumer, partitions, _TIMEOUT)
        if new := [item for item in stored if item.offset < 0]:
            log.info("no position yet: starting with the oldest record", partitions=[item.partition for item in new])
        for item in new:
            item.offset = OFFSET_BEGINNING
        self._next, self._moved = {item.partition: item for item in stored}, set()
        self._assign()

    def committed(self, after: Mapping[int, TopicPartition]) -> None:
        """Record the committed positions."""
        self._next.update(after)
        self._moved.difference_update(after)

    def of(self, item: TopicPartition) -> int:
        """Return a partition's position. Negative means the oldest record."""
        offset: int = self._next.get(item.partition, item).offset
        return offset

    def reposition(self, lost: Mapping[int, str]) -> None:
        """Reposition partitions whose position is not in the log, according to the client's errors."""
        for partition, error in lost.items():
            self._move(partition, error)
        # The client resumes a partition only after a new assignment. The others continue where they are.
        self._assign()

    def _assign(self) -> None:
        """Continue at the positions, after comparing each with the log by the leader epoch.

        The client compares only on a seek. If a log was truncated and has since grown beyond the position, reading
        would otherwise continue at the position and skip the new records before it. Every assignment needs the seek,
        since errors of several partitions may arrive at different times.
        """
        positions = list(self._next.values())
        self._consumer.assign(positions)
        for item in positions:
            if item.offset > 0 and item.leader_epoch is not None:
                self._consumer.seek(item)

    def _move(self, partition: int, error: str) -> None:
        low, high = self._consumer.get_watermark_offsets(self._next[partition], timeout=_TIMEOUT)
        found = restart(self._next[partition].offset, low, high, error)
        if found is None:
            return
        self._next[partition] = place = TopicPartition(self._topic, partition, found.offset)
        if partition in self._moved and not found.records:
            return  # the same error again, from before the move
        self._moved.add(partition)
        # Commit at once, since the log may grow beyond the old position before the next batch is committed.
        self._consumer.commit(offsets=[place], asynchronous=False)
        self._metrics.repositioned.labels(found.cause).inc()
        if found.cause is Cause.DELETED:
            self._metrics.records_missed.inc(found.records)
        log.error(_EXPLAINED[found.cause], partition=partition, offset=found.offset, records=found.records, error=error)
