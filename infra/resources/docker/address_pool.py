"""The address pool of a local swarm's networks, which must not overlap networks of this machine, such as a VPN."""

import sys
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

ROUTES = Path("/proc/net/route")
"""Linux's routes: a heading, then lines of interface, destination, gateway, ..., mask (the eighth word)."""
DOCKERS_OWN = IPv4Network("10.0.0.0/8")
"""Docker's default pool for swarms. It assigns networks of 256 addresses in order."""
USED_OF_IT = IPv4Network("10.0.0.0/16")
"""The part of it that the first 256 networks use."""
CANDIDATES = (
    *(IPv4Network(f"10.{number}.0.0/16") for number in range(200, 256)),
    *(IPv4Network(f"172.{number}.0.0/16") for number in range(20, 32)),
    *(IPv4Network(f"192.168.{number}.0/20") for number in range(0, 256, 16)),
)
"""Private ranges, least used first."""


def routed_networks(routes: Path = ROUTES) -> list[IPv4Network]:
    """The networks that this machine has routes to, without default routes. Empty on systems other than Linux.

    A VPN for all traffic splits its default route into 0.0.0.0/1 and 128.0.0.0/1, or smaller parts; these are left out.
    """
    if not routes.exists():
        return []
    rows = [line.split() for line in routes.read_text().splitlines()[1:] if line.strip()]
    found = [IPv4Network((_address(row[1]), str(_address(row[7]))), strict=False) for row in rows]
    return [network for network in found if network.prefixlen >= DOCKERS_OWN.prefixlen]


def free_pool(used: Iterable[IPv4Network]) -> str | None:
    """A pool that overlaps no network in use; None if Docker's default pool does not.

    Raises:
        ValueError: if every candidate overlaps one.
    """
    networks = list(used)
    for candidate in (USED_OF_IT, *CANDIDATES):
        if not any(candidate.overlaps(network) for network in networks):
            return None if candidate == USED_OF_IT else str(candidate)
    message = (
        "this machine has routes to networks in all private address ranges, so none is left for a new swarm. "
        "Disconnect a VPN, or create the swarm yourself: `docker swarm init --default-addr-pool <free range>`"
    )
    raise ValueError(message)


def _address(hexadecimal: str) -> IPv4Address:
    """Convert the kernel's form: four bytes in the machine's byte order."""
    return IPv4Address(int.from_bytes(bytes.fromhex(hexadecimal), sys.byteorder))
