"""Health and metrics endpoints: /live, /ready and /metrics over plain HTTP."""

from __future__ import annotations

import json
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from avro_to_json.metrics import Metrics
    from avro_to_json.settings import Settings


class Health:
    """State of the loop, written by it and read by the HTTP threads."""

    def __init__(self, settings: Settings) -> None:
        self._stalled_after = settings.stalled_after_ms / 1000
        self._max_lag = settings.ready_max_lag
        self._beat = time.monotonic()
        self._lag: dict[int, int] = {}
        self._blocked: str | None = "starting"
        self._unreachable: str | None = None

    def beat(self) -> None:
        """Record that the loop is running."""
        self._beat = time.monotonic()

    def block(self, reason: str) -> None:
        """Record why no records can be converted now."""
        self._blocked = reason

    def assigned(self, partitions: list[int]) -> None:
        """Record which partitions are held, none of them measured yet; an idle spare holds none and is ready."""
        self._lag = dict.fromkeys(partitions, -1)
        self._blocked = None

    def measure(self, lag: dict[int, int]) -> None:
        """Record the lag of each held partition, in records."""
        self._lag = {**self._lag, **lag}

    def reach(self, problem: str | None) -> None:
        """Record why no broker can be reached, or None when one is."""
        self._unreachable = problem

    def live(self) -> str | None:
        """Return why the process should be replaced, or None."""
        age = time.monotonic() - self._beat
        return f"the loop has not turned for {age:.0f} s" if age > self._stalled_after else None

    def ready(self) -> str | None:
        """Return why the converter is not ready, or None."""
        if reason := self.live() or self._blocked or self._unreachable:
            return reason
        lag = self._lag
        if unknown := sorted(partition for partition, records in lag.items() if records < 0):
            return f"lag not known yet for partitions {unknown}"
        late = {partition: records for partition, records in sorted(lag.items()) if records > self._max_lag}
        return f"behind by more than {self._max_lag} records: {late}" if late else None


class HealthServer:
    """Serves a Health and a Metrics on a thread of its own."""

    def __init__(self, host: str, port: int, health: Health, metrics: Metrics) -> None:
        """Bind at once; raises OSError when the port is taken. Port 0 picks a free one."""
        self._server = ThreadingHTTPServer((host, port), _handler(health, metrics))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="http", daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


def _handler(health: Health, metrics: Metrics) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "avro-to-json"
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(metrics.registry))
            elif path in ("/live", "/ready"):
                reason = health.live() if path == "/live" else health.ready()
                status = HTTPStatus.OK if reason is None else HTTPStatus.SERVICE_UNAVAILABLE
                body = {"status": "ok"} if reason is None else {"status": "unavailable", "reason": reason}
                self._answer(status, "application/json", json.dumps(body).encode())
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"try /live, /ready or /metrics\n")

        def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Health checks come every few seconds: no line each."""

    return Handler
