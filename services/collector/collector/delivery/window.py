"""Messages of the spool that are on their way to Kafka together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from confluent_kafka import KafkaError, KafkaException

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message as Report
    from confluent_kafka import Producer

    from collector.delivery.spool_format import SpooledMessage

log = structlog.get_logger(__name__)
PER_MESSAGE: Final = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD})
"""Errors that no retry fixes."""


class ReplayWindow:
    """Sends messages in order; `outcome` is done when each was confirmed, refused, or failed."""

    def __init__(
        self, messages: list[SpooledMessage], stored: list[bool], reported: Callable[[bool], None],
    ) -> None:  # fmt: skip
        """`stored`: which messages Kafka already has, so that they are not sent.

        `reported` is called at the report of each message that was sent, with whether it has failed.
        """
        self.outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._messages = messages
        self._reported = reported
        self._refused: list[int] = []
        self._unsent = [position for position, is_stored in enumerate(stored) if not is_stored]
        self._done = list(stored)
        self._open = len(self._unsent)
        self._close(0)

    def send(self, producer: Producer) -> int:
        """Give the messages to the producer; how many it took."""
        for count, position in enumerate(self._unsent):
            message = self._messages[position]
            try:
                producer.produce(
                    message.topic, message.value, message.key, on_delivery=self._report_for(position),
                    timestamp=message.timestamp_ms, headers=message.headers or [],
                )  # fmt: skip
            except (BufferError, KafkaException) as error:
                log.warning("replay paused", error=str(error))
                self._close(len(self._unsent) - count)
                return count
        return len(self._unsent)

    @property
    def confirmed(self) -> int:
        """How many messages, from the first on, need not be sent again."""
        return self._done.index(False) if False in self._done else len(self._done)

    @property
    def confirmed_later(self) -> list[SpooledMessage]:
        """Messages after the first that has failed, which Kafka has nevertheless."""
        start = self.confirmed
        return [self._messages[position] for position in range(start, len(self._done)) if self._done[position]]

    @property
    def refused(self) -> list[SpooledMessage]:
        """Those of the confirmed messages that Kafka will never take."""
        return [self._messages[position] for position in sorted(self._refused) if position < self.confirmed]

    def _report_for(self, position: int) -> Callable[[KafkaError | None, Report], None]:
        def report(error: KafkaError | None, _report: Report) -> None:
            is_refused = error is not None and error.code() in PER_MESSAGE
            if error is not None and is_refused:
                size = len(self._messages[position].value)
                log.error("Kafka refused a spooled message", reason=error.str(), bytes=size)
                self._refused.append(position)
            self._done[position] = error is None or is_refused
            self._reported(not self._done[position])
            self._close(1)

        return report

    def _close(self, count: int) -> None:
        self._open -= count
        if self._open == 0 and not self.outcome.done():
            self.outcome.set_result(None)
