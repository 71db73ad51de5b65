"""Turns droplets into a swarm: wait for each host, initialise, join, label, mount."""

import pulumi

from infra.config import StackConfig
from infra.resources.digitalocean.host_ready import HostReady, HostReadyArgs
from infra.resources.docker.data_volume import DataVolume, DataVolumeArgs
from infra.resources.docker.swarm_cluster import SwarmCluster, SwarmClusterArgs
from infra.resources.docker.swarm_node import SwarmNode, SwarmNodeArgs
from infra.targets.digitalocean.droplets import Droplets
from infra.targets.digitalocean.operator_keys import operator_keys
from infra.targets.digitalocean.plan import EDGE_HOST, Host, Plan, label
from infra.targets.digitalocean.storage import DEVICE, Storage, volume_name

FIRST = EDGE_HOST


class Nodes(pulumi.ComponentResource):
    """The swarm's nodes. Ready when every host has joined and mounted its volumes."""

    docker_host: pulumi.Output[str]
    """The first manager's ssh URL, known once its swarm exists."""

    cluster_id: pulumi.Output[str]

    node_ids: pulumi.Output[list[str]]
    """The nodes' ids. A recreated host has a new one."""

    def __init__(self, config: StackConfig, plan: Plan, droplets: Droplets, storage: Storage) -> None:
        """Declare readiness checks, the swarm, its nodes and their volumes."""
        super().__init__(
            "clickstream:digitalocean:Nodes",
            "nodes",
            None,
            # Deleting the first manager deletes the swarm, so no node has to leave first.
            pulumi.ResourceOptions(deleted_with=droplets.droplets[FIRST]),
        )
        self._droplets = droplets
        self._ready = {host.name: self._host_ready(host.name) for host in plan.hosts}
        for host in plan.hosts:
            operator_keys(
                host.name,
                config.digitalocean.operator_ssh_keys,
                droplets.connections[host.name],
                droplet_id=droplets.droplets[host.name].id,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[self._ready[host.name]]),
            )
        first = droplets.droplets[FIRST]
        self._cluster = SwarmCluster(
            "swarm",
            SwarmClusterArgs(
                host=droplets.hosts[FIRST],
                host_id=first.id,
                address=first.ipv4_address_private,
                pool=config.digitalocean.swarm_address_pool,
                peers=[
                    {"host": droplets.hosts[host.name], "address": droplets.droplets[host.name].ipv4_address_private}
                    for host in plan.hosts
                    if host.manager and host.name != FIRST
                ],
            ),
            # A new first manager asks the other managers for an existing swarm. They may be new too, so wait for them.
            pulumi.ResourceOptions(
                parent=self, depends_on=[self._ready[host.name] for host in plan.hosts if host.manager]
            ),
        )
        self.cluster_id = self._cluster.cluster_id
        self._nodes = {host.name: self._node(host) for host in plan.hosts}
        self.volumes = [
            DataVolume(
                group.name,
                DataVolumeArgs(
                    host=droplets.hosts[group.host],
                    manager=droplets.hosts[FIRST],
                    node_id=self._nodes[group.host].node_id,
                    attachment=storage.attachments[group.name].id,
                    device=f"{DEVICE}{volume_name(config.name, group.name)}",
                    mount=group.mount,
                    folders=list(group.volumes),
                    gibibytes=group.gibibytes,
                    label=label(group.name),
                ),
                pulumi.ResourceOptions(parent=self, depends_on=[self._nodes[group.host]]),
            )
            for group in plan.groups
        ]
        self.docker_host = pulumi.Output.all(droplets.hosts[FIRST], self.cluster_id).apply(lambda known: str(known[0]))
        self.node_ids = pulumi.Output.all(*(node.node_id for node in self._nodes.values()))
        self.register_outputs({"cluster": self.cluster_id})

    def _host_ready(self, name: str) -> HostReady:
        droplet = self._droplets.droplets[name]
        return HostReady(
            HostReadyArgs(
                name=name,
                host=self._droplets.hosts[name],
                host_id=droplet.id,
                droplet_status=droplet.status,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _node(self, host: Host) -> SwarmNode:
        droplet, first = self._droplets.droplets[host.name], self._droplets.droplets[FIRST]
        return SwarmNode(
            SwarmNodeArgs(
                name=host.name,
                host=self._droplets.hosts[host.name],
                host_id=droplet.id,
                address=droplet.ipv4_address_private,
                manager=self._droplets.hosts[FIRST],
                manager_address=first.ipv4_address_private,
                cluster_id=self.cluster_id,
                as_manager=host.manager,
                labels={label(name): "true" for name in host.labels},
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[self._ready[host.name]]),
        )
