"""The plugin shim deletes droplets within the time that the real provider gives."""

import threading
from collections.abc import Iterator

import pytest

from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.faults import DropletFault
from tests.fakes.digitalocean.server import Simulator
from tests.fakes.digitalocean.timing import Timing
from tests.unit.digitalocean.conftest import new_droplet
from toolchain.provider_shims.digitalocean.api import Api
from toolchain.provider_shims.digitalocean.droplets import DELETE_SECONDS, Droplet
from toolchain.provider_shims.kinds import Operation, ProviderError

GRACEFUL = {"gracefulShutdown": True}


@pytest.fixture
def slow() -> Iterator[Simulator]:
    """An account whose droplets take two seconds to shut down."""
    with Simulator(timing=Timing(droplet_action=2)) as running:
        yield running


def deletion(seconds: float) -> Operation:
    """With that custom timeout; 0 is none."""
    return Operation("urn:pulumi:s::p::t::droplet", threading.Event(), seconds=seconds)


def test_a_droplet_that_needs_longer_than_its_timeout_is_not_deleted(slow: Simulator) -> None:
    shim = Droplet(Api({"apiEndpoint": slow.url, "token": slow.token}))
    with SimulatorClient(slow.url, slow.token) as api:
        made = str(new_droplet(api)["id"])
        with pytest.raises(ProviderError, match=r"shutdown of droplet \d+, whose deletion may take 1 s"):
            shim.delete(made, GRACEFUL, {}, deletion(1))
        assert api.call("GET", f"/droplets/{made}")["droplet"]["id"] == int(made)


def test_a_droplet_is_deleted_within_a_longer_timeout(slow: Simulator) -> None:
    shim = Droplet(Api({"apiEndpoint": slow.url, "token": slow.token}))
    with SimulatorClient(slow.url, slow.token) as api:
        made = str(new_droplet(api)["id"])
        shim.delete(made, GRACEFUL, {}, deletion(20))
        assert not api.call("GET", "/droplets")["droplets"]


def test_without_a_custom_timeout_a_droplet_has_the_providers_minute(
    simulator: Simulator, api: SimulatorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert DELETE_SECONDS == 60
    monkeypatch.setattr("toolchain.provider_shims.digitalocean.droplets.DELETE_SECONDS", 1)
    api.set_faults(droplets=[DropletFault(failing_actions=["shutdown"])])
    made = str(new_droplet(api)["id"])
    with pytest.raises(ProviderError, match="may take 1 s in all"):
        Droplet(Api({"apiEndpoint": simulator.url, "token": simulator.token})).delete(made, GRACEFUL, {}, deletion(0))
