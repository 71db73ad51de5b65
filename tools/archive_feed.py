"""A temporary swarm service that serves a stack's archive to Druid, next to the archive's own task."""

from __future__ import annotations

import copy
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from infra.resources.common.retry import Deadline
from infra.resources.docker.client import FAILED_STATES, SwarmClient

if TYPE_CHECKING:
    from collections.abc import Iterator

ALIAS: Final = "archive-feed"
"""The service's name in the networks of its reader."""
PORT: Final = 9500
START_SECONDS: Final = 120
_COUNTED: Final = "archived events by day"


class FeedError(RuntimeError):
    """There is no archive to read, or the service does not start. The message says what to do."""


class ArchiveFeed:
    """The running service."""

    def __init__(self, swarm: SwarmClient, service: str) -> None:
        self._swarm, self._service = swarm, service

    def urls(self, days: list[str]) -> list[str]:
        """Where Druid reads the days."""
        return [f"http://{ALIAS}:{PORT}/events/{day}.jsonl" for day in days]

    def days(self) -> dict[str, int]:
        """Archived events of each day (UTC), such as 2026-11-28, as of a few seconds ago."""
        deadline = Deadline(START_SECONDS)
        while True:
            task = self._swarm.newest_task(self._service)
            lines = self._swarm.last_log_lines(task["ID"]) if task else []
            counted = [line for line in lines if _COUNTED in line]
            if counted:
                return dict(json.loads(counted[-1])["days"])
            failed = task is not None and task["Status"]["State"] in FAILED_STATES
            if failed or not deadline.wait():
                shown = "".join(f"\n    {line}" for line in lines) or " none"
                message = f"service {self._service} does not serve the archive. Its last log lines:{shown}"
                raise FeedError(message)


@contextmanager
def archive_feed(swarm: SwarmClient, archive: str, reader: str) -> Iterator[ArchiveFeed]:
    """Run the service beside the stack's service `archive`, for its service `reader`, and remove it afterwards."""
    name = f"{archive}-feed"
    running = swarm.newest_task(archive)
    if running is None or running["Status"]["State"] != "running":
        message = (
            f"no task of {archive} runs. If clickstream:archive is off, there is nothing to rebuild from; "
            "otherwise `make ingestion` says why the task does not run"
        )
        raise FeedError(message)
    swarm.remove_service(name)
    swarm.create_service(name, _template(swarm.task_template(archive), swarm.task_template(reader), running))
    try:
        yield ArchiveFeed(swarm, name)
    finally:
        swarm.remove_service(name)


def _template(archive: dict[str, Any], reader: dict[str, Any], running: dict[str, Any]) -> dict[str, Any]:
    """The archive's task, with another command, on the same node: there are the volume and the image.

    It is in the reader's networks too, since the archive and Druid have none in common.
    """
    template = copy.deepcopy(archive)
    container = template["ContainerSpec"]
    container["Args"] = ["feed"]
    container.pop("Hostname", None)
    container["Healthcheck"] = {"Test": ["NONE"]}
    template["RestartPolicy"] = {"Condition": "none"}
    template["Placement"] = {"Constraints": [f"node.id == {running['NodeID']}"]}
    targets = {network["Target"] for task in (archive, reader) for network in task.get("Networks", [])}
    template["Networks"] = [{"Target": target, "Aliases": [ALIAS]} for target in sorted(targets)]
    return template
