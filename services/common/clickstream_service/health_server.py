"""Health and metrics endpoints: /live, /ready and /metrics over plain HTTP."""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class Health(Protocol):
    """State of a service's loop."""

    def live(self) -> str | None:
        """Return why the process should be restarted, or None."""

    def ready(self) -> str | None:
        """Return why the service is not ready, or None."""


class HealthServer:
    """Serves a service's health and metrics from a separate thread."""

    def __init__(self, name: str, address: tuple[str, int], health: Health, registry: CollectorRegistry) -> None:
        """Bind at once. Raises OSError if the port is in use. Port 0 selects a free port."""
        self._server = ThreadingHTTPServer(address, _handler(name, health, registry))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="http", daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


def _handler(name: str, health: Health, registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = name
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))
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
            """Log nothing, since health checks arrive every few seconds."""

    return Handler
