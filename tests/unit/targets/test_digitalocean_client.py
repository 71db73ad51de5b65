"""What a preview asks DigitalOcean, over the simulator: patience with a busy API, and errors for people."""

from collections.abc import Iterator

import pytest

from infra.resources.digitalocean import client as digitalocean
from infra.resources.digitalocean.client import ApiError, DigitalOcean
from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.faults import HttpFault
from tests.fakes.digitalocean.server import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """An empty account."""
    with Simulator() as running:
        yield running


@pytest.fixture
def api(simulator: Simulator) -> Iterator[SimulatorClient]:
    """To break it; whole again afterwards."""
    with SimulatorClient(simulator.url, simulator.token) as client:
        yield client
        client.set_faults()


@pytest.fixture
def cloud(simulator: Simulator) -> Iterator[DigitalOcean]:
    """The program's own client."""
    with DigitalOcean(simulator.token, simulator.url) as client:
        yield client


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have waited, in seconds."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    return waited


def test_limits_are_told_with_what_is_used_of_them(api: SimulatorClient, cloud: DigitalOcean) -> None:
    before = cloud.account()
    made = api.call("POST", "/reserved_ips", {"region": "fra1"})["reserved_ip"]
    after = cloud.account()
    api.call("DELETE", f"/reserved_ips/{made['ip']}")
    assert (before.reserved_ips, after.reserved_ips) == (0, 1)
    assert after.reserved_ip_limit == api.call("GET", "/account")["account"]["floating_ip_limit"]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_moment_is_waited_for(
    api: SimulatorClient, cloud: DigitalOcean, pauses: list[float], status: int
) -> None:
    api.set_faults(http=[HttpFault(path="/v2/account", status=status, times=3)])
    assert cloud.account().droplet_limit > 0
    assert pauses == [1, 2, 4], "each pause is longer"


def test_it_waits_as_long_as_it_is_asked_to_within_reason(
    api: SimulatorClient, cloud: DigitalOcean, pauses: list[float]
) -> None:
    api.set_faults(http=[HttpFault(path="/v2/account", status=429, times=1, retry_after=7)])
    cloud.account()
    assert pauses == [7]
    api.set_faults(http=[HttpFault(path="/v2/account", status=429, times=1, retry_after=3600)])
    cloud.account()
    assert pauses == [7, digitalocean.RETRY_POLICY.longest_pause]


def test_too_many_requests_for_good_are_told_with_the_limits(
    api: SimulatorClient, cloud: DigitalOcean, pauses: list[float]
) -> None:
    api.set_faults(http=[HttpFault(path="/v2/account", status=429, times=None)])
    with pytest.raises(ApiError, match=r"too many requests \(429\): at most 5000 an hour and 250 a minute"):
        cloud.account()
    assert len(pauses) == digitalocean.RETRY_POLICY.attempts - 1


def test_an_api_that_is_down_is_told_with_its_words_and_where_to_look(
    api: SimulatorClient, cloud: DigitalOcean, pauses: list[float]
) -> None:
    api.set_faults(http=[HttpFault(path="/v2/account", status=503, times=None, message="Down for a while.")])
    with pytest.raises(ApiError) as caught:
        cloud.account()
    assert "answers 503 to /v2/account" in str(caught.value)
    assert "Down for a while." in str(caught.value)
    assert "status.digitalocean.com" in str(caught.value)
    assert sum(pauses) >= 30, "that is no moment any more"


def test_nobody_at_the_address_is_told_with_the_address(pauses: list[float]) -> None:
    with (
        DigitalOcean("token", "http://127.0.0.1:9") as nobody,
        pytest.raises(ApiError, match=r"127\.0\.0\.1:9 does not"),
    ):
        nobody.account()
    assert pauses


def test_a_refusal_is_not_asked_again(simulator: Simulator, pauses: list[float]) -> None:
    with DigitalOcean("wrong", simulator.url) as stranger, pytest.raises(ApiError, match="refuses the token"):
        stranger.account()
    assert not pauses
