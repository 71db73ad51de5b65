"""Stack prod on droplets that are hosts on this machine: its account, its hosts, and a person who opens its website."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser

from infra.resources.common.ssh import SshHost
from tests.e2e.journey import Access, timed_until
from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.server import Simulator
from tests.support.browser import wait_for
from tests.support.pulumi_cli import CliStack
from tests.support.waiting import until

BOOKS = "docker node ls --format '{{.Hostname}} {{.Status}} {{.Availability}}'"


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long it took: figures, not limits."""
    started = time.monotonic()
    yield
    print(f"FIGURE {what}: {time.monotonic() - started:.0f} s")  # noqa: T201


@dataclass(frozen=True)
class RegistryLogin:
    """To the account's registry, for reading and writing."""

    server: str
    user: str
    password: str

    @classmethod
    def ask(cls, api: SimulatorClient) -> "RegistryLogin":
        """As `doctl registry login` does."""
        ((server, entry),) = api.call("GET", "/registry/docker-credentials", read_write="true")["auths"].items()
        user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
        return cls(server, user, password)

    def keep(self, folder: Path) -> None:
        """As `docker login` leaves it."""
        auth = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {self.server: {"auth": auth}}}))


@dataclass(frozen=True)
class Cloud:
    """The account, as whoever owns it sees it."""

    simulator: Simulator
    api: SimulatorClient
    registry: RegistryLogin


@dataclass(frozen=True)
class Platform:
    """A stack in a cloud. Hosts go by their names without the stack's."""

    cloud: Cloud
    stack: CliStack

    @property
    def project(self) -> str:
        """What every name begins with."""
        return f"clickstream-{self.stack.name}"

    def droplets(self) -> dict[str, Any]:
        """Host to droplet."""
        found = self.cloud.api.call("GET", "/droplets")["droplets"]
        return {item["name"].removeprefix(f"{self.project}-"): item for item in found}

    def kill(self, *names: str) -> None:
        """Delete droplets as somebody may by hand; returns when they are gone."""
        found = self.droplets()
        for name in names:
            self.cloud.api.call("DELETE", f"/droplets/{found[name]['id']}")
        until(self.droplets, lambda found: not found.keys() & set(names), seconds=120)

    def heal(self) -> None:
        """As the documentation says: look at DigitalOcean's side alone, then `up`."""
        self.stack.operate("refresh", "--skip-preview", "--target", "**digitalocean:index/**")
        self.stack.operate("up", "--skip-preview")

    def host(self, name: str) -> SshHost:
        """A droplet, reached as Pulumi reaches it: by the stack's own key, to the host key that was there before it."""
        networks = self.droplets()[name]["networks"]["v4"]
        (address,) = (one["ip_address"] for one in networks if one["type"] == "public")
        return SshHost(address=address, alias=name, access=self.project)

    def nodes(self) -> dict[str, str]:
        """Host to state, as the swarm's first manager has it in its books. A node that is there twice is an error."""
        lines = self.host("manager-1").run(BOOKS).splitlines()
        found = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
        assert len(found) == len(lines), lines
        return found

    def running(self, name: str) -> set[str]:
        """Services with a container on the host."""
        names = self.host(name).run("docker ps --format '{{.Names}}'").split()
        return {one.removeprefix(f"{self.project}-").split(".")[0] for one in names}

    def waiting(self) -> list[str]:
        """Services with fewer tasks than they should have."""
        lines = self.host("manager-1").run("docker service ls --format '{{.Name}}/{{.Replicas}}'").splitlines()
        counts = [line.split("/") for line in lines]
        return [name for name, running, wanted in counts if running != wanted]

    def access(self) -> Access:
        """URLs and logins."""
        return Access.of(self.stack.outputs())

    def visit(self, browser: Browser, *, seconds: float) -> dict[str, Any]:
        """A person opens the website; the row that it becomes."""
        access = self.access()
        context = browser.new_context(ignore_https_errors=True)
        page = context.new_page()
        page.goto(access.website)
        wait_for(page, "document.querySelector('#event-id')?.textContent?.trim().length > 10")
        event_id = (page.text_content("#event-id") or "").strip()
        row, after = timed_until(f"event {event_id} in Druid", lambda: row_of(access, event_id), seconds=seconds)
        print(f"FIGURE visit to Druid: {after:.1f} s")  # noqa: T201
        context.close()
        return row


def row_of(access: Access, event_id: str) -> dict[str, Any] | None:
    """The event's row in Druid. The edge made its certificate itself, as the stack's documentation says."""
    try:
        answer = httpx.post(
            f"{access.druid}/druid/v2/sql",
            auth=(access.user, access.password),
            json={"query": f"SELECT * FROM clickstream WHERE event_id = '{event_id}'"},  # noqa: S608  # our own id
            verify=False,  # noqa: S501  # nobody has signed it
            timeout=20,
        )
    except httpx.TransportError:
        return None
    if answer.is_error:
        return None
    rows: list[dict[str, Any]] = answer.json()
    return rows[0] if rows else None
