"""How fast avro-to-json is, beside Kafka Streams and beside copying without conversion; and how late at a fixed rate.

All of them read the same records from the same broker, exactly once, the two copies as well: one is a C program on
librdkafka alone (the ceiling), the other the converter's own loop with the conversion left out. Rates are records by
wall clock and by second of the contender's own CPU time, which is what holds when other things run on the machine.
Needs Docker, Java and Maven, and for the ceiling a C compiler and librdkafka's headers (Debian: gcc, librdkafka-dev).

    python -m benchmarks.avro_to_json                 # all, about four minutes
    python -m benchmarks.avro_to_json --soak 600      # ten minutes at a fixed rate: memory, counts and lag at the end
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import confluent_kafka
import httpx
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.records import SCHEMA, SCHEMA_FILE, datums
from infra.paths import ROOT
from infra.versions import VERSIONS
from tests.support.kafka_broker import Topics, broker
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAMS = Path(__file__).parent / "kafka_streams"
SERVICE = ROOT / "services" / "avro_to_json"
COMMON = ROOT / "services" / "common"
PARTITIONS = 4
COPY = """
import sys
from avro_to_json import __main__ as main, converter
converter.Converter.convert = lambda self, values: list(values)
sys.exit(main.main(["serve"]))
"""


def conversion() -> float:
    """Records a second and core of conversion alone, batches of 5000, best of five."""
    sys.path[:0] = [str(SERVICE), str(COMMON)]
    from avro_to_json import schema as schemas  # noqa: PLC0415 - its folder is on the path only now
    from avro_to_json.converter import RAW_ID, Converter  # noqa: PLC0415

    reader = schemas.parse(json.dumps(SCHEMA), "schema")
    convert, data, best = Converter(reader, {RAW_ID: reader}).convert, datums(5000), float("inf")
    for _ in range(5):
        started = time.process_time()
        convert(data)
        best = min(best, time.process_time() - started)
    return len(data) / best


def fill(address: str, topic: str, count: int) -> None:
    """Put ``count`` records on the topic, key and all, without measuring."""
    data = datums(5000)
    producer = Producer(
        {
            "bootstrap.servers": address,
            "linger.ms": 50,
            "compression.type": "lz4",
            "queue.buffering.max.kbytes": 500_000,
        }
    )
    for number in range(count):
        while True:
            try:
                producer.produce(topic, data[number % len(data)], str(number), partition=number % PARTITIONS)
            except BufferError:
                producer.poll(0.1)
            else:
                break
    assert producer.flush(120) == 0


class Progress:
    """How many input records a contender has settled: its group's committed offsets, summed."""

    def __init__(self, address: str, topics: Topics) -> None:
        self._consumer = Consumer({"bootstrap.servers": address, "group.id": topics.group})
        self._partitions = [TopicPartition(topics.avro, number) for number in range(PARTITIONS)]

    def __call__(self) -> int:
        """Ask the broker."""
        return sum(max(0, item.offset) for item in self._consumer.committed(self._partitions, timeout=30))

    def close(self) -> None:
        """Hang up."""
        self._consumer.close()


def converter(address: str, topics: Topics, replica: int, log: Path, *, copy: bool = False) -> subprocess.Popen[bytes]:
    """Start the converter, or its loop without the conversion."""
    return subprocess.Popen(
        [sys.executable, "-c", COPY] if copy else [sys.executable, "-m", "avro_to_json"],
        cwd=SERVICE,
        env={
            **os.environ,
            "PYTHONPATH": str(COMMON),
            **topics.environment(address),
            "AVRO_TO_JSON_TRANSACTIONAL_ID": f"{topics.group}-{replica}",
            "AVRO_TO_JSON_HTTP_PORT": str(9410 + replica),
        },
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
    )


