"""The swarm itself: made on the first manager, found again through another one when that one is new."""

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from infra.resources.clients import swarm_nodes
from infra.resources.clients.swarm import EngineUnreachableError
from infra.resources.clients.swarm_nodes import SwarmNodeError


class SwarmClusterProvider(ResourceProvider):
    """State: the inputs, and `cluster_id`."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make the swarm, or take the one that the host manages already."""
        cluster = swarm_nodes.init(str(props["host"]), address=str(props["address"]), pool=str(props["pool"]))
        return CreateResult(cluster, {**props, "cluster_id": cluster})

    def update(self, id_: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """A new first manager: into the swarm that the other managers keep, else a swarm of its own.

        Raises:
            SwarmNodeError: none of those that answer keeps it, and another does not answer.
        """
        silent = []
        for peer in news.get("peers") or []:
            try:
                keeps_it = self._is_manager_of(str(peer["host"]), id_)
            except EngineUnreachableError as error:
                silent.append(f"{peer['address']} ({error})")
                continue
            if keeps_it:
                swarm_nodes.join(
                    str(news["host"]),
                    manager=str(peer["host"]),
                    manager_address=str(peer["address"]),
                    address=str(news["address"]),
                    as_manager=True,
                )
                return UpdateResult({**news, "cluster_id": id_})
        if silent:
            message = (
                "the first manager is new, and whether the swarm goes on is not known: no answer from the manager at "
                f"{', '.join(silent)}. Run `up` again when it answers; if it is lost, delete its droplet, then refresh "
                "and `up`, and a swarm is made anew"
            )
            raise SwarmNodeError(message)
        cluster = swarm_nodes.init(str(news["host"]), address=str(news["address"]), pool=str(news["pool"]))
        return UpdateResult({**news, "cluster_id": cluster})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another machine is the first manager; a pool is for good and so another one is another swarm."""
        replaces = ["pool"] if olds.get("pool") != news.get("pool") else []
        return DiffResult(changes=bool(replaces) or olds.get("host_id") != news.get("host_id"), replaces=replaces)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Unknown is not gone: a host that does not answer may be back in a minute, and so may other managers."""
        try:
            swarm = swarm_nodes.membership(str(props["host"]))
        except EngineUnreachableError:
            return ReadResult(id_, props)
        same = swarm_nodes.cluster_id(swarm) == props.get("cluster_id")
        return ReadResult(id_ if same or swarm_nodes.has_lost_majority(swarm) else None, props)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """A swarm ends with its hosts."""

    @staticmethod
    def _is_manager_of(host: str, cluster: str) -> bool:
        swarm = swarm_nodes.membership(host)
        return bool(swarm.get("ControlAvailable")) and swarm_nodes.cluster_id(swarm) == cluster


class SwarmCluster(Resource, module="hosts", name="SwarmCluster"):
    """The swarm.

    `host` is the first manager's ssh URL, `address` its private address, `peers` (host, address) are the other
    managers, who know the swarm if the first one has to be made anew.
    """

    cluster_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        host: pulumi.Input[str],
        host_id: pulumi.Input[str],
        address: pulumi.Input[str],
        pool: str,
        peers: list[dict[str, pulumi.Input[str]]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it."""
        super().__init__(
            SwarmClusterProvider(),
            name,
            {
                "host": host,
                "host_id": host_id,
                "address": address,
                "pool": pool,
                "peers": peers,
                "cluster_id": None,
            },
            opts,
        )
