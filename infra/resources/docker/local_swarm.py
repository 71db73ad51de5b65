"""The local engine's membership of a swarm."""

from contextlib import closing
from dataclasses import dataclass

import pulumi
from docker.errors import APIError
from typing_extensions import override

from infra.resources.common.provider import ManagedResource, Observed, Provider, State
from infra.resources.docker.client import connect


@dataclass(frozen=True, kw_only=True)
class LocalSwarmInputs:
    """See LocalSwarmArgs."""

    docker_host: str


class LocalSwarmProvider(Provider[LocalSwarmInputs]):
    """Another engine is another swarm. `initialised` says whether the swarm was made by this resource."""

    outputs = ("cluster_id", "initialised")
    replace_on = ("docker_host",)

    @override
    def create_resource(self, inputs: LocalSwarmInputs) -> tuple[str, State]:
        """Make the engine a swarm of one node, or adopt the swarm that it manages already."""
        with closing(connect(inputs.docker_host)) as engine:
            swarm = engine.info()["Swarm"]
            initialised = swarm["LocalNodeState"] == "inactive"
            if initialised:
                # Nothing outside this machine is meant to join.
                engine.swarm.init(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:2377")
                swarm = engine.info()["Swarm"]
            if not swarm.get("ControlAvailable"):
                message = (
                    f"this engine is a worker of a swarm (state {swarm['LocalNodeState']}); services are created on a "
                    "manager: point clickstream:dockerHost at one, or `docker swarm leave` first"
                )
                raise RuntimeError(message)
            cluster_id = str(swarm["Cluster"]["ID"])
        return cluster_id, {"cluster_id": cluster_id, "initialised": initialised}

    @override
    def observe(self, id_: str, inputs: LocalSwarmInputs, state: State) -> Observed[LocalSwarmInputs] | None:
        """Gone when the engine is in no swarm, or in another."""
        with closing(connect(inputs.docker_host)) as engine:
            cluster = engine.info()["Swarm"].get("Cluster") or {}
        return Observed() if cluster.get("ID") == id_ else None

    @override
    def delete_resource(self, id_: str, inputs: LocalSwarmInputs, state: State) -> None:
        """Leave the swarm if this resource made it and nobody else's services are on it."""
        if not state.get("initialised"):
            return
        with closing(connect(inputs.docker_host)) as engine:
            overlays = [item for item in engine.networks.list(filters={"driver": "overlay"}) if item.name != "ingress"]
            if not engine.info()["Swarm"].get("ControlAvailable") or engine.services.list() or overlays:
                return
            try:
                engine.swarm.leave(force=True)
            except APIError as error:
                message = f"the engine cannot leave the swarm: {error.explanation}"
                raise RuntimeError(message) from error


@dataclass(frozen=True, kw_only=True)
class LocalSwarmArgs:
    """The swarm of the engine at `docker_host`."""

    docker_host: str


class LocalSwarm(ManagedResource, module="swarm", name="LocalSwarm"):
    """A swarm of one node."""

    cluster_id: pulumi.Output[str]

    def __init__(self, name: str, args: LocalSwarmArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(LocalSwarmProvider(), name, args, opts)
