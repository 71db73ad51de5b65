"""How the tools reach a stack's Druid: through ssh with the stack's key, else at the address that the stack shows."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme

from infra.resources.common import ssh
from tools.admin_pages import admin_url, druid_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DROPLETS = {
    "druid": "https://203.0.113.5:8888",
    "dockerHost": "ssh://root@203.0.113.5?access=clickstream-prod&alias=clickstream-prod-manager-1",
}
TUNNEL = "https+ssh://root@203.0.113.5/203.0.113.5:8888?access=clickstream-prod&alias=clickstream-prod-manager-1"
LOGIN = {"adminUser": "admin", "adminPassword": "secret"}


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of stack prod's keys, not made yet."""
    monkeypatch.setattr(ssh, "access_folder", lambda access: tmp_path / access)
    return tmp_path / "clickstream-prod"


def test_a_machine_with_the_stacks_key_goes_through_ssh(keys: Path) -> None:
    keys.mkdir()
    (keys / ssh.KEY).touch()
    assert admin_url(DROPLETS, "druid") == TUNNEL


def test_other_machines_use_the_public_address() -> None:
    assert admin_url(DROPLETS, "druid") == DROPLETS["druid"]


@pytest.mark.parametrize("engine", [None, "", "unix:///var/run/docker.sock", "ssh://me@build.example.com"])
def test_an_engine_that_is_no_droplet_changes_nothing(engine: str | None) -> None:
    found = {"druid": "http://localhost:8888"} | ({} if engine is None else {"dockerHost": engine})
    assert admin_url(found, "druid") == "http://localhost:8888"


@pytest.fixture
def self_signed() -> Iterator[str]:
    """A Druid whose certificate nobody trusts."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'[{"n": 1}]')

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_self_signed_certificate_is_accepted_only_on_request(self_signed: str) -> None:
    found = LOGIN | {"druid": self_signed}
    with druid_of(found, insecure=True) as druid:
        assert druid.sql("SELECT 1 AS n") == [{"n": 1}]
    with druid_of(found) as druid, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        druid.sql("SELECT 1 AS n")
