"""What a target provides: a swarm, whatever it runs on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker
import pulumi_docker_build as docker_build

from infra.swarm.spec import ServiceSpec


def _same_url(url: pulumi.Output[str]) -> pulumi.Output[str]:
    return url


def _anywhere(_placement: str) -> tuple[str, ...]:
    return ()


def _no_check(_specs: Iterable[ServiceSpec]) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Swarm:
    """A swarm that services can be placed on.

    Everything has a default that fits one machine.
    """

    provider: docker.Provider
    docker_host: pulumi.Input[str]
    address: pulumi.Output[str]
    """Host name or address at which the edge is reached."""

    ready: Sequence[pulumi.Resource] = ()
    """What must exist before services are placed on the swarm."""

    constraints: Callable[[str], tuple[str, ...]] = _anywhere
    """From a service's placement to the constraints that bring it there."""

    registry: docker_build.RegistryArgs | None = None

    volume_folders: Mapping[str, str] | None = None
    """Volume to the folder on its host that holds it; others are local to each node. None: one node, which has all."""

    identity: pulumi.Output[str] | None = None
    """Identity of the swarm, if it can be lost: on a new swarm, everything is created again."""

    deleted_with: pulumi.Resource | None = None
    """Deleting this resource deletes the swarm and everything on it."""

    node_ids: pulumi.Output[list[str]] | None = None
    """IDs of the nodes, if they can change. When one is replaced, its tasks move, and readiness is awaited again."""

    rebalanced: frozenset[str] = frozenset()
    """Placements whose services are distributed again when the number of nodes changes. The others have one place, and
    nothing to gain from a restart."""

    internal_url: Callable[[pulumi.Output[str]], pulumi.Output[str]] = _same_url
    """From the URL of a page to the one by which the program itself reaches it."""

    check: Callable[[Iterable[ServiceSpec]], None] = _no_check
    """Raises pulumi.RunError if the services can't fit on the swarm."""

    def options(self, *, depends_on: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        """Options for resources of the swarm's engine."""
        return pulumi.ResourceOptions(
            provider=self.provider,
            depends_on=list(depends_on),
            replacement_trigger=self.identity,
            deleted_with=self.deleted_with,
        )
