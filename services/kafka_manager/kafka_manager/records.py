"""A topic's newest records: GET /v3/clusters/{cluster_id}/topics/{topic_name}/records?limit=12.

Confluent REST v3 can only produce records. This route follows its formats.
"""

from __future__ import annotations

import asyncio
import base64
import heapq
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from kafka_manager.api import ADMIN, checked_cluster, listed
from kafka_manager.errors import bad_request, of_kafka
from kafka_manager.limits import FETCH_LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kafka_manager.settings import Settings

MOST: Final = 500
MOST_BYTES: Final = 8 * 1024 * 1024
"""Limit of keys and values in a response. The newest record is always included, whatever its size."""
_CHUNK: Final = 32
"""Records per client call, which can't be limited by bytes."""
_LOOKS_BACK: Final = (4, 16, 256)
"""Offsets to go back per partition, as a multiple of the requested records. Aborted records and transaction markers
take up offsets too."""


@dataclass(frozen=True)
class Record:
    """A record. Times are in ms since the epoch."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None

    @property
    def size(self) -> int:
        """Size of key and value in bytes."""
        return len(self.key or b"") + len(self.value or b"")


class Newest:
    """Keeps the newest records that were added, limited by number and bytes."""

    def __init__(self, limit: int, max_bytes: int = MOST_BYTES) -> None:
        self._limit, self._max_bytes = limit, max_bytes
        self._heap: list[tuple[tuple[int, int, int], Record]] = []  # the oldest is first
        self._bytes = 0
        self.given = 0
        """Number of records that were added."""

    def add(self, record: Record) -> None:
        """Add a record, and drop the oldest if there are too many."""
        heapq.heappush(self._heap, ((record.timestamp, record.partition, record.offset), record))
        self.given += 1
        self._bytes += record.size
        while len(self._heap) > self._limit or (self._bytes > self._max_bytes and len(self._heap) > 1):
            self._bytes -= heapq.heappop(self._heap)[1].size

    def records(self) -> list[Record]:
        """Return the records, oldest first."""
        return [record for _, record in sorted(self._heap)]


class Records:
    """Reads records without committing offsets, so no group's position moves."""

    def __init__(self, settings: Settings) -> None:
        """Connects on each call."""
        self._timeout = settings.request_timeout_s
        self._config: dict[str, Any] = {
            "bootstrap.servers": settings.bootstrap_servers,
            "client.id": "kafka-manager-records",
            "group.id": "kafka-manager-records",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            **FETCH_LIMITS,
            **settings.kafka_properties,
        }

    def routes(self) -> list[web.RouteDef]:
        """Return the route."""
        return [web.get("/v3/clusters/{cluster_id}/topics/{topic_name}/records", self._get)]

    async def _get(self, request: web.Request) -> web.Response:
        await checked_cluster(request)
        asked = request.query.get("limit", "12")
        if not asked.isdigit() or not 1 <= int(asked) <= MOST:
            message = f"limit: {asked!r} given; 1 to {MOST} is allowed"
            raise bad_request(message)
        topic = await request.app[ADMIN].topic(request.match_info["topic_name"])
        try:
            found = await asyncio.to_thread(self.newest, topic.name, list(topic.partitions), int(asked))
        except KafkaException as error:
            raise of_kafka(error.args[0]) from error
        return listed(request, "KafkaRecordList", [_json(topic.name, record) for record in found])

    def newest(self, topic: str, partitions: Iterable[int], limit: int) -> list[Record]:
        """Up to ``limit`` committed records from all partitions, oldest first. Fewer if they exceed MOST_BYTES."""
        consumer = Consumer(self._config)
        try:
            ends = {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=self._timeout)
                for number in partitions
            }
            newest = Newest(limit)
            for multiple in _LOOKS_BACK:
                starts = {number: max(low, high - multiple * limit) for number, (low, high) in ends.items()}
                newest = Newest(limit)
                for record in self._read(consumer, topic, {n: s for n, s in starts.items() if s < ends[n][1]}):
                    newest.add(record)
                if newest.given >= limit or all(start == ends[number][0] for number, start in starts.items()):
                    break
            return newest.records()
        finally:
            consumer.close()

    def _read(self, consumer: Consumer, topic: str, starts: dict[int, int]) -> Iterator[Record]:
        """Read from the given offsets to the current ends of the partitions."""
        consumer.assign([TopicPartition(topic, number, start) for number, start in starts.items()])
        left, deadline = set(starts), time.monotonic() + self._timeout
        while left:
            for message in consumer.consume(_CHUNK, timeout=0.5):
                error = message.error()
                if error is None:
                    yield Record(
                        int(message.partition() or 0),
                        int(message.offset() or 0),
                        message.timestamp()[1],
                        _bytes(message.key()),
                        _bytes(message.value()),
                    )
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own code
                    left.discard(int(message.partition() or 0))
                else:
                    raise KafkaException(error)
            if time.monotonic() > deadline:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data


def _json(topic: str, record: Record) -> dict[str, Any]:
    return {
        "topic_name": topic,
        "partition_id": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _text(record.key),
        "value": _text(record.value),
    }


def _text(data: bytes | None) -> dict[str, str] | None:
    """Format data as in REST v3: text as STRING, other bytes as BINARY (base64)."""
    if data is None:
        return None
    try:
        return {"type": "STRING", "data": data.decode()}
    except UnicodeDecodeError:
        return {"type": "BINARY", "data": base64.b64encode(data).decode()}
