"""The toolchain that the tests of this folder need."""

import shutil
from collections.abc import Iterator
from contextlib import closing

import docker
import pytest
from docker.errors import DockerException

from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.server import Simulator
from tests.support.pulumi_cli import toolchain_env


def require_toolchain() -> None:
    """Fail at once, saying what to do, where the CLI or the engine is missing; make the engine a swarm."""
    if shutil.which("pulumi", path=toolchain_env()["PATH"]) is None:
        pytest.fail("no pulumi on PATH: run `make setup` first")
    try:
        with closing(docker.from_env()) as engine:
            if not engine.info()["Swarm"].get("ControlAvailable"):
                # Made here rather than by a stack, so that stacks of other tests do not take it away again.
                engine.swarm.init(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:2377")
    except DockerException as error:
        pytest.fail(f"no Docker engine answers ({error}): start it, or run `make setup`")


@pytest.fixture(scope="session", autouse=True)
def _toolchain() -> None:
    require_toolchain()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """An empty account."""
    with Simulator() as running:
        yield running


@pytest.fixture(scope="module")
def account(simulator: Simulator) -> Iterator[SimulatorClient]:
    """To look into it."""
    with SimulatorClient(simulator.url, simulator.token) as client:
        yield client
