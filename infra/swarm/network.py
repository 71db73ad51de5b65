"""The stack's overlay networks."""

import pulumi
import pulumi_docker as docker

from infra.swarm.spec import NAMESPACE_LABEL
from infra.swarm.zones import PUBLIC, Zone


def network_name(stack: str, zone: Zone) -> str:
    """The public network has the stack's own name: it is the one network of earlier versions.

    During the upgrade from one, the edge still reaches the collector in it until the collector moves.
    """
    return stack if zone.name == PUBLIC else f"{stack}-{zone.name}"


def zone_network(stack: str, zone: Zone, opts: pulumi.ResourceOptions) -> docker.Network:
    """The network of a zone. Not attachable, so only the swarm's services can join.

    Not encrypted between hosts: Docker encrypts with ESP, IP protocol 50, which DigitalOcean's firewalls cannot allow.
    """
    return docker.Network(
        "network" if zone.name == PUBLIC else f"network-{zone.name}",
        name=network_name(stack, zone),
        driver="overlay",
        attachable=False,
        internal=zone.internal or None,
        labels=[{"label": NAMESPACE_LABEL, "value": stack}],
        opts=opts,
    )
