"""A fresh account a test, every answer of which is checked against DigitalOcean's description."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.server import Simulator
from tests.support.openapi import check_answer

if TYPE_CHECKING:
    from tests.fakes.digitalocean.guard import Exchange

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOZpZ3rQmZ0pWb0m1Y9o8cBVqJ0f5v9m3hX1o7Cq8k2a deploy@example"
MADE_BY_SIMULATOR = 501
"""An answer about the simulator itself: it lacks what was asked for."""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Without hosts."""
    exchanges: list[Exchange] = []
    with Simulator(witness=exchanges.append) as running:
        yield running
    for exchange in exchanges:
        if exchange.status != MADE_BY_SIMULATOR:
            check_answer(exchange.method, exchange.path, exchange.status, exchange.body)


@pytest.fixture
def api(simulator: Simulator) -> Iterator[SimulatorClient]:
    """A plain client."""
    with SimulatorClient(simulator.url, simulator.token) as client:
        yield client


@pytest.fixture
def vpc(api: SimulatorClient) -> dict[str, Any]:
    """A private network in fra1."""
    made: dict[str, Any] = api.call("POST", "/vpcs", {"name": "net", "region": "fra1", "ip_range": "10.116.0.0/20"})
    return made["vpc"]  # type: ignore[no-any-return]


def droplet_body(name: str = "one", **changes: Any) -> dict[str, Any]:
    """What POST /v2/droplets takes at least."""
    return {"name": name, "region": "fra1", "size": "s-2vcpu-4gb", "image": "debian-12-x64", **changes}


def new_droplet(api: SimulatorClient, name: str = "one", **changes: Any) -> dict[str, Any]:
    """One that is active."""
    made = api.call("POST", "/droplets", droplet_body(name, **changes))["droplet"]
    found: dict[str, Any] = api.call("GET", f"/droplets/{made['id']}")["droplet"]
    assert found["status"] == "active"
    return found
