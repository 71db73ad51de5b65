"""A session with one pair of Kafka clients: consume, convert and produce batches, each in one transaction."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

import structlog
from clickstream_service.logs import LIBRDKAFKA
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from avro_to_json import clients
from avro_to_json.intake import Intake
from avro_to_json.offsets import Offsets
from avro_to_json.settings import Delivery
from avro_to_json.writer import RecordWriter

if TYPE_CHECKING:
    import threading

    from avro_to_json.converter import Converter
    from avro_to_json.health import Health
    from avro_to_json.metrics import Metrics
    from avro_to_json.settings import Settings
    from avro_to_json.watchdog import Watchdog

log = structlog.get_logger(__name__)

_LAG_EVERY: Final = 1.0
_CALL_TIMEOUT: Final = 5.0
"""Longest blocking client call in seconds before the loop checks for a stop."""
_STUCK_AFTER: Final = 15.0
"""Seconds beyond its own time limit after which a call is considered lost."""


class SessionLostError(RuntimeError):
    """The clients can't go on (fenced, or a fatal error): a new session continues from the committed offsets."""


class Session:
    """Owns a consumer and a producer until they fail permanently or ``stop`` is set."""

    def __init__(
        self,
        settings: Settings,
        converter: Converter,
        metrics: Metrics,
        health: Health,
        topics: clients.Topics,
        stop: threading.Event,
        watchdog: Watchdog,
    ) -> None:
        self._settings, self._converter = settings, converter
        self._metrics, self._health, self._stop = metrics, health, stop
        self._watchdog = watchdog
        self._exactly_once = settings.delivery is Delivery.EXACTLY_ONCE
        self._assigned: set[int] = set()
        self._group_metadata: Any = None
        self._lag_due = 0.0
        kafka_log = logging.getLogger(LIBRDKAFKA)
        self._producer = Producer(clients.producer_config(settings, topics), logger=kafka_log)
        self._consumer = Consumer(
            {**clients.consumer_config(settings), "stats_cb": self._on_statistics}, logger=kafka_log
        )
        self._offsets = Offsets(self._consumer, settings.input_topic, metrics)
        self._intake = Intake(
            self._consumer,
            max_records=settings.batch_max_records,
            max_kb=settings.batch_max_kb,
            max_wait_ms=settings.batch_max_wait_ms,
        )
        self._writer = RecordWriter(self._producer, settings, topics)

    def run(self) -> None:
        """Convert until stopped. Raises SessionLostError when a new session is needed."""
        try:
            if self._exactly_once:
                # Aborts a transaction that an earlier process with this id left open, and fences that process.
                self._patiently(self._producer.init_transactions, "init_transactions")
            self._consumer.subscribe(
                [self._settings.input_topic],
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_revoke,
            )
            while not self._stop.is_set():
                self._turn()
        except KafkaException as error:
            # Any call of a fenced producer fails, but few errors say why.
            raise SessionLostError(self._explained(error.args[0])) from error
        finally:
            # Leave the group, so that partitions move at once. Nothing is in flight between iterations.
            self._consumer.close()
            self._report_assignment()

    def _turn(self) -> None:
        self._health.beat()
        # Waiting yields fewer, larger transactions. Without it, commits keep the broker busy and records wait longer.
        messages = self._intake.collect()
        self._producer.poll(0)
        lost: dict[int, str] = {}
        batch = [message for message in messages if self._usable(message, lost)]
        if batch:
            self._settle(batch)
        if lost:
            self._offsets.reposition(lost)
        if time.monotonic() >= self._lag_due:
            self._measure_lag()

    def _usable(self, message: Message, lost: dict[int, str]) -> bool:
        """Whether the message is a record to convert. Adds partitions with an unreadable position to ``lost``."""
        error, partition = message.error(), message.partition()
        if error is None:
            # The call that returned the partition's records may also have processed its revocation.
            return partition in self._assigned
        if error.fatal():
            raise SessionLostError(str(error))
        if error.code() == KafkaError._AUTO_OFFSET_RESET and partition in self._assigned:  # noqa: SLF001
            lost[partition] = error.str()
            return False
        log.warning("consumer error", error=str(error), retriable=error.retriable())
        return False

    def _settle(self, batch: list[Message]) -> None:
        metrics, started = self._metrics, time.monotonic()
        values = [message.value() for message in batch]
        lines = self._converter.convert(values)
        converted = time.monotonic()
        first, after = self._span(batch)
        try:
            if self._exactly_once:
                self._producer.begin_transaction()
            dead, written = self._writer.write(batch, lines)
            self._commit(after)
        except KafkaException as error:
            self._undo(error, first)
            return
        self._offsets.committed(after)
        committed = time.monotonic()
        metrics.records_in.inc(len(batch))
        metrics.records_out.inc(len(batch) - dead)
        metrics.records_dead.inc(dead)
        metrics.bytes_in.inc(sum(len(value or b"") for value in values))
        metrics.bytes_out.inc(written)
        metrics.batches.labels("committed").inc()
        metrics.batch_size.observe(len(batch))
        metrics.convert_seconds.observe(converted - started)
        metrics.commit_seconds.observe(committed - converted)
        if (oldest := min(message.timestamp()[1] for message in batch)) > 0:
            metrics.latency_seconds.observe(max(0.0, time.time() - oldest / 1000))

    def _commit(self, after: dict[int, TopicPartition]) -> None:
        offsets = list(after.values())
        if self._exactly_once:
            metadata = self._group_metadata
            self._patiently(
                lambda timeout: self._producer.send_offsets_to_transaction(offsets, metadata, timeout),
                "send_offsets_to_transaction",
            )
            self._patiently(self._producer.commit_transaction, "commit_transaction")
            return
        started = time.monotonic()
        while self._producer.flush(_CALL_TIMEOUT):
            self._health.beat()
            if self._out_of_patience(started):
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "stopped while Kafka was away"))  # noqa: SLF001
        if (failed := self._writer.failed) is not None:
            raise KafkaException(failed)
        self._consumer.commit(offsets=offsets, asynchronous=False)

    def _patiently(self, call: Any, name: str) -> None:
        """Retry a transactional call while its error is retriable. All transactional calls are safe to retry."""
        started = time.monotonic()
        while True:
            try:
                with self._watchdog.limit(name, _STUCK_AFTER):
                    call(_CALL_TIMEOUT)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
                waited = round(time.monotonic() - started, 1)
                log.warning("waiting for Kafka", call=name, seconds=waited, error=str(error.args[0]))
                self._health.beat()
                if self._out_of_patience(started):
                    raise
            else:
                return

    def _out_of_patience(self, since: float) -> bool:
        return self._stop.is_set() and (time.monotonic() - since) * 1000 > self._settings.drain_timeout_ms

    def _undo(self, error: KafkaException, first: dict[int, int]) -> None:
        """Roll the batch back: abort, and read it again from its first offsets."""
        cause: KafkaError = error.args[0]
        self._metrics.batches.labels("aborted").inc()
        if cause.fatal() or (self._exactly_once and not cause.txn_requires_abort()):
            raise error
        log.warning("batch aborted, reading it again", error=str(cause))
        if self._exactly_once:
            self._patiently(self._producer.abort_transaction, "abort_transaction")
        self._writer.failed = None
        for partition, offset in first.items():
            if partition in self._assigned:
                self._consumer.seek(TopicPartition(self._settings.input_topic, partition, offset))

    def _explained(self, error: KafkaError) -> str:
        cause = fatal_reason(self._producer, error) if self._exactly_once else error
        if cause.code() in (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH):  # noqa: SLF001
            return (
                f"{cause}: another converter took over the transactional id {self._settings.transactional_id}; "
                "each running replica needs its own"
            )
        return str(cause)

    def _span(self, batch: list[Message]) -> tuple[dict[int, int], dict[int, TopicPartition]]:
        """Return each partition's first offset in the batch, and the position after its last record.

        Positions include the leader epoch, by which the client detects a log that was truncated and has grown since.
        """
        first: dict[int, int] = {}
        last: dict[int, Message] = {}
        for message in batch:
            partition = message.partition() or 0
            first.setdefault(partition, message.offset() or 0)
            last[partition] = message
        topic = self._settings.input_topic
        return first, {
            partition: TopicPartition(topic, partition, (message.offset() or 0) + 1, leader_epoch=_epoch(message))
            for partition, message in last.items()
        }

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._assigned = {item.partition for item in partitions}
        self._offsets.start(partitions)
        # Fetched here, not at each commit: a replica that lost its session would then get empty metadata, which
        # the group coordinator accepts unchecked.
        self._group_metadata = consumer.consumer_group_metadata()
        self._intake.drop()
        self._metrics.rebalances.inc()
        self._report_assignment()
        self._health.assigned(sorted(self._assigned))
        self._lag_due = 0.0
        log.info("assigned", partitions=sorted(self._assigned))

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._assigned -= {item.partition for item in partitions}
        self._intake.drop()
        self._report_assignment()
        self._health.block("waiting for partitions to be assigned")
        log.info("revoked", partitions=sorted(item.partition for item in partitions))

    def _on_statistics(self, statistics: str) -> None:
        self._health.reach(clients.unreachable(statistics))

    def _report_assignment(self) -> None:
        self._metrics.assigned.set(len(self._assigned))
        self._metrics.lag.clear()

    def _measure_lag(self) -> None:
        """Compare the next offset with the end at the last fetch. Needs no extra request to the broker."""
        self._lag_due = time.monotonic() + _LAG_EVERY
        topic, lag = self._settings.input_topic, {}
        for item in self._consumer.position([TopicPartition(topic, partition) for partition in self._assigned]):
            low, high = self._consumer.get_watermark_offsets(item, cached=True)
            if high < 0:
                continue  # nothing fetched yet
            position = self._offsets.of(item)
            lag[item.partition] = max(0, high - (position if position >= 0 else low))
        for partition, records in lag.items():
            self._metrics.lag.labels(str(partition)).set(records)
        self._health.measure(lag)


def fatal_reason(producer: Producer, error: KafkaError) -> KafkaError:
    """Return why a transactional producer failed. produce() reports only that it did; the transaction knows why."""
    if error.code() == KafkaError._FATAL:  # noqa: SLF001
        try:
            producer.abort_transaction(_CALL_TIMEOUT)
        except KafkaException as refused:
            reason: KafkaError = refused.args[0]
            return reason
    return error


def _epoch(message: Message) -> int:
    """Return the record's leader epoch. -1 (the client's value for none) if the broker is too old."""
    epoch = message.leader_epoch()
    return -1 if epoch is None else epoch
