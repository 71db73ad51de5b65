"""pytest fixtures; a conftest.py that imports them has them."""

from collections.abc import Iterator

import pytest

from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.server import Simulator


@pytest.fixture
def digitalocean() -> Iterator[Simulator]:
    """An empty account without hosts; `url` and `token` are what a provider or client takes."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def digitalocean_client(digitalocean: Simulator) -> Iterator[SimulatorClient]:
    """For its state, faults and limits."""
    with SimulatorClient(digitalocean.url, digitalocean.token) as client:
        yield client
