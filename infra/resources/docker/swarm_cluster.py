"""The swarm. It is created on the first manager; a new first manager joins it through another manager."""

from dataclasses import dataclass

import pulumi
from typing_extensions import override

from infra.resources.common.provider import ManagedResource, Observed, Provider, State
from infra.resources.docker import nodes as swarm_nodes
from infra.resources.docker.client import EngineUnreachableError
from infra.resources.docker.nodes import SwarmNodeError


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Another manager: its SSH URL and private address."""

    host: str
    address: str


@dataclass(frozen=True, kw_only=True)
class SwarmClusterInputs:
    """See SwarmClusterArgs."""

    host: str
    host_id: str
    address: str
    pool: str
    peers: list[Peer]


class SwarmClusterProvider(Provider[SwarmClusterInputs]):
    """A new first manager is an update. A swarm's address pool is fixed, so another pool replaces the swarm."""

    outputs = ("cluster_id",)
    replace_on = ("pool",)
    not_compared = ("host", "address", "peers")

    @override
    def create_resource(self, inputs: SwarmClusterInputs) -> tuple[str, State]:
        """Create the swarm, or adopt the one that the host already manages."""
        cluster = self._init(inputs)
        return cluster, {"cluster_id": cluster}

    @override
    def update_resource(self, id_: str, old: State, inputs: SwarmClusterInputs) -> State:
        """Join a new first manager to the swarm through another manager, or create a new swarm if it is lost.

        Raises:
            SwarmNodeError: no manager that answers has the swarm, but one that does not answer may.
        """
        silent = []
        for peer in inputs.peers:
            try:
                keeps_it = self._is_manager_of(peer.host, id_)
            except EngineUnreachableError as error:
                silent.append(f"{peer.address} ({error})")
                continue
            if keeps_it:
                swarm_nodes.join(
                    inputs.host,
                    manager=peer.host,
                    manager_address=peer.address,
                    address=inputs.address,
                    as_manager=True,
                )
                return {"cluster_id": id_}
        if silent:
            message = (
                "the first manager is new, and it is unknown whether the swarm still exists: no answer "
                f"from the manager at {', '.join(silent)}. Run `up` again when it answers; if it is lost, delete its "
                "droplet, refresh, and run `up`, which creates a new swarm"
            )
            raise SwarmNodeError(message)
        return {"cluster_id": self._init(inputs)}

    @override
    def observe(self, id_: str, inputs: SwarmClusterInputs, state: State) -> Observed[SwarmClusterInputs] | None:
        """None if the swarm is lost. A host or manager that does not answer is not lost: it may be back in a minute."""
        try:
            swarm = swarm_nodes.membership(inputs.host)
        except EngineUnreachableError:
            return Observed()
        same = swarm_nodes.cluster_id(swarm) == state.get("cluster_id")
        return Observed() if same or swarm_nodes.has_lost_majority(swarm) else None

    @staticmethod
    def _init(inputs: SwarmClusterInputs) -> str:
        return swarm_nodes.init(inputs.host, address=inputs.address, pool=inputs.pool)

    @staticmethod
    def _is_manager_of(host: str, cluster: str) -> bool:
        swarm = swarm_nodes.membership(host)
        return bool(swarm.get("ControlAvailable")) and swarm_nodes.cluster_id(swarm) == cluster


@dataclass(frozen=True, kw_only=True)
class SwarmClusterArgs:
    """`host` is the first manager's SSH URL, `address` its private address, `pool` the range for networks.

    `peers` (host, address) are the other managers, which have the swarm if the first one is recreated.
    """

    host: pulumi.Input[str]
    host_id: pulumi.Input[str]
    address: pulumi.Input[str]
    pool: str
    peers: list[dict[str, pulumi.Input[str]]]


class SwarmCluster(ManagedResource, module="hosts", name="SwarmCluster"):
    """The swarm. It disappears with its hosts, so deleting this resource does nothing."""

    cluster_id: pulumi.Output[str]

    def __init__(self, name: str, args: SwarmClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(SwarmClusterProvider(), name, args, opts)
