"""Which services `make ingestion` reports, and what it says of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.resources.docker.client import ServiceTasks, SwarmClient
from infra.resources.kafka.client import Lag
from tools.service_health import Health, inspect, lag_report, report

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def task(state: str, minutes_ago: float, *, code: int = 0, error: str = "") -> dict[str, Any]:
    at = NOW - timedelta(minutes=minutes_ago)
    return {
        "ID": f"{state}-{minutes_ago}",
        "DesiredState": "running" if state in ("running", "starting") else "shutdown",
        "Status": {
            "Timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.123456789Z"),
            "State": state,
            "Err": error,
            "ContainerStatus": {"ContainerID": "c0ffee", "ExitCode": code},
        },
    }


class Engine(SwarmClient):
    """A swarm with one service."""

    def __init__(self, *tasks: dict[str, Any], replicas: int = 1, update: str = "", oom: bool | None = False) -> None:
        self.tasks, self.replicas, self.update, self.oom = tasks, replicas, update, oom

    def services(self, label: str) -> list[ServiceTasks]:
        assert label == "com.docker.stack.namespace=shop"
        service = {
            "Spec": {"Name": "shop-avro-to-json", "Mode": {"Replicated": {"Replicas": self.replicas}}},
            "UpdateStatus": {"State": self.update},
        }
        return [ServiceTasks(service, self.tasks)]

    def out_of_memory(self, container_id: str) -> bool | None:
        assert container_id == "c0ffee"
        return self.oom

    def last_log_lines(self, task_id: str) -> list[str]:
        assert task_id.startswith("failed")
        return ["starting", "converting", ""]


def of(engine: Engine) -> Health:
    (found,) = inspect(engine, "shop", NOW)
    return found


def test_a_service_that_runs_is_one_line() -> None:
    found = of(Engine(task("running", 300)))
    assert not found.problem
    assert report([found]) == "services: all 1 run, none failed within the last hour"


def test_a_service_that_keeps_dying_is_a_problem_although_its_newest_task_runs() -> None:
    failures = [task("failed", n / 6, code=137, error="task: non-zero exit (137)") for n in range(1, 5)]
    found = of(Engine(task("running", 0), *failures, oom=True))
    assert found.problem
    assert report([found]).splitlines() == [
        "PROBLEM: shop-avro-to-json: 1 of 1 tasks run, at least 4 failed within the last hour",
        "  last failure 2026-11-27 11:59:50 UTC: task: non-zero exit (137), exit code 137, out of memory",
        "  its last log line: converting",
    ]


def test_one_failure_is_told_and_is_not_a_problem() -> None:
    found = of(Engine(task("running", 20), task("failed", 21, code=1, error="broker away")))
    assert not found.problem
    assert report([found]).startswith("note: shop-avro-to-json")


def test_failures_of_yesterday_are_history() -> None:
    found = of(Engine(task("running", 60), *[task("failed", 1500 + n, code=1) for n in range(4)]))
    assert not found.problem
    assert found.last is None


@pytest.mark.parametrize(("update", "problem"), [("", True), ("updating", False), ("rollback_completed", True)])
def test_tasks_that_are_missing_are_a_problem_unless_an_update_is_under_way(update: str, *, problem: bool) -> None:
    assert of(Engine(task("running", 9), task("starting", 0), replicas=2, update=update)).problem is problem


def test_memory_is_only_suspected_where_another_node_ran_the_task() -> None:
    found = of(Engine(task("failed", 1, code=137), task("failed", 2, code=137), oom=None))
    assert "perhaps out of memory" in report([found])


def test_an_engine_without_the_stack_is_a_problem() -> None:
    assert "no service of this stack" in report([])


def test_lag_is_told_by_partition() -> None:
    lags = [Lag("tracking-avro", 1, 40), Lag("tracking-avro", 0, 2)]
    assert lag_report(lags) == "avro-to-json is behind by 42 records (partition 0: 2, partition 1: 40)"
    assert "not committed" in lag_report([])
