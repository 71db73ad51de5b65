"""The stack's overlay network."""

import pulumi
import pulumi_docker as docker

from infra.swarm.spec import NAMESPACE_LABEL


def stack_network(stack: str, opts: pulumi.ResourceOptions) -> docker.Network:
    """One network for the whole stack. Services find each other by name.

    It is not attachable, so only the swarm's services can join.
    """
    return docker.Network(
        "network",
        name=stack,
        driver="overlay",
        attachable=False,
        labels=[{"label": NAMESPACE_LABEL, "value": stack}],
        opts=opts,
    )
