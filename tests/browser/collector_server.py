"""The collector in this process, on librdkafka's mock broker, and pages of a site whose tag points to it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import fastavro
import pytest

from infra.paths import SERVICES

uvloop = pytest.importorskip("uvloop", reason="the collector's requirements are not installed")

sys.path[:0] = [str(SERVICES / name) for name in ("collector", "common")]
from tests.unit.collector.support import SCHEMA, delivered, make_settings, running  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from collector.app import App

TAGGED = '<!doctype html><title>A shop</title><script defer data-divolte src="{origin}/divolte.js"></script>'
"""A page whose tag is that of the collector at `origin`."""
AVRO: Any = fastavro.parse_schema(json.loads(SCHEMA.read_text()))


class CollectorServer:
    """A running collector, seen from outside."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.port = app.server.port

    def records(self, count: int) -> list[dict[str, Any]]:
        """That many records of the events' topic, in the order in which they came."""
        values = [message.value() for message in delivered(self._app, "tracking-avro", count)]
        found: list[Any] = [fastavro.schemaless_reader(io.BytesIO(value or b""), AVRO, None) for value in values]
        return sorted(found, key=lambda record: (record["timestamp"], record["event_id"]))

    @property
    def accepted(self) -> int:
        """How many events became records, those that came again included."""
        return self._app.metrics.accepted

    @property
    def dead(self) -> int:
        """How many requests were dead letters."""
        return self._app.metrics.dead.total()


@contextlib.contextmanager
def collector(directory: Path, **settings: Any) -> Iterator[CollectorServer]:
    """A collector with those settings, on a thread of its own."""
    started: list[App] = []
    ready = threading.Event()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        async with running(make_settings(directory, **settings)) as app:
            stop = asyncio.Event()
            loops.append((asyncio.get_running_loop(), stop))
            started.append(app)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: uvloop.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(30), "the collector did not start"
    try:
        yield CollectorServer(started[0])
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)


@contextlib.contextmanager
def pages(html: str, *, only: str = "", status: int = 200, policy: str = "", policy_at: str = "") -> Iterator[str]:
    """A site that answers every path, or `only` that one, with that page; its address.

    Its Content-Security-Policy is for every path, or only for that one.
    """

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent."""

        def do_GET(self) -> None:
            body = b"" if self.path == "/favicon.ico" else html.encode()
            self.send_response(status if only in ("", self.path) else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            if policy and policy_at in ("", self.path):
                self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
