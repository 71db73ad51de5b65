"""What a target yields: a swarm, whatever it runs on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_docker as docker
import pulumi_docker_build as docker_build


@dataclass(frozen=True, kw_only=True)
class Swarm:
    """A swarm that services can be placed on.

    `placement` maps a role (edge, kafka, druid, superset, collector, ...) to constraints; a role that is not
    there may run anywhere.
    """

    provider: docker.Provider
    docker_host: pulumi.Input[str]
    address: pulumi.Output[str]
    """Host name or address at which the edge is reached."""

    ready: Sequence[pulumi.Resource] = ()
    """What must exist before anything is placed on the swarm."""

    placement: Mapping[str, Sequence[str]] = field(default_factory=dict)
    registry: docker_build.RegistryArgs | None = None
