"""A platform's addresses and logins, from a stack's outputs or single arguments."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infra.config.website import DEMO
from visitors.dashboard import Superset
from visitors.druid import Druid
from visitors.protocol import Names
from visitors.sites import Answered, Site, listed

if TYPE_CHECKING:
    from pathlib import Path

_NEEDED = ("website", "druid", "superset", "adminUser", "adminPassword", "supersetPassword")

_NAMES = {
    "event_path": "eventPath",
    "batch_path": "batchPath",
    "party_cookie": "partyCookie",
    "session_cookie": "sessionCookie",
}


class AccessError(Exception):
    """The access data is incomplete. The message says what is missing and where to get it."""


@dataclass(frozen=True)
class Access:
    """URLs and logins. An empty password means that no login is required."""

    website: str
    druid: str
    superset: str = ""
    user: str = "admin"
    password: str = field(default="", repr=False)
    superset_password: str = field(default="", repr=False)
    names: Names = field(default_factory=Names)
    insecure: bool = False
    """Whether to accept a self-signed certificate."""
    addresses_trusted: bool = True
    """Whether the edge reads the visitor's address from X-Forwarded-For for at least some networks."""
    sites: tuple[Site, ...] = ()
    """The stack's list of sites. If empty, the stack measures every host."""
    answered: Answered = field(default_factory=Answered)
    shows: str = DEMO
    """The website's content: the shop, `none`, or the name of a folder."""

    @classmethod
    def of_outputs(cls, text: str) -> Access:
        """Parse the JSON of `pulumi stack output --json --show-secrets`."""
        try:
            outputs = json.loads(text)
            # A stack without a website has only an origin. A stack from an earlier version has only a website.
            outputs.setdefault("website", outputs.get("origin"))
            missing = [name for name in _NEEDED if not outputs.get(name)]
        except (ValueError, AttributeError):
            outputs, missing = {}, list(_NEEDED)
        if missing:
            message = (
                f"the stack's outputs lack {', '.join(missing)}; is the stack up? They are what "
                "`pulumi stack output --json --show-secrets` prints"
            )
            raise AccessError(message)
        # Stacks from an earlier version lack this output. There, the names were fixed.
        names = (
            Names(**{name: str(outputs["tracking"][key]) for name, key in _NAMES.items()})
            if ("tracking" in outputs)
            else Names()
        )
        website, druid, superset, user, password, superset_password = (str(outputs[name]) for name in _NEEDED)
        # Stacks from an earlier version lack this output. For them, assume that there are trusted proxies.
        trusted = bool(outputs.get("trustedProxies", True))
        domains = Answered(tuple(outputs.get("domains", ())), bool(outputs.get("redirectWww")))
        return cls(
            website, druid, superset, user, password, superset_password, names, addresses_trusted=trusted,
            sites=listed(outputs.get("sites", ())), answered=domains, shows=str(outputs.get("websiteContent", DEMO)),
        )  # fmt: skip

    def check_shop(self) -> None:
        """Raise AccessError if the stack has no shop: browsers need its pages."""
        if self.shows != DEMO:
            message = (
                f"browsers visit the demonstration shop, and the stack has website: {self.shows}. Set "
                f"clickstream:website to {DEMO}, or send synthetic visits, which need no pages (`make visitors`)"
            )
            raise AccessError(message)

    @classmethod
    def read(cls, path: Path) -> Access:
        """Read the outputs from a file, or standard input (`-`), so that no password is on a command line."""
        return cls.of_outputs(sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8"))

    def druid_of(self, datasource: str) -> Druid:
        """The database."""
        credentials = (self.user, self.password) if self.password else None
        return Druid(self.druid, datasource, credentials, self.insecure)

    def dashboards(self) -> Superset | None:
        """The dashboards, if Superset's address is known."""
        if not self.superset:
            return None
        return Superset(self.superset, self.user, self.superset_password, insecure=self.insecure)
