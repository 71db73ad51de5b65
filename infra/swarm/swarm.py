"""The swarm that a target provides."""

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
    """A swarm that services can be placed on. The defaults fit a single machine."""

    provider: docker.Provider
    docker_host: pulumi.Input[str]
    address: pulumi.Output[str]
    """Host name or address at which the edge is reached."""

    ready: Sequence[pulumi.Resource] = ()
    """Resources that must exist before services are placed on the swarm."""

    constraints: Callable[[str], tuple[str, ...]] = _anywhere
    """Returns the placement constraints for a service's placement."""

    registry: docker_build.RegistryArgs | None = None

    volume_folders: Mapping[str, str] | None = None
    """From volumes to their folders on a host; other volumes are local to a node. None: a single node has them all."""

    identity: pulumi.Output[str] | None = None
    """The swarm's identity, if the swarm can be lost. Everything is recreated on a new swarm."""

    deleted_with: pulumi.Resource | None = None
    """Deleting this resource deletes the swarm and everything on it."""

    node_ids: pulumi.Output[list[str]] | None = None
    """IDs of the nodes, if they can change. When a node is replaced, its tasks move and readiness is checked again."""

    rebalanced: frozenset[str] = frozenset()
    """Placements whose services are redistributed when the number of nodes changes. Others are bound to one host, so
    a restart would gain nothing."""

    internal_url: Callable[[pulumi.Output[str]], pulumi.Output[str]] = _same_url
    """From a page's public URL to the URL that the program itself uses."""

    check: Callable[[Iterable[ServiceSpec]], None] = _no_check
    """Raises pulumi.RunError if the services can't fit on the swarm."""

    def options(self, *, depends_on: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        """Options for resources on the swarm's engine."""
        return pulumi.ResourceOptions(
            provider=self.provider,
            depends_on=list(depends_on),
            replacement_trigger=self.identity,
            deleted_with=self.deleted_with,
        )
