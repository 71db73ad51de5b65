"""A small site with the built tracker on every page, and a collector that records what it gets."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Event = dict[str, Any]

WAIT_SECONDS = 60
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
GIF = bytes.fromhex("4749463839610100010000000021f904010a0001002c00000000010001000002024c01003b")
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Test page</title></head>
<body><div style="height:{height}px">{body}</div>{extension}
<script data-divolte src="{script_origin}/{script}.js{fragment}" {attributes}></script></body></html>"""


@dataclass
class Batch:
    """One request with events, and how it was answered."""

    events: list[Event]
    status: int
    cookie: str
    time: float = field(default_factory=time.monotonic)


def accept(events: list[Event]) -> tuple[int, object]:
    """The collector's answer when every event is safe."""
    return 200, {"accepted": [event["e"] for event in events], "rejected": []}


@dataclass
class SiteServer:
    """Serves pages of any path; what a page holds and how the collector answers can be set by the test.

    Pages load the tracker `script` from `script_origin`, and so send their events there; empty for the site itself.
    """

    scripts: Path
    port: int = 0
    script_origin: str = ""
    script: str = "divolte"
    attributes: str = ""
    fragment: str = ""
    extension: str = ""
    body: str = ""
    height: int = 3000
    answer: Callable[[list[Event]], tuple[int, object]] = accept
    # The real collector's, for pages of other origins.
    answer_headers: dict[str, str] = field(
        default_factory=lambda: {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "Retry-After",
        }
    )
    batches: list[Batch] = field(default_factory=list)
    beacons: list[str] = field(default_factory=list)
    beacon_status: int = 200
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def other_url(self) -> str:
        """The same server under another origin."""
        return f"http://localhost:{self._server.server_port}"

    def page(self) -> bytes:
        return PAGE.format(
            height=self.height,
            body=self.body,
            extension=self.extension,
            script_origin=self.script_origin,
            script=self.script,
            fragment=self.fragment,
            attributes=self.attributes,
        ).encode()

    @property
    def events(self) -> list[Event]:
        """Every event the collector said yes to, repetitions included."""
        return [event for batch in self.batches if batch.status == 200 for event in batch.events]

    def of_type(self, name: str) -> list[Event]:
        return [event for event in self.events if event["t"] == name]

    def wait(self, what: str, reached: Callable[[], object]) -> None:
        with self._changed:
            if not self._changed.wait_for(reached, timeout=WAIT_SECONDS):
                seen = [(batch.status, [event["t"] for event in batch.events]) for batch in self.batches]
                message = f"{what} did not happen within {WAIT_SECONDS} s; batches: {seen}, beacons: {self.beacons}"
                raise AssertionError(message)

    def wait_for(self, name: str, count: int = 1) -> list[Event]:
        self.wait(f"{count} times {name}", lambda: len(self.of_type(name)) >= count)
        return self.of_type(name)

    def take_batch(self, body: bytes, cookie: str) -> tuple[int, object]:
        events = json.loads(body)["events"]
        if not events:
            return 200, {"accepted": [], "rejected": []}
        status, answer = self.answer(events)
        with self._changed:
            self.batches.append(Batch(events, status, cookie))
            self._changed.notify_all()
        return status, answer

    def take_beacon(self, query: str) -> None:
        with self._changed:
            self.beacons.append(query)
            self._changed.notify_all()


def _handler(site: SiteServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent: a test that fails says what it saw."""

        def reply(self, status: int, kind: str, body: bytes, headers: Mapping[str, str] = NO_HEADERS) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if address.path.startswith("/divolte"):
                self.reply(200, "application/javascript", (site.scripts / address.path[1:]).read_bytes())
            elif address.path == "/csc-event":
                site.take_beacon(address.query)
                self.reply(site.beacon_status, "image/gif", GIF)
            elif address.path == "/favicon.ico":
                self.reply(404, "text/plain", b"")
            else:
                self.reply(200, "text/html", site.page())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = site.take_batch(body, self.headers.get("Cookie", ""))
            self.reply(status, "application/json", json.dumps(answer).encode(), site.answer_headers)

    return Handler


def first_values(query: str) -> dict[str, str]:
    """The parameters of a beacon."""
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
