"""Collects a batch of records from the consumer, limited by number, bytes and time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

_CHUNK: Final = 32
"""Records per client call. The client limits only their number, so a batch exceeds its bytes by at most a chunk."""


class Intake:
    """Collects one batch at a time. Drops records that become stale in a rebalance."""

    def __init__(self, consumer: Consumer, *, max_records: int, max_kb: int, max_wait_ms: int) -> None:
        self._consumer = consumer
        self._max_records, self._max_bytes, self._max_wait = max_records, max_kb * 1024, max_wait_ms / 1000
        self._messages: list[Message] = []

    def collect(self) -> list[Message]:
        """Return records and errors in order, once the batch is full, or nothing is left and the wait is over."""
        self._messages, size = [], 0
        deadline = time.monotonic() + self._max_wait
        while size < self._max_bytes and (room := min(_CHUNK, self._max_records - len(self._messages))) > 0:
            chunk = self._consumer.consume(room, timeout=max(0.0, deadline - time.monotonic()))
            self._messages += chunk
            size += sum(map(len, chunk))
            if len(chunk) < room:
                break
        return self._messages

    def drop(self) -> None:
        """Discard the records of the running `collect`: their partitions have moved and will be read again."""
        self._messages.clear()
