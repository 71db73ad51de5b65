"""A collector as a process of its own, that can be killed and started again, and what reached its topic."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import fastavro
from confluent_kafka import Consumer, TopicPartition

from infra.paths import SCHEMAS, SERVICES
from tests.support.ports import free_port
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.support.kafka_broker import Broker, Topics

SCHEMA_FILE = SCHEMAS / "clickstream.avsc"
SCHEMA: Any = fastavro.parse_schema(json.loads(SCHEMA_FILE.read_text()))


class Collector:
    """A collector process with its own volume, that can be killed and started again."""

    def __init__(self, kafka: Broker, topics: Topics, directory: Path, **settings: str) -> None:
        self.port = free_port()
        self._log = directory.with_name(f"{directory.name}.log")  # beside it: the directory's disk may be full
        service = SERVICES / "collector"
        given = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "KAFKA_BOOTSTRAP_SERVERS": kafka.address,
            "TOPIC": topics.avro,
            "DEAD_LETTER_TOPIC": topics.dead,
            "MAPPING_FILE": str(service / "mapping.toml"),
            "SCHEMA_FILE": str(SCHEMA_FILE),
            "SPOOL_DIRECTORY": str(directory / "spool"),
            "STATE_DIRECTORY": str(directory / "state"),
            "KAFKA_TIMEOUT_MS": "1500",
            "SHUTDOWN_TIMEOUT": "10",
        }
        variables = {f"COLLECTOR_{name}": value for name, value in (given | settings).items()}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_")}
        self._environment = {**inherited, **variables, "PYTHONPATH": f"{service}:{SERVICES / 'common'}"}
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "collector"], env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )

        def listens() -> bool:
            if self._process.poll() is not None:
                message = f"the collector ended with {self._process.returncode}"
                raise AssertionError(message)
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True

        with self._log_in_errors():
            until(listens, what="a collector that listens", seconds=60, retry_on=(OSError,))

    @contextlib.contextmanager
    def _log_in_errors(self) -> Iterator[None]:
        try:
            yield
        except AssertionError as error:
            message = f"{error}\n{self._log.read_text()[-3000:]}"
            raise AssertionError(message) from error

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it with a signal; its exit status."""
        self._process.send_signal(number)
        return self._process.wait(60)

    def exit_status(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def request(self, path: str, body: bytes | None = None) -> tuple[int, str]:
        """Status and text of a GET, or of a POST of a body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET" if body is None else "POST", path, body, {"Content-Type": "text/plain"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def send(self, events: Sequence[str], party: str = "0:1:p") -> set[str]:
        """Send a batch of a visitor's events; the ids of those that are safe, as the answer says."""
        common = {"p": party, "s": "0:1:s", "v": "v", "c": 1, "n": False, "f": False, "t": "test"}
        body = json.dumps({"events": [{**common, "e": event} for event in events]}).encode()
        status, text = self.request("/csc-batch", body)
        return set(json.loads(text)["accepted"]) if status == 200 else set()

    def metrics(self) -> dict[str, float]:
        """Its metrics without labels."""
        _, answer = self.request("/metrics")
        lines = (line.split(" ") for line in answer.splitlines() if line.startswith("collector_") and "{" not in line)
        return {name.removeprefix("collector_"): float(value) for name, value in lines}

    def wait_until_replayed(self, timeout: float = 60) -> None:
        """Return when events go to Kafka directly and nothing waits."""

        def unsent() -> tuple[float, float]:
            found = self.metrics()
            return found["spooling"], found["queue_depth"]

        with self._log_in_errors():
            until(unsent, lambda found: found == (0, 0), what="an empty spool", seconds=timeout, pause=0.2)


def delivered(kafka: Broker, topic: str) -> list[dict[str, Any]]:
    """All records of the topic, by partition and offset."""
    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": "none", "enable.partition.eof": False})
    records: list[dict[str, Any]] = []
    try:
        for number in consumer.list_topics(topic, 10).topics[topic].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), 10)
            consumer.assign([TopicPartition(topic, number, low)])
            position = low
            while position < high:
                for message in consumer.consume(1000, 1.0):
                    value = message.value()
                    assert isinstance(value, bytes)
                    record: Any = fastavro.schemaless_reader(io.BytesIO(value), SCHEMA, None)
                    records.append(record)
                    position = (message.offset() or 0) + 1
    finally:
        consumer.close()
    return records
