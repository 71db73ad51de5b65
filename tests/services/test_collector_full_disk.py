"""A full disk does not end the collector: a real small file system, the real process, and a real broker."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.collector_process import Collector, delivered
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.kafka_broker import Broker, Topics

pytestmark = pytest.mark.timeout(180)
TABLE_BYTES = 8 * 2**20
MORE_THAN_A_MEBIBYTE_OF_PAGES = 12_000
"""Events whose entries lie in more pages of the table than the file system has room for."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A volume of one mebibyte."""
    volume = tmp_path / "volume"
    volume.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(volume)]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted, which takes root: {mounted.stderr.strip()}")
    yield volume
    subprocess.run(["umount", "--lazy", str(volume)], check=True)


def fill(volume: Path) -> Path:
    """A file that takes all the room there is."""
    filler = volume / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, os.statvfs(volume).f_bavail * os.statvfs(volume).f_frsize)
    assert os.statvfs(volume).f_bavail == 0
    return filler


def send_many(collector: Collector, count: int) -> int:
    """Send so many events in batches, each again while it is refused, as trackers do; how many are safe."""
    batches = [[f"{start}-{number}" for number in range(500)] for start in range(0, count, 500)]
    # Without a spool, a broker that is slow for a moment is a refusal.
    return sum(len(until(partial(collector.send, events), what="a safe batch", seconds=60)) for events in batches)


def fill_up(collector: Collector) -> set[str]:
    """Send events, in batches and then one by one, until none is taken any more; those that are safe."""
    acknowledged: set[str] = set()
    for start in range(0, 20_000, 100):
        taken = collector.send([f"{start + number}" for number in range(100)])
        acknowledged |= taken
        if not taken:
            break
    refused = 0
    for number in range(5_000):
        taken = collector.send([f"single-{number}"])
        acknowledged |= taken
        refused = 0 if taken else refused + 1
        if refused == 300:
            return acknowledged
    message = f"the disk is not full with {len(acknowledged)} events"
    raise AssertionError(message)


def test_a_disk_without_room_for_the_table_of_duplicates(
    kafka: Broker, topics: Topics, small_disk: Path, collectors: list[Collector]
) -> None:
    collector = Collector(kafka, topics, small_disk)
    collectors.append(collector)
    safe = send_many(collector, MORE_THAN_A_MEBIBYTE_OF_PAGES)
    assert (collector.exit_status(), safe) == (None, MORE_THAN_A_MEBIBYTE_OF_PAGES)
    assert collector.metrics()["duplicates_on_disk"] == 0
    collector.send(["0-0"])
    flags = [record["is_duplicate"] for record in delivered(kafka, topics.avro) if record["event_id"] == "0-0"]
    assert (flags[0], flags[-1], len(flags) > 1) == (False, True, True), "duplicates are recognised in memory"


def test_a_sparse_table_of_an_older_version(
    kafka: Broker, topics: Topics, small_disk: Path, collectors: list[Collector]
) -> None:
    table = small_disk / "state" / "duplicates"
    table.parent.mkdir()
    with table.open("wb") as file:
        file.truncate(TABLE_BYTES)
    collector = Collector(kafka, topics, small_disk)
    collectors.append(collector)
    safe = send_many(collector, MORE_THAN_A_MEBIBYTE_OF_PAGES)
    assert (collector.exit_status(), safe) == (None, MORE_THAN_A_MEBIBYTE_OF_PAGES)
    assert collector.metrics()["duplicates_on_disk"] == 0


def test_a_disk_that_is_full_from_the_start(
    kafka: Broker, topics: Topics, small_disk: Path, collectors: list[Collector]
) -> None:
    """Kafka alone is enough; without it nothing is acknowledged; with room again, all is as usual."""
    filler = fill(small_disk)
    collector = Collector(kafka, topics, small_disk)
    collectors.append(collector)
    assert collector.send(["by-kafka"]) == {"by-kafka"}
    assert collector.request("/ready") == (200, "ready")

    kafka.kill()
    assert collector.send(["by-nothing"]) == set()
    until(lambda: collector.request("/ready")[0], lambda status: status == 503, seconds=30)
    assert collector.request("/live") == (200, "alive")

    filler.unlink()
    until(lambda: collector.request("/ready")[0], lambda status: status == 200, seconds=30)
    assert collector.send(["by-the-spool"]) == {"by-the-spool"}

    kafka.start()
    collector.wait_until_replayed()
    assert collector.send(["by-kafka-again"]) == {"by-kafka-again"}
    assert sorted(record["event_id"] for record in delivered(kafka, topics.avro)) == [
        "by-kafka",
        "by-kafka-again",
        "by-the-spool",
    ]
    assert collector.stop() == 0


def test_a_disk_that_fills_up_while_events_are_spooled(
    kafka: Broker, topics: Topics, small_disk: Path, collectors: list[Collector]
) -> None:
    collector = Collector(kafka, topics, small_disk)
    collectors.append(collector)
    kafka.kill()
    acknowledged = fill_up(collector)
    assert acknowledged
    assert len(list(small_disk.glob("spool/slot-00/*.log"))) <= 2, "failed writes leave no files"
    assert collector.exit_status() is None

    kafka.start()
    collector.wait_until_replayed()
    assert collector.send(["after"]) == {"after"}
    assert {record["event_id"] for record in delivered(kafka, topics.avro)} == acknowledged | {"after"}
