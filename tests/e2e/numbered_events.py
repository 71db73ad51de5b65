"""Events with consecutive numbers, sent to a topic of the running stack from inside: Kafka publishes no port."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from infra.resources.druid.spec import avro_fields
from tests.e2e.inside import inside

if TYPE_CHECKING:
    import subprocess

LATE = 10
"""So many first events are three days older than the others."""
MOMENT = 1_790_000_000_000
"""When the others happened, ms."""
VALUES: dict[str, Any] = {"string": "a value", "long": 1, "int": 1, "double": 1.5, "boolean": True}

PRODUCER = """
import json, sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": "kafka:9092", "enable.idempotence": True, "linger.ms": 20})
for line in sys.stdin:
    task = json.loads(line)
    for number in range(*task["range"]):
        event = {**task["event"], "event_id": f"e{number}", "engagement_ms": number}
        if number < task["late"]:
            event["timestamp"] -= 3 * 86_400_000
        producer.produce(task["topic"], json.dumps(event), key=str(number))
        producer.poll(0)
    for text in task["texts"]:
        producer.produce(task["topic"], text)
    left = producer.flush(60)
    print(json.dumps({"left": left}), flush=True)
"""


class Events:
    """Sends them, from 0 on."""

    def __init__(self, process: "subprocess.Popen[str]", topic: str) -> None:
        self._process = process
        self._topic = topic
        self.sent = 0

    def send(self, count: int, *texts: str, full: bool = False) -> None:
        """The next events, each acknowledged before this returns, then texts as they are.

        `full`: every column has a value, and not only those that make it a page view.
        """
        assert self._process.stdin
        assert self._process.stdout
        event: dict[str, Any] = {name: VALUES[kind] if full else None for name, kind in avro_fields().items()}
        event |= {"timestamp": MOMENT, "event_type": "pageView", "event_source": "browser", "country": "Norway"}
        task = {
            "topic": self._topic,
            "range": [self.sent, self.sent + count],
            "event": event,
            "late": LATE,
            "texts": texts,
        }
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        assert json.loads(self._process.stdout.readline()) == {"left": 0}
        self.sent += count


@contextmanager
def producer(topic: str) -> Iterator[Events]:
    """Events for that topic."""
    with inside(PRODUCER) as process:
        yield Events(process, topic)
