"""Events and records that nobody can use, sent to the platform; and the dead letters that Kafka keeps of them."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.e2e.inside import inside
from tests.e2e.journey import Access

Row = dict[str, Any]

POISON = 5
"""Records that are none of the schema."""

PRODUCER = f"""
from confluent_kafka import Producer
producer = Producer({{"bootstrap.servers": "kafka:9092", "enable.idempotence": True}})
for number in range({POISON}):
    producer.produce("tracking-avro", b"\\x80\\npoison\\n" * (number + 1))
assert producer.flush(60) == 0
"""

CONSUMER = """
import json
from confluent_kafka import Consumer, KafkaError, TopicPartition
topic = "tracking-dead"
consumer = Consumer({"bootstrap.servers": "kafka:9092", "group.id": "e2e", "enable.partition.eof": True})
left = set(consumer.list_topics(topic, 30).topics[topic].partitions)
consumer.assign([TopicPartition(topic, number, 0) for number in left])
while left:
    message = consumer.poll(30)
    if message.error() and message.error().code() == KafkaError._PARTITION_EOF:
        left.discard(message.partition())
        continue
    headers = {name: value.decode() for name, value in message.headers()}
    print(json.dumps({"time": message.timestamp()[1], "headers": headers, "bytes": len(message.value() or b"")}))
consumer.close()
"""


def send(access: Access) -> int:
    """Send them, each answered or acknowledged; how many dead letters they must become."""
    with httpx.Client(base_url=access.website) as client:
        for query in ("p=0:1:a&t=pageView", "p=not+an+identifier", "", "p=0:1:a&t=%ff%00"):
            client.get(f"/csc-event?{query}").raise_for_status()
        assert client.post("/csc-batch", content=b'[{"p":\n\n\n1}').status_code == httpx.codes.BAD_REQUEST
    with inside(PRODUCER) as process:
        assert process.wait(60) == 0
    return 5 + POISON


def letters() -> list[Row]:
    """Every dead letter in Kafka, by what stands in its headers: another source than Druid's table."""
    with inside(CONSUMER) as process:
        assert process.stdout
        found = [json.loads(line) for line in process.stdout]
    return [_row(letter) for letter in found]


def _row(letter: dict[str, Any]) -> Row:
    headers = letter["headers"]
    return {
        "__time": datetime.fromtimestamp(letter["time"] / 1000, UTC).isoformat(timespec="milliseconds"),
        "stage": headers.get("dead.stage", "collector"),
        "source": headers.get("source"),
        "reason": headers.get("dead.reason") or headers["reason"],
        "bytes": letter["bytes"],
    }
