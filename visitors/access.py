"""Where a platform is and how to log in: from a stack's outputs, or piece by piece."""

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
    """The given access is incomplete; the message says what is missing and where it comes from."""


@dataclass(frozen=True)
class Access:
    """URLs and logins. An empty password means that none is required."""

    website: str
    druid: str
    superset: str = ""
    user: str = "admin"
    password: str = field(default="", repr=False)
    superset_password: str = field(default="", repr=False)
    names: Names = field(default_factory=Names)
    insecure: bool = False
    """Whether a self-signed certificate is accepted."""
    addresses_trusted: bool = True
    """Whether the edge takes a visitor's address from X-Forwarded-For, at least from some networks."""
    sites: tuple[Site, ...] = ()
    """The stack's list of sites. If it is empty, the stack measures every host."""
    answered: Answered = field(default_factory=Answered)
    shows: str = DEMO
    """What its website serves: the shop, `none`, or the name of a folder."""

    @classmethod
    def of_outputs(cls, text: str) -> Access:
        """From the JSON of `pulumi stack output --json --show-secrets`."""
        try:
            outputs = json.loads(text)
            # A stack without a website has only an origin, one of an earlier version only a website.
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
        # A stack of an earlier version has no such output, and none of these names was a setting then.
        names = (
            Names(**{name: str(outputs["tracking"][key]) for name, key in _NAMES.items()})
            if ("tracking" in outputs)
            else Names()
        )
        website, druid, superset, user, password, superset_password = (str(outputs[name]) for name in _NEEDED)
        # An earlier version has no such output, and compared as if there were some.
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
        """From a file with those outputs, `-` for standard input: so that no password is on a command line."""
        return cls.of_outputs(sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8"))

    def druid_of(self, datasource: str) -> Druid:
        """The database."""
        credentials = (self.user, self.password) if self.password else None
        return Druid(self.druid, datasource, credentials, self.insecure)

    def dashboards(self) -> Superset | None:
        """The dashboards, if there are any to be asked."""
        if not self.superset:
            return None
        return Superset(self.superset, self.user, self.superset_password, insecure=self.insecure)
