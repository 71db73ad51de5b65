"""Paths, and facts about this machine. Standard library only: this runs before anything is installed."""

import hashlib
import os
import platform
import shutil
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".pulumi"
VENV = ROOT / ".venv"
LOGS = STATE / "log"
PYTHON = VENV / "bin" / "python"
VERSIONS: dict[str, str] = tomllib.loads((ROOT / "versions.toml").read_text())
POLICY_VENV = ROOT / "policy" / ".venv"

APT_TESTED = ("debian",)


class SetupError(Exception):
    """The setup cannot continue; the message says what is missing and what to do."""


def cache() -> Path:
    """Shared by all checkouts of this user: ${XDG_CACHE_HOME:-~/.cache}/clickstream."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clickstream"


def may_install() -> bool:
    """Whether system packages may be installed: only as root, on Debian."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return False
    return release.get("ID") in APT_TESTED


def fingerprint(files: Iterable[Path], *texts: str) -> str:
    """Hash of files and texts, as the version of what is made from them."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\0")
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def elapsed(seconds: float) -> str:
    """`7 s`, `3 min 12 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
