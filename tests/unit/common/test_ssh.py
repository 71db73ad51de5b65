"""The keys by which the program reaches its hosts, as they lie on this machine."""

from pathlib import Path

import pytest

from infra.resources.common import ssh


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keys of a stack, in a folder of the test's own."""
    monkeypatch.setattr(ssh, "access_folder", lambda access: tmp_path / access)
    return tmp_path


def known(home: Path) -> dict[str, str]:
    """Host to its pinned key."""
    lines = (home / "stack" / ssh.KNOWN_HOSTS).read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines)


def test_a_host_that_is_no_longer_planned_can_still_be_asked_to_leave(home: Path) -> None:
    ssh.write_access("stack", "private", {"manager-1": "ssh-ed25519 AAAA1", "worker-3": "ssh-ed25519 AAAA3"})
    ssh.write_access("stack", "private", {"manager-1": "ssh-ed25519 AAAA1"})
    assert known(home) == {"manager-1": "ssh-ed25519 AAAA1", "worker-3": "ssh-ed25519 AAAA3"}


def test_a_host_that_was_made_anew_is_known_by_its_new_key_alone(home: Path) -> None:
    ssh.write_access("stack", "private", {"worker-3": "ssh-ed25519 OLD\n"})
    ssh.write_access("stack", "private", {"worker-3": "ssh-ed25519 NEW\n"})
    assert known(home) == {"worker-3": "ssh-ed25519 NEW"}


def test_nobody_else_can_read_them(home: Path) -> None:
    ssh.write_access("stack", "private", {"worker-3": "ssh-ed25519 AAAA"})
    assert (home / "stack").stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in (home / "stack").iterdir())
