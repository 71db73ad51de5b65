"""SSH for a CI runner, on the simulated account."""

from datetime import timedelta

import pytest

from infra.config import full_name
from infra.resources.digitalocean.client import ApiError, DigitalOcean
from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.server import Simulator
from tests.fakes.digitalocean.timing import Timing
from tests.unit.digitalocean.conftest import droplet_body
from tools import runner_access
from tools.runner_access import close_ssh, open_ssh


def test_open_lets_one_address_in_and_close_takes_it_back(simulator: Simulator, api: SimulatorClient) -> None:
    with DigitalOcean(simulator.token, simulator.url) as account:
        open_ssh(account, "prod", "17", "203.0.113.9")
        api.call("POST", "/droplets", droplet_body(tags=["prod"]))
        (firewall,) = api.call("GET", "/firewalls")["firewalls"]
        assert (firewall["name"], firewall["status"]) == ("prod-runner-17", "succeeded")
        assert firewall["tags"] == ["prod"]
        assert firewall["inbound_rules"] == [
            {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["203.0.113.9"]}}
        ]
        open_ssh(account, "prod", "17", "203.0.113.10")  # run again, from another runner
        assert len(api.call("GET", "/firewalls")["firewalls"]) == 1
        close_ssh(account, "prod", "17")
        close_ssh(account, "prod", "17")
    assert api.call("GET", "/firewalls")["firewalls"] == []


def test_what_cut_off_runs_left_is_deleted_and_nothing_else(
    simulator: Simulator, api: SimulatorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DigitalOcean(simulator.token, simulator.url) as account:
        for run in ("1", "2"):
            open_ssh(account, "prod", run, "203.0.113.9")
        open_ssh(account, "staging", "1", "203.0.113.9")
        account.open_port("prod", tag="prod", port=22, address="198.51.100.1")
        names = [firewall.name for firewall in account.firewalls()]
        assert sorted(names) == ["prod", "prod-runner-1", "prod-runner-2", "staging-runner-1"], "run 2 spares run 1"
        monkeypatch.setattr(runner_access, "ABANDONED", timedelta(seconds=-60))
        close_ssh(account, "prod", "3")
    assert sorted(one["name"] for one in api.call("GET", "/firewalls")["firewalls"]) == ["prod", "staging-runner-1"]


def test_a_rule_that_the_droplets_do_not_get_is_an_error() -> None:
    with (
        Simulator(timing=Timing(firewall_apply=60)) as slow,
        DigitalOcean(slow.token, slow.url) as account,
        pytest.raises(ApiError, match="prod-runner-17 is waiting"),
    ):
        open_ssh(account, "prod", "17", "203.0.113.9", seconds=0)


def test_a_token_that_can_only_read_is_named(simulator: Simulator) -> None:
    with DigitalOcean("wrong", simulator.url) as account, pytest.raises(ApiError, match="refuses the token"):
        open_ssh(account, "prod", "17", "203.0.113.9")


def test_the_command_opens_the_droplets_of_the_stack(
    simulator: Simulator, api: SimulatorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", simulator.token)
    monkeypatch.setenv("DIGITALOCEAN_API_URL", simulator.url)
    command = ["runner_access", "open", "--stack", "prod", "--run", "17", "--address", "203.0.113.9"]
    monkeypatch.setattr("sys.argv", command)
    runner_access.main()
    (firewall,) = api.call("GET", "/firewalls")["firewalls"]
    # Every resource of the stack, the droplets' tag included, has this name.
    assert firewall["tags"] == [full_name("prod")]
    monkeypatch.setattr("sys.argv", ["runner_access", "close", *command[2:6]])
    runner_access.main()
    assert api.call("GET", "/firewalls")["firewalls"] == []
