"""The toolchain that the tests of this folder need."""

import shutil

import docker
import pytest
from docker.errors import DockerException

from tests.support.pulumi_cli import toolchain_env


@pytest.fixture(scope="session", autouse=True)
def _toolchain() -> None:
    """Fail at once, saying what to do, where the CLI or the engine is missing."""
    if shutil.which("pulumi", path=toolchain_env()["PATH"]) is None:
        pytest.fail("no pulumi on PATH: run `make setup` first")
    try:
        client = docker.from_env()
        client.ping()
        if not client.info()["Swarm"].get("ControlAvailable"):
            client.swarm.init(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:2377")
        client.close()
    except DockerException as error:
        pytest.fail(f"no Docker engine answers ({error}): start it, or run `make setup`")
