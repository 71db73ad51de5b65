"""What the internet can reach: firewalls and the droplets behind them."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policy.planned import UNKNOWN, Finding, Planned

FIREWALL = "digitalocean:index/firewall:Firewall"
DROPLET = "digitalocean:index/droplet:Droplet"

SSH = 22
WEBSITE = {("tcp", 80), ("tcp", 443)}
MANY_IPV4, MANY_IPV6 = 2**24, 2**96
"""A list of networks is effectively public if it covers this many addresses: an IPv4 /8, an IPv6 /32."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PRIVATE: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("fc00::/7", "fe80::/10", "::1/128"),
    )
)

Opening = tuple[str, range, list[str]]


def ssh_is_not_public(firewall: Planned) -> Iterator[str]:
    """Port 22 is open to named networks only."""
    for protocol, ports, sources in _public_openings(firewall):
        if protocol == "tcp" and SSH in ports:
            yield (
                f"firewall {firewall.name} opens ssh (tcp {_text(ports)}) to {', '.join(sources)}; allowed are the "
                "networks that Pulumi and operators connect from: name them in sshAllowedCidrs, "
                "for example 203.0.113.7/32"
            )


def only_the_website_is_public(firewall: Planned) -> Iterator[str]:
    """Only the website is open to everybody: no admin page, database or swarm port."""
    for protocol, ports, sources in _public_openings(firewall):
        if protocol == "icmp" or (protocol == "tcp" and ports == range(SSH, SSH + 1)):
            continue
        if len(ports) != 1 or (protocol, ports.start) not in WEBSITE:
            yield (
                f"firewall {firewall.name} opens {protocol} {_text(ports)} to {', '.join(sources)}; only the website "
                "is public, tcp 80 and 443: serve admin pages through the edge under the domain, or open the port "
                "to adminAllowedCidrs alone"
            )


def droplet_is_private_and_tagged(droplet: Planned) -> Iterator[str]:
    """Every droplet is in a VPC and has a tag for firewalls and alerts."""
    if not droplet.at("vpcUuid"):
        yield (
            f"droplet {droplet.name} names no VPC, so DigitalOcean puts it into the region's default one, with other "
            "droplets of the account: set vpc_uuid to the id of the stack's Vpc"
        )
    if droplet.at("tags") is not UNKNOWN and not droplet.items("tags"):
        yield (
            f"droplet {droplet.name} has no tag, so no firewall and no alert applies to it: "
            "set tags to the name of the stack's Tag"
        )


def droplets_are_behind_a_firewall(plan: Sequence[Planned]) -> Iterator[Finding]:
    """Every droplet is behind one of the stack's firewalls. Otherwise, all its ports are open."""
    firewalls = [item for item in plan if item.type == FIREWALL]
    covered = {tag for firewall in firewalls for tag in firewall.items("tags")}
    named = {name for firewall in firewalls for _, name in firewall.uses.get("dropletIds", ())}
    for droplet in plan:
        if droplet.type != DROPLET or droplet.name in named:
            continue
        tags = droplet.items("tags")
        if UNKNOWN in (droplet.at("tags"), *tags, *covered) or covered & set(tags):
            continue
        yield Finding(
            f"droplet {droplet.name} has the tags {', '.join(tags) or '(none)'}, and the stack's firewalls apply to "
            f"{', '.join(sorted(covered)) or '(none)'}: give it a tag of theirs, or every port of it is open",
            droplet.urn,
        )


def is_public(sources: Sequence[str]) -> bool:
    """Whether the networks together are effectively the whole internet. Private ranges do not count."""
    four: list[ipaddress.IPv4Network] = []
    six: list[ipaddress.IPv6Network] = []
    for source in sources:
        try:
            network = ipaddress.ip_network(source, strict=False)
        except ValueError:
            continue  # DigitalOcean rejects it with a better message
        if isinstance(network, ipaddress.IPv4Network):
            four.append(network)
        else:
            six.append(network)
    return (
        sum(network.num_addresses for network in ipaddress.collapse_addresses(four) if not _is_private(network))
        >= MANY_IPV4
        or sum(network.num_addresses for network in ipaddress.collapse_addresses(six) if not _is_private(network))
        >= MANY_IPV6
    )


def _is_private(network: Network) -> bool:
    """Whether it is within a private range. ipaddress's is_private checks the first and last address only."""
    return any(
        network.version == ours.version and ours.prefixlen <= network.prefixlen and network.network_address in ours
        for ours in PRIVATE
    )


def _public_openings(firewall: Planned) -> Iterator[Opening]:
    for rule in firewall.items("inboundRules"):
        if not isinstance(rule, Mapping):
            continue
        sources = [source for source in rule.get("sourceAddresses") or () if isinstance(source, str)]
        if is_public(sources):
            yield str(rule.get("protocol")), _ports(rule.get("portRange")), sources


def _ports(given: Any) -> range:
    """Parse DigitalOcean's notation: `22`, `8000-9000`; `0`, `all` or nothing mean every port."""
    text = "" if given in (None, UNKNOWN) else str(given)
    if text in ("", "0", "all"):
        return range(1, 65536)
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _text(ports: range) -> str:
    return str(ports.start) if len(ports) == 1 else f"{ports.start}-{ports.stop - 1}"
