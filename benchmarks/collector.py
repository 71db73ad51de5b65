"""Speed and latency of the collector, beside bare handlers, in one run on this machine.

    python benchmarks/collector.py --bootstrap-servers 127.0.0.1:9092 --seconds 10

Servers run one at a time, on one core; the load and Kafka have the rest. `max` is what a closed loop of connections
reaches; beside it, events for each second of processor time that the server used, which is the figure to compare
where Kafka and the load share a small machine with it. Percentiles are of an open loop at fixed rates: requests
start when they are due, and the time is counted from then, so a stall is seen by all who would have come meanwhile
(no coordinated omission).

Divolte 0.9.0 is not among them: its build wants Hadoop and a closed artifact store. Its documentation claims 12,000
to 15,000 requests a second and thread, answered before anything is stored: `answer first` is that design point here.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import uvloop

ROOT = Path(__file__).resolve().parent.parent
SERVICE = ROOT / "services" / "collector"
sys.path.insert(0, str(SERVICE))

from collector.protocol.base36 import to_base36  # noqa: E402
from collector.protocol.checksum import checksum  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HEADERS = (
    "Host: localhost\r\n"
    "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36\r\nAccept: image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br\r\n"
    "Referer: http://localhost:8290/shop/products/42\r\n"
)
PAGES = [f"https://shop.example/products/{number}?utm_source=news&utm_medium=mail" for number in range(200)]
CONNECTIONS = 256


def make_events(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Events of visitors that walk through a shop, the same for a seed; as the tracker's batch has them."""
    rng = random.Random(seed)  # noqa: S311 - not a secret
    events = []
    for number in range(count):
        party = f"{rng.randrange(2000):032x}"
        events.append(
            {
                "p": f"0:i1t84hgy:{party}",
                "s": f"0:i1t8q2b6:{party[::-1]}",
                "v": f"0:{rng.getrandbits(128):032x}",
                "e": f"0:{rng.getrandbits(128):032x}{number:x}",
                "c": 1_770_000_000_000 + number,
                "n": False,
                "f": number % 7 == 0,
                "l": rng.choice(PAGES),
                "r": "https://search.example/",
                "i": 1920,
                "j": 1040,
                "k": 2,
                "w": 1106,
                "h": 949,
                "t": "pageView",
                "u": {"product": number % 500, "price": 12.5},
            }
        )
    return events


def beacon(event: dict[str, Any]) -> bytes:
    """The event as a whole GET request with a right checksum."""
    parameters: dict[str, str] = {}
    for name, value in event.items():
        if isinstance(value, bool):
            parameters[name] = "t" if value else "f"
        elif isinstance(value, int):
            parameters[name] = to_base36(value)
        elif name == "u":
            parameters[name] = f"(dproduct!{to_base36(value['product'])}!jprice!{value['price']}!)"
        else:
            parameters[name] = value
    parameters["x"] = to_base36(checksum(list(parameters.items())))
    return f"GET /csc-event?{urlencode(parameters, quote_via=quote)} HTTP/1.1\r\n{HEADERS}\r\n".encode()


def batch(events: Sequence[dict[str, Any]]) -> bytes:
    """The events as a whole POST request."""
    body = json.dumps({"events": events}).encode()
    head = f"POST /csc-batch HTTP/1.1\r\n{HEADERS}Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Client(asyncio.Protocol):
    """One connection; tells the load when its answer is whole."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._rest = -1
        self._head = b""
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to send."""
        self._transport: Any = transport
        self._load.free.append(self)

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due at that time."""
        self.due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Count bytes until the answer is whole."""
        if self._rest < 0:
            self._head += data
            head, separator, body = self._head.partition(b"\r\n\r\n")
            if not separator:
                return
            if head[9:12] != b"200":
                self._load.failed += 1
            lower = head.lower()
            start = lower.index(b"content-length:") + 15
            length = int(lower[start : lower.find(b"\r\n", start)] if b"\r\n" in lower[start:] else lower[start:])
            self._head, self._rest = b"", length - len(body)
        else:
            self._rest -= len(data)
        if self._rest == 0:
            self._rest = -1
            self._load.answered(self)


class Load:
    """Requests in a closed loop, or an open one at a rate a second."""

    def __init__(self, requests: Sequence[bytes], rate: float | None) -> None:
        self._requests = requests
        self._rate = rate
        self._next = 0
        self._due: deque[float] = deque()
        self._ends = 0.0
        self.free: deque[Client] = deque()
        self.times: list[float] = []
        self.failed = 0
        self._now = asyncio.get_running_loop().time

    async def run(self, port: int, seconds: float) -> float:
        """Run it; requests answered a second."""
        loop = asyncio.get_running_loop()
        connections = [
            await loop.create_connection(lambda: Client(self), "127.0.0.1", port) for _ in range(CONNECTIONS)
        ]
        start = self._now()
        self._ends = start + seconds
        if self._rate is None:
            while self.free:
                self._send(self.free.popleft(), self._now())
            await asyncio.sleep(seconds)
        else:
            sent = 0
            while self._now() < self._ends:
                due = int((self._now() - start) * self._rate)
                self._due.extend(start + number / self._rate for number in range(sent, due))
                sent = due
                while self._due and self.free:
                    self._send(self.free.popleft(), self._due.popleft())
                await asyncio.sleep(0.0005)
        elapsed = self._now() - start
        answered = len(self.times)
        await asyncio.sleep(0.3)
        for transport, _ in connections:
            transport.close()
        return answered / elapsed

    def answered(self, client: Client) -> None:
        """An answer has come: the connection is free, or sends the next request at once."""
        now = self._now()
        self.times.append(now - client.due)
        if now >= self._ends:
            return
        if self._rate is None:
            self._send(client, now)
        elif self._due:
            self._send(client, self._due.popleft())
        else:
            self.free.append(client)

    def _send(self, client: Client, due: float) -> None:
        request = self._requests[self._next]
        self._next = (self._next + 1) % len(self._requests)
        client.send(request, due)