def librdkafka_copy(address: str, topics: Topics, log: Path) -> subprocess.Popen[bytes]:
    """Compile and start the copy in C, in transactions as large as the converter's, on the converter's librdkafka."""
    program = log.parent / "librdkafka_copy"
    source = Path(__file__).with_name("librdkafka_copy.c")
    library = next((Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs").glob("librdkafka-*.so*"))
    linked = [str(library), f"-Wl,-rpath,{library.parent}", "-Wl,--allow-shlib-undefined"]
    subprocess.run(["cc", "-O2", "-o", str(program), str(source), *linked], check=True)
    arguments = [address, topics.avro, topics.json, topics.group, "5000"]
    return subprocess.Popen([str(program), *arguments], stdout=log.open("wb"), stderr=subprocess.STDOUT)


def streams(address: str, topics: Topics, log: Path) -> subprocess.Popen[bytes]:
    """Start the Kafka Streams app with a thread a core."""
    maven = ["mvn", "-q", "-B", "-f", str(STREAMS / "pom.xml"), "package"]
    subprocess.run(maven, check=True, env={**os.environ, **VERSIONS})
    path = f"{STREAMS}/target/avro-to-json-streams-1.jar:{STREAMS}/target/libs/*"
    arguments = [address, str(SCHEMA_FILE), topics.avro, topics.json, topics.group, str(os.cpu_count() or 1)]
    command = ["java", "-Xmx1g", "-cp", path, "clickstream.AvroToJson", *arguments]
    return subprocess.Popen(command, stdout=log.open("wb"), stderr=subprocess.STDOUT)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process that still runs."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int) -> float:
    """Largest resident size so far, MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


@contextlib.contextmanager
def stopping(processes: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Stop them at the end, gently first."""
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def race(
    address: str, topics: Topics, processes: list[subprocess.Popen[bytes]], log: Path, count: int
) -> dict[str, float]:
    """Measure from a fifth of the records, when all is warm, to the last."""
    progress = Progress(address, topics)
    with stopping(processes), contextlib.closing(progress):

        def settled() -> int:
            assert all(process.poll() is None for process in processes), f"ended: {log.read_text()[-2000:]}"
            return progress()

        first = until(settled, lambda done: done >= count // 5, what="settled records", seconds=300, pause=0.05)
        started, used = time.monotonic(), sum(cpu_seconds(process.pid) for process in processes)
        until(settled, lambda done: done >= count, what="settled records", seconds=300, pause=0.05)
        seconds = time.monotonic() - started
        spent = sum(cpu_seconds(process.pid) for process in processes) - used
        records = count - first
        return {
            "records_per_second": records / seconds,
            "records_per_cpu_second": records / spent if spent else float("nan"),
            "peak_mib": sum(peak_mib(process.pid) for process in processes),
        }


def latency(address: str, topics: Topics, log: Path, rate: int, seconds: float) -> dict[str, float]:
    """Milliseconds from append to readable at a fixed open-loop rate; the first two seconds are for warming up."""
    data, times = datums(2000), []
    producer = Producer({"bootstrap.servers": address, "linger.ms": 1, "acks": "all"})
    process = converter(address, topics, 0, log)
    reader = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "latency",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
            "auto.offset.reset": "earliest",
        }
    )
    reader.assign([TopicPartition(topics.json, number, 0) for number in range(PARTITIONS)])
    sent = 0
    with stopping([process]):
        wait_until_ready(9410)
        started = time.time()
        while (now := time.time()) < started + seconds + 2:
            while sent < (now - started) * rate:
                stamp = repr(time.time()).encode()
                producer.produce(topics.avro, data[sent % 2000], partition=sent % PARTITIONS, headers=[("sent", stamp)])
                sent += 1
            producer.poll(0)
            for message in reader.consume(500, timeout=0.001):
                headers: dict[str, Any] = dict(message.headers() or [])
                if (began := float(headers["sent"])) > started + 2:
                    times.append((time.time() - began) * 1000)
    reader.close()
    times.sort()
    return {f"p{share:g}_ms": times[min(len(times) - 1, int(len(times) * share / 100))] for share in (50, 90, 99, 99.9)}


def wait_until_ready(port: int) -> None:
    """Return when /ready says so."""
    url = f"http://127.0.0.1:{port}/ready"
    until(lambda: httpx.get(url).is_success, what="the converter is ready", seconds=60, retry_on=(httpx.HTTPError,))


def soak(address: str, topics: Topics, log: Path, rate: int, seconds: float) -> dict[str, float]:
    """Run at a fixed rate; memory after a tenth of the time and at the end, and in = out at the end."""
    process = converter(address, topics, 0, log)
    producer = Producer({"bootstrap.servers": address, "linger.ms": 20, "compression.type": "lz4"})
    data, sent, early = datums(2000), 0, 0.0
    with stopping([process]):
        wait_until_ready(9410)
        started = time.monotonic()
        while (now := time.monotonic() - started) < seconds:
            while sent < now * rate:
                producer.produce(topics.avro, data[sent % 2000], partition=sent % PARTITIONS)
                sent += 1
            producer.poll(0.01)
            if not early and now > seconds / 10:
                early = peak_mib(process.pid)
        producer.flush(60)
        time.sleep(5)
        with urllib.request.urlopen("http://127.0.0.1:9410/metrics", timeout=5) as answer:
            text = answer.read().decode()
        metrics = {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line.startswith("avro_to")}
        return {
            "sent": sent,
            "in": metrics["avro_to_json_records_in_total"],
            "out": metrics["avro_to_json_records_out_total"],
            "dead": metrics["avro_to_json_records_dead_total"],
            "peak_mib_after_a_tenth": early,
            "peak_mib": peak_mib(process.pid),
        }


def main() -> None:
    """Run and print one line a contender, and JSON with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--rate", type=int, default=1000, help="records a second for latency and soak")
    parser.add_argument("--soak", type=float, default=0, metavar="SECONDS", help="only soak, for so long")
    parser.add_argument("--only", nargs="*", default=None, help="contenders by name")
    parser.add_argument("--json", type=Path, default=None, help="write the results to a file")
    options = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    with broker() as kafka, tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")

        def contenders(topics: Topics) -> dict[str, Any]:
            address = kafka.address
            return {
                "copy by librdkafka in C": lambda: [librdkafka_copy(address, topics, log)],
                "our loop, no conversion": lambda: [converter(address, topics, 0, log, copy=True)],
                "avro-to-json, 1 replica": lambda: [converter(address, topics, 0, log)],
                "avro-to-json, 2 replicas": lambda: [converter(address, topics, n, log) for n in (0, 1)],
                "Kafka Streams": lambda: [streams(address, topics, log)],
            }

        if options.soak:
            results["soak"] = soak(kafka.address, kafka.topics(PARTITIONS), log, options.rate, options.soak)
        else:
            results["conversion alone"] = {"records_per_cpu_second": conversion()}
            for name in contenders(Topics("none")):
                if options.only is not None and not any(part in name for part in options.only):
                    continue
                topics = kafka.topics(PARTITIONS)
                fill(kafka.address, topics.avro, options.records)
                results[name] = race(kafka.address, topics, contenders(topics)[name](), log, options.records)
            results[f"latency at {options.rate}/s"] = latency(
                kafka.address, kafka.topics(PARTITIONS), log, options.rate, 20
            )
    for name, figures in results.items():
        print(f"{name:28}", "  ".join(f"{key} {value:,.1f}" for key, value in figures.items()))
    print(f"load average {os.getloadavg()[0]:.1f}, peak of this process {_own_mib():.0f} MiB")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2), encoding="utf-8")


def _own_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
