"""The archive's topics as they currently are in the cluster."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from clickstream_service.logs import LIBRDKAFKA
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from archive.errors import MissingTopicsError

if TYPE_CHECKING:
    from archive.settings import Settings

_TIMEOUT: Final = 10.0
_MAX_RESPONSE_BYTES: Final = 67_108_864
"""Limit of a broker's response, which contains at least one batch."""


def common_config(settings: Settings) -> dict[str, Any]:
    """Settings of every client."""
    return {
        "bootstrap.servers": settings.bootstrap_servers,
        "client.id": "archive",
        "reconnect.backoff.max.ms": 2000,
        **settings.kafka_properties,
    }


def consumer_config(settings: Settings) -> dict[str, Any]:
    """Settings of the consumer. It reads committed records only, at positions from the manifest: no consumer group."""
    fetch_bytes = settings.fetch_max_kb * 1024
    return {
        **common_config(settings),
        "group.id": "archive",  # required by the client, but unused
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Neither of the client's policies is safe in every case: see clickstream_service/positions.py.
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "queued.max.messages.kbytes": settings.fetch_buffer_kb,
        "queued.min.messages": 20_000,
        "fetch.max.bytes": fetch_bytes,
        "max.partition.fetch.bytes": fetch_bytes,
        "message.max.bytes": fetch_bytes,
        "receive.message.max.bytes": _MAX_RESPONSE_BYTES,
        "fetch.error.backoff.ms": 100,
        # How soon the client starts to read a partition that it did not know at its assignment.
        "topic.metadata.refresh.interval.ms": 10_000,
    }


def describe(settings: Settings) -> dict[str, tuple[str, int]]:
    """Return each topic's id and number of partitions. MissingTopicsError if a topic does not exist (yet)."""
    admin = AdminClient(common_config(settings), logger=logging.getLogger(LIBRDKAFKA))
    found = admin.describe_topics(TopicCollection(list(settings.topics)), request_timeout=_TIMEOUT)
    described: dict[str, tuple[str, int]] = {}
    for name, future in found.items():
        try:
            topic = future.result(_TIMEOUT)
        except KafkaException as error:
            if "UNKNOWN_TOPIC" not in error.args[0].name():
                raise
            message = f"no topic {name} on {settings.bootstrap_servers}"
            raise MissingTopicsError(message) from error
        described[name] = (str(topic.topic_id), len(topic.partitions))
    return described
