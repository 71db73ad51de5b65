"""The stack that faults happen to: brought up once, asked through the edge, and hurt through the Docker engine."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import docker
import httpx

from tests.e2e.journey import Access, sql
from tests.engine.conftest import require_toolchain
from tests.support.leaked_resources import remove_leaked_resources
from tests.support.pulumi_cli import CliStack
from tests.support.waiting import until
from toolchain.paths import STATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker.models.containers import Container

NAME = "faults"
PROJECT_NAME = f"clickstream-{NAME}"
CONFIG = {
    "target": "local",
    "privateVisitorIp": "81.2.69.142",
    "trustedProxies": ["172.16.0.0/12", "192.168.0.0/16"],
    "websitePort": 18300,
    "supersetPort": 18301,
    "druidPort": 18302,
    "kafkaManagerPort": 18303,
    # Segments are published and handed over while faults happen, and not only once an hour.
    "druidTaskDuration": "PT3M",
}
HOME = STATE / NAME


class Platform:
    """A running stack."""

    def __init__(self, access: Access, engine: docker.DockerClient) -> None:
        self.access = access
        self.engine = engine

    def container(self, service: str) -> Container:
        """The container of a service's task; waits for one while there is none."""
        name = f"{PROJECT_NAME}-{service}.1."
        found: list[Container] = until(
            lambda: self.engine.containers.list(filters={"name": name, "status": "running"}, ignore_removed=True),
            what=f"a running container of {service}",
            seconds=300,
        )
        return found[0]

    def scale(self, service: str, replicas: int) -> None:
        """Have swarm run so many tasks of a service."""
        found = self.engine.services.get(f"{PROJECT_NAME}-{service}")
        found.scale(replicas)

    def rows(self, prefix: str) -> dict[str, tuple[int, int]]:
        """Rows and marked duplicates by event id; httpx.HTTPError while Druid does not answer."""
        query = (
            "SELECT event_id, COUNT(*) AS n, SUM(is_duplicate) AS marked FROM clickstream"  # noqa: S608 - our own ids
            f" WHERE event_id LIKE '{prefix}%' GROUP BY 1"
        )
        return {row["event_id"]: (row["n"], row["marked"] or 0) for row in sql(self.access, query)}


@contextmanager
def platform(home: Path = HOME) -> Iterator[Platform]:
    """Bring it up, and take it away afterwards. KEEP_FAULTS=1 leaves it there, and the next run uses it."""
    require_toolchain()
    stack = CliStack(NAME, home, dict[str, Any](CONFIG))
    if not (home / "init").exists():
        remove_leaked_resources(PROJECT_NAME)
        stack.init()
    stack.operate("up", "--skip-preview")
    try:
        with closing(docker.from_env(timeout=120)) as engine:
            yield Platform(Access.of(stack.outputs()), engine)
    finally:
        if os.environ.get("KEEP_FAULTS") != "1":
            take_away(stack)


def take_away(stack: CliStack) -> None:
    """Leave nothing behind."""
    stack.operate("destroy", "--skip-preview", check=False)
    remove_leaked_resources(PROJECT_NAME)


def answers(access: Access) -> bool:
    """Whether Druid answers a query."""
    try:
        sql(access, "SELECT 1 AS n")
    except httpx.HTTPError:
        return False
    return True
