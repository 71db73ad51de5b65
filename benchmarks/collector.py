"""Speed and latency of the collector, beside bare handlers, in one run on this machine.

    python benchmarks/collector.py --bootstrap-servers 127.0.0.1:9092 --seconds 10

Servers run one at a time, on one core; the load and Kafka have the rest. `max` is what a closed loop of connections
reaches, for several numbers of them, because events that wait together share requests to Kafka; beside it, events for
each second of processor time that the server used, which is the figure to compare where Kafka and the load share a
small machine with it. It falls with the rate, because fewer events then share a wake-up and a request to Kafka:
compare runs that alternate, or count instructions. Percentiles are of an open loop at fixed rates: requests start
when they are due, and the time is counted from then, so a stall is seen by all who would have come meanwhile (no
coordinated omission).

The collector runs compiled, as in its image, which needs a C compiler and Python's headers here; `python` and
`python-batch` run its source. `on-granian` and `batch-on-granian` run the compiled service behind granian in place of
its own server (collector_on_granian.py). granian is not among the requirements: `pip install granian`.

`--edge` measures single events straight to the collector and through the edge, with TLS, limits and access log.

Divolte 0.9.0 is not among them. Its documentation claims 12,000 to 15,000 requests a second and thread, answered before
anything is stored: `first` does the same here.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

ROOT = Path(__file__).resolve().parent.parent
SERVICE = ROOT / "services" / "collector"
COMMON = ROOT / "services" / "common"
sys.path.insert(0, str(ROOT))

from benchmarks.collector_edge import compare, edge  # noqa: E402
from benchmarks.collector_load import Load, batch, beacon, make_events  # noqa: E402
from tests.support.waiting import until  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def server(command: Sequence[str], port: int, settings: dict[str, str], core: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server process alone on a core, ended afterwards."""
    environment = {**os.environ, "PYTHONPATH": f"{SERVICE}:{COMMON}:{ROOT}", **settings}
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:

        def listens() -> bool:
            assert process.poll() is None, f"{' '.join(command)} has ended"
            with socket.create_connection(("127.0.0.1", port), 1):
                return True

        until(listens, what=f"{' '.join(command)} listens on port {port}", seconds=120, retry_on=(OSError,))
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(30)


def compile_into(directory: Path) -> None:
    """Make a folder with the package as the image has it."""
    for package in (SERVICE / "collector", COMMON / "clickstream_service"):
        shutil.copytree(package, directory / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, str(SERVICE / "compile_modules.py"), str(directory)], check=True)


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
    """Warm up, find the maximum at each number of connections, then the percentiles at shares of the first one's.

    Prints rows; events a second of processor time, at the first number of connections.
    """
    first, *_ = arguments.connections
    await Load(requests, first).run(port, 2)
    highest, per_core = 0.0, 0.0
    for connections in arguments.connections:
        load = Load(requests, connections)
        before = cpu_seconds(process)
        rate = await load.run(port, arguments.seconds)
        share = len(load.times) * per / (cpu_seconds(process) - before)
        print(
            f"{name:24} {connections:>5} connections, max {rate * per:>9,.0f} events/s   "
            f"{share:>9,.0f} per second of its processor   failed {load.failed}   "
            f"memory {memory(process):.0f} MiB   load average {os.getloadavg()[0]:.1f}"
        )
        if connections == first:
            highest, per_core = rate, share
    for share in arguments.shares:
        load = Load(requests, first, highest * share)
        rate = await load.run(port, arguments.seconds)
        times = sorted(load.times)
        row = "".join(f"{percentile(times, part):>10.2f}" for part in (0.5, 0.99, 0.999, 1))
        print(f"{'':10}at {share:4.0%} {rate * per:>12,.0f}/s {row}   failed {load.failed}")
    if arguments.soak:
        await soak(process, port, requests, highest / 2, arguments)
    return per_core


