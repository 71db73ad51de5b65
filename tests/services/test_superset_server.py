"""The server in Superset's image: a connection serves its next request, whatever became of the one before."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.images import build
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import docker

APPLICATION = """
from clickstream_superset.request_bodies import read_whole

def refuse(environ, start_response):
    body = b"refused" if environ["REQUEST_METHOD"] == "PUT" else b"here"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

app = read_whole(refuse)
"""
START = """
import os
from clickstream_superset.start import GUNICORN
os.execvp(GUNICORN[0], (*GUNICORN[:-1], "refusing:app"))
"""
HEAD = b"PUT / HTTP/1.1\r\nHost: superset\r\nContent-Length: 4\r\n\r\n"
NEXT = b"GET / HTTP/1.1\r\nHost: superset\r\n\r\n"


@pytest.fixture
def server(engine: docker.DockerClient, tmp_path: Path) -> Iterator[str]:
    """Superset's server with an application that reads no bodies; its address."""
    tmp_path.chmod(0o755)
    (tmp_path / "refusing.py").write_text(APPLICATION)
    container = engine.containers.run(
        build("superset"),
        detach=True,
        entrypoint=["/opt/superset/bin/python", "-c", START],
        volumes={str(tmp_path): {"bind": "/refusing", "mode": "ro"}},
        environment={"PYTHONPATH": "/refusing:/app"},
    )
    try:
        container.reload()
        address: str = container.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        until(lambda: _connects(address), seconds=60, retry_on=(OSError,))
        yield address
    finally:
        container.remove(force=True)


def _connects(address: str) -> bool:
    with socket.create_connection((address, 8088), timeout=1):
        return True


def read_until(end: bytes, connection: socket.socket) -> None:
    """Raise TimeoutError if the response does not come."""
    seen = b""
    while not seen.endswith(end):
        seen += connection.recv(4096)


def test_a_request_after_one_whose_body_nobody_wants_is_answered(server: str) -> None:
    with socket.create_connection((server, 8088), timeout=20) as connection:
        connection.sendall(HEAD)
        early, _, _ = select.select([connection], [], [], 2)
        if early:  # the client goes on at once: its body and its next request arrive together
            read_until(b"refused", connection)
            connection.sendall(b"body" + NEXT)
        else:
            connection.sendall(b"body")
            read_until(b"refused", connection)
            connection.sendall(NEXT)
        read_until(b"here", connection)
