"""A small typed client for what the Docker provider does not report: whether tasks are healthy, and why not."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Self

import docker
from docker.errors import APIError, DockerException, NotFound

from infra.resources.common.retry import Deadline
from infra.resources.common.ssh import SshError, SshHost

ENGINE_SOCKET = "/var/run/docker.sock"

REVISION_LABEL = "clickstream.revision"
"""Hash of the whole service. After a rollback, it differs from the requested one."""

FAILURES_BEFORE_GIVING_UP = 3
LOG_LINES = 40
FAILED_STATES = ("failed", "rejected")
_ROLLED_BACK = ("rollback_started", "rollback_paused", "rollback_completed", "paused")


class ServiceError(Exception):
    """A service did not become ready. The message contains the failing task's last log lines."""


class EngineUnreachableError(Exception):
    """No engine answers at the address."""


@dataclass(frozen=True)
class Progress:
    """How many tasks of a service run its current specification, and how many should."""

    running: int
    wanted: int
    failed_tasks: frozenset[str]
    update_state: str
    specification: str
    """Hash of the specification of the tasks."""

    @property
    def ready(self) -> bool:
        """Whether every task is healthy and no update is in progress."""
        return self.running >= self.wanted and self.update_state in ("", "completed")

    @property
    def summary(self) -> str:
        """A summary for people."""
        update = f", update {self.update_state}" if self.update_state not in ("", "completed") else ""
        return f"{self.running} of {self.wanted} tasks healthy{update}"


@dataclass(frozen=True)
class ServiceTasks:
    """A service and its tasks, the newest first, as the engine's API describes them."""

    service: Mapping[str, Any]
    tasks: Sequence[Mapping[str, Any]]

    @property
    def name(self) -> str:
        """The service's name, which begins with the stack's."""
        return str(self.service["Spec"]["Name"])


class _SshDockerClient(docker.DockerClient):
    """A client for an engine on another machine. Closing it also closes the tunnel to the engine's socket."""

    def __init__(self, host: SshHost) -> None:
        with ExitStack() as way:
            socket = way.enter_context(host.forwarded(ENGINE_SOCKET))
            super().__init__(base_url=f"unix://{socket}", timeout=60)
            self._way = way.pop_all()

    def close(self) -> None:
        """Close the connection and the tunnel."""
        super().close()
        self._way.close()


def connect(docker_host: str) -> docker.DockerClient:
    """A client for the engine at the address, or if it is empty, for the engine that the `docker` command would use.

    Raises:
        EngineUnreachableError: if nothing answers there.
    """
    try:
        if not docker_host:
            return docker.from_env(timeout=30)
        if docker_host.startswith("ssh://"):
            return _SshDockerClient(SshHost.parse(docker_host))
        return docker.DockerClient(base_url=docker_host, timeout=30)
    except SshError as error:
        raise EngineUnreachableError(str(error)) from error
    except DockerException as error:
        message = (
            f"no Docker engine answers at {docker_host or 'the default address'}: {error}. "
            "Start Docker, or set clickstream:dockerHost to the engine's address."
        )
        raise EngineUnreachableError(message) from error


