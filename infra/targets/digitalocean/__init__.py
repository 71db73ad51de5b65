"""Target `digitalocean`: droplets in a private network, formed into a swarm."""

import pulumi
import pulumi_digitalocean as do
import pulumi_docker as docker
import pulumi_docker_build as docker_build

from infra.config import StackConfig
from infra.targets.digitalocean.droplets import Droplets
from infra.targets.digitalocean.network import Network
from infra.targets.digitalocean.nodes import Nodes
from infra.targets.swarm import Swarm


def digitalocean_swarm(config: StackConfig) -> Swarm:
    """Network, droplets, swarm. A preview needs neither a droplet nor a route to one."""
    secrets = pulumi.Config()
    provider = do.Provider("digitalocean", token=pulumi.Config("digitalocean").get_secret("token"))
    network = Network(config.name, config.digitalocean, pulumi.ResourceOptions(provider=provider))
    droplets = Droplets(config.name, config.digitalocean, network, pulumi.ResourceOptions(provider=provider))
    nodes = Nodes(config.digitalocean, droplets)
    password = secrets.get_secret("registryPassword")
    registry = (
        docker_build.RegistryArgs(
            address=config.images.registry_server.split("/")[0],
            username=config.images.registry_user,
            password=password,
        )
        if config.images.registry_user
        else None
    )
    host = nodes.manager_address.apply(lambda address: f"ssh://root@{address}")
    return Swarm(
        provider=docker.Provider("docker", host=host),
        docker_host=host,
        address=droplets.managers[0].ipv4_address,
        ready=[nodes],
        # Volumes are local to a node, so what has one stays where it is.
        placement=dict.fromkeys(
            ("edge", "kafka", "druid", "postgres", "superset"), ("node.labels.clickstream.role == state",)
        ),
        registry=registry,
    )
