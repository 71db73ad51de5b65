"""Addresses of a new swarm on a machine whose own networks are in the same ranges."""

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from infra.resources.docker.address_pool import free_pool, routed_networks

HEADING = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DEFAULT = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
DOCKER = "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
HALVES = (
    "tun1\t00000000\t0101080A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n"
    "tun1\t00000080\t0101080A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n"
)
VPN = "tun0\t0000000A\t00000000\t0001\t0\t0\t0\t00FCFFFF\t0\t0\t0\n"


def test_routes_are_read_as_linux_writes_them(tmp_path: Path) -> None:
    file = tmp_path / "route"
    file.write_text(HEADING + DEFAULT + HALVES + DOCKER + VPN)
    assert routed_networks(file) == [IPv4Network("172.17.0.0/16"), IPv4Network("10.0.0.0/22")]
    assert routed_networks(tmp_path / "of another system") == []


@pytest.mark.parametrize(
    ("used", "pool"),
    [
        ([], None),
        (["192.168.1.0/24", "10.44.0.0/16"], None),
        (["10.0.0.0/22"], "10.200.0.0/16"),
        (["10.0.3.0/24", "10.200.5.0/24", "10.201.0.0/16"], "10.202.0.0/16"),
        (["10.0.0.0/8", "172.17.0.0/16"], "172.20.0.0/16"),
        (["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/24"], "192.168.16.0/20"),
    ],
)
def test_a_pool_is_free_and_dockers_own_where_that_is(used: list[str], pool: str | None) -> None:
    assert free_pool(map(IPv4Network, used)) == pool


def test_a_machine_with_routes_to_all_private_addresses_is_told_what_to_do() -> None:
    with pytest.raises(ValueError, match="docker swarm init --default-addr-pool"):
        free_pool([IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16")])
