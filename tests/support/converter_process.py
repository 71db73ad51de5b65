"""avro-to-json as a process of its own, and what went into its topics and came out of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from infra.paths import SERVICES
from tests.support.ports import free_port
from tests.support.readiness import why_not_ready

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.kafka_broker import Broker, Topics

PARTITIONS: Final = 4
START_ME_AGAIN: Final = 75
PATIENCE: Final = 90
"""Seconds. After kills, a group waits for the sessions of several dead members, longer on a busy machine."""
START_MS: Final = 1_770_000_000_000


class Converter:
    """A converter's process; its log goes to a file."""

    def __init__(self, kafka: Broker, topics: Topics, log: Path, **settings: str) -> None:
        """Start it. ``settings`` are its own, by name without the prefix."""
        self._log, self._kafka, self._topics, self._settings = log, kafka, topics, settings
        self._port = free_port()
        self._kept = False
        self.start()

    def start(self, *arguments: str) -> None:
        """Start under the same transactional id as before."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "avro_to_json", *arguments],
            cwd=SERVICES / "avro_to_json",
            env={
                **os.environ,
                "PYTHONPATH": str(SERVICES / "common"),
                **self._topics.environment(self._kafka.address),
                "AVRO_TO_JSON_TRANSACTIONAL_ID": f"{self._topics.group}-{self._log.stem}",
                "AVRO_TO_JSON_HTTP_HOST": "127.0.0.1",
                "AVRO_TO_JSON_HTTP_PORT": str(self._port),
                **{f"AVRO_TO_JSON_{name.upper()}": value for name, value in self._settings.items()},
            },
            stdout=self._log.open("ab"),
            stderr=subprocess.STDOUT,
        )
        if self._kept:
            threading.Thread(target=self._restart_when_asked, args=(self.process,), daemon=True).start()

    def log(self) -> list[dict[str, Any]]:
        """Its log lines so far."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    def events(self, event: str) -> list[dict[str, Any]]:
        """Log lines of one kind."""
        return [line for line in self.log() if line["event"] == event]

    def ready(self) -> str | None:
        """Why it is not ready; None when it is."""
        return why_not_ready(self._port)

    def metrics(self) -> dict[str, float]:
        """Its own metrics, by name and labels as they stand in the exposition."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return {
            name: float(value)
            for name, _, value in (line.rpartition(" ") for line in lines if line.startswith("avro_to_json_"))
        }

    def keep(self) -> None:
        """Start it again whenever it asks for that by its exit code, as the swarm does: now and after each start."""
        self._kept = True
        threading.Thread(target=self._restart_when_asked, args=(self.process,), daemon=True).start()

    def _restart_when_asked(self, process: subprocess.Popen[bytes]) -> None:
        if process.wait() == START_ME_AGAIN:
            self.start()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout: float = 20) -> int:
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(timeout)


def produce(kafka: Broker, topic: str, values: Sequence[bytes], first: int = 0) -> None:
    """Send values round the partitions, key and header numbered from ``first``; acknowledged on return."""
    producer = Producer({"bootstrap.servers": kafka.address, "enable.idempotence": True, "linger.ms": 5})
    for number, value in enumerate(values, first):
        producer.produce(
            topic,
            value,
            key=str(number),
            partition=number % PARTITIONS,
            headers=[("number", str(number).encode())],
            timestamp=START_MS + number,
        )
    assert producer.flush(60) == 0


def committed(kafka: Broker, topic: str, count: int, timeout: float = 60) -> list[Message]:
    """Read committed records until there are ``count``, and a little longer for any that should not be."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.address,
            "group.id": "reader",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 50,
        }
    )
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    found: list[Message] = []
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found += [message for message in consumer.consume(5000, timeout=0.5) if message.error() is None]
        if len(found) >= count:
            deadline = min(deadline, time.monotonic() + 1)
    consumer.close()
    return found


def numbers(messages: Sequence[Message]) -> dict[int, list[int]]:
    """Keys by partition, in the order of the log."""
    by_partition: defaultdict[int, list[int]] = defaultdict(list)
    for message in messages:
        by_partition[message.partition() or 0].append(int(message.key() or b""))
    return dict(by_partition)
