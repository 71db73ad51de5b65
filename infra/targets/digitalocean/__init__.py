"""Target `digitalocean`: droplets in a private network, formed into a swarm."""

from collections.abc import Sequence

import pulumi
import pulumi_docker as docker

from infra.config import StackConfig
from infra.resources.common.ssh import SshHost, ssh_options
from infra.resources.common.ssh_transport import through_ssh
from infra.swarm.spec import WORK, ServiceSpec
from infra.swarm.swarm import Swarm
from infra.targets.digitalocean.cloud import Cloud
from infra.targets.digitalocean.estimate import Estimate
from infra.targets.digitalocean.nodes import FIRST, Nodes
from infra.targets.digitalocean.plan import make_plan, node_constraints


def digitalocean_swarm(config: StackConfig, specs: Sequence[ServiceSpec]) -> Swarm:
    """Network, droplets, volumes, swarm. A preview needs neither a droplet nor a route to one.

    Raises:
        pulumi.RunError: at preview, if the account's state or the hosts' sizes rule out the plan.
    """
    plan = make_plan(config, specs)
    estimate = Estimate.make(config, plan)
    cloud = Cloud(config, plan, estimate.unstarted)
    droplets = cloud.droplets
    nodes = Nodes(config, plan, droplets, cloud.storage)
    estimate.export(config.digitalocean.monthly_cost_ceiling)
    pulumi.export("hosts", {name: droplet.ipv4_address for name, droplet in droplets.droplets.items()})
    if names := cloud.addresses.unmanaged:
        pulumi.export("dnsRecords", dict.fromkeys(names, cloud.addresses.address))
    return Swarm(
        provider=docker.Provider(
            "docker",
            host=nodes.docker_host.apply(lambda url: f"ssh://{SshHost.parse(url).destination}"),
            ssh_opts=ssh_options(config.name, FIRST),
            registry_auth=cloud.registry.pull or None,
        ),
        docker_host=nodes.docker_host,
        address=cloud.addresses.address,
        ready=[nodes, cloud.addresses.assignment, *cloud.addresses.records],
        constraints=node_constraints,
        registry=cloud.registry.push,
        volume_folders=plan.volume_folders,
        identity=nodes.cluster_id,
        deleted_with=droplets.droplets[FIRST],
        node_ids=nodes.node_ids,
        rebalanced=frozenset({WORK}),
        internal_url=lambda url: pulumi.Output.all(nodes.docker_host, url).apply(
            lambda known: through_ssh(SshHost.parse(str(known[0])), str(known[1]))
        ),
        check=estimate.check_capacity,
    )
