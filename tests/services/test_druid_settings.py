"""The real Druid keeps the settings of a table that has no segment yet when its coordinator restarts."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from infra.config import StackConfig
from infra.platform.druid import PROCESSES, process_spec, zookeeper_spec
from infra.resources.druid.coordinator import DruidCoordinator
from tests.support.images import build
from tests.support.stack_config import raw_config
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker
    from docker.models.containers import Container

    from infra.swarm.spec import ServiceSpec

TABLE = "no_segment_yet"
COMPACTION = {"dataSource": TABLE, "skipOffsetFromLatest": "P1D"}
RULES: list[dict[str, Any]] = [
    {"type": "loadByPeriod", "period": "P7D", "includeFuture": True},
    {"type": "dropForever"},
]
ANY_AGE = {"druid_coordinator_kill_rule_durationToRetain": "PT0S"}
"""What Druid would do with retention rules after 90 days, it would do at once."""


@pytest.fixture(scope="module")
def coordinator(engine: docker.DockerClient) -> Iterator[Container]:
    """As the program configures it, but for `ANY_AGE`."""
    image, name = build("druid"), f"clickstream-test-druid-{uuid.uuid4().hex[:8]}"
    config = StackConfig.parse("test", raw_config()).druid
    process = next(process for process in PROCESSES if process.name == "coordinator")
    network = engine.networks.create(name, driver="bridge")
    containers: list[Container] = []

    def run(spec: ServiceSpec, **options: Any) -> Container:
        containers.append(
            engine.containers.create(image, list(spec.args), name=f"{name}-{spec.name}", hostname=spec.name, **options)
        )
        network.connect(containers[-1], aliases=[spec.name])
        containers[-1].start()
        return containers[-1]

    try:
        zookeeper = zookeeper_spec()
        run(zookeeper, environment=dict(zookeeper.env))
        spec = process_spec(config, process)
        environment = {**spec.env, **ANY_AGE}
        # Some free port of this machine, the same after a restart.
        yield run(spec, environment=environment, ports={"8081/tcp": ("127.0.0.1", None)})
    finally:
        for container in containers:
            container.remove(force=True, v=True)
        network.remove()


def address(container: Container) -> str:
    """Of the port that the container has now."""
    container.reload()
    (port,) = cast("Any", container.ports)["8081/tcp"]
    return f"http://127.0.0.1:{port['HostPort']}"


def last_cleanup(container: Container) -> str | None:
    """When the coordinator's process has last finished its cleaning of the metadata, which it begins with."""
    try:
        groups = httpx.get(f"{address(container)}/druid/coordinator/v1/duties").raise_for_status().json()["dutyGroups"]
    except (httpx.HTTPError, KeyError, ValueError):
        return None
    ends: list[str] = [group["lastRunEnd"] for group in groups if group["name"] == "MetadataStoreManagementDuties"]
    return next(iter(ends), None)


def wait_for_cleanup(container: Container) -> DruidCoordinator:
    """A client of a coordinator that has cleaned its metadata."""
    until(lambda: last_cleanup(container), lambda moment: (moment or "") > "2000", seconds=300)
    return DruidCoordinator(address(container), username="", password="")


def test_a_coordinator_that_restarts_keeps_the_settings_of_a_table_without_a_segment(coordinator: Container) -> None:
    druid = wait_for_cleanup(coordinator)
    druid.set_compaction(COMPACTION)
    druid.set_rules(TABLE, RULES)

    coordinator.restart()
    druid = wait_for_cleanup(coordinator)
    compaction = druid.compaction(TABLE)
    assert compaction is not None, "Druid has deleted the compaction settings"
    assert compaction["skipOffsetFromLatest"] == "P1D"
    assert [rule["type"] for rule in druid.rules(TABLE)] == [rule["type"] for rule in RULES]
