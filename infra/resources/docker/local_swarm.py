"""The local engine's membership of a swarm."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import docker
import pulumi
from docker.errors import APIError
from typing_extensions import override

from infra.resources.common.provider import ManagedResource, Observed, Provider, State
from infra.resources.common.retry import Deadline
from infra.resources.docker.address_pool import free_pool, routed_networks
from infra.resources.docker.client import connect

CERTIFICATE_YEARS = 10
"""How long the node's certificate is valid. With Docker's default of 90 days, a machine that is off for longer loses
its swarm. A long validity is no risk, since nothing outside the machine can join."""
RENEWAL_SECONDS = 60
"""Longer than a renewal normally takes. A timeout is not an error, since the swarm is usable meanwhile."""
NANOSECONDS_A_YEAR = 365 * 24 * 3600 * 10**9


def why_unusable(swarm: Mapping[str, Any]) -> str:
    """Why services can't be created on an engine with this membership, and what to do."""
    state, error = swarm["LocalNodeState"], swarm.get("Error") or ""
    if "certificate" in error or "x509" in error:
        return (
            "the certificate of this machine's swarm has expired, because Docker was off for too long to renew it "
            f"({error}). Run `docker swarm leave --force`, then `make refresh` and `make up`: the services are "
            "created again, with the data in their volumes"
        )
    if state == "error":
        return f"this engine's swarm is in state error: {error or 'Docker gives no reason'}; see `docker info`"
    if state == "locked":
        return "this engine's swarm is locked: run `docker swarm unlock`, then try again"
    return (
        f"this engine is a worker of a swarm (state {state}); services are created on a manager: point "
        "clickstream:dockerHost at one, or `docker swarm leave` first"
    )


def _renew_certificate(engine: docker.DockerClient) -> None:
    """Replace the node's first certificate, which is valid for 90 days, with one for CERTIFICATE_YEARS."""
    engine.swarm.reload()
    spec = engine.swarm.attrs["Spec"]
    spec["CAConfig"] |= {"NodeCertExpiry": CERTIFICATE_YEARS * NANOSECONDS_A_YEAR, "ForceRotate": 1}
    # Not engine.swarm.update(), which sets everything that is not passed to 0.
    engine.api.update_swarm(version=engine.swarm.version, swarm_spec=spec)
    deadline = Deadline(RENEWAL_SECONDS)
    while engine.api.inspect_swarm()["RootRotationInProgress"] and deadline.wait():
        pass


def _is_on_this_machine(docker_host: str, engine: docker.DockerClient) -> bool:
    """Whether the engine has a local socket. An ssh:// address has one too, but it leads elsewhere."""
    return not docker_host.startswith("ssh://") and engine.api.base_url.startswith("http+docker:")


@dataclass(frozen=True, kw_only=True)
class LocalSwarmInputs:
    """See LocalSwarmArgs."""

    docker_host: str


class LocalSwarmProvider(Provider[LocalSwarmInputs]):
    """Another engine replaces the resource. `initialised`: whether this resource created the swarm."""

    outputs = ("cluster_id", "initialised")
    replace_on = ("docker_host",)

    @override
    def create_resource(self, inputs: LocalSwarmInputs) -> tuple[str, State]:
        """Create a swarm of one node, or adopt the swarm that the engine already manages."""
        with closing(connect(inputs.docker_host)) as engine:
            swarm = engine.info()["Swarm"]
            initialised = swarm["LocalNodeState"] == "inactive"
            if initialised:
                pool = free_pool(routed_networks() if _is_on_this_machine(inputs.docker_host, engine) else ())
                # Only loopback addresses, since nothing outside this machine may join.
                engine.swarm.init(
                    advertise_addr="127.0.0.1",
                    listen_addr="127.0.0.1:2377",
                    default_addr_pool=[pool] if pool else None,
                )
                _renew_certificate(engine)
                swarm = engine.info()["Swarm"]
            if not swarm.get("ControlAvailable"):
                raise RuntimeError(why_unusable(swarm))
            cluster_id = str(swarm["Cluster"]["ID"])
        return cluster_id, {"cluster_id": cluster_id, "initialised": initialised}

    @override
    def observe(self, id_: str, inputs: LocalSwarmInputs, state: State) -> Observed[LocalSwarmInputs] | None:
        """None if the engine is in no swarm, or in another."""
        with closing(connect(inputs.docker_host)) as engine:
            cluster = engine.info()["Swarm"].get("Cluster") or {}
        return Observed() if cluster.get("ID") == id_ else None

    @override
    def delete_resource(self, id_: str, inputs: LocalSwarmInputs, state: State) -> None:
        """Leave the swarm if this resource created it and nothing else uses it."""
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
