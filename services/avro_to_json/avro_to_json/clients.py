"""Configuration of the Kafka clients, and checks of the cluster before the first record."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from clickstream_service.logs import LIBRDKAFKA
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,  # pyright: ignore[reportPrivateImportUsage]
    ResourceType,  # pyright: ignore[reportPrivateImportUsage]
)

from avro_to_json.errors import MissingTopicsError, StartError
from avro_to_json.settings import Delivery

if TYPE_CHECKING:
    from avro_to_json.settings import Settings

_TIMEOUT: Final = 10.0
_BATCH_BYTES: Final = 1_000_000
_FRAMING_BYTES: Final = 512
"""Maximum overhead of a record batch in bytes."""
_MAX_QUEUED_RECORDS: Final = 20_000
"""Limits the records in the client's queue, each of which costs about 450 bytes of overhead."""
_MAX_RESPONSE_BYTES: Final = 67_108_864
"""Limit of a broker's response, which contains at least one batch. Also limits a decompressed zstd batch."""
_ANY_SIZE: Final = 1_000_000_000
"""Disables the client's limit, which applies before compression. A topic's limit applies after compression."""

Config = dict[str, Any]


@dataclass(frozen=True)
class Topics:
    """Limits from the cluster's topics."""

    dead_partitions: int
    max_record_bytes: int
    """Largest JSON record that the output topic accepts, including key and headers."""
    max_dead_bytes: int
    """Largest dead letter, including key and headers."""
    batch_bytes: int = _BATCH_BYTES
    """Largest batch for any of the topics in bytes, since a topic's limit applies to a batch, not to a record."""


def consumer_config(settings: Settings) -> Config:
    """Settings of the consumer: it reads committed records only, and never commits offsets itself.

    Eager assignment is deliberate: the group's generation then stays the same from an assignment callback to the next
    revocation. Group metadata from that callback thus fences a replica that lost its partitions without noticing.
    """
    return {
        **_common(settings),
        "group.id": settings.group_id,
        "partition.assignment.strategy": "range",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Neither of the client's policies is safe in every case: see positions.py.
        "auto.offset.reset": "error",
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": max(1000, settings.session_timeout_ms // 5),
        **fetch_limits(settings),
        "fetch.error.backoff.ms": 100,
        "enable.partition.eof": False,
        "statistics.interval.ms": 2000,
    }


def fetch_limits(settings: Settings) -> Config:
    """Limit the client's memory for fetched records.

    The protocol limits compressed bytes, but the client decompresses a whole fetch at once. It sends the next fetch
    while its queue of decompressed records is below the limits. So its memory holds that queue and one decompressed
    fetch per broker. docs/avro-to-json.md has the formula.
    """
    fetch_bytes = settings.fetch_max_kb * 1024
    return {
        "queued.max.messages.kbytes": settings.fetch_buffer_kb,
        "queued.min.messages": _MAX_QUEUED_RECORDS,
        "fetch.queue.backoff.ms": 5,
        "fetch.max.bytes": fetch_bytes,
        "max.partition.fetch.bytes": fetch_bytes,
        "message.max.bytes": fetch_bytes,  # a consumer's use of it: fetch.max.bytes must not be lower
        "receive.message.max.bytes": _MAX_RESPONSE_BYTES,
    }


def unreachable(statistics: str) -> str | None:
    """Return why no broker can be reached, from the consumer's statistics (librdkafka's STATISTICS.md), or None."""
    states = {broker["name"]: broker["state"] for broker in json.loads(statistics)["brokers"].values()}
    if any(state in ("UP", "UPDATE") for state in states.values()):
        return None
    return f"no broker can be reached: {', '.join(f'{name} is {state}' for name, state in sorted(states.items()))}"


def producer_config(settings: Settings, topics: Topics) -> Config:
    """Settings of the producer: idempotent, acks=all; transactional for exactly-once delivery."""
    config = {
        **_common(settings),
        "enable.idempotence": True,
        "compression.type": settings.compression,
        "linger.ms": 2,
        "batch.size": topics.batch_bytes,
        "batch.num.messages": 10_000,
        "message.max.bytes": _ANY_SIZE,
        "queue.buffering.max.kbytes": settings.produce_buffer_kb,
        "queue.buffering.max.messages": 1_000_000,
        "delivery.report.only.error": True,
    }
    if settings.delivery is Delivery.EXACTLY_ONCE:
        config["transactional.id"] = settings.transactional_id
        config["transaction.timeout.ms"] = settings.transaction_timeout_ms
    return config


def _common(settings: Settings) -> Config:
    return {
        "bootstrap.servers": settings.bootstrap_servers,
        "client.id": settings.transactional_id,
        "reconnect.backoff.max.ms": 2000,
        "topic.metadata.refresh.interval.ms": 30_000,
        **settings.kafka_properties,
    }


def inspect(settings: Settings) -> Topics:
    """Check the topics.

    Raises MissingTopicsError if one does not exist yet (worth waiting for), StartError if one is unusable, and
    KafkaException if the cluster does not answer.
    """
    admin = AdminClient(_common(settings), logger=logging.getLogger(LIBRDKAFKA))
    found = admin.list_topics(timeout=_TIMEOUT).topics
    names = settings.topics
    if missing := [name for name in names if name not in found or found[name].error is not None]:
        message = f"no topic {', '.join(missing)} on {settings.bootstrap_servers}"
        raise MissingTopicsError(message)
    partitions = {name: len(found[name].partitions) for name in names}
    if partitions[settings.output_topic] < partitions[settings.input_topic]:
        message = (
            f"{settings.output_topic} has {partitions[settings.output_topic]} partitions, {settings.input_topic} has "
            f"{partitions[settings.input_topic]}: records keep their partition, so the output needs at least as many"
        )
        raise StartError(message)
    resources = {name: ConfigResource(ResourceType.TOPIC, name) for name in names}
    described = admin.describe_configs(list(resources.values()), request_timeout=_TIMEOUT)
    limits = {
        name: int(described[resource].result(_TIMEOUT)["max.message.bytes"].value) - _FRAMING_BYTES
        for name, resource in resources.items()
    }
    return Topics(
        dead_partitions=partitions[settings.dead_letter_topic],
        max_record_bytes=min(settings.max_record_bytes, limits[settings.output_topic]),
        max_dead_bytes=limits[settings.dead_letter_topic],
        batch_bytes=min(_BATCH_BYTES, *limits.values()),
    )
