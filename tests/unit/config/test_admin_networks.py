"""Who reaches the admin pages: the settings, the edge's environment and DigitalOcean's firewall."""

from typing import Any

import pytest

from infra.config import ConfigError, StackConfig
from infra.platform.edge import edge_spec
from infra.services import service_specs
from infra.swarm.spec import admin_pages
from infra.targets.digitalocean.network import edge_rules
from tests.support.stack_config import raw_config

OFFICE, VIEWERS = "198.51.100.0/24", "203.0.113.0/28"


def parse(stack: str = "dev", **changes: Any) -> StackConfig:
    return StackConfig.parse(stack, raw_config(stack, **changes))


def edge_networks(config: StackConfig) -> tuple[str, str]:
    env = edge_spec(config, pages=()).env
    return env["EDGE_ADMIN_ALLOWED"], env.get("EDGE_VIEWER_ALLOWED", "")


def test_on_one_machine_consoles_are_for_the_machine_unless_configured_otherwise() -> None:
    assert edge_networks(parse()) == ("", "")
    assert edge_networks(parse(adminAllowedCidrs=[OFFICE])) == (OFFICE, "")


def test_on_digitalocean_the_networks_of_ssh_are_the_default() -> None:
    ssh = parse("prod").digitalocean.ssh_allowed_cidrs
    assert edge_networks(parse("prod")) == (" ".join(ssh), "")
    assert edge_networks(parse("prod", adminAllowedCidrs=[OFFICE])) == (OFFICE, "")
    assert edge_networks(parse("prod", domain="shop.test", viewerAllowedCidrs=[VIEWERS])) == (" ".join(ssh), VIEWERS)


def opened(config: StackConfig) -> dict[str, list[str]]:
    rules = edge_rules(config, admin_pages(service_specs(config)))
    return {str(rule.port_range): _list(rule.source_addresses) for rule in rules}


def _list(plain: Any) -> list[str]:
    return list(plain)


def test_the_firewall_opens_a_consoles_port_to_its_networks_only() -> None:
    changes = {"adminAllowedCidrs": [OFFICE], "viewerAllowedCidrs": [VIEWERS, OFFICE]}
    rules = opened(parse("prod", **changes))
    assert rules.keys() == {"80", "443", "8080", "8888", "9000"}
    assert rules["8888"] == rules["9000"] == [OFFICE]
    assert rules["8080"] == [OFFICE, VIEWERS]
    assert opened(parse("prod", domain="shop.test", **changes)).keys() == {"80", "443"}, "there, the edge decides"


@pytest.mark.parametrize("key", ["adminAllowedCidrs", "viewerAllowedCidrs"])
@pytest.mark.parametrize("given", ["office", "198.51.100.7/24", "0.0.0.0/33"])
def test_a_bad_network_stops_the_preview_and_is_named(key: str, given: str) -> None:
    changes: dict[str, Any] = {key: [OFFICE, given]}
    with pytest.raises(ConfigError) as error:
        parse("dev", **changes)
    assert f"clickstream:{key}[1]: {given!r} given; allowed: a network in CIDR notation" in str(error.value)


def test_the_whole_world_only_when_it_is_given() -> None:
    everybody = ["0.0.0.0/0", "::/0"]
    assert edge_networks(parse("prod", adminAllowedCidrs=everybody))[0] == "0.0.0.0/0 ::/0"
