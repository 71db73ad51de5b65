"""The parts of Druid's overlord and broker API that the program manages: supervisors, tasks, sampler, SQL."""

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
"""Seconds: twice the period in which a supervisor looks at its tasks."""
FAILURES_ENOUGH = 2
"""Give up after this many consecutive task failures; the supervisor would start another forever."""


@dataclass(frozen=True)
class SupervisorStatus:
    """A supervisor as Druid sees it: state such as RUNNING, its newest errors, and the state of its tasks.

    `known_tasks` are those that it would stop, reading or publishing.
    """

    state: str
    healthy: bool
    errors: tuple[str, ...]
    active_tasks: tuple[str, ...]
    known_tasks: frozenset[str]
    lag: int | None


class DruidClient(DruidHttp):
    """Supervisors are named by the datasource that they fill."""

    def post_supervisor(self, spec: Mapping[str, Any]) -> None:
        """Create or replace; without effect on running tasks if nothing changed."""
        # Druid compares text, and the engine hands maps over in any order: sorted, the same spec is the same text.
        body = json.loads(json.dumps(spec, sort_keys=True))
        self._request("POST", f"{INDEXER}/supervisor", params={"skipRestartIfUnmodified": "true"}, json=body)

    def supervisor_spec(self, supervisor_id: str) -> dict[str, Any] | None:
        """The spec that runs, with every default filled in; None if there is none.

        Druid repeats each part of `spec` beside it, for old clients; the copies are left out.
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
        """Row counts of each running task, by task group and task id; empty while no task answers."""
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
        """An ended task's row counts; empty where its report no longer exists."""
        found = self._found("GET", f"{INDEXER}/task/{task_id}/reports")
        return {} if found is None else dict(found.json())

    def apply(self, spec: Mapping[str, Any], timeout: float = 120) -> dict[str, Any]:
        """Post the spec and return what Druid made of it, once its tasks run.

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
        """A supervisor says RUNNING even if every task of it fails, so the tasks are looked at as well."""
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
                state = f"{state}, without a task that runs, {timeout:.0f} s"
            reasons = [*(status.errors if status else ()), *failed]
            details = "".join(f"\n  - {item}" for item in dict.fromkeys(reasons)) or " none given"
            message = f"supervisor {supervisor_id} is {state} after posting its spec. Druid's errors:{details}"
            raise DruidError(message)

    def _works(self, supervisor_id: str, status: SupervisorStatus) -> bool:
        """Whether one of its tasks answers with row counts, which it does once it reads; those of before, which still
        publish, are not among the active ones.
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
        """Stop the supervisor; with `drop_data` its offsets, rows and segments go as well.

        Without it, tasks publish what they have and end. With it, they are shut down: what they would publish is
        dropped anyway, and rows that are dropped while a task still runs stay visible.
        """
        if not drop_data:
            deadline = Deadline(DISCOVERY)
            while not self._knows_its_tasks(supervisor_id) and deadline.wait():
                pass
        elif self.supervisor_spec(supervisor_id) is not None:
            self._request("POST", f"{INDEXER}/supervisor/{supervisor_id}/reset")
        # It blocks while Kafka does not answer: 80 s were seen.
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
        """Whether the supervisor, if it runs, has found the tasks that it has started.

        It finds them when it next looks, and stops only those: another would read on forever, and keep its slot.
        """
        status = self.supervisor_status(supervisor_id)
        if status is None or status.state != "RUNNING":
            return True
        running = self.tasks(supervisor_id, "running")
        return status.known_tasks.issuperset(_task_ids(task for task in running if task["type"] == KAFKA_TASK))


def _task_ids(tasks: Iterable[Mapping[str, Any]] | None) -> tuple[str, ...]:
    return tuple(str(task["id"]) for task in tasks or ())
