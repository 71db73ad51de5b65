"""What the Kafka manager and its viewers hold of a topic whose records compress well."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from infra.paths import SERVICES
from tests.support.converter_process import PARTITIONS
from tests.support.flood import fill, minimal_events

if TYPE_CHECKING:
    from tests.support.kafka_broker import Broker, Topics

BOUND_MIB: Final = 64
"""What one reader may take: the service has 768 MiB, and four viewers beside the API."""
MEASURED: Final = """
import resource, sys
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
from kafka_manager.records import Records
from kafka_manager.settings import Settings
from kafka_manager.viewers import client_config
settings, topic, partitions = Settings(bootstrap_servers=sys.argv[1]), sys.argv[2], range(int(sys.argv[3]))
before = peak()
"""
NEWEST: Final = f"""{MEASURED}
found = Records(settings).newest(topic, partitions, 500)
print(peak() - before, len(found), sum(record.size for record in found))
"""
VIEWER: Final = f"""{MEASURED}
import configparser, time
from confluent_kafka import Consumer, TopicPartition
config = configparser.ConfigParser()
config.read_string(client_config(settings))
consumer = Consumer({{**config["kafka"], "group.id": "viewer", "auto.offset.reset": "earliest"}})
consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
shown = 0
for page in range(100):  # as kaskade does: a page, then what the client fetches while somebody reads
    shown += len(consumer.consume(25, timeout=10))
    time.sleep(0.02)
print(peak() - before, shown)
"""


@pytest.fixture(scope="module")
def topic(kafka: Broker) -> str:
    """480 MB of records in 4 MB."""
    topics: Topics = kafka.topics(PARTITIONS)
    fill(kafka.address, topics.avro, minimal_events(1000, 60_000), 8000, PARTITIONS)
    return topics.avro


def run(script: str, kafka: Broker, topic: str) -> list[str]:
    """The words that the script prints."""
    done = subprocess.run(
        [sys.executable, "-c", script, kafka.address, topic, str(PARTITIONS)],
        cwd=SERVICES / "kafka_manager",
        env={**os.environ, "PYTHONPATH": str(SERVICES / "common")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


def test_the_newest_records_are_bounded_by_their_bytes(kafka: Broker, topic: str) -> None:
    more, count, size = run(NEWEST, kafka, topic)
    assert int(more) < BOUND_MIB
    assert 100 < int(count) < 500
    assert 7 * 2**20 < int(size) <= 8 * 2**20


def test_a_viewer_fetches_little_more_than_it_shows(kafka: Broker, topic: str) -> None:
    more, shown = run(VIEWER, kafka, topic)
    assert int(shown) == 2500
    assert int(more) < BOUND_MIB
