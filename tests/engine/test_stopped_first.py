"""A service that will move to other networks is stopped first; one that stays runs on."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import docker
import pytest
from docker.errors import APIError, NotFound
from docker.models.services import Service
from docker.types import ServiceMode

from infra.resources.docker.stopped_first import StoppedFirstInputs, StoppedFirstProvider
from tests.support.waiting import until
from toolchain.engine import BASE_IMAGE

NAME = "clickstream-test-stopped-first"


@pytest.fixture
def service() -> Iterator[Service]:
    """One task in a network."""
    with closing(docker.from_env()) as engine:
        network = engine.networks.create(NAME, driver="overlay")
        made = engine.services.create(
            BASE_IMAGE, ["sleep", "1000"], name=NAME, networks=[NAME], mode=ServiceMode("replicated", 1),
            endpoint_spec={"Mode": "dnsrr"}, stop_grace_period=1_000_000_000,
        )  # fmt: skip
        try:
            until(lambda: states(made), lambda found: found == ["running"], what="a running task", seconds=60)
            yield made
        finally:
            made.remove()
            until(lambda: removed(network), what="a removed network", seconds=60)


def states(service: Service) -> list[str]:
    return [task["Status"]["State"] for task in service.tasks({"desired-state": "running"})]


def removed(network: Any) -> bool:
    try:
        network.remove()
    except NotFound:
        return True
    except APIError:
        return False  # the task is still leaving it
    return True


def test_a_service_in_other_networks_is_stopped_and_one_in_the_right_ones_is_not(service: Service) -> None:
    provider = StoppedFirstProvider()
    provider.create_resource(StoppedFirstInputs(docker_host="", services={NAME: [NAME], "not-there": ["web"]}))
    service.reload()
    assert (service.attrs["Spec"]["Mode"]["Replicated"]["Replicas"], states(service)) == (1, ["running"])
    provider.create_resource(StoppedFirstInputs(docker_host="", services={NAME: ["web"]}))
    service.reload()
    assert (service.attrs["Spec"]["Mode"]["Replicated"]["Replicas"], states(service)) == (0, [])
