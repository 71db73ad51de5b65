"""The tunnel to a socket of another machine, with a stand-in for ssh."""

import socket
import sys
from pathlib import Path

import pytest

from infra.resources.common.ssh import SshError, SshHost

SLOW = """
import socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[sys.argv.index("-L") + 1].rpartition(":")[0])
time.sleep(0.3)
listener.listen()
time.sleep(60)
"""
HOST = SshHost(address="203.0.113.5", alias="manager-1", access="clickstream-test")


def use(monkeypatch: pytest.MonkeyPatch, program: Path, text: str) -> None:
    program.write_text(text)
    monkeypatch.setattr(SshHost, "command", lambda _host: [sys.executable, str(program)])


def test_a_tunnel_is_given_once_it_takes_connections(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """ssh makes the socket's file before it listens, and whoever comes between is refused."""
    use(monkeypatch, tmp_path / "ssh", SLOW)
    with HOST.forwarded("/var/run/docker.sock") as way, socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(way))


def test_an_ssh_that_ends_is_told_with_what_it_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, tmp_path / "ssh", "import sys; sys.exit('Permission denied (publickey)')")
    with pytest.raises(SshError, match=r"Permission denied.*deploy key"), HOST.forwarded("/var/run/docker.sock"):
        pytest.fail("there is no tunnel")
