"""The main loop: reads, stores within the configured time, and waits while Kafka or the store is unavailable."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

import structlog
from confluent_kafka import KafkaException

from archive.archiver import Archiver
from archive.buffer import Buffer
from archive.errors import MissingTopicsError, StoreError
from archive.intake import Intake
from archive.settings import MIB

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from archive.health import Health
    from archive.metrics import Metrics
    from archive.schema import EventSchema
    from archive.settings import Settings
    from archive.store import Store

log = structlog.get_logger(__name__)

_RETRY_SECONDS: Final = 2.0
_READ_SECONDS: Final = 0.5
_TOPICS_EVERY: Final = 60.0
_LAG_EVERY: Final = 2.0
_MAINTENANCE_EVERY: Final = 60.0

_Result = TypeVar("_Result")


class StoppedError(RuntimeError):
    """Stopped during retries. Records that were not stored are still in Kafka."""


class Service:
    """The loop."""

    def __init__(
        self, settings: Settings, schema: EventSchema, metrics: Metrics, health: Health, stop: threading.Event
    ) -> None:
        self._settings, self._metrics, self._health, self._stop = settings, metrics, health, stop
        self._buffer = Buffer(schema, settings.events_topic)

    def run(self, store: Store) -> None:
        """Archive until stopped. Raises StartError and OtherWriterError."""
        try:
            archiver = self._patiently("read the manifest", lambda: Archiver(self._settings, store, self._metrics))
            intake = Intake(self._settings, self._metrics)
            try:
                self._archive(archiver, intake)
            finally:
                intake.close()
        except StoppedError as error:
            log.warning("stopped while waiting", error=str(error))

    def _archive(self, archiver: Archiver, intake: Intake) -> None:
        self._start(archiver, intake)
        topics_due = time.monotonic() + _TOPICS_EVERY
        maintenance_due = lag_due = 0.0
        while not self._stop.is_set():
            self._health.beat()
            for source, record in intake.read(_READ_SECONDS):
                self._buffer.add(source, record)
            full = self._buffer.bytes >= self._settings.buffer_mib * MIB
            if full or self._buffer.age >= self._settings.flush_seconds:
                self._flush(archiver)
            now = time.monotonic()
            # One maintenance step per iteration, so that events do not wait for all steps.
            if now >= maintenance_due and not self._patiently("tidy up", archiver.maintain):
                maintenance_due = now + min(_MAINTENANCE_EVERY, self._settings.flush_seconds)
            if intake.lost or (now >= topics_due and self._changed(intake)):
                self._flush(archiver)
                self._start(archiver, intake)
            topics_due = now + _TOPICS_EVERY if now >= topics_due else topics_due
            if now >= lag_due:
                lag_due = now + _LAG_EVERY
                self._measure(archiver, intake)
        self._flush(archiver)

    def _start(self, archiver: Archiver, intake: Intake) -> None:
        found = self._patiently("read the topics", lambda: intake.start(archiver.manifest.positions))
        self._patiently("record the positions", lambda: archiver.begin(found))
        log.info("reading", partitions=len(archiver.manifest.positions), new=len(found))

    def _flush(self, archiver: Archiver) -> None:
        self._patiently("store events", lambda: archiver.flush(self._buffer))

    def _changed(self, intake: Intake) -> bool:
        try:
            return intake.grown()
        except (KafkaException, MissingTopicsError) as error:
            log.warning("can't describe the topics", error=str(error))
            return False

    def _measure(self, archiver: Archiver, intake: Intake) -> None:
        lag = intake.lag(archiver.manifest.positions)
        for (topic, partition), records in lag.items():
            self._metrics.lag.labels(topic, str(partition)).set(records)
        self._metrics.buffered_bytes.set(self._buffer.bytes)
        self._health.measure(max(lag.values(), default=0))

    def _patiently(self, what: str, action: Callable[[], _Result]) -> _Result:
        """Retry while the store or Kafka is unavailable. Nothing is read meanwhile, so nothing piles up in memory."""
        while True:
            try:
                done = action()
            except (StoreError, KafkaException, MissingTopicsError) as error:
                if isinstance(error, StoreError):
                    self._metrics.store_errors.inc()
                self._health.beat()
                self._health.block(f"can't {what}: {error}")
                log.warning("trying again", what=what, error=str(error), after_seconds=_RETRY_SECONDS)
                if self._stop.wait(_RETRY_SECONDS):
                    raise StoppedError(str(error)) from error
            else:
                self._health.block(None)
                return done
