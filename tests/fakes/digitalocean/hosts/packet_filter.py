"""Cloud firewalls as packet filters in a host's own network namespace.

They stand before everything the host itself does with a packet, so that a port that Docker publishes is filtered by
its published number, as by DigitalOcean's firewall, which stands outside the droplet.
"""

from collections.abc import Iterable
from ipaddress import ip_network

from tests.fakes.digitalocean.backend import DropletRules

OUTER = "eth+"
"""The host's public and private interfaces; networks inside the host have other names."""

Rule = tuple[str, str, list[str]]


def _chain(name: str, option: str, rules: Iterable[Rule]) -> list[str]:
    lines = [f"-A {name} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN"]
    for protocol, ports, networks in rules:
        match = f"-p {protocol}"
        if protocol != "icmp" and ports != "0":
            match += f" --dport {ports.replace('-', ':')}"
        v4 = (network for network in networks if ip_network(network, strict=False).version == 4)
        lines += [f"-A {name} {option} {network} {match} -j RETURN" for network in v4]
    return [*lines, f"-A {name} -j DROP"]


def restore(rules: DropletRules) -> str:
    """Input of `iptables-restore --noflush`: two chains rewritten, nothing else touched. IPv6 is not simulated."""
    lines = ["*mangle", ":CLOUD-IN - [0:0]", ":CLOUD-OUT - [0:0]"]
    if rules.filtered:
        lines += _chain("CLOUD-IN", "-s", rules.inbound) + _chain("CLOUD-OUT", "-d", rules.outbound)
    return "\n".join([*lines, "COMMIT", ""])


HOOKS = " && ".join(
    f"{{ iptables -w -t mangle -C {hook} -j {chain} 2>/dev/null || iptables -w -t mangle -A {hook} -j {chain}; }}"
    for hook, chain in ((f"PREROUTING -i {OUTER}", "CLOUD-IN"), (f"POSTROUTING -o {OUTER}", "CLOUD-OUT"))
)
"""A shell command that puts the chains in the packets' way, once."""