@contextlib.contextmanager
def server(command: Sequence[str], port: int, settings: dict[str, str], core: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server process alone on a core, ended afterwards."""
    environment = {**os.environ, **settings, "PYTHONPATH": f"{SERVICE}:{ROOT}"}
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if time.monotonic() > deadline or process.poll() is not None:
                message = f"{' '.join(command)} does not listen on port {port}"
                raise TimeoutError(message)
            time.sleep(0.1)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(30)


def memory(process: subprocess.Popen[bytes]) -> float:
    """Resident memory, MiB."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """Processor time of the server and its children so far, all threads."""
    total = 0.0
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.getpgid(int(entry.name)) == process.pid:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def percentile(times: Sequence[float], share: float) -> float:
    """Milliseconds that this share of the sorted times does not exceed."""
    return times[min(len(times) - 1, int(len(times) * share))] * 1000 if times else 0.0


async def measure(
    name: str,
    process: subprocess.Popen[bytes],
    port: int,
    requests: Sequence[bytes],
    per: int,
    arguments: argparse.Namespace,
) -> float:
    """Warm up, find the maximum, then the percentiles at shares of it. Prints rows; events a second of CPU."""
    await Load(requests, None).run(port, 2)
    load = Load(requests, None)
    before = cpu_seconds(process)
    highest = await load.run(port, arguments.seconds)
    per_core = len(load.times) * per / (cpu_seconds(process) - before)
    print(
        f"{name:24} max {highest * per:>9,.0f} events/s   {per_core:>9,.0f} per second of its processor   "
        f"failed {load.failed}   memory {memory(process):.0f} MiB"
    )
    for share in arguments.shares:
        load = Load(requests, highest * share)
        rate = await load.run(port, arguments.seconds)
        times = sorted(load.times)
        row = "".join(f"{percentile(times, part):>10.2f}" for part in (0.5, 0.99, 0.999, 1))
        print(f"{'':10}at {share:4.0%} {rate * per:>12,.0f}/s {row}   failed {load.failed}")
    return per_core


def main() -> None:
    """Measure everything, or what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap-servers", required=True, help="a Kafka with the topics below")
    parser.add_argument("--topic", default="tracking-avro")
    parser.add_argument("--dead-letter-topic", default="tracking-dead")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--shares", type=float, nargs="*", default=[0.25, 0.5, 0.75])
    parser.add_argument("--batch", type=int, default=50, help="events of a batch")
    parser.add_argument("--only", nargs="*", help="granian, hello, durable, first, batch")
    parser.add_argument("--core", type=int, default=0, help="the server's core")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core for core in cores if core != arguments.core} or set(cores))
    events = make_events(20_000)
    singles = [beacon(event) for event in events]
    batches = [batch(events[start : start + arguments.batch]) for start in range(0, len(events), arguments.batch)]
    port = 18_390
    with tempfile.TemporaryDirectory() as directory:
        settings = {
            f"COLLECTOR_{name}": value
            for name, value in {
                "HOST": "127.0.0.1",
                "PORT": str(port),
                "KAFKA_BOOTSTRAP_SERVERS": arguments.bootstrap_servers,
                "TOPIC": arguments.topic,
                "DEAD_LETTER_TOPIC": arguments.dead_letter_topic,
                "MAPPING_FILE": str(SERVICE / "mapping.toml"),
                "SCHEMA_FILE": str(ROOT / "services/schema/clickstream.avsc"),
                "SPOOL_DIRECTORY": f"{directory}/spool",
                "STATE_DIRECTORY": f"{directory}/state",
                "LOG_LEVEL": "error",
            }.items()
        }
        collector = [sys.executable, "-m", "collector"]
        granian = [
            str(Path(sys.executable).parent / "granian"),
            "--interface",
            "rsgi",
            "--no-ws",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--workers",
            "1",
            "--runtime-threads",
            "1",
            "--loop",
            "uvloop",
            "benchmarks.collector_hello:granian_hello",
        ]
        hello = [sys.executable, str(ROOT / "benchmarks" / "collector_hello.py"), str(port)]
        runs: list[tuple[str, str, list[str], dict[str, str], list[bytes], int]] = [
            ("granian", "granian, bare handler", granian, {}, singles, 1),
            ("hello", "own server, bare", hello, {}, singles, 1),
            ("durable", "GET, durable", collector, settings, singles, 1),
            ("first", "GET, answer first", collector, settings | {"COLLECTOR_ACKNOWLEDGE": "first"}, singles, 1),
            ("batch", f"POST of {arguments.batch}, durable", collector, settings, batches, arguments.batch),
        ]
        print(f"{'ms, open loop':34}{'p50':>10}{'p99':>10}{'p99.9':>10}{'max':>10}")
        results = {}
        for key, name, command, environment, requests, per in runs:
            if arguments.only and key not in arguments.only:
                continue
            with server(command, port, environment, arguments.core) as process:
                results[key] = uvloop.run(measure(name, process, port, requests, per, arguments))
        if "granian" in results and "durable" in results:
            share = results["durable"] / results["granian"]
            print(f"durable GET is {share:.0%} of granian's bare handler, by processor time")


if __name__ == "__main__":
    main()
