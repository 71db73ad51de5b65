"""The edge of the collector's benchmark: its image, with TLS, limits and access log, in front of a collector here."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.collector_load import Load  # noqa: E402
from tests.support.images import DOCKER, build  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ANY = "100000000 100000000"
"""More than the load is: the limits count, and refuse nothing."""


class Edge(NamedTuple):
    """Where it listens."""

    host: str
    port: int
    tls: ssl.SSLContext


@contextlib.contextmanager
def edge(collector_port: int) -> Iterator[Edge]:
    """Run an edge in front of the collector at this port of the machine."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        password = Path(directory) / "password"
        password.write_text("benchmark\n")
        password.chmod(0o644)
        settings = {
            "EDGE_TLS": "internal",
            "EDGE_COLLECTOR": f"collector {collector_port}",
            "EDGE_ADDRESS_RATE": ANY,
            "EDGE_TOTAL_RATE": ANY,
            "EDGE_CONNECTIONS": "10000 10000",
        }
        options = [part for name, value in settings.items() for part in ("--env", f"{name}={value}")]
        mount = f"{password}:/run/secrets/edge_admin_password:ro"
        container = _docker(
            "run", "--detach", "--add-host", "collector:host-gateway", *options, "--volume", mount, build("edge")
        )
        try:
            address = _docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", container)
            # A certificate of its own authority, for a load that does not look at it.
            tls = ssl.create_default_context()
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
            _wait_for_answer(Edge(address, 8443, tls))
            yield Edge(address, 8443, tls)
        finally:
            _docker("rm", "--force", "--volumes", container)


async def compare(where: Edge, port: int, requests: Sequence[bytes], connections: int, seconds: float) -> None:
    """Print the highest rate and percentiles, straight to the collector and through the edge, in turns.

    What else the machine does then slows both alike. Percentiles are those of an open loop at half of the edge's rate.
    """
    direct, through = list[float](), list[float]()
    for _ in range(3):
        direct.append(await Load(requests, connections).run(port, seconds))
        through.append(await Load(requests, connections).run(where.port, seconds, where.host, where.tls))
    ratio = median(one / other for one, other in zip(through, direct, strict=True))
    print(f"direct {median(direct):,.0f}/s, through the edge {median(through):,.0f}/s: {ratio:.0%}")
    for name, place in (("direct", None), ("edge", where)):
        load = Load(requests, connections, median(through) / 2)
        await (load.run(port, seconds) if place is None else load.run(place.port, seconds, place.host, place.tls))
        times = sorted(load.times)
        shown = ", ".join(f"p{part} {times[int(len(times) * part / 100)] * 1000:.1f} ms" for part in (50, 99))
        print(f"{name} at {median(through) / 2:,.0f}/s: {shown}   failed {load.failed}")


def _docker(*arguments: str) -> str:
    done = subprocess.run([DOCKER, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _wait_for_answer(where: Edge) -> None:
    deadline = time.monotonic() + 60
    while True:
        with (
            contextlib.suppress(OSError),
            socket.create_connection((where.host, where.port), 5) as plain,
            where.tls.wrap_socket(plain),
        ):
            return
        if time.monotonic() > deadline:
            message = "the edge does not answer"
            raise TimeoutError(message)
        time.sleep(0.2)
