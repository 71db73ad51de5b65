"""The part of `make ingestion` about services whose tasks keep failing, and about avro-to-json's lag."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import httpx
from docker.errors import DockerException

from infra.config import full_name
from infra.resources.common.ssh import SshError
from infra.resources.docker.client import FAILED_STATES, EngineUnreachableError, SwarmClient
from infra.resources.kafka.client import KafkaRestError
from infra.swarm.spec import NAMESPACE_LABEL
from tools.admin_pages import kafka_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from infra.resources.docker.client import ServiceTasks
    from infra.resources.kafka.client import Lag

CONVERTER_GROUP: Final = "avro-to-json"
RECENT: Final = timedelta(hours=1)
FAILURES_TO_REPORT: Final = 2
"""Failed tasks within the last hour that count as a problem. A restarted host or broker causes a single one."""
_UPDATING: Final = "updating"
_KILLED: Final = 137
_LINE: Final = 300
"""Most characters to print of a log line or error."""


@dataclass(frozen=True)
class Failure:
    """A service's most recent failed task."""

    at: datetime
    error: str
    exit_code: int | None
    out_of_memory: bool | None
    """None if only another node's engine has it."""
    log: str
    """Its last log line."""


@dataclass(frozen=True)
class Health:
    """A service's state."""

    name: str
    running: int
    wanted: int
    updating: bool
    failed: int
    """Tasks that failed within the last hour, at least: the swarm keeps only a service's last few tasks."""
    last: Failure | None

    @property
    def problem(self) -> bool:
        """A problem that does not resolve by itself."""
        return self.failed >= FAILURES_TO_REPORT or (self.running < self.wanted and not self.updating)


def show(stack: str, outputs: Mapping[str, Any]) -> bool:
    """Print the state of the stack's services and the converter's lag. Return whether all services are healthy.

    `stack` is the short name, such as dev. Also works while Kafka or Druid is down, when it is needed most.
    """
    if "dockerHost" not in outputs:
        print(
            f"services: unknown, because stack {stack} was deployed by an older version; `make up` adds what is needed"
        )
        return True
    try:
        with SwarmClient(str(outputs["dockerHost"])) as swarm:
            services = inspect(swarm, full_name(stack.rpartition("/")[2]))
    except (EngineUnreachableError, DockerException) as error:
        print(f"services: unknown: {error}")
        return False
    print(report(services))
    print(f"{_lag(outputs)}\n")
    return bool(services) and not any(service.problem for service in services)


def _lag(outputs: Mapping[str, Any]) -> str:
    try:
        with kafka_of(outputs) as kafka:
            return lag_report(kafka.lags(CONVERTER_GROUP))
    except (KafkaRestError, SshError, httpx.TransportError) as error:
        return f"{CONVERTER_GROUP}: lag unknown: {error}"


def inspect(swarm: SwarmClient, stack: str, now: datetime | None = None) -> list[Health]:
    """Return the state of every service in the stack, by its full name."""
    moment = now or datetime.now(UTC)
    return [_health(swarm, found, moment) for found in swarm.services(f"{NAMESPACE_LABEL}={stack}")]


def _health(swarm: SwarmClient, found: ServiceTasks, now: datetime) -> Health:
    replicas = found.service["Spec"]["Mode"].get("Replicated", {}).get("Replicas")
    wanted = [task for task in found.tasks if task["DesiredState"] == "running"]
    recent = [
        task
        for task in found.tasks
        if task["Status"]["State"] in FAILED_STATES and now - _time(task["Status"]["Timestamp"]) < RECENT
    ]
    return Health(
        name=found.name,
        running=sum(task["Status"]["State"] == "running" for task in wanted),
        wanted=len(wanted) if replicas is None else int(replicas),
        updating=found.service.get("UpdateStatus", {}).get("State") == _UPDATING,
        failed=len(recent),
        last=_failure(swarm, recent[0]) if recent else None,
    )


def _failure(swarm: SwarmClient, task: Mapping[str, Any]) -> Failure:
    status = task["Status"]
    container = status.get("ContainerStatus") or {}
    code = container.get("ExitCode")
    identifier = container.get("ContainerID")
    return Failure(
        at=_time(status["Timestamp"]),
        error=str(status.get("Err") or status.get("Message") or "no reason given"),
        exit_code=int(code) if code is not None else None,
        out_of_memory=swarm.out_of_memory(str(identifier)) if identifier else None,
        log=next((line for line in reversed(swarm.last_log_lines(str(task["ID"]))) if line.strip()), ""),
    )


def _time(text: str) -> datetime:
    """Parse Docker's RFC 3339 timestamps with nanoseconds."""
    return datetime.fromisoformat(f"{text[:19]}+00:00")


def report(services: Sequence[Health]) -> str:
    """Return the text to print about the services."""
    if not services:
        return "PROBLEM: the engine has no service of this stack"
    lines = [line for service in services for line in _lines(service)]
    return "\n".join(lines) or f"services: all {len(services)} run, none failed within the last hour"


def lag_report(lags: Iterable[Lag]) -> str:
    """Return the converter's lag. Lag alone is no problem, since the converter catches up."""
    behind = {lag.partition: lag.records for lag in lags}
    if not behind:
        return f"{CONVERTER_GROUP} has not committed a position yet"
    by_partition = ", ".join(f"partition {number}: {records}" for number, records in sorted(behind.items()))
    return f"{CONVERTER_GROUP} is behind by {sum(behind.values())} records ({by_partition})"


def _lines(service: Health) -> list[str]:
    if not service.problem and not service.failed:
        return []
    mark = "PROBLEM" if service.problem else "note"
    lines = [
        f"{mark}: {service.name}: {service.running} of {service.wanted} tasks run, "
        f"at least {service.failed} failed within the last hour"
    ]
    if service.last:
        lines.append(f"  last failure {service.last.at:%Y-%m-%d %H:%M:%S} UTC: {_reason(service.last)}")
        if service.last.log:
            lines.append(f"  its last log line: {service.last.log[:_LINE]}")
    return lines


def _reason(failure: Failure) -> str:
    parts = [failure.error[:_LINE]]
    if failure.exit_code:
        parts.append(f"exit code {failure.exit_code}")
    if failure.out_of_memory:
        parts.append("out of memory")
    elif failure.out_of_memory is None and failure.exit_code == _KILLED:
        parts.append("killed, perhaps out of memory; see the engine on the task's node")
    return ", ".join(parts)
