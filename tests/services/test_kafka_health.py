"""The health check of a broker among three: healthy before it has found the others, and not when it hangs."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from infra.config import StackConfig
from infra.platform.kafka import kafka_spec
from tests.support.images import build
from tests.support.stack_config import raw_config
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker
    from docker.models.containers import Container

    from infra.swarm.spec import ServiceSpec


@pytest.fixture
def spec() -> ServiceSpec:
    return kafka_spec(StackConfig.parse("test", raw_config("prod", preset="ha")), 1)


@pytest.fixture
def broker(engine: docker.DockerClient, spec: ServiceSpec) -> Iterator[Container]:
    """Alone: the names of the others lead nowhere."""
    name = f"clickstream-test-kafka-{uuid.uuid4().hex[:8]}"
    container = engine.containers.run(
        build("kafka"), name=name, hostname=spec.name, environment=dict(spec.env), detach=True
    )
    yield container
    container.remove(force=True, v=True)


def test_a_broker_that_hangs_is_not_healthy(broker: Container, spec: ServiceSpec) -> None:
    check = list(spec.healthcheck.command[1:])

    def status() -> int | None:
        code: int | None = broker.exec_run(check).exit_code
        return code

    until(status, (0).__eq__, what="a healthy broker", seconds=120)
    broker.kill(signal="STOP")
    assert status() != 0
    broker.kill(signal="CONT")
    until(status, (0).__eq__, what="a healthy broker", seconds=60)
