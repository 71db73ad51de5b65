"""When a service is waited for: a rollout that has not got ready, another node, or a change since it was."""

from typing import Any

import pytest

from infra.resources.common.provider import READY
from infra.resources.docker import service_ready
from infra.resources.docker.client import Progress
from infra.resources.docker.rollout import RolloutProvider
from infra.resources.docker.service_ready import CHANGED, ServiceReadyProvider

PROPS: dict[str, Any] = {
    "docker_host": "",
    "service_id": "id",
    "service": "stack-web",
    "revision": "one",
    "rollout": 1,
    "replicas": 1,
    "timeout": 60,
    "members": None,
}


class Swarm:
    """Stands in for the client: the service is ready, with this specification."""

    specification = "first"

    def __init__(self, _docker_host: str) -> None: ...

    def __enter__(self) -> "Swarm":
        return self

    def __exit__(self, *_: object) -> None: ...

    def progress(self, _id: str, *, replicas: int) -> Progress:
        return Progress(replicas, replicas, frozenset(), "completed", self.specification)

    def wait_until_ready(self, service_id: str, *, revision: str, replicas: int, timeout: float) -> Progress:
        assert revision
        assert timeout
        return self.progress(service_id, replicas=replicas)


@pytest.fixture(autouse=True)
def _swarm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_ready, "SwarmClient", Swarm)


def test_going_back_to_the_revision_that_was_ready_last_is_another_rollout() -> None:
    rollouts, ready = RolloutProvider(), ServiceReadyProvider()
    rollout = rollouts.create({"service": "stack-web", "revision": "one"}).outs or {}
    waited = ready.create({**PROPS, "rollout": rollout["number"]}).outs or {}
    # The wait for `two` fails, so its state stays as it is.
    for revision in ("two", "one"):
        assert rollouts.diff("stack-web", rollout, {**rollout, "revision": revision}).changes
        rollout = rollouts.update("stack-web", rollout, {**rollout, "revision": revision}).outs or {}
    assert ready.diff("stack-web", waited, {**PROPS, "rollout": rollout["number"]}).changes


def test_nothing_is_waited_for_twice() -> None:
    waited = ServiceReadyProvider().create(PROPS).outs or {}
    assert not ServiceReadyProvider().diff("stack-web", waited, PROPS).changes
    rollout = RolloutProvider().create({"service": "stack-web", "revision": "one"}).outs or {}
    assert not RolloutProvider().diff("stack-web", rollout, rollout).changes


def test_a_service_that_was_changed_since_it_was_ready_is_found_by_a_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = ServiceReadyProvider().create(PROPS).outs or {}
    assert (ServiceReadyProvider().read("stack-web", waited).outs or {})["state"] == READY
    monkeypatch.setattr(Swarm, "specification", "second")
    found = ServiceReadyProvider().read("stack-web", waited).outs or {}
    assert found["state"] == CHANGED
    assert ServiceReadyProvider().diff("stack-web", found, PROPS).changes


def test_the_state_of_an_earlier_version_is_no_sign_of_a_change() -> None:
    assert (ServiceReadyProvider().read("stack-web", PROPS).outs or {})["state"] == READY
