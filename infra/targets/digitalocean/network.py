"""The private network and the firewall: the only perimeter, since published ports bypass a host's own."""

import pulumi
import pulumi_digitalocean as do

from infra.config import DigitalOceanConfig

PUBLIC_PORTS = ("80", "443")
SWARM_PORTS = (("tcp", "2377"), ("tcp", "7946"), ("udp", "7946"), ("udp", "4789"))
"""Management, gossip and VXLAN. VXLAN carries no authentication: never outside the private network."""

ANYWHERE = ["0.0.0.0/0", "::/0"]


def _inbound(config: DigitalOceanConfig) -> list[do.FirewallInboundRuleArgs]:
    def rule(protocol: str, port: str, sources: list[str]) -> do.FirewallInboundRuleArgs:
        return do.FirewallInboundRuleArgs(protocol=protocol, port_range=port, source_addresses=sources)

    public = [rule("tcp", port, ANYWHERE) for port in PUBLIC_PORTS]
    swarm = [rule(protocol, port, [config.vpc_ip_range]) for protocol, port in SWARM_PORTS]
    ssh = [rule("tcp", "22", list(config.ssh_allowed_cidrs))] if config.ssh_allowed_cidrs else []
    return public + swarm + ssh


class Network(pulumi.ComponentResource):
    """VPC, tag and firewall. Everything with the tag is behind the firewall."""

    def __init__(self, stack: str, config: DigitalOceanConfig, opts: pulumi.ResourceOptions) -> None:
        """Declare them."""
        super().__init__("clickstream:digitalocean:Network", "network", None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.vpc = do.Vpc("vpc", name=stack, region=config.region, ip_range=config.vpc_ip_range, opts=child)
        self.tag = do.Tag("tag", name=stack, opts=child)
        do.Firewall(
            "firewall",
            name=stack,
            tags=[self.tag.name],
            inbound_rules=_inbound(config),
            outbound_rules=[
                {"protocol": "tcp", "port_range": "1-65535", "destination_addresses": ANYWHERE},
                {"protocol": "udp", "port_range": "1-65535", "destination_addresses": ANYWHERE},
                {"protocol": "icmp", "destination_addresses": ANYWHERE},
            ],
            opts=child,
        )
        self.register_outputs({"vpc": self.vpc.id, "tag": self.tag.name})
