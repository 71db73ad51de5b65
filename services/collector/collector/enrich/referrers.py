"""What is known of a referring site: its name and its kind.

data/referrers.csv is a maintained list, data/additions.toml ours for what it lacks, data/spam.txt that of spammers.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from collector.model.lists import DATA, rows
from collector.model.page import LONGEST_HOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SEARCH: Final = "search"
OTHER: Final = "other"
SPAM: Final = "spam"
ADVERTISING: Final = "advertising"
_NAMELESS: Final = frozenset({OTHER, ADVERTISING})
"""Kinds that say nothing of a campaign whose link names such a source."""
_CHOICE: Final = re.compile(r"\{([^}]*)\}")


class Referrer(NamedTuple):
    """A referring site: its name, or its host if it is not listed; and its kind."""

    name: str
    kind: str


class ReferrerList:
    """The lists, read once."""

    def __init__(self) -> None:
        """Read the files."""
        self._hosts: dict[str, Referrer] = {}
        self._sources: dict[str, str] = {}
        for host, kind, name in rows("referrers.csv"):
            self._hosts[host] = Referrer(name, kind)
            if kind not in _NAMELESS:
                self._sources.setdefault(name.lower(), kind)
        with (DATA / "additions.toml").open("rb") as file:
            additions = tomllib.load(file)
        for kind, sites in additions.items():
            for name, site in sites.items():
                for host in expanded(site["hosts"]):
                    self._hosts[host.lower()] = Referrer(name, kind)
                if kind not in _NAMELESS:
                    self._sources |= {alias.lower(): kind for alias in (name, *site.get("aliases", ()))}
        for (host,) in rows("spam.txt"):
            self._hosts[host] = Referrer(host, SPAM)

    def of_host(self, host: str) -> Referrer:
        """The site of a host: what is listed of it or of the closest domain above it."""
        bare = host.removeprefix("www.")
        known = self._hosts.get(bare)
        if known is not None:
            return known
        above = bare
        while above:
            first, _, above = above.partition(".")
            known = self._hosts.get(above)
            # A search engine's other hosts are its mail, its documents, its maps.
            if known is not None and (known.kind != SEARCH or (first == "m" and above == bare[2:])):
                return known
            if known is not None:
                break
        return Referrer(bare, OTHER)

    def kind_of_source(self, source: str) -> str:
        """The kind of what a campaign link names as its source, in lower case: a name or a host. OTHER if unknown."""
        kind = self._sources.get(source)
        if kind is None:
            host = source.removeprefix("https://").removeprefix("http://").partition("/")[0]
            is_host = len(host) <= LONGEST_HOST
            kind = self.of_host(host if "." in host else f"{host}.com").kind if is_host else OTHER
        return OTHER if kind in _NAMELESS else kind


def expanded(patterns: Iterable[str]) -> Iterator[str]:
    """Each host of the patterns, in which {a,b} stands for a and b."""
    for pattern in patterns:
        pieces = _CHOICE.split(pattern)
        yield from map("".join, itertools.product(*(piece.split(",") for piece in pieces)))


def under(host: str, domains: frozenset[str]) -> bool:
    """Whether the host is one of the domains, or below one."""
    while host:
        if host in domains:
            return True
        _, _, host = host.partition(".")
    return False


@cache
def referrer_list() -> ReferrerList:
    """The lists, for everybody."""
    return ReferrerList()
