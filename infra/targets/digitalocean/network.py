"""The private network and the firewalls. A host's own firewall would not help: published ports bypass it."""

from collections.abc import Iterable

import pulumi
import pulumi_digitalocean as do

from infra.config import StackConfig, Tls
from infra.swarm.admin_page import AdminPage, published_port
from infra.targets.digitalocean.timeouts import deletion

SWARM_PORTS = (("tcp", "2377"), ("tcp", "7946"), ("udp", "7946"), ("udp", "4789"))
"""Management, gossip and VXLAN. VXLAN has no authentication, so it must never leave the private network."""

ANYWHERE = ["0.0.0.0/0", "::/0"]
ALL_PORTS = "all"
"""The notation that the provider reads back. `1-65535` would be a change after every refresh."""


def inbound(protocol: str, ports: str, sources: list[str]) -> do.FirewallInboundRuleArgs:
    """One inbound rule."""
    return do.FirewallInboundRuleArgs(protocol=protocol, port_range=ports, source_addresses=sources)


def edge_rules(config: StackConfig, pages: Iterable[AdminPage]) -> list[do.FirewallInboundRuleArgs]:
    """Opens the website to everybody, and admin pages with ports of their own to the networks that may use them.

    Admin pages with names share port 443 with the website, so there the edge decides.
    """
    edge = config.edge
    website = [inbound("tcp", port, ANYWHERE) for port in ("80", "443")]
    if edge.admin_subdomains or edge.tls is Tls.OFF:
        return website
    return website + [inbound("tcp", str(published_port(edge, page)), list(page.allowed(edge))) for page in pages]


class Network(pulumi.ComponentResource):
    """VPC, tags and firewalls. The tag of all droplets admits only the swarm and SSH; the edge's also the website."""

    def __init__(self, config: StackConfig, pages: Iterable[AdminPage], opts: pulumi.ResourceOptions) -> None:
        """Declare them."""
        super().__init__("clickstream:digitalocean:Network", "network", None, opts)
        child = pulumi.ResourceOptions(parent=self)
        cloud, stack = config.digitalocean, config.name
        self.vpc = do.Vpc(
            "vpc",
            name=stack,
            region=cloud.region,
            ip_range=cloud.vpc_ip_range,
            opts=pulumi.ResourceOptions.merge(child, deletion()),
        )
        self.tag = do.Tag("tag", name=stack, opts=child)
        self.edge_tag = do.Tag("edge-tag", name=f"{stack}-edge", opts=child)
        inside = [cloud.vpc_ip_range]
        do.Firewall(
            "firewall",
            name=stack,
            tags=[self.tag.name],
            inbound_rules=[
                inbound("tcp", "22", list(cloud.ssh_allowed_cidrs)),
                *(inbound(protocol, port, inside) for protocol, port in SWARM_PORTS),
                do.FirewallInboundRuleArgs(protocol="icmp", source_addresses=inside),
            ],
            # Without rules, all outbound traffic is blocked, including packages, the registry, DNS and ACME.
            outbound_rules=[
                {"protocol": "tcp", "port_range": ALL_PORTS, "destination_addresses": ANYWHERE},
                {"protocol": "udp", "port_range": ALL_PORTS, "destination_addresses": ANYWHERE},
                {"protocol": "icmp", "destination_addresses": ANYWHERE},
            ],
            opts=child,
        )
        do.Firewall(
            "edge-firewall",
            name=f"{stack}-edge",
            tags=[self.edge_tag.name],
            inbound_rules=edge_rules(config, pages),
            opts=child,
        )
        self.register_outputs({"vpc": self.vpc.id, "tag": self.tag.name})
