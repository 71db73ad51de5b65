"""What is to be made durable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Settle = Callable[[str | None], None]
"""Receives None when the message is safe, otherwise why it is not."""

Headers = list[tuple[str, str | bytes | None]]
"""Kafka record headers."""


_AROUND: Final = 1024


class Message:
    """A Kafka message, and whom to notify of its outcome.

    `settle` is called once, on the event loop: with None when the message is safe, or else with the reason why
    nothing could be done. It must not raise.
    """

    __slots__ = ("headers", "key", "settle", "timestamp_ms", "topic", "value")

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

    @property
    def weight(self) -> int:
        """Bytes of memory that it takes, about: librdkafka copies the value, and there are the objects around it."""
        return 2 * len(self.value) + _AROUND
