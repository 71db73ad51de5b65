"""A Kafka record, independent of the client library."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from confluent_kafka import Message


class Record(NamedTuple):
    """Times in milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    epoch: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        headers = sum(len(name) + len(value or b"") for name, value in self.headers)
        return len(self.value or b"") + len(self.key or b"") + headers + 300


def record(message: Message) -> Record:
    """Copy a message from the client that is not an error."""
    given = message.headers() or []
    pairs = given.items() if isinstance(given, dict) else given
    epoch = message.leader_epoch()
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        epoch=-1 if epoch is None else epoch,
        timestamp=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers=tuple((name, value.encode() if isinstance(value, str) else value) for name, value in pairs),
    )
