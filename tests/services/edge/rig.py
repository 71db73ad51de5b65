"""What the tests of the edge need: backends, containers on a network of their own, patience."""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import httpx

from tests.support import waiting
from tests.support.container_exec import execute
from tests.support.images import build

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    import docker
    from docker.models.containers import Container
    from docker.models.networks import Network

PASSWORD = "two words & $igns"
PORTS = {"web": 8000, "tls": 8443, "superset": 8080, "druid": 8888, "kafka_manager": 9000}


@dataclass
class Backend:
    """A collector, Superset, Druid router and Kafka manager in one, on the host's side of the bridge."""

    address: str
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)
    """Path to HTML; everything else is `ok`."""
    answer_headers: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Silent: a test that fails says what it saw."""

            def do_GET(self) -> None:
                backend.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                if self.headers.get("Upgrade") == "websocket":
                    self.send_response(101)
                    self.send_header("Upgrade", "websocket")
                    self.send_header("Connection", "Upgrade")
                    self.end_headers()
                    while data := self.connection.recv(1024):
                        self.connection.sendall(data[::-1])
                    self.close_connection = True
                    return
                body = backend.pages.get(self.path, "ok").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html" if self.path in backend.pages else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                for name, value in backend.answer_headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def do_POST(self) -> None:
                if self.headers.get("Transfer-Encoding") == "chunked":
                    while size := int(self.rfile.readline(), 16):
                        self.rfile.read(size + 2)
                    self.rfile.readline()
                else:
                    self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self.do_GET()

            do_HEAD = do_DELETE = do_OPTIONS = do_GET  # noqa: N815  (named by http.server)
            do_PUT = do_POST  # noqa: N815

        self.server = ThreadingHTTPServer((self.address, 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def last(self) -> dict[str, str]:
        return self.requests[-1][1]


def until(what: str, attempt: Callable[[], Any], seconds: float = 30) -> Any:
    """The first true result of `attempt`; connection errors count as not yet."""
    return waiting.until(attempt, what=what, seconds=seconds, retry_on=(httpx.HTTPError, OSError), pause=0.2)


@dataclass
class Edge:
    container: Container
    address: str

    def url(self, port: str, path: str = "/") -> str:
        scheme = "https" if port == "tls" else "http"
        return f"{scheme}://{self.address}:{PORTS[port]}{path}"

    def trusted(self) -> ssl.SSLContext:
        """Trusts the authority that the edge has made for itself."""
        code, certificate = execute(self.container, ["cat", "/data/caddy/pki/authorities/local/root.crt"])
        assert code == 0
        return ssl.create_default_context(cadata=certificate.decode())

    def logs(self) -> str:
        text: str = self.container.logs().decode()
        return text


class Containers:
    """Starts containers on the test's network and removes them."""

    def __init__(self, engine: docker.DockerClient, network: Network, folder: Path) -> None:
        self.engine, self.network = engine, network
        self.started: list[Container] = []
        # Written once: an edge that starts while another writes the file would find it empty, and stop.
        self.password_file = folder / "password"
        self.password_file.write_text(PASSWORD + "\n")
        self.password_file.chmod(0o644)

    def run(self, image: str, aliases: list[str] | None = None, **options: Any) -> Container:
        container = self.engine.containers.create(image, detach=True, network=self.network.name, **options)
        self.started.append(container)
        if aliases:
            self.network.disconnect(container)
            self.network.connect(container, aliases=aliases)
        container.start()
        container.reload()
        return container

    def website(self, **environment: str) -> Container:
        return self.run(
            build("website"),
            ["website"],
            environment=environment,
            read_only=True,
            tmpfs={"/var/lib/website": "uid=10001"},
        )

    def edge(self, gateway: str, backend: Backend, **environment: str) -> Edge:
        return self.edge_with(gateway, backend, environment)

    def edge_with(
        self,
        gateway: str,
        backend: Backend,
        environment: Mapping[str, str],
        *,
        names: Sequence[str] = (),
        files: Mapping[str, str] = MappingProxyType({}),
        **options: Any,
    ) -> Edge:
        """`names` are its own in the network's DNS; `files` are shown to it, path here to path there."""
        shown = {str(self.password_file): "/run/secrets/edge_admin_password", **files}
        port = backend.server.server_port
        given = {
            "EDGE_COLLECTOR": f"collector {port}",
            "EDGE_SUPERSET": f"superset {port}",
            "EDGE_DRUID": f"router {port}",
            "EDGE_KAFKA_MANAGER": f"kafka-manager {port}",
            "EDGE_RETRY": "1s",
            # Most tests make up visitors' addresses.
            "EDGE_ADMIN_ALLOWED": "0.0.0.0/0 ::/0",
            **environment,
        }
        container = self.run(
            build("edge"),
            list(names),
            environment=given,
            cap_drop=["ALL"],
            volumes={path: {"bind": inside, "mode": "ro"} for path, inside in shown.items()},
            extra_hosts=dict.fromkeys(["collector", "superset", "router", "kafka-manager"], gateway),
            **options,
        )
        address = container.attrs["NetworkSettings"]["Networks"][self.network.name]["IPAddress"]
        return Edge(container, address)

    def remove(self) -> None:
        for container in self.started:
            container.remove(force=True, v=True)
        self.started.clear()


def healthy(container: Container, port: int) -> Callable[[], bool]:
    """Whether it answers. A container that has stopped never will, so that is an error with its last log lines."""

    def check() -> bool:
        container.reload()
        assert container.status != "exited", f"the container has stopped:\n{container.logs(tail=20).decode()}"
        return execute(container, ["wget", "-q", "-O-", f"http://127.0.0.1:{port}/healthz"]).code == 0

    return check
