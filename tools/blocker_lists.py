"""The filter lists of content blockers such as uBlock Origin, and which rule blocks an address.

The lists have other licences and change daily, so they are downloaded instead of being part of this repository.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
from adblock import Engine, FilterSet

from toolchain.paths import cache
from toolchain.steps import locked

if TYPE_CHECKING:
    from collections.abc import Mapping

DAYS: Final = 4
"""How long a copy is used: as long as in content blockers."""

DOWNLOAD_SECONDS: Final = 10
DEBIAN_PACKAGE: Final = "webext-ublock-origin-firefox"


@dataclass(frozen=True)
class Source:
    """The source of a list."""

    url: str
    in_package: str
    """Its path in Debian's package of uBlock Origin."""


SOURCES: Final[Mapping[str, Source]] = {
    "EasyPrivacy": Source("https://easylist.to/easylist/easyprivacy.txt", "thirdparties/easylist/easyprivacy.txt"),
    "EasyList": Source("https://easylist.to/easylist/easylist.txt", "thirdparties/easylist/easylist.txt"),
    **{
        f"uBlock filters ({name})": Source(
            f"https://ublockorigin.github.io/uAssets/filters/{name}.txt", f"ublock/{name}.min.txt"
        )
        # The last list contains only exceptions, for rules that broke pages.
        for name in ("filters", "privacy", "unbreak")
    },
}
"""uBlock Origin's default lists."""


class ListsError(Exception):
    """The lists are unavailable. The message says why."""


@dataclass(frozen=True)
class Rule:
    """A rule that blocks an address."""

    text: str
    list_name: str


class BlockerLists:
    """Lists in the format of Adblock Plus, by name."""

    def __init__(self, lists: Mapping[str, str]) -> None:
        """Parsing all lists takes half a second."""
        self._lines = {name: frozenset(text.splitlines()) for name, text in lists.items()}
        filters = FilterSet(debug=True)  # keeps the text of each rule
        for text in lists.values():
            filters.add_filter_list(text)
        self._engine = Engine(filters, optimize=False)

    def rule(self, url: str, page: str, kind: str) -> Rule | None:
        """The rule that blocks a request of this kind (`script`, `xmlhttprequest`, `image`) from the page, if any."""
        result = self._engine.check_network_urls(url, page, kind)
        if not result.matched:
            return None
        text = result.filter or "unknown"
        return Rule(text, next((name for name, lines in self._lines.items() if text in lines), "a list"))


def lists() -> BlockerLists:
    """The current lists: from their sites, or else from Debian's package of uBlock Origin.

    Raises:
        ListsError: neither source is available.
    """
    folder = cache() / "blocker-lists"
    with locked("blocker-lists"):
        if not _is_fresh(folder):
            _replace(folder)
        return BlockerLists({name: (folder / _file(name)).read_text() for name in SOURCES})


def _is_fresh(folder: Path) -> bool:
    files = [folder / _file(name) for name in SOURCES]
    return all(file.is_file() and time.time() - file.stat().st_mtime < DAYS * 86400 for file in files)


def _replace(folder: Path) -> None:
    try:
        found = _downloaded()
    except httpx.HTTPError as error:
        try:
            found = _of_debian()
        except (OSError, subprocess.SubprocessError) as no_package:
            reason = str(error) or type(error).__name__
            message = f"{error.request.url} gives no list ({reason}), and neither does Debian's archive: {no_package}"
            raise ListsError(message) from error
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in found.items():
        (folder / _file(name)).write_text(text)


def _downloaded() -> dict[str, str]:
    with httpx.Client(timeout=DOWNLOAD_SECONDS, follow_redirects=True) as client:
        return {name: client.get(source.url).raise_for_status().text for name, source in SOURCES.items()}


def _of_debian() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        assets = unpacked_ublock_origin(Path(folder)) / "assets"
        return {name: (assets / source.in_package).read_text() for name, source in SOURCES.items()}


def unpacked_ublock_origin(folder: Path) -> Path:
    """Unpack Debian's package and return the extension's folder. Installing it would affect every Firefox here.

    Raises:
        OSError, subprocess.SubprocessError: this system is not Debian, or Debian's archive does not answer.
    """
    apt_get = shutil.which("apt-get")
    if apt_get is None:
        message = "apt-get is not installed"
        raise FileNotFoundError(message)
    command = [apt_get, "download", "-q", "-o", "APT::Sandbox::User=root", DEBIAN_PACKAGE]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True, capture_output=True)
    (manifest,) = folder.glob("usr/share/mozilla/extensions/*/*/manifest.json")
    return manifest.parent


def _file(name: str) -> str:
    return f"{name.replace(' ', '-').replace('(', '').replace(')', '').lower()}.txt"
