"""`make ingestion` sees what the swarm makes of a service that its memory limit kills again and again."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from infra.resources.docker.client import SwarmClient
from infra.swarm.spec import NAMESPACE_LABEL
from tests.support.images import build
from tests.support.waiting import until
from tools.service_health import inspect, report

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker

EAT = "import time; print('eating', flush=True); bytearray(1 << 30).count(1)"


@pytest.fixture
def stack(engine: docker.DockerClient) -> Iterator[str]:
    if engine.info()["Swarm"]["LocalNodeState"] != "active":
        pytest.skip("the engine is no swarm: `docker swarm init` or `make up` makes it one")
    name = f"clickstream-test-{uuid.uuid4().hex[:8]}"
    service = engine.services.create(
        build("avro_to_json"),
        command=["python", "-c", EAT],
        name=f"{name}-greedy",
        labels={NAMESPACE_LABEL: name},
        resources={"Limits": {"MemoryBytes": 32 * 1024 * 1024}},
        restart_policy={"Condition": "any", "Delay": 10**9},
    )
    yield name
    service.remove()


def test_a_service_that_its_memory_limit_kills_again_and_again_is_reported(stack: str) -> None:
    with SwarmClient("") as swarm:
        until(lambda: inspect(swarm, stack)[0].failed > 1, what="two failed tasks", seconds=120)
        (found,) = inspect(swarm, stack)
    assert found.problem
    assert found.last is not None
    assert (found.last.exit_code, found.last.out_of_memory, found.last.log) == (137, True, "eating")
    assert f"PROBLEM: {stack}-greedy" in report([found])
    assert "exit code 137, out of memory" in report([found])
