"""Queues a batch: JSON for the output topic, and records that can't be converted for the dead-letter topic."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from avro_to_json import dead_letters
from avro_to_json.converter import Bad
from avro_to_json.settings import Delivery

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

    from avro_to_json.clients import Topics
    from avro_to_json.converter import Converted
    from avro_to_json.dead_letters import Headers
    from avro_to_json.settings import Settings

log = structlog.get_logger(__name__)

_RECORD_OVERHEAD: Final = 64
"""Maximum overhead of a record in a batch, in bytes, besides key, value and headers."""


class RecordWriter:
    """Writes to a producer's queue, which the commit flushes."""

    def __init__(self, producer: Producer, settings: Settings, topics: Topics) -> None:
        self._producer, self._settings, self._topics = producer, settings, topics
        # A failed delivery fails the transaction anyway, and a callback would cost a microsecond per record.
        self._callback = self._delivered if settings.delivery is Delivery.AT_LEAST_ONCE else None
        self.failed: KafkaError | None = None
        """With at-least-once delivery: the last permanent delivery failure. Its handler resets it."""

    def write(self, batch: list[Message], lines: list[Converted]) -> tuple[int, int]:
        """Queue every record. Return the number of dead letters and the bytes of JSON."""
        output, limit = self._settings.output_topic, self._topics.max_record_bytes
        dead = written = 0
        for message, line in zip(batch, lines, strict=True):
            if isinstance(line, Bad):
                self._dead_letter(message, line.reason, quiet=dead > 0)
                dead += 1
                continue
            key, headers = message.key(), dead_letters.headers_of(message)
            if (size := _size(line, key, headers)) > limit:
                self._dead_letter(message, f"too large as JSON: {size} bytes, {output} takes {limit}", quiet=dead > 0)
                dead += 1
                continue
            self._send(output, line, key, message.partition(), message.timestamp()[1], headers)
            written += len(line)
        return dead, written

    def _dead_letter(self, message: Message, reason: str, *, quiet: bool) -> None:
        origin = dead_letters.Origin(
            dead_letters.STAGE, message.topic() or "", message.partition() or 0, message.offset() or 0, reason
        )
        if not quiet:  # one line per batch, so that a flood of bad records does not flood the log
            log.warning("dead letter", partition=origin.partition, offset=origin.offset, reason=reason)
        value, key = message.value(), message.key()
        if (notices := self._settings.dead_letter_notice_topic) is not None:
            summary = dead_letters.notice(origin, message.timestamp()[1], len(value or b""))
            self._send(notices, summary, None, None, message.timestamp()[1], None)
        headers = dead_letters.mark(dead_letters.headers_of(message), origin)
        if (size := _size(value, key, headers)) > self._topics.max_dead_bytes:
            # Continue without the record: the dead letter states its position.
            log.error("too large to be a dead letter", partition=origin.partition, offset=origin.offset, bytes=size)
            value, key, headers = None, None, dead_letters.mark(None, replace(origin, left_out=size))
        partition = origin.partition % self._topics.dead_partitions
        self._send(self._settings.dead_letter_topic, value, key, partition, message.timestamp()[1], headers)

    def _send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        partition: int | None,
        timestamp: int,
        headers: Headers | None,
    ) -> None:
        produce = self._producer.produce
        timestamp = max(timestamp, 0)
        partition = -1 if partition is None else partition
        while True:
            try:
                if headers:
                    produce(topic, value, key, partition, self._callback, timestamp=timestamp, headers=headers)
                else:  # omit empty headers: even an empty list costs a microsecond per record
                    produce(topic, value, key, partition, self._callback, timestamp=timestamp)
            except BufferError:  # back-pressure: wait until part of the queue has been sent
                self._producer.poll(0.05)
            else:
                return

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self.failed = error


def _size(value: bytes | None, key: bytes | None, headers: Headers | None) -> int:
    """Return the maximum bytes that a record takes in a batch."""
    size = len(value or b"") + len(key or b"") + _RECORD_OVERHEAD
    return size + sum(len(name) + len(held or b"") + 10 for name, held in headers) if headers else size