async def soak(
    process: subprocess.Popen[bytes],
    port: int,
    requests: Sequence[bytes],
    rate: float,
    arguments: argparse.Namespace,
) -> None:
    """Half of the highest rate for so many seconds; prints the memory ten times, which should stay the same."""
    for _ in range(10):
        load = Load(requests, arguments.connections[0], rate)
        reached = await load.run(port, arguments.soak / 10)
        print(f"{'':10}soak {reached:>10,.0f} requests/s   failed {load.failed}   memory {memory(process):.1f} MiB")


def main() -> None:
    """Measure everything, or what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap-servers", required=True, help="a Kafka with the topics below")
    parser.add_argument("--topic", default="tracking-avro")
    parser.add_argument("--dead-letter-topic", default="tracking-dead")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--shares", type=float, nargs="*", default=[0.25, 0.5, 0.75])
    parser.add_argument("--connections", type=int, nargs="+", default=[256, 64, 1024])
    parser.add_argument("--soak", type=float, default=0, help="seconds at half of the maximum, to watch the memory")
    parser.add_argument("--batch", type=int, default=50, help="events of a batch")
    parser.add_argument("--only", nargs="*", help="names of runs, for example granian durable on-granian")
    parser.add_argument(
        "--edge", action="store_true", help="only compare with the way through the edge, which needs Docker"
    )
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
        native = settings | {"PYTHONPATH": f"{directory}/compiled:{COMMON}:{ROOT}"}
        first = {"COLLECTOR_ACKNOWLEDGE": "first"}
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
        ]
        on_granian = [*granian, "benchmarks.collector_on_granian:app"]
        hello = [sys.executable, str(ROOT / "benchmarks" / "collector_hello.py"), str(port)]
        runs: list[tuple[str, str, list[str], dict[str, str], list[bytes], int]] = [
            (
                "granian",
                "granian, bare handler",
                [*granian, "benchmarks.collector_hello:granian_hello"],
                {},
                singles,
                1,
            ),
            ("hello", "own server, bare", hello, {}, singles, 1),
            ("durable", "GET, durable", collector, native, singles, 1),
            ("on-granian", "GET, durable, on granian", on_granian, native, singles, 1),
            ("python", "GET, durable, source", collector, settings, singles, 1),
            ("first", "GET, answer first", collector, native | first, singles, 1),
            ("batch", f"POST of {arguments.batch}, durable", collector, native, batches, arguments.batch),
            ("batch-on-granian", "POST, on granian", on_granian, native, batches, arguments.batch),
            ("python-batch", f"POST of {arguments.batch}, source", collector, settings, batches, arguments.batch),
        ]
        if arguments.edge:
            compile_into(Path(directory) / "compiled")
            everywhere = native | {"COLLECTOR_HOST": "0.0.0.0"}
            with server(collector, port, everywhere, arguments.core), edge(port) as where:
                uvloop.run(compare(where, port, singles, arguments.connections[0], arguments.seconds))
            return
        print(f"{'ms, open loop':34}{'p50':>10}{'p99':>10}{'p99.9':>10}{'max':>10}")
        results = {}
        chosen = [run for run in runs if not arguments.only or run[0] in arguments.only]
        if any("PYTHONPATH" in environment for _, _, _, environment, _, _ in chosen):
            compile_into(Path(directory) / "compiled")
        for key, name, command, environment, requests, per in chosen:
            with server(command, port, environment, arguments.core) as process:
                results[key] = uvloop.run(measure(name, process, port, requests, per, arguments))
        for own, other in (("durable", "on-granian"), ("batch", "batch-on-granian")):
            if own in results and other in results:
                print(f"{own} on granian is {results[other] / results[own]:.0%} of its own server, by processor time")
        if "granian" in results and "durable" in results:
            share = results["durable"] / results["granian"]
            print(f"durable GET is {share:.0%} of granian's bare handler, by processor time")


if __name__ == "__main__":
    main()
