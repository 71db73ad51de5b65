"""How fast the archive is, how large its files are beside Avro and JSON, and how much memory it takes.

It reads a backlog from a broker with the settings of the platform. Rates are events by wall clock and by second of its
own CPU time, which is what holds when other things run on the machine. Sizes are bytes an event: of a value in the
topic before compression, and of the files after their merge. Needs Docker.

    python -m benchmarks.archive --events 500000
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson
from confluent_kafka import Producer

from benchmarks.records import encode, records
from tests.support.archive_process import environment, query
from tests.support.kafka_broker import broker
from tests.support.ports import free_port
from tests.support.waiting import until

PARTITIONS = 4
IDLE = 3
"""Seconds without work after which it has caught up."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=500_000)
    events = parser.parse_args().events
    with broker() as kafka, tempfile.TemporaryDirectory() as folder:
        topics = kafka.topics(PARTITIONS)
        avro, text = fill(kafka.address, topics.json, events)
        log = Path(folder, "log")
        variables = environment(kafka, topics, folder=f"{folder}/archive", http_port=free_port(), flush_seconds=60)
        variables |= {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}  # as in the image
        started = time.monotonic()
        process = subprocess.Popen([sys.executable, "-m", "archive"], env=variables, stdout=log.open("wb"))
        files = f"{folder}/archive/events/**/*.parquet"
        sql = f"SELECT count(*) FROM read_parquet('{files}')"  # noqa: S608
        # What is left when nothing more fits into the buffer is written at the end.
        time.sleep(2)
        status = Path(f"/proc/{process.pid}/status")
        until(lambda: caught_up(process.pid), seconds=600, pause=0.5, what="an archive with nothing to do")
        peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
        core = ticks(process.pid) / os.sysconf("SC_CLK_TCK")
        seconds = time.monotonic() - started - IDLE
        process.terminate()
        process.wait(120)
        assert query(sql) == [(events,)], query(sql)
        sizes = sum(path.stat().st_size for path in Path(folder, "archive").rglob("*.parquet"))
    print(f"{events} events: {events / seconds:,.0f} a second, {events / core:,.0f} a second and core")
    print(f"bytes an event: Avro {avro / events:.0f}, JSON {text / events:.0f}, archive {sizes / events:.0f}")
    print(f"memory at its peak: {peak:.0f} MiB")


def ticks(pid: int) -> int:
    """CPU time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def caught_up(pid: int) -> bool:
    """Whether the process has stopped working: its CPU time stands."""
    before = ticks(pid)
    time.sleep(IDLE)
    return ticks(pid) - before <= IDLE * 3


def fill(address: str, topic: str, count: int) -> tuple[int, int]:
    """Put the events on the topic, without measuring; the bytes of all as Avro and as JSON."""
    producer = Producer({"bootstrap.servers": address, "linger.ms": 50, "compression.type": "lz4"})
    avro = text = 0
    for number, record in enumerate(records(count)):
        line = orjson.dumps(record)
        avro, text = avro + len(encode(record)), text + len(line)
        while True:
            try:
                producer.produce(topic, line, partition=number % PARTITIONS)
            except BufferError:
                producer.poll(0.1)
            else:
                break
    assert producer.flush(120) == 0
    return avro, text


if __name__ == "__main__":
    main()
