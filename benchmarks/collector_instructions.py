"""Machine instructions that the compiled collector executes for an event, counted by valgrind.

    python benchmarks/collector_instructions.py                # this checkout
    python benchmarks/collector_instructions.py --tree FOLDER  # another one: a git worktree of an earlier commit

The count is the same on a busy machine, where times differ from run to run by half. It covers everything from the
bytes of a request to the message for Kafka and the response; sockets and librdkafka are left out. Needs valgrind, a C
compiler and Python's headers; takes some minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
REQUESTS: Final = {"GET": (2000, 4000), "POST of 50": (20, 60)}
"""Counts of requests. Two, so that the difference leaves out the start."""
CONNECT: Final = "_connect"


class Kafka:
    """Stands for librdkafka's producer: confirms every message at the next poll."""

    def __init__(self) -> None:
        self._reports: list[Any] = []

    def produce(self, _topic: str, _value: bytes, _key: bytes, _partition: int, report: Any, *_more: Any) -> None:
        """Take a message."""
        self._reports.append(report)

    def poll(self, _timeout: float) -> None:
        """Confirm what was taken."""
        reports, self._reports = self._reports, []
        for report in reports:
            report(None, None)


class Client:
    """Stands for asyncio's transport: counts the responses."""

    responses = 0

    def get_extra_info(self, _name: str) -> tuple[str, int]:
        """The peer's address."""
        return "127.0.0.1", 1

    def write(self, response: bytes) -> None:
        """Count a response, which must be a success."""
        assert response[9:12] == b"200", response
        self.responses += 1


async def serve(requests: list[bytes], count: int) -> None:
    """Let the collector of this process answer so many requests."""
    from collector.app import App  # noqa: PLC0415 - of the tree whose folder is on the path
    from collector.settings import Settings  # noqa: PLC0415

    app, kafka, client = App(Settings()), Kafka(), Client()
    delivery: Any = app.delivery
    # Its timer never runs, for this coroutine does not give way: polled below.
    for name, value in (("_producer", kafka), ("_produce", kafka.produce), ("_ticking", True)):
        setattr(delivery, name, value)
    connection: Any = getattr(app.server, CONNECT)()
    connection.connection_made(client)
    for number in range(count):
        connection.data_received(requests[number % len(requests)])
        if number % 8 == 7:
            kafka.poll(0)
    kafka.poll(0)
    assert client.responses == count


def counted(tree: Path, packages: Path, kind: str, count: int) -> int:
    """Instructions of a process that serves so many requests."""
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": f"{packages}:{tree / 'services' / 'common'}",
        "COLLECTOR_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "COLLECTOR_MAPPING_FILE": str(tree / "services/collector/mapping.toml"),
        "COLLECTOR_SCHEMA_FILE": str(tree / "services/schema/clickstream.avsc"),
        "COLLECTOR_LOG_LEVEL": "error",
    }
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, __file__]
    command += ["--serve", kind, str(count)]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(done.stderr[-2000:])
    return int(found[1])


def main() -> None:
    """Print instructions for each event."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, default=ROOT, help="checkout whose collector is measured")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        kind, count = arguments.serve
        folder = Path(os.environ["CLICKSTREAM_REQUESTS"], kind)
        asyncio.run(serve([file.read_bytes() for file in sorted(folder.iterdir())], int(count)))
        return
    sys.path.insert(0, str(ROOT))
    from benchmarks.collector_load import batch, beacon, make_events  # noqa: PLC0415 - not in the measured process

    tree = arguments.tree.resolve()
    with tempfile.TemporaryDirectory() as name:
        packages, requests = Path(name, "packages"), Path(name, "requests")
        shutil.copytree(tree / "services/collector/collector", packages / "collector")
        subprocess.run([sys.executable, tree / "services/collector/compile_modules.py", packages], check=True)
        events = make_events(20_000)
        made = {"GET": [beacon(event) for event in events[:4000]]}
        made["POST of 50"] = [batch(events[start : start + 50]) for start in range(0, 3000, 50)]
        for kind, files in made.items():
            (requests / kind).mkdir(parents=True)
            for number, data in enumerate(files):
                (requests / kind / f"{number:05}").write_bytes(data)
        os.environ["CLICKSTREAM_REQUESTS"] = str(requests)
        for kind, (few, many) in REQUESTS.items():
            more = counted(tree, packages, kind, many) - counted(tree, packages, kind, few)
            each = more / (many - few) / (50 if "50" in kind else 1)
            print(f"{kind:12} {each:,.0f} instructions an event", flush=True)


if __name__ == "__main__":
    main()
