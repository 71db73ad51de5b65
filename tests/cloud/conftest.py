"""A cloud of its own whose droplets are hosts on this machine, and stack prod in it."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import docker
import pytest
from playwright.sync_api import Browser

from infra.resources.common.ssh import access_folder
from tests.cloud.platform import Cloud, Platform, RegistryLogin
from tests.cloud.visitors import Visitors
from tests.engine.conftest import require_toolchain
from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.hosts import ownership
from tests.fakes.digitalocean.hosts.containers import PUBLIC_POOL, Containers
from tests.fakes.digitalocean.server import Simulator
from tests.support.browser import chromium
from tests.support.pulumi_cli import CliStack
from tests.support.stack_config import committed_config

REGISTRY = "clickstream"
CONFIG: dict[str, Any] = {
    # The addresses of the simulator's droplets, and of this machine among them.
    "sshAllowedCidrs": [str(PUBLIC_POOL)],
    # So that visitors can say where they come from.
    "trustedProxies": [str(PUBLIC_POOL)],
    "vpcIpRange": "10.231.32.0/20",
    "protectData": False,
    "druidScale": 1,
    "collectorReplicas": 2,
    "converterReplicas": 1,
    "privateVisitorIp": "81.2.69.142",
    "controlVolumeGiB": 1,
    "kafkaVolumeGiB": 1,
    "druidVolumeGiB": 3,
    "archiveVolumeGiB": 1,
}


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """Empty but for a container registry; afterwards nothing of it is left on this machine."""
    require_toolchain()
    backend = Containers()
    with Simulator(backend=backend) as simulator, SimulatorClient(simulator.url, simulator.token) as api:
        api.set_limits(requests_a_minute=100_000, requests_an_hour=100_000)
        api.call("POST", "/registry", {"name": REGISTRY, "subscription_tier_slug": "basic"})
        yield Cloud(simulator, api, RegistryLogin.ask(api))
    with closing(docker.from_env()) as engine:
        assert ownership.leaked_resources(engine, backend.owner) == []


@contextmanager
def prod(cloud: Cloud, name: str, changes: dict[str, Any], paths: pytest.TempPathFactory) -> Iterator[CliStack]:
    """Stack prod under another name and on smaller volumes, not up yet."""
    login = cloud.registry
    registry = {"registryServer": f"{login.server}/{REGISTRY}", "registryUser": login.user}
    # The engine's own BuildKit knows no other login.
    folder = paths.mktemp("docker")
    login.keep(folder)
    env = {
        "DIGITALOCEAN_TOKEN": cloud.simulator.token,
        "DIGITALOCEAN_API_URL": cloud.simulator.url,
        "DOCKER_CONFIG": str(folder),
    }
    config = {**committed_config("prod"), **CONFIG, **registry, **changes}
    made = CliStack(name, paths.mktemp(name), config, env=env)
    made.init()
    made.set_secret("registryPassword", login.password)
    yield made
    shutil.rmtree(access_folder(f"clickstream-{name}"), ignore_errors=True)
    with closing(docker.from_env()) as engine:
        for tag in (tag for image in engine.images.list() for tag in image.tags if tag.startswith(f"{login.server}/")):
            engine.images.remove(tag, force=True)


@pytest.fixture(scope="module")
def platform(cloud: Cloud, stack: CliStack) -> Platform:
    """The module's `stack`, in the cloud."""
    return Platform(cloud, stack)


@pytest.fixture(scope="module")
def visitors(stack: CliStack, tmp_path_factory: pytest.TempPathFactory) -> Visitors:
    """People to come while something is done."""
    return Visitors(stack, tmp_path_factory.mktemp("visitors"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    with chromium() as running:
        yield running
