"""The local engine's membership of a swarm."""

from contextlib import closing
from typing import Any

import pulumi
from docker.errors import APIError
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider

from infra.resources.clients.swarm import connect


class LocalSwarmProvider(ResourceProvider):
    """State: `docker_host`, `cluster_id`, and `initialised`: whether the swarm was made here."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make the engine a swarm of one node, or take the swarm that it manages already."""
        with closing(connect(str(props["docker_host"]))) as engine:
            swarm = engine.info()["Swarm"]
            initialised = swarm["LocalNodeState"] == "inactive"
            if initialised:
                # Nothing outside this machine is meant to join.
                engine.swarm.init(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:2377")
                swarm = engine.info()["Swarm"]
            if not swarm.get("ControlAvailable"):
                message = (
                    f"this engine is a worker of a swarm (state {swarm['LocalNodeState']}); services are made on a "
                    "manager: point clickstream:dockerHost at one, or `docker swarm leave` first"
                )
                raise RuntimeError(message)
            cluster_id = str(swarm["Cluster"]["ID"])
        return CreateResult(cluster_id, {**props, "cluster_id": cluster_id, "initialised": initialised})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another engine is another swarm."""
        moved = olds.get("docker_host") != news.get("docker_host")
        return DiffResult(changes=moved, replaces=["docker_host"] if moved else [])

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Gone when the engine is in no swarm, or in another."""
        with closing(connect(str(props["docker_host"]))) as engine:
            cluster = engine.info()["Swarm"].get("Cluster") or {}
        return ReadResult(id_ if cluster.get("ID") == id_ else None, props)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Leave the swarm if it was made here and nobody else's services are on it."""
        if not props.get("initialised"):
            return
        with closing(connect(str(props["docker_host"]))) as engine:
            overlays = [item for item in engine.networks.list(filters={"driver": "overlay"}) if item.name != "ingress"]
            if not engine.info()["Swarm"].get("ControlAvailable") or engine.services.list() or overlays:
                return
            try:
                engine.swarm.leave(force=True)
            except APIError as error:
                message = f"the engine does not leave the swarm: {error.explanation}"
                raise RuntimeError(message) from error


class LocalSwarm(Resource, module="swarm", name="LocalSwarm"):
    """The swarm of the engine at `docker_host`."""

    cluster_id: pulumi.Output[str]

    def __init__(self, name: str, *, docker_host: str, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare it."""
        super().__init__(
            LocalSwarmProvider(),
            name,
            {"docker_host": docker_host, "cluster_id": None, "initialised": None},
            opts,
        )
