"""A collector in this process, on librdkafka's mock broker, and a plain HTTP client to reach it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from collector.app import App
from collector.settings import Settings
from confluent_kafka import Consumer, TopicPartition

from tests.unit.collector.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from confluent_kafka import Message

MAPPING = ROOT / "services" / "collector" / "mapping.toml"
SCHEMA = ROOT / "services" / "schema" / "clickstream.avsc"


def make_settings(directory: Path, **changes: Any) -> Settings:
    """Settings of a collector for tests: any free port, a broker of its own."""
    kafka = directory / "kafka.properties"
    if not kafka.exists():
        kafka.write_text("test.mock.num.brokers=1\n")
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "mapping_file": MAPPING,
        "schema_file": SCHEMA,
        "kafka_config_file": kafka,
        "kafka_timeout_ms": 1500,
        "shutdown_timeout": 5,
        "log_level": "error",
    }
    return Settings(**{**values, **changes})


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[App]:
    """A collector that listens, stopped at the end."""
    app = App(settings)
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def exchange(app: App, data: bytes, *, timeout: float = 10) -> bytes:
    """Send bytes, and read until the collector closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", app.server.port)
    try:
        writer.write(data)
        writer.write_eof()
        return await asyncio.wait_for(reader.read(-1), timeout)
    finally:
        writer.close()


async def request(
    app: App, target: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request; status, headers by lower-case name, body. Underscores in header names stand for hyphens."""
    lines = [f"{method} {target} HTTP/1.1", "Host: test"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return parse(await exchange(app, "\r\n".join([*lines, "", ""]).encode() + (body or b"")))


def parse(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a response."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    return int(first.split(" ")[1]), headers, body


def delivered(app: App, topic: str, count: int | None = None) -> list[Message]:
    """That many messages of a topic of the mock broker, or all: only its own process can reach the broker."""
    brokers = app.delivery.bootstrap_servers()
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "test", "auto.offset.reset": "earliest"})
    try:
        partitions = consumer.list_topics(topic, 5).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        if count is None:
            ends = (consumer.get_watermark_offsets(TopicPartition(topic, number), 5) for number in partitions)
            count = sum(high for _, high in ends)
        messages: list[Message] = []
        for _ in range(100):
            messages += consumer.consume(1000, 0.1)
            if len(messages) >= count:
                return messages
    finally:
        consumer.close()
    message = f"{len(messages)} of {count} messages"
    raise AssertionError(message)


def headers_of(message: Message) -> dict[str, str]:
    headers: dict[str, Any] = dict(message.headers() or [])
    return {name: value.decode() for name, value in headers.items()}


def all_of(app: App, topic: str) -> list[Message]:
    """Every message of a topic, in all its partitions."""
    assert app.delivery._producer.flush(30) == 0
    return delivered(app, topic)
