"""Events that are acknowledged are in Kafka once, whatever keeps Kafka or the collector from confirming them."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.services.test_collector_kafka import Load, wait_for_events
from tests.support.collector_process import Collector, delivered

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.kafka_broker import Broker, Topics

pytestmark = pytest.mark.timeout(300)
FROZEN = 12
"""Seconds: longer than the collector waits for Kafka, and than its client waits before it sends again."""


def repeated(kafka: Broker, topics: Topics) -> dict[str, int]:
    """Events that are in the topic more than once."""
    found = Counter(record["event_id"] for record in delivered(kafka, topics.avro))
    return {event: count for event, count in found.items() if count > 1}


def assert_once(kafka: Broker, topics: Topics, sent: set[str]) -> None:
    assert sent - {record["event_id"] for record in delivered(kafka, topics.avro)} == set()
    assert repeated(kafka, topics) == {}


def test_a_broker_that_freezes_and_wakes_up(
    kafka: Broker, topics: Topics, tmp_path: Path, collectors: list[Collector]
) -> None:
    """It stores what it had received; the copies that were spooled meanwhile are not sent."""
    collector = Collector(kafka, topics, tmp_path)
    collectors.append(collector)
    load = Load(collector, batches=True)

    async def scenario() -> None:
        async with load.running():
            await wait_for_events(load, 200)
            await asyncio.to_thread(kafka.freeze)
            try:
                await asyncio.sleep(FROZEN)
            finally:
                await asyncio.to_thread(kafka.thaw)
            await wait_for_events(load, 200)

    asyncio.run(scenario())
    collector.wait_until_replayed()
    assert set(load.statuses.values()) == {200}
    assert collector.metrics()["kafka_failed_total"] > 0, "nothing was in flight, so nothing was proved"
    assert_once(kafka, topics, load.acknowledged)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_collector_that_ends_while_the_broker_is_frozen(
    kafka: Broker, topics: Topics, tmp_path: Path, collectors: list[Collector], end: signal.Signals
) -> None:
    """Nobody hears the confirmations: the next collector looks for the messages in Kafka."""
    collector = Collector(kafka, topics, tmp_path)
    collectors.append(collector)
    sent = collector.send(["before"])
    kafka.freeze()
    try:
        sent |= collector.send([f"in-flight-{number}" for number in range(50)])
        sent |= collector.send([f"spooled-{number}" for number in range(50)])
        collector.stop(end)
    finally:
        kafka.thaw()
    assert len(sent) == 101
    kafka.wait_until_up()
    collector.start()
    assert collector.send(["after"]) == {"after"}
    collector.wait_until_replayed()
    assert_once(kafka, topics, {*sent, "after"})
