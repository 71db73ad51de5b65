"""Events in the spool of a collector that is gone reach Kafka by the collectors that run, without any restart."""

from __future__ import annotations

import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.collector_process import Collector, delivered
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.kafka_broker import Broker, Topics

pytestmark = pytest.mark.timeout(300)
WINDOW = 200
"""Messages that are adopted together: so many can be sent twice when the collector that sends them is killed."""


def arrived(kafka: Broker, topics: Topics) -> Counter[str]:
    """How often each event is in the topic."""
    return Counter(record["event_id"] for record in delivered(kafka, topics.avro))


def pending(*collectors: Collector) -> Callable[[], list[tuple[float, float]]]:
    """A question for each collector's gauges: bytes that are to be replayed, and slots without an owner."""

    def ask() -> list[tuple[float, float]]:
        found = [collector.metrics() for collector in collectors]
        return [(metrics["spool_pending_bytes"], metrics["spool_unowned_slots"]) for metrics in found]

    return ask


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_successor_delivers_what_its_predecessor_left(
    kafka: Broker, topics: Topics, tmp_path: Path, collectors: list[Collector], end: signal.Signals
) -> None:
    """An update that starts the new task first, while Kafka is away."""
    old = Collector(kafka, topics, tmp_path)
    collectors.append(old)
    kafka.kill()
    events = [f"old-{number}" for number in range(100)]
    acknowledged = {event for start in range(0, 100, 10) for event in old.send(events[start : start + 10])}
    assert acknowledged == set(events)

    new = Collector(kafka, topics, tmp_path)
    collectors.append(new)
    assert new.send(["new-0"]) == {"new-0"}
    old.stop(end)
    until(pending(new), lambda found: found[0][1] == 1 and found[0][0] > 0, seconds=30)
    assert new.request("/ready") == (200, "spooling")
    assert new.send(["new-1"]) == {"new-1"}

    kafka.start()
    until(pending(new), lambda found: found == [(0, 0)], seconds=60)
    assert new.send(["new-2"]) == {"new-2"}
    assert arrived(kafka, topics) == Counter([*events, "new-0", "new-1", "new-2"])
    assert new.stop() == 0


def test_two_collectors_share_the_work_and_one_of_them_can_be_killed_at_it(
    kafka: Broker, topics: Topics, tmp_path: Path, collectors: list[Collector]
) -> None:
    kafka.kill()
    sent: list[str] = []
    for name in ("a", "b"):
        gone = Collector(kafka, topics, tmp_path)
        collectors.append(gone)
        for start in range(0, 20_000, 1000):
            events = [f"{name}-{number}" for number in range(start, start + 1000)]
            assert gone.send(events, f"0:1:{name}") == set(events)
            sent += events
    running = [Collector(kafka, topics, tmp_path) for _ in range(2)]
    collectors += running
    for gone in collectors[:2]:
        gone.stop(signal.SIGKILL)
    until(pending(*running), lambda found: {slots for _, slots in found} == {2}, seconds=30)

    kafka.start()
    # Either may look first, and take both slots before the other looks.
    replaying = until(
        lambda: [collector for collector in running if collector.metrics()["replayed_total"] > 0], bool, seconds=60
    )[0]
    replaying.stop(signal.SIGKILL)
    (other,) = (collector for collector in running if collector is not replaying)
    until(pending(other), lambda found: found == [(0, 0)], seconds=90)
    records = [record["event_id"] for record in delivered(kafka, topics.avro)]
    assert set(records) == set(sent)
    assert len(records) <= len(sent) + WINDOW
    for name in ("a", "b"):
        order = list(dict.fromkeys(int(event[2:]) for event in records if event.startswith(name)))
        assert order == sorted(order)


def test_own_events_are_answered_from_kafka_while_a_slot_is_replayed(
    kafka: Broker, topics: Topics, tmp_path: Path, collectors: list[Collector]
) -> None:
    """Terminated in the middle of it, the collector releases the slot with nothing sent twice."""
    running = Collector(kafka, topics, tmp_path)
    gone = Collector(kafka, topics, tmp_path)
    collectors += [running, gone]
    kafka.kill()
    sent: list[str] = []
    for start in range(0, 40_000, 1000):
        events = [f"gone-{number}" for number in range(start, start + 1000)]
        assert gone.send(events) == set(events)
        sent += events
    kafka.start()
    gone.stop(signal.SIGKILL)
    until(lambda: running.metrics()["kafka_connected"], lambda connected: connected == 1, seconds=60)

    own: list[str] = []
    until(lambda: running.metrics()["replayed_total"], what="a first replay", seconds=60, pause=0.05)
    for number in range(50):
        assert running.send([f"own-{number}"]) == {f"own-{number}"}
        own.append(f"own-{number}")
    found = running.metrics()
    assert 0 < found["replayed_total"] < len(sent), "the slot was replayed before the events were sent"
    assert (found["spooling"], found["kafka_delivered_total"], found["spooled_total"]) == (0, 50, 0)
    assert running.stop() == 0

    successor = Collector(kafka, topics, tmp_path)
    collectors.append(successor)
    until(pending(successor), lambda found: found == [(0, 0)], seconds=90)
    successor.wait_until_replayed()
    # What Kafka confirms too late on a busy machine is sent once more: at least once is the promise.
    assert set(arrived(kafka, topics)) == {*sent, *own}