class SwarmClient:
    """Reads services and tasks of one engine, which must be a swarm manager."""

    def __init__(self, docker_host: str) -> None:
        """Connect to the engine's address; empty for the default."""
        self._engine = connect(docker_host)
        self._api = self._engine.api

    def __enter__(self) -> Self:
        """Use as a context manager, so that the connection is closed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._engine.close()

    def progress(self, service_id: str, *, replicas: int) -> Progress | None:
        """The service's progress towards that many healthy tasks; None if there is no such service."""
        try:
            service = self._api.inspect_service(service_id)
        except NotFound:
            return None
        return self._progress(service, self._tasks(service_id), replicas)

    def wait_until_ready(
        self,
        service_id: str,
        *,
        revision: str,
        replicas: int,
        timeout: float,
    ) -> Progress:
        """Return once that many tasks of the revision are healthy.

        Raises:
            ServiceError: on a rollback, on repeated failures, or after `timeout` seconds.
        """
        deadline = Deadline(timeout)
        # Ignore tasks that failed before this wait, for example those of a broken version that is being replaced.
        history: frozenset[str] | None = None
        failed: set[str] = set()
        while True:
            try:
                service = self._api.inspect_service(service_id)
            except NotFound:
                message = f"service {service_id} no longer exists; run `pulumi refresh`, then `pulumi up`"
                raise ServiceError(message) from None
            tasks = self._tasks(service_id)
            progress = self._progress(service, tasks, replicas)
            name = str(service["Spec"]["Name"])
            labelled = service["Spec"].get("Labels", {}).get(REVISION_LABEL)
            if labelled != revision or progress.update_state in _ROLLED_BACK:
                reason = "was rolled back to the previous version because the new tasks failed"
                raise ServiceError(self._explain(name, reason, tasks))
            if progress.ready:
                return progress
            history = progress.failed_tasks if history is None else history
            # Swarm keeps only the last few tasks, so collect the failed ones.
            failed |= progress.failed_tasks - history
            if len(failed) >= FAILURES_BEFORE_GIVING_UP:
                reason = f"keeps failing ({progress.summary})"
                raise ServiceError(self._explain(name, reason, tasks))
            if not deadline.wait():
                reason = f"is not ready after {timeout:.0f} s ({progress.summary})"
                raise ServiceError(self._explain(name, reason, tasks))

    def _tasks(self, service_id: str) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self._api.tasks(filters={"service": service_id})
        return sorted(tasks, key=lambda task: str(task["CreatedAt"]), reverse=True)

    def services(self, label: str) -> list[ServiceTasks]:
        """Every service with the label (`key=value`), sorted by name, and its last few tasks."""
        found = [
            ServiceTasks(dict(service), self._tasks(str(service["ID"])))
            for service in self._api.services(filters={"label": label})
        ]
        return sorted(found, key=lambda service: service.name)

    def newest_task(self, service: str) -> dict[str, Any] | None:
        """The newest task of a service, by name or id, as the engine's API describes it; None if there is none."""
        try:
            return next(iter(self._tasks(service)), None)
        except NotFound:
            return None

    def task_template(self, service: str) -> dict[str, Any]:
        """What a service's tasks are made from."""
        return dict(self._api.inspect_service(service)["Spec"]["TaskTemplate"])

    def create_service(self, name: str, template: Mapping[str, Any]) -> None:
        """Create a service with one task."""
        self._api.create_service(dict(template), name=name, endpoint_spec={"Mode": "dnsrr"})

    def remove_service(self, name: str) -> None:
        """Remove a service; fine if there is none. Its tasks stop soon afterwards."""
        with suppress(NotFound):
            self._api.remove_service(name)

    def out_of_memory(self, container_id: str) -> bool | None:
        """Whether the kernel killed the container for its memory use; None if this engine does not have it."""
        try:
            state = self._api.inspect_container(container_id)["State"]
        except NotFound:
            return None
        return bool(state["OOMKilled"])

    @staticmethod
    def _progress(service: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]], replicas: int) -> Progress:
        template = service["Spec"]["TaskTemplate"]
        wanted_container = template["ContainerSpec"]
        current = [task for task in tasks if task["Spec"].get("ContainerSpec") == wanted_container]
        return Progress(
            running=sum(task["DesiredState"] == "running" and task["Status"]["State"] == "running" for task in current),
            wanted=replicas,
            failed_tasks=frozenset(str(task["ID"]) for task in current if task["Status"]["State"] in FAILED_STATES),
            update_state=str(service.get("UpdateStatus", {}).get("State", "")),
            specification=hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:16],
        )

    def _explain(self, name: str, reason: str, tasks: Sequence[Mapping[str, Any]]) -> str:
        failed = next((task for task in tasks if task["Status"]["State"] in FAILED_STATES), None)
        task = failed or next(iter(tasks), None)
        if task is None:
            return f"service {name} {reason}: it has no task; `docker service ps {name} --no-trunc` may show why"
        status = task["Status"]
        detail = status.get("Err") or status.get("Message") or "no reason given"
        code = status.get("ContainerStatus", {}).get("ExitCode")
        exit_code = f", exit code {code}" if code else ""
        lines = self.last_log_lines(str(task["ID"]))
        log = "".join(f"\n    {line}" for line in lines) if lines else " none"
        return (
            f"service {name} {reason}. Its last task is {status['State']}: {detail}{exit_code}.\n"
            f"  Last log lines of the task:{log}\n"
            f"  The service is left as it is: `docker service logs {name}` has more. Fix the cause and run `up` again."
        )

    def last_log_lines(self, task_id: str) -> list[str]:
        """The task's last lines; empty if they are unavailable, since an error report must not fail itself."""
        params = {"stdout": True, "stderr": True, "tail": LOG_LINES}
        try:
            response = self._api.get(
                f"{self._api.base_url}/v{self._api.api_version}/tasks/{task_id}/logs", params=params
            )
            response.raise_for_status()
        except (APIError, DockerException, OSError):
            return []
        return _demultiplex(response.content)[-LOG_LINES:]


def _demultiplex(stream: bytes) -> list[str]:
    """Each frame has a header: one byte of stream type, three of padding, four of length (big-endian)."""
    payload = bytearray()
    position = 0
    while position + 8 <= len(stream):
        length = int.from_bytes(stream[position + 4 : position + 8], "big")
        payload += stream[position + 8 : position + 8 + length]
        position += 8 + length
    return payload.decode("utf-8", "replace").splitlines()
