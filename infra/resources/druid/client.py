"""The parts of Druid's overlord and broker APIs that the program uses: supervisors, tasks, sampler, SQL."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.resources.common.retry import Deadline
from infra.resources.druid.http import COORDINATOR, INDEXER, DruidError, DruidHttp

__all__ = ["DruidClient", "DruidError", "SupervisorStatus"]

EVERYTHING = "1000-01-01/3000-01-01"
KAFKA_TASK = "index_kafka"
DISCOVERY = 60
"""Seconds: twice the period at which a supervisor checks its tasks."""
FAILURES_ENOUGH = 2
"""Give up after this many task failures. The supervisor would start new tasks forever."""


@dataclass(frozen=True)
class SupervisorStatus:
    """A supervisor's state (such as RUNNING), newest errors and tasks.

    `known_tasks`: reading or publishing tasks that it has found, so that it would stop them.
    """

    state: str
    healthy: bool
    errors: tuple[str, ...]
    active_tasks: tuple[str, ...]
    known_tasks: frozenset[str]
    lag: int | None


class DruidClient(DruidHttp):
    """A supervisor has the name of the datasource that it fills."""

    def post_supervisor(self, spec: Mapping[str, Any]) -> None:
        """Create or replace a supervisor. An unchanged spec does not restart its tasks."""
        # Druid compares specs as text, and the engine passes maps in any order. Sorting makes equal specs equal texts.
        body = json.loads(json.dumps(spec, sort_keys=True))
        self._request("POST", f"{INDEXER}/supervisor", params={"skipRestartIfUnmodified": "true"}, json=body)

    def supervisor_spec(self, supervisor_id: str) -> dict[str, Any] | None:
        """The running spec, with every default filled in; None if there is none.

        Without the copies of each part of `spec` that Druid adds for old clients.
        """
        found = self._found("GET", f"{INDEXER}/supervisor/{supervisor_id}")
        if found is None:
            return None
        document: dict[str, Any] = found.json()
        inner = document.get("spec") or {}
        return {key: value for key, value in document.items() if key not in inner}

    def supervisor_status(self, supervisor_id: str) -> SupervisorStatus | None:
        """State, errors and tasks; None if there is no such supervisor."""
        found = self._found("GET", f"{INDEXER}/supervisor/{supervisor_id}/status")
        if found is None:
            return None
        payload = found.json()["payload"]
        errors = tuple(f"{item.get('exceptionClass')}: {item.get('message')}" for item in payload["recentErrors"])
        active = _task_ids(payload.get("activeTasks"))
        return SupervisorStatus(
            state=str(payload["detailedState"]),
            healthy=bool(payload["healthy"]),
            errors=errors[-3:],
            active_tasks=active,
            known_tasks=frozenset(active + _task_ids(payload.get("publishingTasks"))),
            lag=payload.get("aggregateLag"),
        )

    def supervisor_stats(self, supervisor_id: str) -> dict[str, Any]:
        """Row counts of each running task, by task group and task ID. Empty while no task answers."""
        found = self._found("GET", f"{INDEXER}/supervisor/{supervisor_id}/stats")
        return {} if found is None else dict(found.json())

    def parse_errors(self, supervisor_id: str) -> list[dict[str, Any]]:
        """The newest unparseable records of the running tasks: input, details, time."""
        found = self._found("GET", f"{INDEXER}/supervisor/{supervisor_id}/parseErrors")
        return [] if found is None else list(found.json())

    def tasks(self, datasource: str, state: str, most: int = 100) -> list[dict[str, Any]]:
        """The datasource's tasks that are `running` or `complete`, newest first."""
        query = {"datasource": datasource, "state": state, "max": most}
        return list(self._request("GET", f"{INDEXER}/tasks", params=query).json())

    def task_report(self, task_id: str) -> dict[str, Any]:
        """An ended task's row counts. Empty if its report no longer exists."""
        found = self._found("GET", f"{INDEXER}/task/{task_id}/reports")
        return {} if found is None else dict(found.json())

    def apply(self, spec: Mapping[str, Any], timeout: float = 120) -> dict[str, Any]:
        """Post the spec, wait until its tasks run, and return it as Druid stores it.

        Raises:
            DruidError: with the supervisor's own errors and those of its failing tasks.
        """
        supervisor_id = str(spec["spec"]["dataSchema"]["dataSource"])
        old = set(_task_ids(self.tasks(supervisor_id, "complete")))
        self.post_supervisor(spec)
        if not spec.get("suspended"):
            self._wait_until_running(supervisor_id, old, timeout)
        applied = self.supervisor_spec(supervisor_id)
        if applied is None:
            message = f"supervisor {supervisor_id} disappeared after its spec was posted"
            raise DruidError(message)
        return applied

    def _wait_until_running(self, supervisor_id: str, old: set[str], timeout: float) -> None:
        """A supervisor reports RUNNING even if all its tasks fail, so the tasks are checked too."""
        deadline = Deadline(timeout)
        while True:
            status = self.supervisor_status(supervisor_id)
            failed = self._failures(supervisor_id, old)
            state = status.state if status else "unknown to Druid"
            if status and state in ("RUNNING", "IDLE") and (state == "IDLE" or self._works(supervisor_id, status)):
                return
            if len(failed) < FAILURES_ENOUGH and (status is None or status.healthy):
                if deadline.wait():
                    continue
                state = f"{state}, without a running task, {timeout:.0f} s"
            reasons = [*(status.errors if status else ()), *failed]
            details = "".join(f"\n  - {item}" for item in dict.fromkeys(reasons)) or " none given"
            message = f"supervisor {supervisor_id} is {state} after posting its spec. Druid's errors:{details}"
            raise DruidError(message)

    def _works(self, supervisor_id: str, status: SupervisorStatus) -> bool:
        """Whether an active task reports row counts, which it does once it reads.

        The previous spec's tasks, which may still publish, are not active.
        """
        counted = {task for group in self.supervisor_stats(supervisor_id).values() for task in group}
        return not counted.isdisjoint(status.active_tasks)

    def _failures(self, datasource: str, old: set[str]) -> list[str]:
        ended = self.tasks(datasource, "complete", most=10)
        return [
            f"task {task['id']}: {task.get('errorMsg')}"
            for task in ended
            if task.get("statusCode") == "FAILED" and str(task["id"]) not in old
        ]

    def sample(self, sampler: Mapping[str, Any]) -> dict[str, Any]:
        """Read some rows as a spec would ingest them, without ingesting them. `sampler` is the body of the request."""
        return dict(self._request("POST", f"{INDEXER}/sampler", json=dict(sampler)).json())

    def sql(self, query: str, **context: Any) -> list[dict[str, Any]]:
        """Rows of a query. Counting distinct values is exact."""
        body = {"query": query, "context": {"useApproximateCountDistinct": False, **context}}
        return list(self._request("POST", "/druid/v2/sql", json=body).json())

    def delete_supervisor(self, supervisor_id: str, *, drop_data: bool, timeout: float = 120) -> None:
        """Stop the supervisor. With `drop_data`, also delete its offsets, rows and segments.

        Without it, tasks publish their rows and end. With it, they are shut down: their rows would be dropped anyway,
        and rows dropped while a task still runs stay visible.
        """
        if not drop_data:
            deadline = Deadline(DISCOVERY)
            while not self._knows_its_tasks(supervisor_id) and deadline.wait():
                pass
        elif self.supervisor_spec(supervisor_id) is not None:
            self._request("POST", f"{INDEXER}/supervisor/{supervisor_id}/reset")
        # It blocks while Kafka does not answer, for up to 80 s in tests.
        self._found("POST", f"{INDEXER}/supervisor/{supervisor_id}/terminate", timeout=120)
        if not drop_data:
            return
        deadline = Deadline(timeout)
        while running := self.tasks(supervisor_id, "running"):
            for task in running:
                self._found("POST", f"{INDEXER}/task/{task['id']}/shutdown")
            if not deadline.wait():
                message = f"tasks of {supervisor_id} still run {timeout:.0f} s after they were shut down"
                raise DruidError(message)
        self._found("DELETE", f"{COORDINATOR}/datasources/{supervisor_id}")
        kill = {"type": "kill", "dataSource": supervisor_id, "interval": EVERYTHING}
        self._request("POST", f"{INDEXER}/task", json=kill)

    def _knows_its_tasks(self, supervisor_id: str) -> bool:
        """Whether a running supervisor has found all tasks that it started.

        It stops only the tasks that its last check found. Any other would read forever and occupy its slot.
        """
        status = self.supervisor_status(supervisor_id)
        if status is None or status.state != "RUNNING":
            return True
        running = self.tasks(supervisor_id, "running")
        return status.known_tasks.issuperset(_task_ids(task for task in running if task["type"] == KAFKA_TASK))


def _task_ids(tasks: Iterable[Mapping[str, Any]] | None) -> tuple[str, ...]:
    return tuple(str(task["id"]) for task in tasks or ())
