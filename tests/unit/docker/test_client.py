"""Waiting for a service: what counts as ready, and what a failure says."""

import struct
from typing import Any

import pytest

from infra.resources.common import retry
from infra.resources.docker.client import REVISION_LABEL, ServiceError, SwarmClient, _demultiplex

CONTAINER = {"Image": "web:2"}


def task(task_id: str, state: str, *, container: dict[str, str] | None = None, error: str = "") -> dict[str, Any]:
    return {
        "ID": task_id,
        "CreatedAt": task_id,
        "DesiredState": "running" if state in ("running", "starting") else "shutdown",
        "Spec": {"ContainerSpec": container or CONTAINER},
        "Status": {"State": state, "Err": error, "ContainerStatus": {"ExitCode": 1 if error else 0}},
    }


class Engine:
    """Stands in for the engine's API: each inspection moves one step on."""

    base_url, api_version = "http://engine", "1.41"

    def __init__(self, *steps: list[dict[str, Any]], revision: str = "new", update: str = "") -> None:
        self.steps = list(steps)
        self.revision, self.update = revision, update

    def inspect_service(self, _id: str) -> dict[str, Any]:
        return {
            "Spec": {
                "Name": "stack-web",
                "Labels": {REVISION_LABEL: self.revision},
                "TaskTemplate": {"ContainerSpec": CONTAINER},
                "Mode": {"Replicated": {"Replicas": 1}},
            },
            "UpdateStatus": {"State": self.update} if self.update else {},
        }

    def tasks(self, filters: dict[str, str]) -> list[dict[str, Any]]:
        assert filters == {"service": "id"}
        return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]

    def get(self, _url: str, params: dict[str, Any]) -> Any:
        assert params["tail"]
        line = b"panic: no configuration\n"

        class Response:
            content = struct.pack(">BxxxL", 2, len(line)) + line

            def raise_for_status(self) -> None: ...

        return Response()


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "time", Clock())


def wait(engine: Engine, timeout: float = 5) -> None:
    client = SwarmClient.__new__(SwarmClient)
    client._api = engine  # type: ignore[assignment]
    client.wait_until_ready("id", revision="new", replicas=1, timeout=timeout)


def test_a_healthy_task_of_the_wanted_specification_is_ready() -> None:
    wait(Engine([task("1", "starting")], [task("1", "running")]))


def test_a_healthy_task_of_the_old_specification_is_not() -> None:
    with pytest.raises(ServiceError, match="not ready after 5 s"):
        wait(Engine([task("1", "running", container={"Image": "web:1"})]))


def test_a_rollback_is_a_failure_although_its_tasks_are_healthy() -> None:
    with pytest.raises(ServiceError, match="rolled back"):
        wait(Engine([task("1", "running")], revision="old", update="rollback_completed"))


def test_repeated_failures_end_the_wait_with_the_last_log_lines() -> None:
    failing = [[task(str(i), "failed", error="exit") for i in range(n)] for n in range(5)]
    with pytest.raises(ServiceError, match="keeps failing") as caught:
        wait(Engine(*failing), timeout=600)
    assert "exit code 1" in str(caught.value)
    assert "panic: no configuration" in str(caught.value)


def test_failures_from_before_the_wait_do_not_end_it() -> None:
    history = [task(str(i), "failed", error="exit") for i in range(5)]
    wait(Engine(history, [*history, task("9", "running")]))


def test_an_update_under_way_is_not_ready() -> None:
    with pytest.raises(ServiceError, match="update updating"):
        wait(Engine([task("1", "running")], update="updating"))


def test_log_frames_are_put_together() -> None:
    frames = b"".join(struct.pack(">BxxxL", 1, len(part)) + part for part in (b"one\ntw", b"o\n"))
    assert _demultiplex(frames) == ["one", "two"]
