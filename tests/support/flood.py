"""Backlogs that expand: records that compress far better than those of visitors do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Producer

from benchmarks.records import encode, records

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEPT: Final = frozenset(
    (
        *("timestamp", "event_id", "event_type", "event_source", "party_id", "session_id", "page_view_id"),
        *("is_new_party", "is_first_in_session", "is_bot", "is_duplicate", "is_corrupt"),
    )
)


def minimal_events(count: int, agent_bytes: int) -> list[bytes]:
    """Events with the fields that a batch needs, and a user agent of so many bytes."""
    base = {name: value if name in _KEPT else None for name, value in next(iter(records(1))).items()}
    agent = "Mozilla/5.0 " + "x" * (agent_bytes - 12)
    return [encode({**base, "event_id": f"e{number}", "navigator_user_agent": agent}) for number in range(count)]


def fill(address: str, topic: str, data: Sequence[bytes], count: int, partitions: int, **config: Any) -> int:
    """Write so many records, the data again and again, with the collector's client settings; bytes uncompressed."""
    producer = Producer(
        {
            "bootstrap.servers": address,
            "enable.idempotence": True,
            "linger.ms": 200,
            "compression.type": "lz4",
            "queue.buffering.max.kbytes": 262_144,
            "queue.buffering.max.messages": 1_000_000,
            **config,
        }
    )
    failed: list[object] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(error)

    written = 0
    for number in range(count):
        value = data[number % len(data)]
        written += len(value)
        while True:
            try:
                # All of one partition, then the next: batches are full.
                producer.produce(topic, value, b"party", partition=number * partitions // count, on_delivery=delivered)
            except BufferError:
                producer.poll(0.05)
            else:
                break
    assert producer.flush(120) == 0
    assert not failed, f"{len(failed)} records were refused: {failed[0]}"
    return written
