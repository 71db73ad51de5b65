"""The private network and the firewalls: the only perimeter, since published ports bypass a host's own."""

from collections.abc import Iterable

import pulumi
import pulumi_digitalocean as do

from infra.config import StackConfig, Tls
from infra.swarm.admin_page import AdminPage, published_port
from infra.targets.digitalocean.timeouts import deletion

SWARM_PORTS = (("tcp", "2377"), ("tcp", "7946"), ("udp", "7946"), ("udp", "4789"))
"""Management, gossip and VXLAN. VXLAN carries no authentication: never outside the private network."""

ANYWHERE = ["0.0.0.0/0", "::/0"]
ALL_PORTS = "all"
"""As the provider reads it back: `1-65535` would be a change after every refresh."""


def inbound(protocol: str, ports: str, sources: list[str]) -> do.FirewallInboundRuleArgs:
    """One opening."""
    return do.FirewallInboundRuleArgs(protocol=protocol, port_range=ports, source_addresses=sources)


def edge_rules(config: StackConfig, pages: Iterable[AdminPage]) -> list[do.FirewallInboundRuleArgs]:
    """The website for everybody; admin pages without names of their own, for those who may use ssh."""
    website = [inbound("tcp", port, ANYWHERE) for port in ("80", "443")]
    operators = list(config.digitalocean.ssh_allowed_cidrs)
    if config.edge.admin_subdomains or config.edge.tls is Tls.OFF:
        return website
    return website + [inbound("tcp", str(published_port(config.edge, page)), operators) for page in pages]


class Network(pulumi.ComponentResource):
    """VPC, tags and firewalls. What has the tag `nodes` is closed but to the swarm; `edge` opens the website."""

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
            # Without a rule nothing gets out: packages, the registry, name servers and certificates are needed.
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
