"""What is to be made durable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

Settle = Callable[[str | None], None]
"""Told None when the message is safe, otherwise why it is not."""

Headers = list[tuple[str, str | bytes | None]]
"""Kafka record headers."""


def _not_sent(_error: KafkaError | None, _message: Message) -> None:
    """Nobody sent the message."""


class Message:
    """A Kafka message, and whom to tell when its fate is known.

    `settle` is called once, on the event loop: with None when the message is safe, or else with the reason why
    nothing could be done. It must not raise.
    """

    __slots__ = ("headers", "key", "on_report", "settle", "timestamp_ms", "topic", "value")

    def __init__(
        self, topic: str, key: bytes | None, value: bytes, timestamp_ms: int, settle: Settle,
        headers: Headers | None = None,
    ) -> None:  # fmt: skip
        """A message for a topic; the timestamp becomes the record's."""
        self.topic = topic
        self.key = key
        self.value = value
        self.timestamp_ms = timestamp_ms
        self.settle = settle
        self.headers = headers
        self.on_report: Callable[[KafkaError | None, Message], None] = _not_sent

    def delivered(self, error: KafkaError | None, _report: object) -> None:
        """The client's delivery callback: a bound method is cheaper than a closure for each message."""
        self.on_report(error, self)
