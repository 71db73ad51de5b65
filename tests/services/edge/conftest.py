"""A network, backends and containers for the tests of a file."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.services.edge.rig import Backend, Containers

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker
    from docker.models.networks import Network


@pytest.fixture(scope="module")
def network(engine: docker.DockerClient) -> Iterator[Network]:
    network = engine.networks.create(f"clickstream-edge-test-{uuid.uuid4().hex[:8]}")
    yield network
    network.remove()


@pytest.fixture(scope="module")
def gateway(network: Network) -> str:
    network.reload()
    address: str = network.attrs["IPAM"]["Config"][0]["Gateway"]
    return address


@pytest.fixture(scope="module")
def backend(gateway: str) -> Iterator[Backend]:
    with Backend(gateway) as backend:
        yield backend


@pytest.fixture(scope="module")
def containers(
    engine: docker.DockerClient, network: Network, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Containers]:
    containers = Containers(engine, network, tmp_path_factory.mktemp("edge"))
    yield containers
    containers.remove()
