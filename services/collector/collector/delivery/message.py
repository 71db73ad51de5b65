"""What is to be made durable."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

Headers = list[tuple[str, str | bytes]]
"""Kafka record headers."""


class Message:
    """A Kafka message, and whom to tell when its fate is known.

    `settle` is called once, on the event loop, with True when the message is safe and False when nothing could
    be done. It must not raise.
    """

    __slots__ = ("headers", "key", "settle", "timestamp_ms", "topic", "value")

    def __init__(
        self, topic: str, key: bytes | None, value: bytes, timestamp_ms: int, settle: Callable[[bool], None],
        headers: Headers | None = None,
    ) -> None:  # fmt: skip
        """A message for a topic; the timestamp becomes the record's."""
        self.topic = topic
        self.key = key
        self.value = value
        self.timestamp_ms = timestamp_ms
        self.settle = settle
        self.headers = headers
